//! What keeps pods from serving, in the words of the person who has to fix it.
//!
//! Only asked about the pods of a side that is not ready.

use serde_json::Value;

/// Why a container waits that will not run by waiting alone.
const BROKEN: [&str; 8] = [
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "RunContainerError",
];

/// How much of a message of Kubernetes is told.
const MESSAGE_CHARS_MAX: usize = 200;

/// The worst that was found among some pods.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trouble {
    /// Whether somebody has to do something: a container can't start, or crashes again and again.
    pub broken: bool,
    /// Pod, container and reason.
    pub text: String,
}

/// What is wrong with these pods, `None` when nothing can be told from them.
pub fn trouble(pods: &[Value]) -> Option<Trouble> {
    let alive = |pod: &&Value| pod.pointer("/metadata/deletionTimestamp").is_none();
    let mut troubles: Vec<Trouble> = pods.iter().filter(alive).filter_map(of_pod).collect();
    // Broken ones first, then by name.
    troubles.sort_by(|one, other| other.broken.cmp(&one.broken).then_with(|| one.text.cmp(&other.text)));
    let others = troubles.len().saturating_sub(1);
    let mut worst = troubles.into_iter().next()?;
    if 0 < others {
        worst.text = format!("{}, and {others} more", worst.text);
    }
    Some(worst)
}

fn of_pod(pod: &Value) -> Option<Trouble> {
    let name = text(pod, "/metadata/name");
    let statuses = ["initContainerStatuses", "containerStatuses"].into_iter();
    let statuses = statuses.filter_map(|field| pod.pointer("/status")?.get(field)?.as_array()).flatten();
    let of_containers = statuses.filter_map(of_container);
    let worst = of_containers.max_by_key(|trouble| trouble.broken).or_else(|| unscheduled(pod))?;
    Some(Trouble { text: format!("pod {name} {}", worst.text), ..worst })
}

fn of_container(status: &Value) -> Option<Trouble> {
    let trouble = |broken: bool, reason: String| {
        Some(Trouble { broken, text: format!("container {}: {reason}", text(status, "/name")) })
    };
    if let Some(reason) = status.pointer("/state/waiting/reason").and_then(Value::as_str) {
        let broken = BROKEN.contains(&reason);
        return match reason {
            "CrashLoopBackOff" => trouble(broken, format!("{reason}{}", last_exit(status, "/lastState/terminated"))),
            _ if reason.contains("Image") => trouble(broken, format!("{reason} ({})", text(status, "/image"))),
            _ if broken => trouble(broken, reason.to_owned()),
            // Still being set up.
            _ => None,
        };
    }
    let restarts = status.pointer("/restartCount").and_then(Value::as_i64).unwrap_or_default();
    match status.pointer("/state/terminated/exitCode").and_then(Value::as_i64) {
        Some(0) => None,
        Some(_) => trouble(0 < restarts, format!("terminated{}", last_exit(status, "/state/terminated"))),
        None if status.pointer("/state/running").is_some() && status.get("ready") == Some(&Value::Bool(false)) => {
            trouble(false, "running, but not ready".to_owned())
        }
        None => None,
    }
}

/// How the container ended.
fn last_exit(status: &Value, at: &str) -> String {
    let Some(end) = status.pointer(at) else { return String::new() };
    let code = end.get("exitCode").and_then(Value::as_i64).unwrap_or_default();
    format!(" ({}, exit code {code})", text(end, "/reason"))
}

fn unscheduled(pod: &Value) -> Option<Trouble> {
    let conditions = pod.pointer("/status/conditions")?.as_array()?;
    let refused = conditions
        .iter()
        .find(|condition| text(condition, "/type") == "PodScheduled" && text(condition, "/status") == "False")?;
    let message: String = text(refused, "/message").chars().take(MESSAGE_CHARS_MAX).collect();
    Some(Trouble { broken: false, text: format!("{}: {message}", text(refused, "/reason")) })
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, container: &Value) -> Value {
        json!({"metadata": {"name": name}, "status": {"containerStatuses": [container]}})
    }

    fn told(pods: &[Value]) -> Option<(bool, String)> {
        trouble(pods).map(|trouble| (trouble.broken, trouble.text))
    }

    #[test]
    fn a_pod_that_can_not_run_is_named_with_its_container_and_the_reason() {
        let no_image = json!({"name": "web", "image": "web:9", "state": {"waiting": {"reason": "ImagePullBackOff"}}});
        let crashing = json!({
            "name": "web", "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}},
        });
        let between = json!({
            "name": "web", "restartCount": 1, "state": {"terminated": {"reason": "Error", "exitCode": 1}},
        });
        for (container, expected) in [
            (no_image, "pod a container web: ImagePullBackOff (web:9)"),
            (crashing, "pod a container web: CrashLoopBackOff (OOMKilled, exit code 137)"),
            (between, "pod a container web: terminated (Error, exit code 1)"),
        ] {
            assert_eq!(told(&[pod("a", &container)]), Some((true, expected.to_owned())));
        }
    }

    #[test]
    fn the_worst_pod_speaks_for_all_and_leaving_ones_stay_silent() {
        let unready = json!({"name": "web", "ready": false, "state": {"running": {}}});
        let wrong = json!({"name": "web", "state": {"waiting": {"reason": "CreateContainerConfigError"}}});
        let starting = json!({"name": "web", "state": {"waiting": {"reason": "ContainerCreating"}}});
        let mut leaving = pod("z", &wrong);
        leaving["metadata"]["deletionTimestamp"] = json!("2026-11-21T14:30:09Z");
        let pods = [pod("a", &unready), pod("b", &wrong), pod("c", &starting), leaving];
        let expected = "pod b container web: CreateContainerConfigError, and 1 more";
        assert_eq!(told(&pods), Some((true, expected.to_owned())));
        assert_eq!(told(&pods[2..]), None);
        assert_eq!(told(&pods[..1]), Some((false, "pod a container web: running, but not ready".to_owned())));
    }

    #[test]
    fn a_pod_without_a_node_says_why() {
        let pod = json!({"metadata": {"name": "a"}, "status": {"conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"},
        ]}});
        assert_eq!(told(&[pod]), Some((false, "pod a Unschedulable: 0/3 nodes are available".to_owned())));
    }
}
