//! What Grafana and Prometheus ask for: the queries of the dashboards, and the alert rules.

use serde_json::Value;

use crate::files::{Error, manifests, read, root};

/// What Grafana fills in for the range of a rate.
const RATE_INTERVAL: &str = "1m";

/// The panels of a dashboard of `dashboards/`.
pub fn panels(dashboard: &str) -> Result<Vec<Value>, Error> {
    let path = root().join("dashboards").join(dashboard);
    let board: Value =
        serde_json::from_str(&read(&path)?).map_err(|error| Error::Parse { path, detail: error.to_string() })?;
    Ok(all(&board, "/panels"))
}

/// What the panels of a dashboard ask for, with its variables filled in.
pub fn dashboard_queries(dashboard: &str, namespace: &str, target: &str) -> Result<Vec<String>, Error> {
    let targets = panels(dashboard)?.into_iter().flat_map(|panel| all(&panel, "/targets"));
    let filled = targets.map(|asked| {
        let query = asked["expr"].as_str().unwrap_or_default().replace("$__rate_interval", RATE_INTERVAL);
        query.replace("$namespace", namespace).replace("$target", target)
    });
    Ok(filled.collect())
}

/// The alert rules of a group of `alerts/flagger.yaml`.
pub fn alert_rules(group: &str) -> Result<Vec<Value>, Error> {
    let files = manifests(&root().join("alerts/flagger.yaml"))?;
    let groups = files.iter().flat_map(|file| all(file, "/groups"));
    Ok(groups.filter(|one| one["name"] == group).flat_map(|one| all(&one, "/rules")).collect())
}

fn all(value: &Value, pointer: &str) -> Vec<Value> {
    value.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default()
}
