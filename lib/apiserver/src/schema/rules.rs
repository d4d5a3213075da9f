//! The rules of `x-kubernetes-validations`, compiled with the schema. `run` runs them.

use serde_json::{Value, json};

use super::cause::{Cause, CauseReason};
use super::cel::{Program, Type, Val};
use super::node::{Additional, Node};
use super::path::Path;
use super::{ListKind, typed};

/// One rule, ready to run.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) program: Program,
    source: String,
    message: Option<String>,
    message_program: Option<Program>,
    /// The field to blame, relative to the rule's place.
    pub(super) field: Option<String>,
    pub(super) reason: CauseReason,
    /// Compares with the old value, and is passed over where there is none.
    pub(super) transition: bool,
    /// `oldSelf` is an optional value, and the rule runs without an old one too.
    pub(super) optional_old: bool,
}

/// Compiles the rules of a whole schema into its nodes.
pub(super) fn compile(root: &mut Node, schema: &Value, path: &Path<'_>, causes: &mut Vec<Cause>) {
    compile_level(root, schema, Place { resource: true, uncorrelated: None }, path, causes);
}

/// What the levels above say about a level.
#[derive(Clone)]
struct Place {
    resource: bool,
    /// The list above whose items can't be told apart from one update to the next.
    uncorrelated: Option<String>,
}

/// Whether there are rules here or below.
fn compile_level(node: &mut Node, schema: &Value, place: Place, path: &Path<'_>, causes: &mut Vec<Cause>) -> bool {
    let below = |uncorrelated: &Option<String>, node: &Node| Place {
        resource: node.embedded,
        uncorrelated: uncorrelated.clone(),
    };
    let written = schema.get("x-kubernetes-validations").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut rules = Vec::new();
    if let Some(this) = typed::type_of(node, place.resource) {
        let here = path.field("x-kubernetes-validations");
        for (index, rule) in written.iter().enumerate() {
            rules.extend(Rule::compile(rule, node, &this, &place, &here.index(index), causes));
        }
    } else if !written.is_empty() {
        let detail = "failed to convert to declType for CEL validation rules";
        causes.push(Cause::invalid(path.field("x-kubernetes-validations"), &json!(written), detail));
    }
    let mut any = !rules.is_empty();
    node.rules = rules;

    let properties = path.field("properties");
    for (name, node) in &mut node.properties {
        let inner = schema.get("properties").and_then(|fields| fields.get(name)).unwrap_or(&Value::Null);
        let place = below(&place.uncorrelated, node);
        any |= compile_level(node, inner, place, &properties.key(name), causes);
    }
    if let Additional::Each(each) = &mut node.additional {
        let inner = schema.get("additionalProperties").unwrap_or(&Value::Null);
        let place = below(&place.uncorrelated, each);
        any |= compile_level(each, inner, place, &path.field("additionalProperties"), causes);
    }
    if let Some(items) = &mut node.items {
        let inner = schema.get("items").unwrap_or(&Value::Null);
        let uncorrelated = match &node.list {
            ListKind::Map(_) => place.uncorrelated,
            ListKind::Atomic | ListKind::Set => place.uncorrelated.or_else(|| Some(path.to_string())),
        };
        let place = below(&uncorrelated, items);
        any |= compile_level(items, inner, place, &path.field("items"), causes);
    }
    node.ruled = any;
    any
}

impl Rule {
    fn compile(
        rule: &Value,
        node: &Node,
        this: &Type,
        place: &Place,
        path: &Path<'_>,
        causes: &mut Vec<Cause>,
    ) -> Option<Rule> {
        let before = causes.len();
        let text = |name: &str| rule.get(name).and_then(Value::as_str).map(str::to_owned);
        let source = text("rule").unwrap_or_default();
        let (message, message_source, field) = (text("message"), text("messageExpression"), text("fieldPath"));
        check_texts(&source, message.as_deref(), message_source.as_deref(), path, causes);
        let reason = text("reason").map_or(Some(CauseReason::Invalid), |word| reason_named(&word));
        if reason.is_none() {
            let words = ["FieldValueRequired", "FieldValueForbidden", "FieldValueInvalid", "FieldValueDuplicate"];
            causes.push(Cause::not_supported(
                path.field("reason"),
                &json!(rule.get("reason")),
                &words.map(Value::from),
            ));
        }
        let field = field.map(|field| {
            field_at(node, &field).unwrap_or_else(|| {
                causes.push(Cause::invalid(path.field("fieldPath"), &json!(field), "must be a valid path"));
                String::new()
            })
        });

        let optional_old = rule.get("optionalOldSelf") == Some(&Value::Bool(true));
        let old = if optional_old { Type::Optional(this.clone().into()) } else { this.clone() };
        let variables = [("self", this.clone()), ("oldSelf", old)];
        let program = compile_as(&source, &Type::Bool, "cel expression must evaluate to a bool", &variables);
        let program = program.map_err(|detail| causes.push(Cause::invalid(path.field("rule"), rule, detail))).ok()?;
        let message_program = message_source
            .map(|source| compile_as(&source, &Type::Text, "messageExpression must evaluate to a string", &variables))
            .transpose()
            .map_err(|detail| causes.push(Cause::invalid(path.field("messageExpression"), rule, detail)))
            .ok()?;

        let transition = program.mentions("oldSelf");
        if transition && let Some(list) = &place.uncorrelated {
            let detail = format!("oldSelf cannot be used on the uncorrelatable portion of the schema within {list}");
            causes.push(Cause::invalid(path.field("rule"), &json!(source), detail));
        }
        if optional_old && !transition {
            let detail = "may not be set if oldSelf is not used in rule";
            causes.push(Cause::invalid(path.field("optionalOldSelf"), &json!(true), detail));
        }
        let accepted = causes.len() == before;
        accepted.then_some(Rule {
            program,
            source,
            message,
            message_program,
            field,
            reason: reason?,
            transition,
            optional_old,
        })
    }

    /// How messages about the rule name it.
    pub(super) fn name(&self) -> &str {
        self.message.as_deref().unwrap_or(&self.source).trim()
    }

    /// What the rule says when it is broken.
    pub(super) fn words(&self, variables: &[(&str, Val)], budget: &mut u64) -> String {
        let computed = self.message_program.as_ref().and_then(|program| program.run(variables, budget).ok());
        match (computed, &self.message) {
            (Some(Val::Text(text)), _) if !text.trim().is_empty() && !text.contains('\n') => text.trim().to_owned(),
            (_, Some(message)) => message.trim().to_owned(),
            (_, None) => format!("failed rule: {}", self.source.trim()),
        }
    }
}

fn compile_as(source: &str, wanted: &Type, otherwise: &str, variables: &[(&str, Type)]) -> Result<Program, String> {
    let program = Program::compile(source, variables).map_err(|error| format!("compilation failed: {error}"))?;
    let result = program.result();
    if result == wanted || *result == Type::Dyn { Ok(program) } else { Err(otherwise.to_owned()) }
}

fn check_texts(
    source: &str,
    message: Option<&str>,
    message_source: Option<&str>,
    path: &Path<'_>,
    causes: &mut Vec<Cause>,
) {
    if source.trim().is_empty() {
        causes.push(Cause::required(path.field("rule"), "rule is not specified"));
    }
    match message {
        Some(message) if message.trim().is_empty() => {
            causes.push(Cause::invalid(path.field("message"), &json!(message), "must be non-empty if specified"));
        }
        Some(message) if message.trim().contains('\n') => {
            causes.push(Cause::invalid(path.field("message"), &json!(message), "must not contain line breaks"));
        }
        None if source.trim().contains('\n') => {
            causes
                .push(Cause::required(path.field("message"), "message must be specified if rule contains line breaks"));
        }
        _ => {}
    }
    if message_source.is_some_and(|source| source.trim().is_empty()) {
        let detail = "messageExpression must be non-empty if specified";
        causes.push(Cause::required(path.field("messageExpression"), detail));
    }
}

fn reason_named(word: &str) -> Option<CauseReason> {
    let reasons = [CauseReason::Required, CauseReason::Forbidden, CauseReason::Invalid, CauseReason::Duplicate];
    reasons.into_iter().find(|reason| reason.word() == word)
}

/// A `fieldPath` (`.spec.a`, `['b.c']`) without its leading dot, if there are such fields.
fn field_at(node: &Node, path: &str) -> Option<String> {
    let (mut node, mut rest, mut words) = (node, path, String::new());
    while !rest.is_empty() {
        let (name, after) = if let Some(quoted) = rest.strip_prefix("['") {
            quoted.split_once("']")?
        } else {
            let named = rest.strip_prefix('.')?;
            named.split_at(named.find(['.', '[']).unwrap_or(named.len()))
        };
        node = node.child(name)?;
        if !words.is_empty() {
            words.push('.');
        }
        words.push_str(name);
        rest = after;
    }
    (!words.is_empty()).then_some(words)
}
