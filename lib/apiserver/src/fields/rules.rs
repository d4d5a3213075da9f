//! Defaults and requirements of built-in types, read from `rules.txt`.
//!
//! A rule names a field of the type above it:
//!
//! ```text
//!  NAME = JSON [if FIELD VALUE]     the default of an absent field, perhaps only when a sibling has this value
//!  NAME = $OTHER                    the default is the value of a sibling
//!  NAME required                    absent or empty is refused
//!  NAME immutable                   a change is refused
//! ```

use std::collections::HashMap;
use std::sync::OnceLock;

use serde_json::Value;

/// The rules of one type.
#[derive(Debug, Default)]
pub(super) struct Rules {
    pub(super) defaults: Vec<Preset>,
    pub(super) required: Vec<&'static str>,
    pub(super) immutable: Vec<&'static str>,
}

/// The default of one field.
#[derive(Debug)]
pub(super) struct Preset {
    pub(super) field: &'static str,
    pub(super) value: Source,
    /// A sibling and the text that it must hold.
    pub(super) condition: Option<(&'static str, &'static str)>,
}

/// Where a default comes from.
#[derive(Debug)]
pub(super) enum Source {
    Literal(Value),
    Sibling(&'static str),
}

/// The rules of the type of this name; none for most types.
pub(super) fn rules(name: &str) -> Option<&'static Rules> {
    static RULES: OnceLock<HashMap<&'static str, Rules>> = OnceLock::new();
    RULES.get_or_init(|| parse(include_str!("rules.txt"))).get(name)
}

fn parse(text: &'static str) -> HashMap<&'static str, Rules> {
    let mut all: HashMap<&'static str, Rules> = HashMap::new();
    let mut open = "";
    for line in text.lines().filter(|line| !line.is_empty()) {
        let Some(rule) = line.strip_prefix(' ') else {
            open = line;
            continue;
        };
        let rules = all.entry(open).or_default();
        match rule.split_once(' ') {
            Some((field, "required")) => rules.required.push(field),
            Some((field, "immutable")) => rules.immutable.push(field),
            Some((field, rest)) => rules.defaults.extend(default(field, rest)),
            None => {}
        }
    }
    for rules in all.values_mut() {
        // A condition may ask for a sibling that has a default itself.
        rules.defaults.sort_by_key(|one| one.condition.is_some());
    }
    all
}

fn default(field: &'static str, text: &'static str) -> Option<Preset> {
    let text = text.strip_prefix("= ")?;
    let (value, condition) = match text.split_once(" if ") {
        Some((value, condition)) => (value, condition.split_once(' ')),
        None => (text, None),
    };
    let value = match value.strip_prefix('$') {
        Some(sibling) => Source::Sibling(sibling),
        None => Source::Literal(serde_json::from_str(value).ok()?),
    };
    Some(Preset { field, value, condition })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::types;

    #[test]
    fn every_rule_names_a_field_of_its_type() {
        for (name, rules) in parse(include_str!("rules.txt")) {
            let one = types().get(name).unwrap_or_else(|| panic!("{name} is no type"));
            let named = rules.defaults.iter().map(|default| default.field);
            for field in named.chain(rules.required).chain(rules.immutable) {
                assert!(one.field(field).is_some(), "{name} has no field {field}");
            }
        }
    }

    #[test]
    fn every_line_of_the_table_is_understood() {
        let rules = parse(include_str!("rules.txt"));
        let read: usize = rules.values().map(|one| one.defaults.len() + one.required.len() + one.immutable.len()).sum();
        assert_eq!(read, include_str!("rules.txt").lines().filter(|line| line.starts_with(' ')).count());
    }
}
