//! What the schema can't say, or an older installed schema did not: rules between fields, and values that mean nothing.

mod analysis;
mod refs;
mod service;

use std::fmt;

use crate::{Canary, duration};

/// What the operator was told that decides which canaries are valid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Whether references into other namespaces are refused.
    pub no_cross_namespace_refs: bool,
    /// The provider of canaries that name none.
    pub default_provider: String,
}

/// A rule that a canary breaks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Invalid {
    /// Path of the field, such as `spec.analysis.stepWeights[2]`.
    pub field: String,
    /// What has to hold, and does not.
    pub rule: String,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.rule)
    }
}

/// Every rule that the canary breaks, in the order of the fields; none means that it is valid.
pub fn validate(canary: &Canary, rules: &Rules) -> Vec<Invalid> {
    let mut findings = Findings::default();
    refs::check(canary, rules, &mut findings);
    findings.url("spec.metricsServer", canary.spec.metrics_server.as_deref().unwrap_or_default());
    service::check(&canary.spec, &mut findings);
    analysis::check(&canary.spec, &mut findings);
    findings.0
}

/// What is found wrong on the way through a canary. Empty texts count as absent.
#[derive(Default)]
struct Findings(Vec<Invalid>);

impl Findings {
    fn add(&mut self, field: impl Into<String>, rule: impl Into<String>) {
        self.0.push(Invalid { field: field.into(), rule: rule.into() });
    }

    fn range(&mut self, field: &str, number: i32, min: i32, max: i32) {
        if number < min || max < number {
            self.add(field, format!("must be between {min} and {max}, is {number}"));
        }
    }

    fn duration(&mut self, field: &str, text: &str) {
        if text.is_empty() {
            return;
        }
        if let Err(error) = duration::parse(text) {
            self.add(field, format!("{error}; is {text:?}"));
        }
    }

    fn url(&mut self, field: &str, url: &str) {
        if !url.is_empty() && !is_http(url) {
            self.add(field, format!("must be an http or https URL, is {url:?}"));
        }
    }
}

fn is_http(url: &str) -> bool {
    url.parse::<http::Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
    })
}
