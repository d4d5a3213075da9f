//! A pod's status, as a kubelet would report it.

use std::net::IpAddr;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    Container, ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting, ContainerStatus,
    HostIP, Pod, PodCondition, PodIP, PodStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// Where a pod is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) pod: IpAddr,
    pub(crate) host: IpAddr,
}

/// What is known of one container.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Facts {
    pub(crate) state: State,
    pub(crate) last: Option<Exit>,
    pub(crate) restarts: i32,
    pub(crate) ready: bool,
}

/// What a container is doing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum State {
    /// Not running, for a reason such as `ImagePullBackOff`.
    Waiting { reason: &'static str, message: Option<String> },
    /// Serving.
    Running { since: Timestamp },
    /// Over, and not to be started again.
    Over(Exit),
}

/// How a container ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Exit {
    pub(crate) code: i32,
    pub(crate) message: Option<String>,
    pub(crate) started: Timestamp,
    pub(crate) finished: Timestamp,
}

impl Default for Facts {
    fn default() -> Self {
        let state = State::Waiting { reason: "ContainerCreating", message: None };
        Self { state, last: None, restarts: 0, ready: false }
    }
}

/// Since when a pod is ready, if it is.
pub(crate) fn ready_since(pod: &Pod) -> Option<Timestamp> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let ready = conditions.iter().find(|condition| condition.type_ == "Ready" && condition.status == "True")?;
    ready.last_transition_time.as_ref().map(|time| time.0)
}

/// The status of a pod whose containers are in these states.
pub(crate) fn status(pod: &Pod, before: &PodStatus, at: Place, facts: &[Facts], now: Timestamp) -> PodStatus {
    let containers = pod.spec.as_ref().map_or(&[][..], |spec| &spec.containers);
    let phase = phase(facts);
    let mut status = PodStatus {
        container_statuses: Some(
            containers.iter().zip(facts).map(|(container, facts)| container_status(container, facts)).collect(),
        ),
        host_ip: Some(at.host.to_string()),
        host_ips: Some(vec![HostIP { ip: at.host.to_string() }]),
        phase: Some(phase.to_owned()),
        pod_ip: Some(at.pod.to_string()),
        pod_ips: Some(vec![PodIP { ip: at.pod.to_string() }]),
        qos_class: before.qos_class.clone().or_else(|| Some("BestEffort".into())),
        start_time: before.start_time.clone().or(Some(Time(now))),
        conditions: before.conditions.clone(),
        ..PodStatus::default()
    };
    let unready: Vec<&str> = containers
        .iter()
        .zip(facts)
        .filter(|(_, facts)| !facts.ready)
        .map(|(container, _)| container.name.as_str())
        .collect();
    let readiness = match phase {
        "Succeeded" => Err(("PodCompleted", String::new())),
        "Failed" => Err(("PodFailed", String::new())),
        _ if unready.is_empty() => Ok(()),
        _ => Err(("ContainersNotReady", format!("containers with unready status: [{}]", unready.join(" ")))),
    };
    for type_ in ["PodReadyToStartContainers", "Initialized", "PodScheduled"] {
        set(&mut status, type_, &Ok(()), now);
    }
    for type_ in ["ContainersReady", "Ready"] {
        set(&mut status, type_, &readiness, now);
    }
    status
}

/// `Pending` until each container has run, `Running` while one does or will again.
fn phase(facts: &[Facts]) -> &'static str {
    let failed = |facts: &Facts| matches!(&facts.state, State::Over(exit) if exit.code != 0);
    let over = |facts: &Facts| matches!(facts.state, State::Over(_));
    let never_ran = |facts: &Facts| matches!(facts.state, State::Waiting { .. }) && facts.last.is_none();
    if !facts.is_empty() && facts.iter().all(over) {
        return if facts.iter().any(failed) { "Failed" } else { "Succeeded" };
    }
    if facts.iter().any(never_ran) { "Pending" } else { "Running" }
}

fn container_status(container: &Container, facts: &Facts) -> ContainerStatus {
    let image = container.image.clone().unwrap_or_default();
    let running = matches!(facts.state, State::Running { .. });
    ContainerStatus {
        container_id: running.then(|| format!("sandbox://{}-{}", container.name, facts.restarts)),
        image_id: if running { image.clone() } else { String::new() },
        image,
        last_state: facts
            .last
            .as_ref()
            .map(|exit| ContainerState { terminated: Some(terminated(exit)), ..ContainerState::default() }),
        name: container.name.clone(),
        ready: facts.ready,
        restart_count: facts.restarts,
        started: Some(running),
        state: Some(match &facts.state {
            State::Waiting { reason, message } => ContainerState {
                waiting: Some(ContainerStateWaiting { reason: Some((*reason).to_owned()), message: message.clone() }),
                ..ContainerState::default()
            },
            State::Running { since } => ContainerState {
                running: Some(ContainerStateRunning { started_at: Some(Time(*since)) }),
                ..ContainerState::default()
            },
            State::Over(exit) => ContainerState { terminated: Some(terminated(exit)), ..ContainerState::default() },
        }),
        ..ContainerStatus::default()
    }
}

fn terminated(exit: &Exit) -> ContainerStateTerminated {
    ContainerStateTerminated {
        exit_code: exit.code,
        finished_at: Some(Time(exit.finished)),
        message: exit.message.clone(),
        reason: Some(if exit.code == 0 { "Completed" } else { "Error" }.to_owned()),
        started_at: Some(Time(exit.started)),
        ..ContainerStateTerminated::default()
    }
}

/// Says a condition; it keeps its transition time when only the reason is new.
fn set(status: &mut PodStatus, type_: &str, holds: &Result<(), (&str, String)>, now: Timestamp) {
    let conditions = status.conditions.get_or_insert_default();
    let mut said = PodCondition {
        type_: type_.to_owned(),
        status: if holds.is_ok() { "True" } else { "False" }.to_owned(),
        reason: holds.as_ref().err().map(|(reason, _)| (*reason).to_owned()),
        message: holds.as_ref().err().map(|(_, message)| message.clone()).filter(|message| !message.is_empty()),
        last_transition_time: Some(Time(now)),
        ..PodCondition::default()
    };
    match conditions.iter_mut().find(|condition| condition.type_ == type_) {
        Some(before) => {
            if before.status == said.status {
                said.last_transition_time = before.last_transition_time.take();
            }
            *before = said;
        }
        None => conditions.push(said),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod() -> Pod {
        serde_json::from_value(json!({"spec": {"containers": [{"name": "podinfo", "image": "podinfo:1"}]}})).unwrap()
    }

    fn report(before: &PodStatus, facts: Facts, at: &str) -> PodStatus {
        let place = Place { pod: [10, 244, 0, 2].into(), host: [172, 18, 0, 2].into() };
        status(&pod(), before, place, &[facts], at.parse().unwrap())
    }

    #[test]
    fn readiness_keeps_the_time_when_it_began() {
        let since: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let running = Facts { state: State::Running { since }, ready: true, ..Facts::default() };
        let first = report(&PodStatus::default(), running.clone(), "2026-01-01T00:00:05Z");
        let later = report(&first, running, "2026-01-01T00:01:00Z");
        let ready = ready_since(&Pod { status: Some(later.clone()), ..Pod::default() });
        assert_eq!(ready.map(|at| at.to_string()).as_deref(), Some("2026-01-01T00:00:05Z"));
        assert_eq!(later.phase.as_deref(), Some("Running"));
    }

    #[test]
    fn a_pod_whose_image_is_missing_is_pending_and_not_ready() {
        let state = State::Waiting { reason: "ImagePullBackOff", message: Some("Back-off".into()) };
        let status = report(&PodStatus::default(), Facts { state, ..Facts::default() }, "2026-01-01T00:00:00Z");
        assert_eq!(status.phase.as_deref(), Some("Pending"));
        let waiting = status.container_statuses.unwrap()[0].state.clone().unwrap().waiting.unwrap();
        assert_eq!(waiting.reason.as_deref(), Some("ImagePullBackOff"));
        let ready = status.conditions.unwrap().into_iter().find(|condition| condition.type_ == "Ready").unwrap();
        assert_eq!(ready.message.as_deref(), Some("containers with unready status: [podinfo]"));
    }

    #[test]
    fn a_crashed_container_that_will_start_again_keeps_the_pod_running() {
        let at = "2026-01-01T00:00:00Z".parse().unwrap();
        let exit = Exit { code: 1, message: None, started: at, finished: at };
        let state = State::Waiting { reason: "CrashLoopBackOff", message: None };
        let facts = Facts { state, last: Some(exit), restarts: 2, ready: false };
        assert_eq!(report(&PodStatus::default(), facts, "2026-01-01T00:00:00Z").phase.as_deref(), Some("Running"));
    }
}
