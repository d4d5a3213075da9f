//! The `JSONPath` that printer columns use: `.a.b`, `['x']`, `[0]`, `[*]`, `[?(@.type=="Ready")]`.

use serde_json::Value;

/// A parsed path.
#[derive(Debug, PartialEq)]
pub(super) struct JsonPath {
    steps: Vec<Step>,
}

#[derive(Debug, PartialEq)]
enum Step {
    Field(String),
    /// Counted from the end when negative.
    Index(i64),
    Each,
    /// Members whose field at the path compares so with the constant.
    Where(JsonPath, Comparison, Value),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    Unequal,
}

impl JsonPath {
    /// `None` for what is outside of the subset.
    pub(super) fn parse(text: &str) -> Option<JsonPath> {
        let mut steps = Vec::new();
        let mut rest = text.trim();
        rest = rest.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')).unwrap_or(rest);
        rest = rest.strip_prefix('$').unwrap_or(rest);
        while !rest.is_empty() {
            let (step, after) = match rest.strip_prefix('[') {
                Some(inner) => {
                    let end = closing_bracket(inner)?;
                    (bracket(inner.get(..end)?)?, inner.get(end + 1..)?)
                }
                None => field(rest)?,
            };
            steps.push(step);
            rest = after;
        }
        Some(JsonPath { steps })
    }

    /// Every value that the path leads to.
    pub(super) fn find<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        self.steps
            .iter()
            .fold(vec![value], |found, step| found.into_iter().flat_map(|value| step.find(value)).collect())
    }
}

impl Step {
    fn find<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        match self {
            Step::Field(name) => value.get(name).into_iter().collect(),
            Step::Index(index) => {
                let items = value.as_array().map_or(&[][..], Vec::as_slice);
                let from_end = || items.len().checked_sub(usize::try_from(index.unsigned_abs()).ok()?);
                let position = usize::try_from(*index).ok().or_else(from_end);
                position.and_then(|position| items.get(position)).into_iter().collect()
            }
            Step::Each => members(value),
            Step::Where(path, comparison, wanted) => {
                let holds = |member: &&Value| match comparison {
                    Comparison::Equal => path.find(member).first() == Some(&wanted),
                    Comparison::Unequal => path.find(member).first().is_some_and(|found| *found != wanted),
                };
                members(value).into_iter().filter(holds).collect()
            }
        }
    }
}

fn members(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(fields) => fields.values().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

/// `.name`, up to the next dot or bracket; a backslash keeps a dot in the name.
fn field(text: &str) -> Option<(Step, &str)> {
    let text = text.strip_prefix('.')?;
    let mut name = String::new();
    let mut letters = text.char_indices();
    let mut end = text.len();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => name.extend(letters.next().map(|(_, escaped)| escaped)),
            '.' | '[' => {
                end = at;
                break;
            }
            _ => name.push(letter),
        }
    }
    let step = if name == "*" { Step::Each } else { Step::Field(name) };
    Some((step, text.get(end..)?))
}

fn bracket(text: &str) -> Option<Step> {
    let text = text.trim();
    if text == "*" {
        return Some(Step::Each);
    }
    if let Some(filter) = text.strip_prefix("?(").and_then(|inner| inner.strip_suffix(')')) {
        let (path, comparison, wanted) = match filter.split_once("==") {
            Some((path, wanted)) => (path, Comparison::Equal, wanted),
            None => filter.split_once("!=").map(|(path, wanted)| (path, Comparison::Unequal, wanted))?,
        };
        let path = JsonPath::parse(path.trim().strip_prefix('@')?)?;
        return Some(Step::Where(path, comparison, constant(wanted.trim())?));
    }
    match constant(text)? {
        Value::String(name) => Some(Step::Field(name)),
        number => number.as_i64().map(Step::Index),
    }
}

fn constant(text: &str) -> Option<Value> {
    let quoted = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    match quoted('\'').or_else(|| quoted('"')) {
        Some(inner) => Some(Value::String(inner.replace('\\', ""))),
        None => serde_json::from_str(text).ok(),
    }
}

/// Where the bracket that was just opened closes, quotes and brackets inside aside.
fn closing_bracket(text: &str) -> Option<usize> {
    let (mut depth, mut quote) = (0_u32, None);
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (None, '\'' | '"') => quote = Some(letter),
            (None, '[') => depth += 1,
            (None, ']') if depth == 0 => return Some(at),
            (None, ']') => depth -= 1,
            (Some(_) | None, _) => {}
        }
    }
    None
}
