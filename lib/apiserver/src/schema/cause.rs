//! Why an object was refused, one field at a time, in the words of the real server.

use std::fmt::{self, Display};

use serde_json::Value;

/// One entry of a Status' `details.causes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cause {
    pub(crate) reason: CauseReason,
    /// The path to the field, `spec.rules[0].host`; `<nil>` for the object itself.
    pub(crate) field: String,
    /// What is wrong, without the path: `Invalid value: "abc": …`.
    pub(crate) message: String,
}

/// The machine-readable kind of a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CauseReason {
    Duplicate,
    Forbidden,
    Invalid,
    NotSupported,
    Required,
    TooLong,
    TooMany,
    TypeInvalid,
}

impl CauseReason {
    /// The word that a Status carries in `details.causes[].reason`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            CauseReason::Duplicate => "FieldValueDuplicate",
            CauseReason::Forbidden => "FieldValueForbidden",
            CauseReason::Invalid => "FieldValueInvalid",
            CauseReason::NotSupported => "FieldValueNotSupported",
            CauseReason::Required => "FieldValueRequired",
            CauseReason::TooLong => "FieldValueTooLong",
            CauseReason::TooMany => "FieldValueTooMany",
            CauseReason::TypeInvalid => "FieldValueTypeInvalid",
        }
    }

    /// The words that a message opens with.
    fn opening(self) -> &'static str {
        match self {
            CauseReason::Duplicate => "Duplicate value",
            CauseReason::Forbidden => "Forbidden",
            CauseReason::Invalid | CauseReason::TypeInvalid => "Invalid value",
            CauseReason::NotSupported => "Unsupported value",
            CauseReason::Required => "Required value",
            CauseReason::TooLong => "Too long",
            CauseReason::TooMany => "Too many",
        }
    }
}

impl Cause {
    /// A cause whose message quotes the offending value.
    pub(crate) fn of_value(reason: CauseReason, field: impl Display, value: &Value, detail: impl Display) -> Cause {
        let message = format!("{}: {value}", reason.opening());
        Cause { reason, field: field.to_string(), message: with_detail(message, detail) }
    }

    /// A cause that names no value.
    pub(crate) fn of_field(reason: CauseReason, field: impl Display, detail: impl Display) -> Cause {
        Cause { reason, field: field.to_string(), message: with_detail(reason.opening().to_owned(), detail) }
    }

    pub(super) fn invalid(field: impl Display, value: &Value, detail: impl Display) -> Cause {
        Cause::of_value(CauseReason::Invalid, field, value, detail)
    }

    pub(super) fn required(field: impl Display, detail: impl Display) -> Cause {
        Cause::of_field(CauseReason::Required, field, detail)
    }

    pub(super) fn forbidden(field: impl Display, detail: impl Display) -> Cause {
        Cause::of_field(CauseReason::Forbidden, field, detail)
    }

    pub(super) fn not_supported(field: impl Display, value: &Value, supported: &[Value]) -> Cause {
        let words: Vec<String> = supported
            .iter()
            .map(|value| match value {
                Value::String(word) => format!("{word:?}"),
                other => format!("{:?}", other.to_string()),
            })
            .collect();
        Cause::of_value(CauseReason::NotSupported, field, value, format!("supported values: {}", words.join(", ")))
    }
}

fn with_detail(mut message: String, detail: impl Display) -> String {
    let detail = detail.to_string();
    if !detail.is_empty() {
        message.push_str(": ");
        message.push_str(&detail);
    }
    message
}

impl Display for Cause {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.field, self.message)
    }
}
