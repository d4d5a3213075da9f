//! Label and field selectors.

use serde_json::Value;

use crate::kinds::Kind;
use crate::packed::Packed;
use crate::refusal::{Answer, Refusal};

/// What a list or watch is narrowed to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<FieldTerm>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
    Greater(String, i64),
    Less(String, i64),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct FieldTerm {
    path: String,
    value: String,
    equal: bool,
}

impl Selector {
    /// From the parameters `labelSelector` and `fieldSelector`.
    pub(crate) fn parse(labels: Option<&str>, fields: Option<&str>) -> Answer<Selector> {
        let labels = split(labels.unwrap_or_default()).into_iter().map(requirement).collect::<Answer<_>>()?;
        let fields = fields.unwrap_or_default().split(',').filter(|term| !term.is_empty());
        Ok(Selector { labels, fields: fields.map(field_term).collect::<Answer<_>>()? })
    }

    /// The same, and only the object of this name if there is one.
    pub(crate) fn named(mut self, name: Option<&str>) -> Selector {
        let term = |name: &str| FieldTerm { path: "metadata.name".to_owned(), value: name.to_owned(), equal: true };
        self.fields.extend(name.map(term));
        self
    }

    /// From a `LabelSelector` object (`matchLabels`, `matchExpressions`).
    pub(crate) fn of_object(selector: &Value) -> Selector {
        let labels = selector["matchLabels"].as_object().into_iter().flatten();
        let equal =
            labels.filter_map(|(key, value)| Some(Requirement::In(key.clone(), vec![value.as_str()?.to_owned()])));
        let expressions = selector["matchExpressions"].as_array().into_iter().flatten().filter_map(expression);
        Selector { labels: equal.chain(expressions).collect(), fields: Vec::new() }
    }

    /// Whether everything is selected.
    pub(crate) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether the object is selected.
    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.matches_labels(&object["metadata"]["labels"]) && self.fields.iter().all(|term| term.matches(object))
    }

    /// The same of a packed object, of which it reads no more than it must.
    pub(crate) fn selects(&self, object: &Packed) -> bool {
        let named = |term: &FieldTerm| match term.path.as_str() {
            "metadata.name" => Some(term.is_met_by(&object.key.name)),
            "metadata.namespace" => Some(term.is_met_by(&object.key.namespace)),
            _ => None,
        };
        (self.labels.is_empty() || self.matches_labels(&object.labels()))
            && self.fields.iter().all(|term| named(term).unwrap_or_else(|| term.matches(&object.unpack())))
    }

    /// Refuses fields by which objects of the kind can't be found.
    pub(crate) fn check_fields(&self, kind: &Kind) -> Answer<()> {
        let known = |path: &str| matches!(path, "metadata.name" | "metadata.namespace") || selectable(kind, path);
        match self.fields.iter().find(|term| !known(&term.path)) {
            None => Ok(()),
            Some(term) if kind.custom().is_some() => {
                Err(Refusal::bad_request(format!("field label not supported: {}", term.path)))
            }
            Some(term) => Err(Refusal::bad_request(format!(
                "{:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"",
                term.path
            ))),
        }
    }

    /// Whether the labels alone are selected.
    pub(crate) fn matches_labels(&self, labels: &Value) -> bool {
        self.labels.iter().all(|requirement| requirement.matches(labels))
    }
}

impl Requirement {
    fn matches(&self, labels: &Value) -> bool {
        let value = |key: &str| labels[key].as_str();
        let number = |key: &str| value(key).and_then(|text| text.parse::<i64>().ok());
        match self {
            Requirement::In(key, values) => value(key).is_some_and(|found| values.iter().any(|one| one == found)),
            Requirement::NotIn(key, values) => value(key).is_none_or(|found| values.iter().all(|one| one != found)),
            Requirement::Exists(key) => value(key).is_some(),
            Requirement::Absent(key) => value(key).is_none(),
            Requirement::Greater(key, bound) => number(key).is_some_and(|found| *bound < found),
            Requirement::Less(key, bound) => number(key).is_some_and(|found| found < *bound),
        }
    }
}

impl FieldTerm {
    fn is_met_by(&self, found: &str) -> bool {
        (found == self.value) == self.equal
    }

    fn matches(&self, object: &Value) -> bool {
        let found = self.path.split('.').try_fold(object, |at, name| at.get(name));
        let equal = match found {
            None | Some(Value::Null) => self.value.is_empty(),
            Some(Value::String(text)) => *text == self.value,
            Some(other) => format!("{other}") == self.value,
        };
        equal == self.equal
    }
}

/// Fields beyond name and namespace by which objects of a built-in kind can be found.
fn selectable(kind: &Kind, path: &str) -> bool {
    if kind.custom().is_some() {
        return false;
    }
    match kind.kind.as_str() {
        "Pod" => ["spec.", "status."].iter().any(|part| path.starts_with(part)),
        "Event" => ["involvedObject.", "regarding.", "reason", "reporting", "source", "type"]
            .iter()
            .any(|part| path.starts_with(part)),
        "Job" => path == "status.successful",
        "Namespace" => path == "status.phase",
        "Node" => path == "spec.unschedulable",
        "ReplicaSet" | "ReplicationController" => path == "status.replicas",
        "Secret" => path == "type",
        _ => false,
    }
}

/// Splits at commas outside of parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let parts = text.split(move |letter| {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        letter == ',' && depth == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty()).collect()
}

fn requirement(term: &str) -> Answer<Requirement> {
    let broken = || Refusal::bad_request(format!("unable to parse requirement: {term:?}"));
    let key = |text: &str| {
        let text = text.trim();
        if let Some((_, next)) = text.split_once(char::is_whitespace) {
            let found = next.split_whitespace().next().unwrap_or_default();
            let expected = "in, notin, =, ==, !=, gt, lt";
            return Err(Refusal::bad_request(format!(
                "unable to parse requirement: found '{found}', expected: {expected}"
            )));
        }
        let legal = |letter: char| letter.is_ascii_alphanumeric() || "-_./".contains(letter);
        if text.is_empty() || !text.chars().all(legal) { Err(broken()) } else { Ok(text.to_owned()) }
    };
    let one = |text: &str| vec![text.trim().to_owned()];
    if let Some((left, values)) = term.strip_suffix(')').and_then(|rest| rest.split_once('(')) {
        let values = values.split(',').map(|value| value.trim().to_owned()).collect();
        let (name, operator) = left.trim().rsplit_once(char::is_whitespace).ok_or_else(broken)?;
        return match operator {
            "in" => Ok(Requirement::In(key(name)?, values)),
            "notin" => Ok(Requirement::NotIn(key(name)?, values)),
            _ => Err(broken()),
        };
    }
    if let Some((name, value)) = term.split_once("!=") {
        return Ok(Requirement::NotIn(key(name)?, one(value)));
    }
    if let Some((name, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
        return Ok(Requirement::In(key(name)?, one(value)));
    }
    if let Some((name, bound)) = term.split_once('>') {
        return Ok(Requirement::Greater(key(name)?, bound.trim().parse().map_err(|_| broken())?));
    }
    if let Some((name, bound)) = term.split_once('<') {
        return Ok(Requirement::Less(key(name)?, bound.trim().parse().map_err(|_| broken())?));
    }
    match term.strip_prefix('!') {
        Some(name) => Ok(Requirement::Absent(key(name)?)),
        None => Ok(Requirement::Exists(key(term)?)),
    }
}

fn expression(one: &Value) -> Option<Requirement> {
    let key = one["key"].as_str()?.to_owned();
    let values =
        || one["values"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    match one["operator"].as_str()? {
        "In" => Some(Requirement::In(key, values())),
        "NotIn" => Some(Requirement::NotIn(key, values())),
        "Exists" => Some(Requirement::Exists(key)),
        "DoesNotExist" => Some(Requirement::Absent(key)),
        _ => None,
    }
}

fn field_term(term: &str) -> Answer<FieldTerm> {
    let (path, value, equal) = if let Some((path, value)) = term.split_once("!=") {
        (path, value, false)
    } else if let Some((path, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
        (path, value, true)
    } else {
        let message = format!("invalid selector: '{term}'; can't understand '{term}'");
        return Err(Refusal::bad_request(message));
    };
    Ok(FieldTerm { path: path.trim().to_owned(), value: value.trim().to_owned(), equal })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_operator_selects_what_it_says() {
        let object =
            json!({"metadata": {"name": "a", "labels": {"app": "web", "rank": "3"}}, "spec": {"nodeName": "n"}});
        for (labels, fields, selected) in [
            ("app=web", "", true),
            ("app==web,rank", "", true),
            ("app!=web", "", false),
            ("other!=x", "", true),
            ("app in (web, api),rank notin (1,2)", "", true),
            ("!app", "", false),
            ("!gone", "", true),
            ("rank>2", "", true),
            ("rank<3", "", false),
            ("", "metadata.name=a,spec.nodeName!=m", true),
            ("", "status.phase=Running", false),
            ("", "status.phase=", true),
        ] {
            let selector = Selector::parse(Some(labels), Some(fields)).unwrap();
            assert_eq!(selector.matches(&object), selected, "{labels} {fields}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for labels in ["a b c", "x in y", "rank>high"] {
            assert!(Selector::parse(Some(labels), None).is_err(), "{labels}");
        }
    }
}
