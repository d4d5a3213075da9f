//! What people and clients want to know of built-in fields beyond their form.
//!
//! `details.txt` is generated from `api/openapi-spec/v3/*.json` of k8s.io/kubernetes v1.36.0, for the types and fields of
//! `fields/types.txt`. A type starts at the margin and is followed by its description; its fields are indented, each with
//! `-` or its flags (`!` for required, then the format of a number or string) and its description. Of descriptions the
//! first sentence is kept, without the "More info" that some end with.

use std::collections::HashMap;
use std::sync::OnceLock;

/// What is known of a type.
#[derive(Debug)]
pub(super) struct TypeDetails {
    pub(super) description: &'static str,
    fields: HashMap<&'static str, Details>,
}

/// What is known of a field.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Details {
    pub(super) required: bool,
    /// `int32`, `double`, `byte`; empty when there is none.
    pub(super) format: &'static str,
    pub(super) description: &'static str,
}

/// The details of a type by the name that the table of fields gives it.
pub(super) fn of(name: &str) -> Option<&'static TypeDetails> {
    static TYPES: OnceLock<HashMap<&'static str, TypeDetails>> = OnceLock::new();
    TYPES.get_or_init(|| parse(include_str!("details.txt"))).get(name)
}

impl TypeDetails {
    pub(super) fn field(&self, name: &str) -> Details {
        self.fields.get(name).copied().unwrap_or_default()
    }
}

fn parse(text: &'static str) -> HashMap<&'static str, TypeDetails> {
    let mut types: Vec<(&str, TypeDetails)> = Vec::new();
    for line in text.lines() {
        let Some(field) = line.strip_prefix(' ') else {
            let (name, description) = line.split_once(' ').unwrap_or((line, ""));
            types.push((name, TypeDetails { description, fields: HashMap::new() }));
            continue;
        };
        let mut words = field.splitn(3, ' ');
        if let (Some(name), Some(flags), Some((_, open))) = (words.next(), words.next(), types.last_mut()) {
            let required = flags.starts_with('!');
            let format = flags.trim_start_matches(['!', '-']);
            open.fields.insert(name, Details { required, format, description: words.next().unwrap_or_default() });
        }
    }
    types.into_iter().collect()
}
