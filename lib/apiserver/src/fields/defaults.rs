//! Fills in what the real server fills in. Operators hash pod templates, so a template must come back as it would there.

use serde_json::{Map, Value, json};

use super::rules::{Preset, Source, rules};
use super::{Form, Struct};

/// Gives every absent field of `object` its default, at any depth.
pub(crate) fn fill(object: &mut Value, of: &'static Struct) {
    let Value::Object(fields) = object else { return };
    for preset in rules(of.name).into_iter().flat_map(|rules| &rules.defaults) {
        apply(fields, preset);
    }
    computed(fields, of.name);
    for field in &of.fields {
        if let Some(value) = fields.get_mut(field.name) {
            descend(value, &field.form);
        }
    }
}

fn descend(value: &mut Value, form: &Form) {
    match (form, value) {
        (Form::Struct(_), value) => {
            if let Some(inner) = form.as_struct() {
                fill(value, inner);
            }
        }
        (Form::List(item), Value::Array(items)) => items.iter_mut().for_each(|one| descend(one, item)),
        (Form::Map(item), Value::Object(values)) => values.values_mut().for_each(|one| descend(one, item)),
        _ => {}
    }
}

fn apply(fields: &mut Map<String, Value>, preset: &Preset) {
    if fields.contains_key(preset.field) {
        return;
    }
    if let Some((sibling, wanted)) = preset.condition
        && fields.get(sibling).and_then(Value::as_str) != Some(wanted)
    {
        return;
    }
    let value = match &preset.value {
        Source::Literal(value) => Some(value.clone()),
        Source::Sibling(name) => fields.get(*name).cloned(),
    };
    if let Some(value) = value {
        fields.insert(preset.field.to_owned(), value);
    }
}

/// The defaults that depend on more than one sibling's text.
fn computed(fields: &mut Map<String, Value>, name: &str) {
    match name {
        "core/v1.Container" => image_pull_policy(fields),
        "core/v1.PodSpec" => service_account(fields),
        "core/v1.Pod" => pod(fields),
        "core/v1.Volume" if fields.len() == 1 => drop(fields.insert("emptyDir".to_owned(), json!({}))),
        "networking/v1.NetworkPolicySpec" if !fields.contains_key("policyTypes") => policy_types(fields),
        "autoscaling/v2.HorizontalPodAutoscalerBehavior" => scaling_behaviour(fields),
        _ => {}
    }
}

fn image_pull_policy(container: &mut Map<String, Value>) {
    if container.contains_key("imagePullPolicy") {
        return;
    }
    let Some(image) = container.get("image").and_then(Value::as_str) else { return };
    let name = image.rsplit('/').next().unwrap_or(image);
    let moving = !image.contains('@') && name.split_once(':').is_none_or(|(_, tag)| tag == "latest");
    let policy = if moving { "Always" } else { "IfNotPresent" };
    container.insert("imagePullPolicy".to_owned(), json!(policy));
}

/// `serviceAccount` is the deprecated name of `serviceAccountName`; the server keeps both alike.
fn service_account(spec: &mut Map<String, Value>) {
    for (from, to) in [("serviceAccountName", "serviceAccount"), ("serviceAccount", "serviceAccountName")] {
        if let (Some(name), false) = (spec.get(from).cloned(), spec.contains_key(to)) {
            spec.insert(to.to_owned(), name);
        }
    }
}

/// What only a pod gets, not a template: environment links and requests copied from limits.
fn pod(pod: &mut Map<String, Value>) {
    let Some(Value::Object(spec)) = pod.get_mut("spec") else { return };
    spec.entry("enableServiceLinks").or_insert(json!(true));
    for list in ["containers", "initContainers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            let Some(Value::Object(resources)) = container.get_mut("resources") else { continue };
            let Some(Value::Object(limits)) = resources.get("limits").cloned() else { continue };
            let requests = resources.entry("requests").or_insert(json!({}));
            for (name, limit) in limits {
                if let Value::Object(requests) = requests {
                    requests.entry(name).or_insert(limit);
                }
            }
        }
    }
}

fn policy_types(spec: &mut Map<String, Value>) {
    let types = if spec.contains_key("egress") { json!(["Ingress", "Egress"]) } else { json!(["Ingress"]) };
    spec.insert("policyTypes".to_owned(), types);
}

fn scaling_behaviour(behaviour: &mut Map<String, Value>) {
    let every = |kind: &str, value: i64| json!({"type": kind, "value": value, "periodSeconds": 15});
    let up = json!({"stabilizationWindowSeconds": 0, "policies": [every("Pods", 4), every("Percent", 100)]});
    let down = json!({"policies": [every("Percent", 100)]});
    for (name, preset) in [("scaleUp", up), ("scaleDown", down)] {
        let Value::Object(preset) = preset else { continue };
        let Value::Object(rules) = behaviour.entry(name).or_insert(json!({})) else { continue };
        for (key, value) in preset {
            rules.entry(key).or_insert(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::types;

    #[test]
    fn a_bare_deployment_gets_what_the_real_server_fills_in() {
        let mut deployment = json!({"spec": {"template": {"spec": {"containers": [{
            "name": "app", "image": "ghcr.io/app:1.0", "ports": [{"containerPort": 8080}],
            "readinessProbe": {"httpGet": {"port": 8080}},
        }]}}}});
        fill(&mut deployment, types().get("apps/v1.Deployment").unwrap());
        assert_eq!(
            deployment["spec"],
            json!({
                "progressDeadlineSeconds": 600, "replicas": 1, "revisionHistoryLimit": 10,
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
                "template": {"spec": {
                    "containers": [{
                        "name": "app", "image": "ghcr.io/app:1.0", "imagePullPolicy": "IfNotPresent", "resources": {},
                        "ports": [{"containerPort": 8080, "protocol": "TCP"}],
                        "readinessProbe": {
                            "httpGet": {"path": "/", "port": 8080, "scheme": "HTTP"},
                            "failureThreshold": 3, "periodSeconds": 10, "successThreshold": 1, "timeoutSeconds": 1,
                        },
                        "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                    }],
                    "dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "schedulerName": "default-scheduler",
                    "securityContext": {}, "terminationGracePeriodSeconds": 30,
                }},
            })
        );
    }

    #[test]
    fn a_moving_tag_is_always_pulled() {
        for (image, policy) in [
            ("app", "Always"),
            ("host:5000/app", "Always"),
            ("app:latest", "Always"),
            ("app:1", "IfNotPresent"),
            ("app@sha256:0", "IfNotPresent"),
        ] {
            let mut container = json!({"image": image});
            fill(&mut container, types().get("core/v1.Container").unwrap());
            assert_eq!(container["imagePullPolicy"], policy, "{image}");
        }
    }
}
