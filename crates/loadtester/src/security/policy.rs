//! How many vulnerabilities of which severity an image may have.

use std::collections::BTreeMap;

use super::report::{Report, Severity, same_image};

/// So many vulnerabilities are named in a refusal.
const NAMED_MAX: usize = 10;

/// The limits, by severity.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    /// None where any number is fine.
    limits: BTreeMap<Severity, Option<usize>>,
    /// Vulnerabilities that do not count.
    ignored: Vec<String>,
}

impl Policy {
    pub(super) fn new(limit: impl Fn(Severity) -> Option<usize>, ignored: Vec<String>) -> Self {
        Self { limits: Severity::ALL.into_iter().map(|severity| (severity, limit(severity))).collect(), ignored }
    }

    /// Why this image may not run, a sentence for each limit that it breaks.
    ///
    /// All reports about it count together; what two of them name is one vulnerability of the higher severity.
    pub(super) fn problems(&self, image: &str, reports: &[Report]) -> Vec<String> {
        let about: Vec<&Report> = reports.iter().filter(|report| same_image(&report.image, image)).collect();
        if about.is_empty() {
            return vec![format!("there is no report about the image {image}")];
        }
        let mut found: BTreeMap<&str, Severity> = BTreeMap::new();
        for (id, severity) in about.iter().flat_map(|report| &report.vulnerabilities) {
            if !self.ignored.contains(id) {
                let known = found.entry(id).or_insert(*severity);
                *known = (*known).max(*severity);
            }
        }
        let problem = |(severity, most): (&Severity, &Option<usize>)| {
            let ids: Vec<&str> = found.iter().filter(|(_, found)| *found == severity).map(|(id, _)| *id).collect();
            let most = most.filter(|most| *most < ids.len())?;
            let more = if NAMED_MAX < ids.len() { ", …" } else { "" };
            let named = ids.iter().take(NAMED_MAX).copied().collect::<Vec<_>>().join(", ");
            Some(format!(
                "the image {image} has {} {severity} vulnerabilities, {most} may be: {named}{more}",
                ids.len()
            ))
        };
        self.limits.iter().rev().filter_map(problem).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(image: &str, vulnerabilities: &[(&str, Severity)]) -> Report {
        let vulnerabilities = vulnerabilities.iter().map(|(id, severity)| ((*id).to_owned(), *severity)).collect();
        Report { image: image.to_owned(), vulnerabilities }
    }

    fn policy(ignored: &[&str]) -> Policy {
        let limit = |severity| match severity {
            Severity::Critical => Some(0),
            Severity::High => Some(1),
            _ => None,
        };
        Policy::new(limit, ignored.iter().map(|id| (*id).to_owned()).collect())
    }

    #[test]
    fn an_image_is_held_against_the_limits_of_its_severities() {
        let fine = [report("podinfo:6.5.4", &[("CVE-1", Severity::High), ("CVE-2", Severity::Low)])];
        assert!(policy(&[]).problems("podinfo:6.5.4", &fine).is_empty());
        let bad = [report(
            "podinfo:6.5.4",
            &[("CVE-1", Severity::Critical), ("CVE-2", Severity::High), ("CVE-3", Severity::High)],
        )];
        assert_eq!(
            policy(&[]).problems("podinfo:6.5.4", &bad),
            [
                "the image podinfo:6.5.4 has 1 critical vulnerabilities, 0 may be: CVE-1",
                "the image podinfo:6.5.4 has 2 high vulnerabilities, 1 may be: CVE-2, CVE-3",
            ]
        );
        assert!(policy(&["CVE-1", "CVE-3"]).problems("podinfo:6.5.4", &bad).is_empty());
    }

    #[test]
    fn an_image_without_a_report_is_refused() {
        let reports = [report("podinfo:6.5.4", &[])];
        let problems = policy(&[]).problems("podinfo:6.6.0", &reports);
        assert_eq!(problems, ["there is no report about the image podinfo:6.6.0"]);
    }

    #[test]
    fn what_two_scanners_find_is_one_vulnerability_of_the_higher_severity() {
        let reports = [
            report("a:1", &[("CVE-1", Severity::High), ("CVE-2", Severity::High)]),
            report("docker.io/library/a:1", &[("CVE-1", Severity::Critical), ("CVE-2", Severity::High)]),
        ];
        let problems = policy(&[]).problems("a:1", &reports);
        assert_eq!(problems, ["the image a:1 has 1 critical vulnerabilities, 0 may be: CVE-1"]);
    }
}
