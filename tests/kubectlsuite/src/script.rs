//! The words of a case.
//!
//! ```text
//! ## A sentence that says what is shown
//! using web                                  play a setup first (`cases/setups.txt`)
//! file cm.yaml                               a file of this name, with the indented lines that follow
//!   apiVersion: v1
//! given kubectl create -f cm.yaml            a line of shell that must succeed and is not recorded
//! until kubectl get cm a -o name => configmap/a     one that is repeated until this is all that it prints
//! $ kubectl get cm a                         one whose output, errors and exit code are recorded
//! watch 3 kubectl get cm -w                  one that goes on beside the next ones, recorded until it has printed so many lines
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

/// What is done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A file for the commands.
    File { name: String, text: String },
    /// Must succeed.
    Given(String),
    /// Is repeated until this is all that it prints.
    Until { command: String, says: String },
    /// Is recorded.
    Shown(String),
    /// Runs beside the next ones, and is recorded until it has printed so many lines.
    Watched { lines: usize, command: String },
}

/// All cases of a file.
pub(crate) fn parse(file: &str, text: &str) -> Result<Vec<Case>, Error> {
    let mut cases: Vec<Case> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let fault = |why: &str| Error::Script { place: format!("{file}:{number}"), why: why.to_owned() };
        if let Some(name) = line.strip_prefix("## ") {
            cases.push(Case { name: name.trim().to_owned(), using: Vec::new(), steps: Vec::new() });
        } else if !line.trim().is_empty() && !line.starts_with('#') {
            let case = cases.last_mut().ok_or_else(|| fault("a line before the first case"))?;
            add(case, line).map_err(fault)?;
        }
    }
    Ok(cases)
}

fn add(case: &mut Case, line: &str) -> Result<(), &'static str> {
    if let Some(more) = line.strip_prefix("  ") {
        let Some(Step::File { text, .. }) = case.steps.last_mut() else {
            return Err("an indented line without a file");
        };
        text.push_str(more);
        text.push('\n');
        return Ok(());
    }
    let (word, rest) = line.split_once(' ').ok_or("expected a word and more")?;
    let rest = rest.trim().to_owned();
    let step = match word {
        "using" => {
            case.using.push(rest);
            return Ok(());
        }
        "file" => Step::File { name: rest, text: String::new() },
        "given" => Step::Given(rest),
        "$" => Step::Shown(rest),
        "until" => {
            let (command, says) = rest.rsplit_once(" => ").ok_or("expected `=> what it prints`")?;
            Step::Until { command: command.to_owned(), says: says.to_owned() }
        }
        "watch" => {
            let (lines, command) = rest.split_once(' ').ok_or("expected a number of lines and a command")?;
            let lines = lines.parse().map_err(|_| "expected a number of lines")?;
            Step::Watched { lines, command: command.to_owned() }
        }
        _ => return Err("no case has such a line"),
    };
    case.steps.push(step);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_a_sentence_and_its_steps() {
        let text = "# about\n\n## It works\nusing x\nfile a.yaml\n  a:\n    b: 2\ngiven kubectl a\n$ kubectl b => c\n\
                    watch 3 kubectl d\nuntil kubectl e => f\n";
        let cases = parse("f", text).unwrap();
        let [case] = cases.as_slice() else { panic!("{cases:?}") };
        assert_eq!((case.name.as_str(), case.using.as_slice()), ("It works", ["x".to_owned()].as_slice()));
        let steps = [
            Step::File { name: "a.yaml".into(), text: "a:\n  b: 2\n".into() },
            Step::Given("kubectl a".into()),
            Step::Shown("kubectl b => c".into()),
            Step::Watched { lines: 3, command: "kubectl d".into() },
            Step::Until { command: "kubectl e".into(), says: "f".into() },
        ];
        assert_eq!(case.steps, steps);
    }

    #[test]
    fn a_line_that_means_nothing_is_named() {
        let error = parse("f.txt", "## It\nuntil kubectl get").unwrap_err();
        assert_eq!(error.to_string(), "failed to understand f.txt:2: expected `=> what it prints`");
    }
}
