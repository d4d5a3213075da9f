//! What routers write, one folder a case: `canary.yaml` and perhaps `live.yaml` go in, `expect.yaml` is what there is at 30
//! percent.

use std::fs;
use std::path::{Path, PathBuf};

use api::Canary;
use expect_test::expect_file;
use flagger_routers::find;
use ports::kinds::{DESTINATION_RULE, HTTP_ROUTE, INGRESS, VIRTUAL_SERVICE};
use rollout::traffic::Split;
use serde_json::Value;

use crate::cluster::{Cluster, canary};

/// Canary and cluster of a case such as `istio/plain`.
pub(crate) fn case(name: &str) -> (Canary, Cluster) {
    let case = folder().join(name);
    let mut cluster = Cluster::default();
    for live in documents(&case.join("live.yaml")) {
        let kinds = [DESTINATION_RULE, HTTP_ROUTE, INGRESS, VIRTUAL_SERVICE];
        let kind = kinds.into_iter().find(|kind| live["kind"] == kind.kind).unwrap();
        cluster.add(kind, live);
    }
    let [spec] = documents(&case.join("canary.yaml")).try_into().unwrap();
    (canary(spec), cluster)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

/// The documents of a file, none when it isn't there.
fn documents(path: &Path) -> Vec<Value> {
    fs::read_to_string(path).map(|text| serde_saphyr::from_multiple(&text).unwrap()).unwrap_or_default()
}

/// The names of what is in a folder.
fn names(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn routes_are_as_the_cases_say() {
    for provider in names(&folder()) {
        for name in names(&folder().join(&provider)) {
            let name = format!("{provider}/{name}");
            let (canary, mut cluster) = case(&name);
            let router = find(canary.spec.provider.as_deref().unwrap()).unwrap();
            cluster.settle(&canary, |cx, seen| router.reconcile(cx, seen));
            cluster.settle(&canary, |cx, seen| router.write(cx, seen, Split::canary(30)));
            let objects = cluster.objects.values().map(|object| serde_saphyr::to_string(object).unwrap());
            let objects: Vec<_> = objects.collect();
            expect_file![folder().join(&name).join("expect.yaml")].assert_eq(&objects.join("---\n"));
        }
    }
}
