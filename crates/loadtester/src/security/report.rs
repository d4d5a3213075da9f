//! What a scanner found in an image: reports of Trivy and Grype, and `CycloneDX` with vulnerabilities.

use std::fmt;

use serde_json::Value;

/// What was found in one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Report {
    /// The image, as the report names it.
    pub(super) image: String,
    /// Names and severities.
    pub(super) vulnerabilities: Vec<(String, Severity)>,
}

/// How bad a vulnerability is, from the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    Unknown,
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    pub(super) const ALL: [Self; 5] = [Self::Unknown, Self::Low, Self::Medium, Self::High, Self::Critical];

    fn parse(text: &str) -> Self {
        match text.to_ascii_lowercase().as_str() {
            "critical" => Self::Critical,
            "high" => Self::High,
            "medium" | "moderate" => Self::Medium,
            "low" | "negligible" | "info" | "none" => Self::Low,
            _ => Self::Unknown,
        }
    }

    /// The flag with its limit.
    pub(super) fn flag(self) -> &'static str {
        match self {
            Self::Unknown => "max-unknown",
            Self::Low => "max-low",
            Self::Medium => "max-medium",
            Self::High => "max-high",
            Self::Critical => "max-critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.flag().trim_start_matches("max-"))
    }
}

/// Reads a report, of whichever kind it is.
pub(super) fn parse(text: &str) -> Result<Report, String> {
    let document: Value = serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))?;
    if document["bomFormat"] == "CycloneDX" {
        cyclone(&document)
    } else if document.get("ArtifactName").is_some() {
        trivy(&document)
    } else if document.get("matches").is_some() {
        grype(&document)
    } else if document.get("spdxVersion").is_some() {
        Err("an SPDX document does not tell severities: hand in the report of a scanner".to_owned())
    } else {
        Err("it is no report of Trivy or Grype, nor CycloneDX".to_owned())
    }
}

fn trivy(document: &Value) -> Result<Report, String> {
    let image = text(&document["ArtifactName"]).ok_or("its ArtifactName is no text")?;
    let found = items(&document["Results"]).flat_map(|result| items(&result["Vulnerabilities"]));
    let vulnerabilities = found.filter_map(|it| named(&it["VulnerabilityID"], &it["Severity"])).collect();
    Ok(Report { image, vulnerabilities })
}

fn grype(document: &Value) -> Result<Report, String> {
    let image = text(&document["source"]["target"]["userInput"]).ok_or("its source.target.userInput is no text")?;
    let found = items(&document["matches"]).map(|it| &it["vulnerability"]);
    let vulnerabilities = found.filter_map(|it| named(&it["id"], &it["severity"])).collect();
    Ok(Report { image, vulnerabilities })
}

/// Without a list of vulnerabilities nobody has looked for any.
fn cyclone(document: &Value) -> Result<Report, String> {
    let component = &document["metadata"]["component"];
    let name = text(&component["name"]).ok_or("its metadata.component.name is no text")?;
    let image = match text(&component["version"]) {
        Some(version) if version.starts_with("sha256:") && !name.contains('@') && !has_tag(&name) => {
            format!("{name}@{version}")
        }
        Some(version) if !version.starts_with("sha256:") && !name.contains('@') && !has_tag(&name) => {
            format!("{name}:{version}")
        }
        _ => name,
    };
    if !document["vulnerabilities"].is_array() {
        return Err("it has no list of vulnerabilities".to_owned());
    }
    let mut vulnerabilities = Vec::new();
    for found in items(&document["vulnerabilities"]) {
        // What was looked into and is none, or is mended, does not count.
        let state = text(&found["analysis"]["state"]).unwrap_or_default();
        if matches!(state.as_str(), "false_positive" | "not_affected" | "resolved" | "resolved_with_pedigree") {
            continue;
        }
        let ratings = items(&found["ratings"]).filter_map(|rating| text(&rating["severity"]));
        let severity = ratings.map(|severity| Severity::parse(&severity)).max().unwrap_or(Severity::Unknown);
        vulnerabilities.extend(text(&found["id"]).map(|id| (id, severity)));
    }
    Ok(Report { image, vulnerabilities })
}

fn named(id: &Value, severity: &Value) -> Option<(String, Severity)> {
    Some((text(id)?, Severity::parse(severity.as_str().unwrap_or_default())))
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Whether both name the same image: with the registry or without where it is Docker's, and `latest` where nothing is said.
pub(super) fn same_image(one: &str, other: &str) -> bool {
    normal(one) == normal(other)
}

fn normal(image: &str) -> String {
    let image = image.trim();
    let image = image.strip_prefix("docker.io/").or_else(|| image.strip_prefix("index.docker.io/")).unwrap_or(image);
    let image = image.strip_prefix("library/").unwrap_or(image);
    if image.contains('@') || has_tag(image) { image.to_owned() } else { format!("{image}:latest") }
}

/// A colon before the last slash is that of a port.
fn has_tag(image: &str) -> bool {
    image.rsplit('/').next().is_some_and(|name| name.contains(':'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(document: &Value) -> (String, Vec<(String, Severity)>) {
        let report = parse(&document.to_string()).unwrap();
        (report.image, report.vulnerabilities)
    }

    #[test]
    fn reports_of_each_scanner_are_read() {
        let found = vec![("CVE-1".to_owned(), Severity::Critical), ("CVE-2".to_owned(), Severity::Medium)];
        let expected = ("ghcr.io/podinfo:6.5.4".to_owned(), found);
        let trivy = json!({
            "SchemaVersion": 2, "ArtifactName": "ghcr.io/podinfo:6.5.4",
            "Results": [
                {"Target": "os", "Vulnerabilities": [{"VulnerabilityID": "CVE-1", "Severity": "CRITICAL"}]},
                {"Target": "clean"},
                {"Target": "go", "Vulnerabilities": [{"VulnerabilityID": "CVE-2", "Severity": "MEDIUM"}]},
            ],
        });
        assert_eq!(read(&trivy), expected);
        let grype = json!({
            "source": {"type": "image", "target": {"userInput": "ghcr.io/podinfo:6.5.4"}},
            "matches": [
                {"vulnerability": {"id": "CVE-1", "severity": "Critical"}},
                {"vulnerability": {"id": "CVE-2", "severity": "Medium"}},
            ],
        });
        assert_eq!(read(&grype), expected);
        let cyclone = json!({
            "bomFormat": "CycloneDX", "specVersion": "1.5",
            "metadata": {"component": {"name": "ghcr.io/podinfo", "version": "6.5.4"}},
            "vulnerabilities": [
                {"id": "CVE-1", "ratings": [{"severity": "high"}, {"severity": "critical"}]},
                {"id": "CVE-2", "ratings": [{"severity": "medium"}]},
                {"id": "CVE-3", "ratings": [{"severity": "high"}], "analysis": {"state": "not_affected"}},
            ],
        });
        assert_eq!(read(&cyclone), expected);
    }

    #[test]
    fn what_is_no_report_is_told_from_one_without_findings() {
        let refused = |document: Value| parse(&document.to_string()).unwrap_err();
        let bare = json!({"bomFormat": "CycloneDX", "metadata": {"component": {"name": "a:1"}}});
        assert_eq!(refused(bare), "it has no list of vulnerabilities");
        assert!(refused(json!({"spdxVersion": "SPDX-2.3"})).starts_with("an SPDX document does not tell severities"));
        assert_eq!(refused(json!({})), "it is no report of Trivy or Grype, nor CycloneDX");
        assert!(parse("<xml>").unwrap_err().starts_with("it is no JSON"));
    }

    #[test]
    fn images_are_the_same_in_short_and_in_full() {
        for (one, other) in [
            ("nginx", "docker.io/library/nginx:latest"),
            ("a/b:1", "docker.io/a/b:1"),
            ("r:5000/a", "r:5000/a:latest"),
            ("a@sha256:1", "docker.io/library/a@sha256:1"),
        ] {
            assert!(same_image(one, other), "{one} {other}");
        }
        for (one, other) in [("a:1", "a:2"), ("ghcr.io/a:1", "a:1"), ("a@sha256:1", "a@sha256:2")] {
            assert!(!same_image(one, other), "{one} {other}");
        }
    }
}
