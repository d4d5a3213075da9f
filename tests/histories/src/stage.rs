//! What a team has in the cluster at the beginning: drawn from the seed, so that histories differ in more than their faults.

use serde_json::{Value, json};

use crate::cluster::{Id, NAMESPACE};
use crate::dice::Dice;

/// The application: its Deployment, Canary, Service and route are called so.
pub(crate) const APP: &str = "cart";
/// The copy that serves everybody.
pub(crate) const PRIMARY: &str = "cart-primary";
/// What the application reads, and the copy that the primary reads.
pub(crate) const CONFIG: &str = "cart-config";
pub(crate) const CONFIG_COPY: &str = "cart-config-primary";
/// The metric template.
pub(crate) const TEMPLATE: &str = "errors";

/// The team's objects.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    /// The provider that the operator is told of.
    pub(crate) provider: &'static str,
    /// Everything that the team applies, in this order.
    pub(crate) objects: Vec<Value>,
}

impl Stage {
    /// What this seed has.
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        let provider = if dice.chance(75) { "gatewayapi:v1" } else { "kubernetes" };
        let autoscaled = dice.chance(25);
        let replicas = dice.between(1, 3);
        let mut objects = vec![deployment(replicas, dice.between(30, 90)), template()];
        if autoscaled {
            objects.push(autoscaler(replicas));
        }
        if dice.chance(30) {
            configure(&mut objects);
        }
        objects.push(canary(autoscaled, dice));
        Self { provider, objects }
    }

    /// The object as the team applies it.
    pub(crate) fn manifest(&self, id: &Id) -> Option<&Value> {
        self.objects.iter().find(|object| Id::of(object).as_ref() == Some(id))
    }
}

fn deployment(replicas: u64, deadline_secs: u64) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": APP, "namespace": NAMESPACE},
        "spec": {
            "replicas": replicas,
            "progressDeadlineSeconds": deadline_secs,
            "selector": {"matchLabels": {"app": APP}},
            "template": {
                "metadata": {"labels": {"app": APP}},
                "spec": {"containers": [{
                    "name": "main", "image": "cart:0-good", "ports": [{"name": "http", "containerPort": 8080}],
                }]},
            },
        },
    })
}

/// Lets the application read a ConfigMap.
fn configure(objects: &mut Vec<Value>) {
    for deployment in objects.iter_mut().filter(|object| object["kind"] == "Deployment") {
        deployment["spec"]["template"]["spec"]["volumes"] = json!([{"name": "config", "configMap": {"name": CONFIG}}]);
    }
    objects.push(json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": CONFIG, "namespace": NAMESPACE},
        "data": {"level": "1"},
    }));
}

fn template() -> Value {
    json!({
        "apiVersion": "flagger.app/v1beta1",
        "kind": "MetricTemplate",
        "metadata": {"name": TEMPLATE, "namespace": NAMESPACE},
        "spec": {
            "provider": {"type": "prometheus", "address": "http://prometheus.test"},
            "query": "errors{app=\"{{ target }}\"}",
        },
    })
}

fn autoscaler(replicas: u64) -> Value {
    json!({
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": APP, "namespace": NAMESPACE},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": APP},
            "minReplicas": replicas,
            "maxReplicas": replicas + 2,
        },
    })
}

fn canary(autoscaled: bool, dice: &mut Dice) -> Value {
    let mut spec = json!({
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": APP},
        "progressDeadlineSeconds": dice.between(30, 90),
        "service": {"port": 80, "targetPort": 8080, "gatewayRefs": [{"name": "gateway"}]},
        "skipAnalysis": dice.chance(8),
        "analysis": analysis(dice),
    });
    if autoscaled {
        spec["autoscalerRef"] = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": APP});
    }
    json!({
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": APP, "namespace": NAMESPACE},
        "spec": spec,
    })
}

fn analysis(dice: &mut Dice) -> Value {
    let mut analysis = json!({
        "interval": format!("{}s", dice.pick(&[10, 30, 60])),
        "threshold": dice.between(1, 4),
        "metrics": metrics(dice),
        "webhooks": hooks(dice),
    });
    match dice.between(0, 5) {
        0 => analysis["iterations"] = json!(dice.between(1, 4)),
        1 => {
            analysis["iterations"] = json!(dice.between(1, 4));
            analysis["match"] = json!([{"headers": {"x-canary": {"exact": "yes"}}}]);
        }
        2 => analysis["stepWeights"] = json!([dice.between(1, 20), dice.between(21, 60), dice.between(61, 100)]),
        _ => {
            analysis["stepWeight"] = json!(dice.between(10, 50));
            analysis["maxWeight"] = json!(dice.between(30, 100));
        }
    }
    if dice.chance(30) {
        analysis["stepWeightPromotion"] = json!(dice.between(20, 60));
    }
    if dice.chance(15) {
        analysis["mirror"] = json!(true);
    }
    analysis
}

fn metrics(dice: &mut Dice) -> Vec<Value> {
    let all = [
        json!({"name": "request-success-rate", "thresholdRange": {"min": 99}, "interval": "1m"}),
        json!({"name": "request-duration", "thresholdRange": {"max": 500}, "interval": "1m"}),
        json!({"name": TEMPLATE, "templateRef": {"name": TEMPLATE}, "thresholdRange": {"max": 1}, "interval": "1m"}),
    ];
    all.into_iter().filter(|_| dice.chance(50)).collect()
}

fn hooks(dice: &mut Dice) -> Vec<Value> {
    let kinds = [
        "confirm-rollout",
        "pre-rollout",
        "rollout",
        "confirm-traffic-increase",
        "confirm-promotion",
        "post-rollout",
        "rollback",
        "event",
    ];
    let hook = |kind: &str, dice: &mut Dice| {
        let timeout = format!("{}s", dice.between(1, 5));
        json!({"name": kind, "type": kind, "url": format!("http://hooks.test/{kind}"), "timeout": timeout})
    };
    let chosen: Vec<_> = kinds.iter().filter(|_| dice.chance(20)).collect();
    chosen.into_iter().map(|kind| hook(kind, dice)).collect()
}
