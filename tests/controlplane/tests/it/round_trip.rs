//! What a router writes for its cases (`crates/routers/tests/cases/`), on a real API server: it must be accepted, and come back
//! as it was meant.

use std::fs;
use std::path::Path;

use api::Canary;
use kube::{Client, ResourceExt};
use operator::cluster::Cluster;
use ports::{Change, Halt, Seen};
use rollout::traffic::Split;
use routers::{Ability, Context, Error, Label, Router, Settings};
use serde_json::{Value, json};

use crate::left::anew;
use crate::manifests::{applied, apply, documents};

/// More looks than any question needs.
const LOOKS_MAX: usize = 10;

/// Plays all cases of a provider, each in a namespace of its own; how many there were.
pub(crate) async fn play(client: &Client, provider: &str) -> usize {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/routers/tests/cases").join(provider);
    let mut played = 0;
    for case in fs::read_dir(cases).unwrap() {
        let case = case.unwrap();
        let namespace = format!("{provider}-{}", case.file_name().into_string().unwrap());
        let canary = team(client, &namespace, &case.path()).await;
        let router = routers::find(provider).unwrap();
        Trip { cluster: Cluster::new(client.clone()), canary, router }.go().await;
        played += 1;
    }
    played
}

/// Applies the canary of a case, and what is there besides.
async fn team(client: &Client, namespace: &str, case: &Path) -> Canary {
    let read = |file: &str| fs::read_to_string(case.join(file)).map(|text| documents(&text)).unwrap_or_default();
    apply(client, &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})).await;
    let mut spec = read("canary.yaml").remove(0);
    spec["targetRef"] = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "cart"});
    let canary = json!({
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": "cart", "namespace": namespace},
        "spec": spec,
    });
    let canary = applied(client, &canary).await;
    for live in read("live.yaml") {
        apply(client, &anew(namespace, live, &canary.uid().unwrap())).await;
    }
    serde_json::from_value(json!(canary)).unwrap()
}

/// One canary and the router of its provider.
struct Trip {
    cluster: Cluster,
    canary: Canary,
    router: &'static dyn Router,
}

impl Trip {
    /// Every kind of split is written, and nothing is left to do about it, neither at once nor at the next look.
    async fn go(&self) {
        self.settle(|cx, seen| self.router.reconcile(cx, seen)).await;
        for split in self.splits() {
            self.settle(|cx, seen| self.router.write(cx, seen, split)).await;
            let left_to_do = self.ask(|cx, seen| self.router.reconcile(cx, seen)).await;
            assert_eq!(left_to_do, [], "{:?} at {split}", self.canary.metadata.namespace);
            assert_eq!(self.ask(|cx, seen| self.router.read(cx, seen)).await, split);
        }
    }

    fn splits(&self) -> Vec<Split> {
        let spec = &self.canary.spec;
        let mut splits = vec![Split::CANARY, Split::PRIMARY];
        if spec.analysis.has_steps() {
            splits.insert(0, Split::canary(30));
        }
        if self.router.abilities().contains(&Ability::Mirror) && spec.service.app_protocol.is_none() {
            splits.push(Split::MIRROR);
        }
        splits
    }

    /// Makes the changes, which must then be made.
    async fn settle(&self, question: impl Fn(&Context<'_>, &Seen) -> Result<Vec<Change>, Halt<Error>>) {
        for change in self.ask(&question).await {
            self.cluster.perform(&change).await.unwrap();
        }
        assert_eq!(self.ask(&question).await, [], "{:?}", self.canary.metadata.namespace);
    }

    async fn ask<T>(&self, question: impl Fn(&Context<'_>, &Seen) -> Result<T, Halt<Error>>) -> T {
        let (settings, mut seen) = (Settings::default(), Seen::default());
        let label = Label { key: "app", value: "cart" };
        let cx = Context { canary: &self.canary, label, ports: &[], settings: &settings };
        for _ in 0..LOOKS_MAX {
            match question(&cx, &seen) {
                Ok(answer) => return answer,
                Err(Halt::Failed(error)) => panic!("{error}"),
                Err(Halt::Need(key)) => {
                    let found = self.cluster.fetch(&key).await.unwrap();
                    seen.put(key, found);
                }
            }
        }
        panic!("the question never comes to an end");
    }
}

/// The team's canary of [`crate::manifests::team`] without what is another provider's.
pub(crate) fn without_gateway(canary: &mut Value) {
    canary["spec"]["service"].as_object_mut().unwrap().remove("gatewayRefs");
}
