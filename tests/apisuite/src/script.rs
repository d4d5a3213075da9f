//! The words of a case.
//!
//! ```text
//! ## A sentence that says what is shown
//! using widgets                              play a setup first (`cases/setups.txt`)
//! given POST $cm                             a step that must succeed and is not recorded
//!   metadata: {name: a}                      an indented body in YAML; `raw` on its first line sends the rest as it is
//! let rv = metadata/resourceVersion          keep a value of the last answer as $rv
//! GET $cm/a                                  a recorded step; also PUT, POST, DELETE, OPTIONS
//! show data, metadata/labels                 record these parts of the last answer only
//! MERGE|STRATEGIC|JSON|APPLY $cm/a      a patch of that type
//! TABLE|META|METALIST $cm                    a GET that accepts a table, or metadata of one or many
//! WATCH|WATCHMETA $cm?resourceVersion=$rv 3  a watch, until that many events came or it ended
//! await GET $cm/a -> 404                     repeat until the code is that, and then until `path=value` holds if given
//! ```

use crate::fault::Error;

/// A behaviour.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// The sentence.
    pub(crate) name: String,
    /// Setups to play first.
    pub(crate) using: Vec<String>,
    pub(crate) steps: Vec<Step>,
}

/// A request, and what becomes of its answer.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// The line as written.
    pub(crate) line: String,
    pub(crate) word: String,
    pub(crate) path: String,
    pub(crate) body: String,
    pub(crate) role: Role,
    /// Variables to set, each from a path into the answer.
    pub(crate) lets: Vec<(String, String)>,
    /// Parts to record; all when empty.
    pub(crate) show: Vec<String>,
}

/// What a step is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Its answer is recorded.
    Shown,
    /// It must succeed.
    Given,
    /// It is repeated until the answer has this code and, if given, this value at a path.
    Awaited { code: u16, field: Option<(String, String)> },
    /// A watch that is read until so many events came.
    Watched { events: usize },
}

/// All cases of a file.
pub(crate) fn parse(file: &str, text: &str) -> Result<Vec<Case>, Error> {
    let mut cases: Vec<Case> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let fault = |why: &str| Error::Script { place: format!("{file}:{number}"), why: why.to_owned() };
        if let Some(name) = line.strip_prefix("## ") {
            cases.push(Case { name: name.trim().to_owned(), using: Vec::new(), steps: Vec::new() });
            continue;
        }
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let case = cases.last_mut().ok_or_else(|| fault("a line before the first case"))?;
        add(case, line).map_err(|why| fault(&why))?;
    }
    Ok(cases)
}

fn add(case: &mut Case, line: &str) -> Result<(), String> {
    if let Some(setup) = line.strip_prefix("using ") {
        case.using.push(setup.trim().to_owned());
        return Ok(());
    }
    let last = case.steps.last_mut().ok_or("no step yet");
    if let Some(body) = line.strip_prefix("  ") {
        let step = last?;
        step.body.push_str(body);
        step.body.push('\n');
    } else if let Some(rest) = line.strip_prefix("let ") {
        let (name, path) = rest.split_once(" = ").ok_or("expected `let name = path`")?;
        last?.lets.push((name.trim().to_owned(), path.trim().to_owned()));
    } else if let Some(rest) = line.strip_prefix("show ") {
        last?.show.extend(rest.split(',').map(|path| path.trim().to_owned()));
    } else {
        case.steps.push(step(line)?);
    }
    Ok(())
}

fn step(line: &str) -> Result<Step, String> {
    let mut role = Role::Shown;
    let mut rest = line.trim_end();
    if let Some(given) = rest.strip_prefix("given ") {
        (role, rest) = (Role::Given, given);
    } else if let Some(awaited) = rest.strip_prefix("await ") {
        let (request, wanted) = awaited.split_once(" -> ").ok_or("expected `-> code`")?;
        let (code, field) = wanted.split_once(' ').unwrap_or((wanted, ""));
        let code = code.parse().map_err(|_| format!("{code:?} is no status code"))?;
        let field = field.rsplit_once('=').map(|(path, value)| (path.to_owned(), value.to_owned()));
        (role, rest) = (Role::Awaited { code, field }, request);
    }
    let mut words = rest.split(' ');
    let (word, path) = (words.next().unwrap_or_default(), words.next().ok_or("expected a path")?);
    if word.starts_with("WATCH") {
        let events = words.next().and_then(|count| count.parse().ok()).ok_or("expected a number of events")?;
        role = Role::Watched { events };
    }
    if !WORDS.contains(&word) {
        return Err(format!("{word:?} is no request"));
    }
    let (word, path) = (word.to_owned(), path.to_owned());
    Ok(Step { line: line.to_owned(), word, path, body: String::new(), role, lets: Vec::new(), show: Vec::new() })
}

/// How a request may begin.
const WORDS: [&str; 14] = [
    "APPLY",
    "DELETE",
    "GET",
    "JSON",
    "MERGE",
    "META",
    "METALIST",
    "OPTIONS",
    "POST",
    "PUT",
    "STRATEGIC",
    "TABLE",
    "WATCH",
    "WATCHMETA",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_a_sentence_and_its_steps() {
        let text = "# about\n\n## It works\nusing x\ngiven POST $cm\n  a: 1\n  b: 2\nlet rv = metadata/x\n\
                    WATCH $cm 3\nawait GET $cm/a -> 200 status/phase=Active\nshow status\n";
        let cases = parse("f", text).unwrap();
        let [case] = cases.as_slice() else { panic!("{cases:?}") };
        assert_eq!((case.name.as_str(), case.using.as_slice()), ("It works", ["x".to_owned()].as_slice()));
        let [post, watch, get] = case.steps.as_slice() else { panic!("{case:?}") };
        assert_eq!((post.body.as_str(), &post.role), ("a: 1\nb: 2\n", &Role::Given));
        assert_eq!(post.lets, [("rv".to_owned(), "metadata/x".to_owned())]);
        assert_eq!(watch.role, Role::Watched { events: 3 });
        let field = Some(("status/phase".to_owned(), "Active".to_owned()));
        assert_eq!(get.role, Role::Awaited { code: 200, field });
        assert_eq!(get.show, ["status"]);
    }

    #[test]
    fn a_line_that_means_nothing_is_named() {
        let error = parse("f", "## x\nFETCH $cm\n").unwrap_err();
        assert_eq!(error.to_string(), "failed to understand f:2: \"FETCH\" is no request");
    }
}
