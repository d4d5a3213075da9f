//! Runs compiled rules on an object, under a budget.

use serde_json::{Value, json};

use super::cause::{Cause, CauseReason};
use super::cel::{Failure, Val};
use super::node::{Kind, Node};
use super::path::Path;
use super::rules::Rule;
use super::typed;

/// What one run of one rule may cost, in steps of the evaluator.
const RULE_BUDGET: u64 = 1_000_000;
/// What all rules of one object may cost.
const OBJECT_BUDGET: u64 = 10_000_000;

/// Runs the rules of a whole schema and notes those that are broken.
pub(super) fn check(root: &Node, object: &Value, old: Option<&Value>, causes: &mut Vec<Cause>) {
    let mut run = Run { budget: OBJECT_BUDGET, causes };
    run.level(root, object, Before { old, unchanged: false }, true, &Path::Root);
}

/// What a value was before the update.
#[derive(Clone, Copy)]
struct Before<'o> {
    old: Option<&'o Value>,
    /// It, or something that it is a part of, was the same: what rules say of it alone is no news.
    unchanged: bool,
}

impl<'o> Before<'o> {
    fn with(self, old: Option<&'o Value>) -> Before<'o> {
        Before { old, ..self }
    }

    fn seen_from(self, value: &Value) -> Before<'o> {
        let old = self.old.filter(|old| !old.is_null());
        Before { old, unchanged: self.unchanged || old == Some(value) }
    }
}

struct Run<'c> {
    budget: u64,
    causes: &'c mut Vec<Cause>,
}

impl Run<'_> {
    fn level(&mut self, node: &Node, value: &Value, before: Before<'_>, resource: bool, path: &Path<'_>) {
        if !node.ruled || value.is_null() {
            return;
        }
        let before = before.seen_from(value);
        self.rules(node, value, before, resource, path);
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let Some(child) = node.child(name) else { continue };
                    let before = before.with(before.old.and_then(|old| old.get(name)));
                    // An entry of a map is `labels[app]`, a field is `spec.replicas`.
                    let path = if node.properties.contains_key(name) { path.field(name) } else { path.key(name) };
                    self.level(child, value, before, child.embedded, &path);
                }
            }
            Value::Array(values) => {
                let Some(items) = &node.items else { return };
                for (index, value) in values.iter().enumerate() {
                    let before = before.with(node.counterpart(value, before.old));
                    self.level(items, value, before, items.embedded, &path.index(index));
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn rules(&mut self, node: &Node, value: &Value, before: Before<'_>, resource: bool, path: &Path<'_>) {
        if node.rules.is_empty() {
            return;
        }
        let this = typed::value_of(node, value, resource);
        let that = before.old.map(|old| typed::value_of(node, old, resource));
        for rule in &node.rules {
            let skipped = if rule.transition { that.is_none() && !rule.optional_old } else { before.unchanged };
            if skipped {
                continue;
            }
            let old_self = match (&that, rule.optional_old) {
                (that, true) => Val::Optional(that.clone().map(Into::into)),
                (that, false) => that.clone().unwrap_or(Val::Null),
            };
            self.rule(rule, value, &[("self", this.clone()), ("oldSelf", old_self)], path);
        }
    }

    fn rule(&mut self, rule: &Rule, value: &Value, variables: &[(&str, Val)], path: &Path<'_>) {
        let kind = json!(Kind::of_value(value).word());
        if self.budget == 0 {
            let detail = "validation failed due to running out of cost budget, no further validation rules will be run";
            self.causes.push(Cause::invalid(path, &kind, detail));
            return;
        }
        let limit = self.budget.min(RULE_BUDGET);
        let mut left = limit;
        let outcome = rule.program.run(variables, &mut left);
        let words = match &outcome {
            Ok(Val::Bool(false)) => rule.words(variables, &mut left),
            _ => String::new(),
        };
        self.budget -= limit - left;
        let source = rule.name();
        let detail = match outcome {
            Ok(Val::Bool(true)) => return,
            Ok(_) => {
                self.causes.push(blame(rule, value, &words, path));
                return;
            }
            Err(error @ Failure::OverBudget) => {
                self.budget = 0;
                format!(
                    "'{error}': no further validation rules will be run due to call cost exceeds limit for rule: {source}"
                )
            }
            Err(error) if error.to_string() == "no such overload" => format!(
                "'{error}': call arguments did not match a supported operator, function or macro signature for rule: {source}"
            ),
            Err(error) => format!("{error} evaluating rule: {source}"),
        };
        self.causes.push(Cause::invalid(path, &kind, detail));
    }
}

fn blame(rule: &Rule, value: &Value, words: &str, path: &Path<'_>) -> Cause {
    let field = match &rule.field {
        Some(field) => path.field(field).to_string(),
        None => path.to_string(),
    };
    let quoted = !matches!(rule.reason, CauseReason::Required | CauseReason::Forbidden);
    if quoted && !value.is_object() && !value.is_array() {
        Cause::of_value(rule.reason, field, value, words)
    } else {
        Cause::of_field(rule.reason, field, words)
    }
}
