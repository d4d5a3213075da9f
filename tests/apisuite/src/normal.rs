//! What is left of an answer when everything is taken out that differs from run to run.

use std::collections::{BTreeMap, BTreeSet};

use regex::{Captures, Regex};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ownership;
use crate::server::Answer;

/// A request and what came of it, as recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Exchange {
    pub(crate) request: String,
    pub(crate) code: u16,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) warnings: Vec<String>,
    pub(crate) answer: Value,
}

/// The same as it came from the server.
#[derive(Clone, Debug)]
pub(crate) struct Raw {
    pub(crate) request: String,
    pub(crate) answer: Answer,
    pub(crate) shown: bool,
    /// It asked for a further page of a list.
    pub(crate) continued: bool,
    /// Parts of the body to record, unless all.
    pub(crate) picked: Option<Vec<String>>,
}

/// The exchanges of a case that are shown, made comparable.
pub(crate) fn normalise(said: Vec<Raw>, space: &str) -> Vec<Exchange> {
    let mut seen = Seen::new(space);
    for raw in &said {
        seen.learn(&raw.answer.body);
    }
    let mut exchanges = Vec::new();
    for raw in said {
        seen.advance(&raw);
        let body = raw.part(&seen.value(&raw.answer.body, ""));
        if raw.shown {
            let warnings = raw.answer.warnings.iter().map(|text| seen.text(text)).collect();
            exchanges.push(Exchange { request: raw.request, code: raw.answer.code, warnings, answer: body });
        }
    }
    exchanges
}

/// What a case has shown so far, by which the rest is named.
struct Seen {
    space: String,
    /// Revisions of objects, in order: their places are what is compared.
    revisions: BTreeSet<u64>,
    /// Generated names and what they are replaced by.
    names: BTreeMap<String, String>,
    uids: Vec<String>,
    /// The greatest revision that an object had up to this exchange.
    latest: u64,
    /// The revision of the last list.
    list: Option<u64>,
    /// What the list of this exchange is to the ones before.
    relation: &'static str,
    patterns: Patterns,
}

struct Patterns {
    uid: Regex,
    time: Regex,
    revision: Regex,
    address: Regex,
    age: Regex,
}

impl Seen {
    fn new(space: &str) -> Seen {
        let pattern = |text: &str| Regex::new(text).expect("the pattern is a constant");
        Seen {
            space: space.to_owned(),
            revisions: BTreeSet::new(),
            names: BTreeMap::new(),
            uids: Vec::new(),
            latest: 0,
            list: None,
            relation: "",
            patterns: Patterns {
                uid: pattern("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
                time: pattern(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"),
                revision: pattern(
                    r#"(?i)((?:resource ?version|current|precondition|object meta)s?:? |record \(|"resourceVersion\\?":\\?")\d+( \(\d+\))?"#,
                ),
                address: pattern(r"\b10\.\d+\.\d+\.\d+\b"),
                age: pattern(r"^\d+s$"),
            },
        }
    }

    /// Notes the revisions and the generated names of an answer.
    fn learn(&mut self, value: &Value) {
        let metadata = &value["metadata"];
        // Controllers write to definitions at times of their own.
        if is_object(value)
            && value["kind"] != "CustomResourceDefinition"
            && let Some(revision) = number(&metadata["resourceVersion"])
        {
            self.revisions.insert(revision);
        }
        if let (Some(name), Some(prefix)) = (metadata["name"].as_str(), metadata["generateName"].as_str()) {
            self.names.insert(name.to_owned(), format!("{prefix}<random>"));
        }
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.learn(item)),
            Value::Object(fields) => fields.values().for_each(|field| self.learn(field)),
            _ => {}
        }
    }

    /// Goes on to the next exchange.
    fn advance(&mut self, raw: &Raw) {
        let mut here = Seen::new(&self.space);
        here.learn(&raw.answer.body);
        self.relation = "";
        let revision = number(&raw.answer.body["metadata"]["resourceVersion"]);
        if let Some(revision) = revision.filter(|_| !is_object(&raw.answer.body)) {
            self.relation = match self.list {
                Some(last) if raw.continued && last == revision => "<that of the first page>",
                _ if raw.continued => "<another than on the first page>",
                _ if self.latest.max(here.revisions.last().copied().unwrap_or(0)) <= revision => "<current>",
                _ => "<past>",
            };
            self.list = Some(revision);
        }
        self.latest = self.latest.max(here.revisions.last().copied().unwrap_or(0));
    }

    fn value(&mut self, value: &Value, name: &str) -> Value {
        match value {
            Value::String(text) if name == "resourceVersion" => json!(self.text(text)),
            Value::String(text) => self.string(name, text),
            Value::Number(port) if name == "nodePort" && port.as_u64() != Some(0) => json!("<port>"),
            Value::Array(entries) if name == "managedFields" => self.value(&ownership::lines(entries), "lines"),
            // The real server goes through maps, whose order is another each time.
            Value::Array(causes) if name == "causes" => {
                let mut causes: Vec<Value> = causes.iter().map(|cause| self.value(cause, name)).collect();
                causes.sort_by_key(ToString::to_string);
                Value::Array(causes)
            }
            Value::Array(items) => items.iter().map(|item| self.value(item, name)).collect(),
            Value::Object(fields) => {
                let listed = !is_object(value);
                let fields = fields.iter().map(|(field, below)| {
                    let revision = number(&below["resourceVersion"]).filter(|_| field == "metadata");
                    let mut below = self.value(below, field);
                    if let Some(revision) = revision {
                        below["resourceVersion"] = json!(self.revision(revision, listed, is_bookmark(value)));
                    }
                    (self.text(field), below)
                });
                Value::Object(fields.collect())
            }
            other => other.clone(),
        }
    }

    fn revision(&self, revision: u64, listed: bool, bookmark: bool) -> String {
        if (listed || bookmark) && !self.relation.is_empty() {
            return self.relation.to_owned();
        }
        if bookmark && self.latest <= revision {
            return "<current>".to_owned();
        }
        match self.revisions.iter().position(|known| *known == revision) {
            Some(place) => format!("<revision {}>", place + 1),
            None => "<revision>".to_owned(),
        }
    }

    fn string(&mut self, name: &str, text: &str) -> Value {
        match name {
            "continue" if !text.is_empty() => json!("<token>"),
            // It depends on the group, which each run names anew.
            "storageVersionHash" => json!("<hash>"),
            "cells" if self.patterns.age.is_match(text) => json!("<age>"),
            _ => json!(self.text(text)),
        }
    }

    fn text(&mut self, text: &str) -> String {
        let mut text = text.replace(&self.space, "NS");
        for (name, shown) in &self.names {
            text = text.replace(name, shown);
        }
        let uids = &mut self.uids;
        let named = self.patterns.uid.replace_all(&text, |found: &Captures<'_>| {
            let uid = &found[0];
            let place = uids.iter().position(|known| known == uid).unwrap_or_else(|| {
                uids.push(uid.to_owned());
                uids.len() - 1
            });
            format!("<uid {}>", place + 1)
        });
        let named = self.patterns.time.replace_all(&named, "<time>");
        let named = self.patterns.revision.replace_all(&named, "${1}<revision>");
        self.patterns.address.replace_all(&named, "<address>").into_owned()
    }
}

/// An object, and not a list of objects or a table.
fn is_object(value: &Value) -> bool {
    let metadata = &value["metadata"];
    metadata["uid"].is_string() && metadata["resourceVersion"].is_string()
}

/// Bookmarks carry the server's revision, which others move, too.
fn is_bookmark(value: &Value) -> bool {
    !value["metadata"]["name"].is_string()
}

fn number(value: &Value) -> Option<u64> {
    value.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(body: Value) -> Raw {
        let answer = Answer { code: 200, warnings: Vec::new(), body };
        Raw { request: "GET x".to_owned(), answer, shown: true, continued: false, picked: None }
    }

    #[test]
    fn of_revisions_only_the_order_stays() {
        let object = |uid: &str, revision: &str| json!({"metadata": {"uid": uid, "name": "s1-a", "resourceVersion": revision, "creationTimestamp": "2020-01-01T00:00:00Z"}});
        let uid = "00000000-0000-0000-0000-00000000000a";
        let list = json!({"metadata": {"resourceVersion": "907"}, "items": [object(uid, "803")]});
        let said = normalise(vec![raw(object(uid, "803")), raw(object(uid, "17")), raw(list)], "s1");
        let shown: Vec<&Value> = said.iter().map(|one| &one.answer["metadata"]["resourceVersion"]).collect();
        assert_eq!(shown, ["<revision 2>", "<revision 1>", "<current>"]);
        assert_eq!(said[0].answer["metadata"]["name"], "NS-a");
        assert_eq!(said[0].answer["metadata"]["uid"], "<uid 1>");
        assert_eq!(said[0].answer["metadata"]["creationTimestamp"], "<time>");
    }
}
