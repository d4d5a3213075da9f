//! What is refused although it could be decoded.

use std::sync::OnceLock;

use regex::Regex;
use serde_json::{Value, json};

use crate::builtin;
use crate::fields;
use crate::kinds::{Kind, Origin};
use crate::meta;
use crate::refusal::{Answer, Refusal};
use crate::schema::{Cause, CauseReason};

/// Refuses an object that breaks the rules of its kind.
pub(super) fn check(kind: &Kind, object: &Value, old: Option<&Value>) -> Answer<()> {
    let mut causes = Vec::new();
    if old.is_none() && !kind.create_only {
        causes.extend(name(kind, meta::name(object)));
    }
    causes.extend(labels(&object["metadata"]["labels"], "metadata.labels"));
    causes.extend(annotations(&object["metadata"]["annotations"]));
    causes.extend(owners(&object["metadata"]["ownerReferences"]));
    if old.is_none() {
        causes.extend(finalizers(object));
    }
    match &kind.origin {
        Origin::BuiltIn(Some(structure)) => causes.extend(fields::missing(object, old, structure)),
        Origin::BuiltIn(None) => {}
        Origin::Custom(custom) => causes.extend(custom.schema.validate(object, old)),
    }
    if causes.is_empty() {
        causes.extend(builtin::faults(kind, object, old));
    }
    if causes.is_empty() { Ok(()) } else { Err(Refusal::invalid(kind, meta::name(object), &causes)) }
}

/// A pattern and the sentence that explains it.
struct Form {
    pattern: &'static str,
    max: usize,
    sentence: &'static str,
}

const SUBDOMAIN: Form = Form {
    pattern: r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
    max: 253,
    sentence: "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
};
const LABEL: Form = Form {
    pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
    max: 63,
    sentence: "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
};
const SERVICE: Form = Form {
    pattern: "^[a-z]([-a-z0-9]*[a-z0-9])?$",
    max: 63,
    sentence: "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
};
const PATH_SEGMENT: Form =
    Form { pattern: "^[^/%]+$", max: 253, sentence: "a name may not be '.' or '..' and may not contain '/' or '%'" };
const LABEL_VALUE: Form = Form {
    pattern: "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$",
    max: 63,
    sentence: "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
};
const LABEL_KEY: Form = Form {
    pattern: "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$",
    max: 317,
    sentence: "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
};

impl Form {
    /// What is wrong with the text, if anything is.
    fn fault(&self, compiled: &'static OnceLock<Option<Regex>>, text: &str) -> Option<String> {
        if self.max < text.len() {
            return Some(format!("must be no more than {} bytes", self.max));
        }
        let pattern = compiled.get_or_init(|| Regex::new(self.pattern).ok()).as_ref()?;
        (!pattern.is_match(text)).then(|| self.sentence.to_owned())
    }
}

fn name(kind: &Kind, name: &str) -> Option<Cause> {
    static SUBDOMAINS: OnceLock<Option<Regex>> = OnceLock::new();
    static LABELS: OnceLock<Option<Regex>> = OnceLock::new();
    static SERVICES: OnceLock<Option<Regex>> = OnceLock::new();
    static SEGMENTS: OnceLock<Option<Regex>> = OnceLock::new();
    let detail = if kind.is("", "Service") {
        SERVICE.fault(&SERVICES, name)
    } else if kind.is("", "Namespace") {
        LABEL.fault(&LABELS, name)
    } else if kind.group == "rbac.authorization.k8s.io" {
        PATH_SEGMENT.fault(&SEGMENTS, name)
    } else {
        SUBDOMAIN.fault(&SUBDOMAINS, name)
    };
    detail.map(|detail| Cause::of_value(CauseReason::Invalid, "metadata.name", &json!(name), detail))
}

/// Keys of annotations are compared without regard to case.
fn annotations(annotations: &Value) -> Vec<Cause> {
    static KEYS: OnceLock<Option<Regex>> = OnceLock::new();
    let keys = annotations.as_object().into_iter().flatten().map(|(key, _)| key);
    let faulty = keys.filter_map(|key| Some((key, LABEL_KEY.fault(&KEYS, &key.to_lowercase())?)));
    faulty
        .map(|(key, detail)| Cause::of_value(CauseReason::Invalid, "metadata.annotations", &json!(key), detail))
        .collect()
}

/// An owner is named in full, and one at most is the controller.
fn owners(owners: &Value) -> Vec<Cause> {
    const FIELD: &str = "metadata.ownerReferences";
    let all = owners.as_array().map_or(&[][..], Vec::as_slice);
    let mut causes = Vec::new();
    for owner in all {
        for field in ["apiVersion", "kind", "name", "uid"] {
            if owner[field].as_str().unwrap_or_default().is_empty() {
                let (field, empty) = (format!("{FIELD}.{field}"), json!(""));
                causes.push(Cause::of_value(CauseReason::Invalid, &field, &empty, "must not be empty"));
            }
        }
    }
    let reference = |owner: &Value| ["kind", "name"].map(|field| owner[field].as_str().unwrap_or_default()).join("/");
    let controllers: Vec<String> = all.iter().filter(|owner| owner["controller"] == true).map(reference).collect();
    if let [first, second, ..] = controllers.as_slice() {
        let detail = format!(
            "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {second}"
        );
        causes.push(Cause::of_value(CauseReason::Invalid, FIELD, owners, detail));
    }
    causes
}

/// A finalizer that isn't Kubernetes' own carries the domain of who takes it off.
fn finalizers(object: &Value) -> Vec<Cause> {
    // The last is that of definitions, which they are born with here.
    const STANDARD: [&str; 4] =
        ["foregroundDeletion", "kubernetes", "orphan", "customresourcecleanup.apiextensions.k8s.io"];
    let detail = "name is neither a standard finalizer name nor is it fully qualified";
    let named = meta::finalizers(object).into_iter().enumerate();
    let bare = named.filter(|(_, name)| !name.contains('/') && !STANDARD.contains(name));
    bare.map(|(index, name)| {
        let field = format!("metadata.finalizers[{index}]");
        Cause::of_value(CauseReason::Invalid, &field, &json!(name), detail)
    })
    .collect()
}

fn labels(labels: &Value, field: &str) -> Vec<Cause> {
    static KEYS: OnceLock<Option<Regex>> = OnceLock::new();
    static VALUES: OnceLock<Option<Regex>> = OnceLock::new();
    let mut causes = Vec::new();
    for (key, value) in labels.as_object().into_iter().flatten() {
        if let Some(detail) = LABEL_KEY.fault(&KEYS, key) {
            causes.push(Cause::of_value(CauseReason::Invalid, field, &json!(key), detail));
        }
        if let Some(detail) = value.as_str().and_then(|text| LABEL_VALUE.fault(&VALUES, text)) {
            causes.push(Cause::of_value(CauseReason::Invalid, field, value, detail));
        }
    }
    causes
}
