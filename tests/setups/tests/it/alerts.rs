//! The alert rules in `alerts/`, as Prometheus itself understands them.

use std::io::{self, Write as _};
use std::process::Command;

use serde_json::Value;
use setups::{manifests, root};

#[test]
fn rules_fire_for_whom_they_are_about_and_for_nobody_else() {
    for words in [["check", "rules", "flagger.yaml"], ["test", "rules", "flagger.test.yaml"]] {
        let Ok(said) = Command::new("promtool").args(words).current_dir(root().join("alerts")).output() else {
            let required = std::env::var_os("PROMTOOL").is_some_and(|value| value == "required");
            assert!(!required, "there is no promtool");
            // A closed stderr has nobody who could be told.
            let _ = writeln!(io::stderr(), "left out: what promtool says about the alert rules; there is none");
            return;
        };
        let text = [said.stdout, said.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert!(said.status.success(), "{words:?}: {text}");
    }
}

#[test]
fn every_rule_is_played_by_a_case_in_which_it_fires() {
    let rules = &manifests(&root().join("alerts/flagger.yaml")).unwrap()[0];
    let cases = &manifests(&root().join("alerts/flagger.test.yaml")).unwrap()[0];
    let all = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let groups = all(&rules["groups"]);
    let names = groups.iter().flat_map(|group| all(&group["rules"])).map(|rule| rule["alert"].clone());
    let fired: Vec<Value> = all(&cases["tests"])
        .iter()
        .flat_map(|case| all(&case["alert_rule_test"]))
        .filter(|moment| !all(&moment["exp_alerts"]).is_empty())
        .map(|moment| moment["alertname"].clone())
        .collect();
    for name in names {
        assert!(fired.contains(&name), "{name} never fires");
    }
}
