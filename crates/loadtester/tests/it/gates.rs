//! Gates, and where they are kept.

use serde_json::json;

use crate::tester::{Answer, Tester, folder};

fn check(tester: &Tester, path: &str) -> Answer {
    tester.hook(path, &json!({}))
}

fn approved() -> Answer {
    (200, "Approved".to_owned())
}

fn closed() -> Answer {
    (403, "Forbidden".to_owned())
}

#[test]
fn each_canary_has_two_gates_that_people_open_and_close() {
    let tester = Tester::start(&[]);
    assert_eq!(check(&tester, "/gate/check"), closed());
    assert_eq!(check(&tester, "/gate/open"), (202, String::new()));
    assert_eq!(check(&tester, "/gate/check"), approved());
    assert_eq!(check(&tester, "/rollback/check"), closed(), "the other gate is its own");
    let other = r#"{"name": "till", "namespace": "shop"}"#;
    assert_eq!(tester.post("/gate/check", other), closed(), "and so is that of another canary");
    assert_eq!(check(&tester, "/rollback/open").0, 202);
    assert_eq!(check(&tester, "/gate/close"), (202, String::new()));
    assert_eq!(check(&tester, "/gate/check"), closed());
    assert_eq!(check(&tester, "/rollback/check"), approved());
    let (status, reason) = tester.post("/gate/open", r#"{"name": "cart"}"#);
    assert_eq!((status, reason.as_str()), (400, "namespace \"\" is not the name of an object"));
}

#[test]
fn gates_in_a_file_survive_a_crash() {
    let file = folder("gates").join("gates.json").display().to_string();
    let words = ["-gate-file", &file];
    let tester = Tester::start(&words);
    check(&tester, "/gate/open");
    check(&tester, "/rollback/open");
    check(&tester, "/rollback/close");
    drop(tester);
    let tester = Tester::start(&words);
    assert_eq!(check(&tester, "/gate/check"), approved());
    assert_eq!(check(&tester, "/rollback/check"), closed());
}

#[test]
fn replicas_share_the_gates_of_a_config_map() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(apiserver::Server::start(apiserver::Options::default())).unwrap();
    let kubeconfig = folder("shared-gates").join("kubeconfig");
    std::fs::write(&kubeconfig, server.kubeconfig()).unwrap();
    let kubeconfig = kubeconfig.display().to_string();
    let words = ["-gate-configmap", "default/gates", "-kubeconfig", &kubeconfig];
    let (one, other) = (Tester::start(&words), Tester::start(&words));
    // Both write at once, and neither write is lost.
    std::thread::scope(|scope| {
        scope.spawn(|| check(&one, "/gate/open"));
        scope.spawn(|| check(&other, "/rollback/open"));
    });
    for tester in [&one, &other] {
        assert_eq!(check(tester, "/gate/check"), approved());
        assert_eq!(check(tester, "/rollback/check"), approved());
    }
    check(&other, "/gate/close");
    assert_eq!(check(&one, "/gate/check"), closed());

    runtime.block_on(server.stop());
    let (status, reason) = check(&one, "/gate/check");
    assert_eq!(status, 500, "a gate whose state is not known is no open gate");
    assert!(reason.starts_with("failed to read the ConfigMap default/gates"), "{reason}");
}
