//! The keywords of numbers and strings.

use serde_json::{Number, json};

use super::cause::{Cause, CauseReason};
use super::check::Findings;
use super::formats;
use super::node::{Kind, Node};
use super::path::Path;

impl Node {
    pub(super) fn check_number(&self, number: &Number, path: &Path<'_>, found: &mut Findings) {
        found.steps += 2;
        let limits = &self.limits;
        let Some(value) = number.as_f64() else { return };
        let mut refuse = |must: String| {
            let detail = format!("{} in body should be {must}", path.bare());
            found.causes.push(Cause::invalid(path, &json!(number), detail));
        };
        if let Some(minimum) = limits.minimum {
            if limits.exclusive_minimum && value <= minimum {
                refuse(format!("greater than {minimum}"));
            } else if value < minimum {
                refuse(format!("greater than or equal to {minimum}"));
            }
        }
        if let Some(maximum) = limits.maximum {
            if limits.exclusive_maximum && maximum <= value {
                refuse(format!("less than {maximum}"));
            } else if maximum < value {
                refuse(format!("less than or equal to {maximum}"));
            }
        }
        if let Some(factor) = limits.multiple_of
            && (value / factor).fract() != 0.0
        {
            refuse(format!("a multiple of {factor}"));
        }
        let format = self.format.as_deref().unwrap_or_default();
        if self.kind == Some(Kind::Integer) && !formats::holds_integer(format, number) {
            let width = if format.is_empty() { "(default format)".to_owned() } else { format!("with format {format}") };
            let detail = format!("Checked value must be of type integer {width} in {}", path.bare());
            found.causes.push(Cause::invalid(Path::Root, &json!(""), detail));
        }
    }

    /// Of lengths and pattern the first that a string fails is noted; the format is a matter of its own.
    pub(super) fn check_string(&self, text: &str, path: &Path<'_>, found: &mut Findings) {
        found.steps += 1;
        found.causes.extend(self.shape_of_string(text, path));
        if let (None | Some(Kind::String), Some(format)) = (self.kind, &self.format) {
            found.steps += 1;
            if !formats::holds_text(format, text) {
                let detail = format!("{} in body must be of type {format}: {text:?}", path.bare());
                found.causes.push(Cause::of_value(CauseReason::TypeInvalid, path, &json!(text), detail));
            }
        }
    }

    fn shape_of_string(&self, text: &str, path: &Path<'_>) -> Option<Cause> {
        let limits = &self.limits;
        let length = text.chars().count() as u64;
        if let Some(maximum) = limits.max_length.filter(|maximum| *maximum < length) {
            let unit = if maximum == 1 { "byte" } else { "bytes" };
            return Some(Cause::of_field(CauseReason::TooLong, path, format!("may not be more than {maximum} {unit}")));
        }
        if let Some(minimum) = limits.min_length.filter(|minimum| length < *minimum) {
            let detail = format!("{} in body should be at least {minimum} chars long", path.bare());
            return Some(Cause::invalid(path, &json!(text), detail));
        }
        let pattern = limits.pattern.as_ref().filter(|pattern| !pattern.is_match(text))?;
        Some(Cause::invalid(path, &json!(text), format!("{} in body should match '{pattern}'", path.bare())))
    }
}
