//! Pods and what runs them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::age;
use super::cells::{age, age_at, condition, count, joined, labels, list, name, selector, text, text_or_none};

pub(super) fn pod(pod: &Value, now: Timestamp) -> Vec<Value> {
    let statuses = list(pod, "/status/containerStatuses");
    let ready = statuses.iter().filter(|status| is_ready(status) && state(status, "running").is_some()).count();
    let total = list(pod, "/spec/containers").len();
    let gates = list(pod, "/spec/readinessGates");
    let passed = gates.iter().filter(|gate| condition(pod, text(gate, "/conditionType")) == "True").count();
    let gates = if gates.is_empty() { "<none>".to_owned() } else { format!("{passed}/{}", gates.len()) };
    vec![
        name(pod),
        json!(format!("{ready}/{total}")),
        json!(pod_status(pod)),
        json!(restarts(statuses, now)),
        age(pod, now),
        json!(text_or_none(pod, "/status/podIP")),
        json!(text_or_none(pod, "/spec/nodeName")),
        json!(text_or_none(pod, "/status/nominatedNodeName")),
        json!(gates),
    ]
}

/// One word for how a pod is doing: its phase, unless a container or its removal says more.
fn pod_status(pod: &Value) -> String {
    if !text(pod, "/metadata/deletionTimestamp").is_empty() {
        let lost = text(pod, "/status/reason") == "NodeLost";
        return if lost { "Unknown".to_owned() } else { "Terminating".to_owned() };
    }
    if let Some(initialising) = init_status(pod) {
        return initialising;
    }
    let statuses = list(pod, "/status/containerStatuses");
    let reason = statuses.iter().find_map(container_reason);
    let running = statuses.iter().any(|status| is_ready(status) && state(status, "running").is_some());
    match reason {
        // A finished helper beside a running container doesn't make the pod completed.
        Some(reason) if reason == "Completed" && running => {
            if condition(pod, "Ready") == "True" {
                "Running".to_owned()
            } else {
                "NotReady".to_owned()
            }
        }
        Some(reason) => reason,
        None => Some(text(pod, "/status/reason"))
            .filter(|reason| !reason.is_empty())
            .unwrap_or(text(pod, "/status/phase"))
            .to_owned(),
    }
}

/// `Init:1/3` or what an init container waits for; `None` once all are done.
fn init_status(pod: &Value) -> Option<String> {
    let total = list(pod, "/spec/initContainers").len();
    let statuses = list(pod, "/status/initContainerStatuses");
    for (done, status) in statuses.iter().enumerate() {
        if let Some(terminated) = state(status, "terminated") {
            if count(terminated, "/exitCode") == 0 {
                continue;
            }
            return Some(format!("Init:{}", termination(terminated)));
        }
        let restartable = list(pod, "/spec/initContainers").iter().any(|container| {
            text(container, "/name") == text(status, "/name") && text(container, "/restartPolicy") == "Always"
        });
        if restartable && status.get("started") == Some(&Value::Bool(true)) {
            continue;
        }
        let waiting = state(status, "waiting").map_or("", |waiting| text(waiting, "/reason"));
        return Some(match waiting {
            "" | "PodInitializing" => format!("Init:{done}/{total}"),
            reason => format!("Init:{reason}"),
        });
    }
    None
}

fn container_reason(status: &Value) -> Option<String> {
    if let Some(waiting) = state(status, "waiting") {
        let reason = text(waiting, "/reason");
        return (!reason.is_empty()).then(|| reason.to_owned());
    }
    state(status, "terminated").map(termination)
}

fn termination(terminated: &Value) -> String {
    let (reason, signal) = (text(terminated, "/reason"), count(terminated, "/signal"));
    match (reason, signal) {
        ("", 0) => format!("ExitCode:{}", count(terminated, "/exitCode")),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

/// `3 (5m ago)`: how often containers restarted, and when one last did.
fn restarts(statuses: &[Value], now: Timestamp) -> String {
    let restarts: i64 = statuses.iter().map(|status| count(status, "/restartCount")).sum();
    let ends = statuses.iter().map(|status| text(status, "/lastState/terminated/finishedAt"));
    match ends.max().filter(|end| !end.is_empty() && 0 < restarts) {
        Some(end) => format!("{restarts} ({} ago)", age::since(Some(end), now)),
        None => restarts.to_string(),
    }
}

fn state<'v>(status: &'v Value, name: &str) -> Option<&'v Value> {
    status.get("state")?.get(name).filter(|state| !state.is_null())
}

fn is_ready(status: &Value) -> bool {
    status.get("ready") == Some(&Value::Bool(true))
}

pub(super) fn deployment(deployment: &Value, now: Timestamp) -> Vec<Value> {
    let (ready, wanted) = (count(deployment, "/status/readyReplicas"), count(deployment, "/spec/replicas"));
    let [containers, images] = containers(deployment, "/spec/template/spec/containers");
    vec![
        name(deployment),
        json!(format!("{ready}/{wanted}")),
        json!(count(deployment, "/status/updatedReplicas")),
        json!(count(deployment, "/status/availableReplicas")),
        age(deployment, now),
        containers,
        images,
        json!(selector(deployment, "/spec/selector")),
    ]
}

pub(super) fn replica_set(set: &Value, now: Timestamp) -> Vec<Value> {
    let [containers, images] = containers(set, "/spec/template/spec/containers");
    vec![
        name(set),
        json!(count(set, "/spec/replicas")),
        json!(count(set, "/status/replicas")),
        json!(count(set, "/status/readyReplicas")),
        age(set, now),
        containers,
        images,
        json!(selector(set, "/spec/selector")),
    ]
}

pub(super) fn daemon_set(set: &Value, now: Timestamp) -> Vec<Value> {
    let [containers, images] = containers(set, "/spec/template/spec/containers");
    vec![
        name(set),
        json!(count(set, "/status/desiredNumberScheduled")),
        json!(count(set, "/status/currentNumberScheduled")),
        json!(count(set, "/status/numberReady")),
        json!(count(set, "/status/updatedNumberScheduled")),
        json!(count(set, "/status/numberAvailable")),
        json!(labels(set, "/spec/template/spec/nodeSelector")),
        age(set, now),
        containers,
        images,
        json!(selector(set, "/spec/selector")),
    ]
}

pub(super) fn stateful_set(set: &Value, now: Timestamp) -> Vec<Value> {
    let [containers, images] = containers(set, "/spec/template/spec/containers");
    let ready = format!("{}/{}", count(set, "/status/readyReplicas"), count(set, "/spec/replicas"));
    vec![name(set), json!(ready), age(set, now), containers, images]
}

pub(super) fn controller_revision(revision: &Value, now: Timestamp) -> Vec<Value> {
    let owner = list(revision, "/metadata/ownerReferences")
        .iter()
        .find(|owner| owner.get("controller") == Some(&Value::Bool(true)));
    let owner = owner.map_or("<none>".to_owned(), |owner| {
        let group = text(owner, "/apiVersion").split_once('/').map_or(String::new(), |(group, _)| format!(".{group}"));
        format!("{}{group}/{}", text(owner, "/kind").to_lowercase(), text(owner, "/name"))
    });
    vec![name(revision), json!(owner), json!(count(revision, "/revision")), age(revision, now)]
}

pub(super) fn job(job: &Value, now: Timestamp) -> Vec<Value> {
    let [containers, images] = containers(job, "/spec/template/spec/containers");
    let succeeded = count(job, "/status/succeeded");
    let completions = match (job.pointer("/spec/completions").and_then(Value::as_i64), count(job, "/spec/parallelism"))
    {
        (Some(completions), _) => format!("{succeeded}/{completions}"),
        (None, parallelism) if 1 < parallelism => format!("{succeeded}/1 of {parallelism}"),
        (None, _) => format!("{succeeded}/1"),
    };
    let status = if condition(job, "Complete") == "True" {
        "Complete"
    } else if condition(job, "Failed") == "True" {
        "Failed"
    } else if !text(job, "/metadata/deletionTimestamp").is_empty() {
        "Terminating"
    } else if condition(job, "Suspended") == "True" {
        "Suspended"
    } else {
        "Running"
    };
    vec![
        name(job),
        json!(status),
        json!(completions),
        json!(job_duration(job, now).unwrap_or_default()),
        age(job, now),
        containers,
        images,
        json!(selector(job, "/spec/selector")),
    ]
}

fn job_duration(job: &Value, now: Timestamp) -> Option<String> {
    let moment = |pointer| text(job, pointer).parse::<Timestamp>().ok();
    let start = moment("/status/startTime")?;
    let end = moment("/status/completionTime").unwrap_or(now);
    Some(age::human(end.duration_since(start).as_secs()))
}

pub(super) fn cron_job(cron: &Value, now: Timestamp) -> Vec<Value> {
    let [containers, images] = containers(cron, "/spec/jobTemplate/spec/template/spec/containers");
    let last = match text(cron, "/status/lastScheduleTime") {
        "" => json!("<none>"),
        _ => age_at(cron, "/status/lastScheduleTime", now),
    };
    vec![
        name(cron),
        json!(text(cron, "/spec/schedule")),
        json!(text_or_none(cron, "/spec/timeZone")),
        json!(if cron.pointer("/spec/suspend") == Some(&Value::Bool(true)) { "True" } else { "False" }),
        json!(list(cron, "/status/active").len()),
        last,
        age(cron, now),
        containers,
        images,
        json!(selector(cron, "/spec/jobTemplate/spec/selector")),
    ]
}

pub(super) fn horizontal_pod_autoscaler(autoscaler: &Value, now: Timestamp) -> Vec<Value> {
    let target =
        format!("{}/{}", text(autoscaler, "/spec/scaleTargetRef/kind"), text(autoscaler, "/spec/scaleTargetRef/name"));
    let minimum = autoscaler.pointer("/spec/minReplicas").and_then(Value::as_i64);
    vec![
        name(autoscaler),
        json!(target),
        json!(metrics(autoscaler)),
        json!(minimum.map_or("<unset>".to_owned(), |minimum| minimum.to_string())),
        json!(count(autoscaler, "/spec/maxReplicas")),
        json!(count(autoscaler, "/status/currentReplicas")),
        age(autoscaler, now),
    ]
}

/// `cpu: 30%/80%` for each metric, two at most.
fn metrics(autoscaler: &Value) -> String {
    let current = list(autoscaler, "/status/currentMetrics");
    let words: Vec<String> = list(autoscaler, "/spec/metrics")
        .iter()
        .enumerate()
        .map(|(index, metric)| {
            let field = match text(metric, "/type") {
                "ContainerResource" => "containerResource",
                "External" => "external",
                "Object" => "object",
                "Pods" => "pods",
                _ => "resource",
            };
            let label = text(metric, &format!("/{field}/name"));
            let label = if label.is_empty() { String::new() } else { format!("{label}: ") };
            let found = current.get(index).and_then(|status| status.get(field)?.get("current"));
            let found = found.and_then(amount).unwrap_or_else(|| "<unknown>".to_owned());
            let wanted = metric.get(field).and_then(|source| amount(source.get("target")?)).unwrap_or_default();
            format!("{label}{found}/{wanted}")
        })
        .collect();
    match words.as_slice() {
        [] => "<none>".to_owned(),
        [first, second, more @ ..] if !more.is_empty() => format!("{first}, {second} + {} more...", more.len()),
        few => few.join(", "),
    }
}

fn amount(target: &Value) -> Option<String> {
    if let Some(percent) = target.get("averageUtilization").and_then(Value::as_i64) {
        return Some(format!("{percent}%"));
    }
    match target.get("averageValue").and_then(Value::as_str) {
        Some(average) => Some(format!("{average} (avg)")),
        None => target.get("value").and_then(Value::as_str).map(str::to_owned),
    }
}

pub(super) fn pod_disruption_budget(budget: &Value, now: Timestamp) -> Vec<Value> {
    let bound = |pointer| match budget.pointer(pointer) {
        None | Some(Value::Null) => "N/A".to_owned(),
        Some(Value::String(percent)) => percent.clone(),
        Some(number) => number.to_string(),
    };
    vec![
        name(budget),
        json!(bound("/spec/minAvailable")),
        json!(bound("/spec/maxUnavailable")),
        json!(count(budget, "/status/disruptionsAllowed")),
        age(budget, now),
    ]
}

fn containers(object: &Value, pointer: &str) -> [Value; 2] {
    let containers = list(object, pointer);
    let column =
        |field: &str| json!(joined(containers.iter().map(|container| text(container, field))).replace("<none>", ""));
    [column("/name"), column("/image")]
}
