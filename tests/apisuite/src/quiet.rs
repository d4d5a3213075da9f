//! Quiet on a server whose controllers would write to the objects of a case at times of their own.
//!
//! Controllers that run as the admin may collect garbage, empty namespaces and furnish new ones, which cases show. An
//! admission policy refuses all else that they do to workloads, and the suite plays as another user.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::fault::Error;
use crate::server::{Request, Server};

/// How long the server may take to hear of a policy; it is a second or two, but on a busy machine.
const HEARD_MAX: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The user, the policy, its binding: all have this name.
const NAME: &str = "api-suite";
const ACCOUNTS: &str = "/api/v1/namespaces/default/serviceaccounts";
const ADMISSION: &str = "/apis/admissionregistration.k8s.io/v1";

/// What an admin's controllers still may: to take finalizers and owners off.
const HANDS_OFF: &str = "request.userInfo.username != 'admin' || (request.operation == 'UPDATE' && request.subResource == '' \
    && object.metadata.?annotations == oldObject.metadata.?annotations && object.?spec == oldObject.?spec)";

/// The same server for a user of its own, once the controllers of `admin` have been told to leave workloads alone.
pub async fn quiet(admin: &Server) -> Result<Server, Error> {
    let rule = |group: &str, resources: Value| {
        json!({
            "apiGroups": [group], "apiVersions": ["*"], "operations": ["CREATE", "UPDATE"], "resources": resources,
        })
    };
    let rules = ["apps", "autoscaling", "batch", "policy"].map(|group| rule(group, json!(["*/*"])));
    let rules: Vec<Value> = rules.into_iter().chain([rule("", json!(["pods"]))]).collect();
    let policy = json!({
        "metadata": {"name": NAME},
        "spec": {"matchConstraints": {"resourceRules": rules}, "validations": [{"expression": HANDS_OFF}]},
    });
    let binding = json!({
        "metadata": {"name": NAME}, "spec": {"policyName": NAME, "validationActions": ["Deny"]},
    });
    let grant = json!({
        "metadata": {"name": NAME},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "namespace": "default", "name": NAME}],
    });
    create(admin, ACCOUNTS, &json!({"metadata": {"name": NAME}})).await?;
    create(admin, "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", &grant).await?;
    create(admin, &format!("{ADMISSION}/validatingadmissionpolicies"), &policy).await?;
    create(admin, &format!("{ADMISSION}/validatingadmissionpolicybindings"), &binding).await?;
    heard(admin).await?;
    let token = create(admin, &format!("{ACCOUNTS}/{NAME}/token"), &json!({"spec": {}})).await?;
    admin.for_user(token["status"]["token"].as_str().unwrap_or_default())
}

/// Waits until the policy holds.
async fn heard(admin: &Server) -> Result<(), Error> {
    let containers = json!([{"name": NAME, "image": NAME}]);
    let pod = json!({"metadata": {"name": NAME}, "spec": {"containers": containers}});
    let request = post("/api/v1/namespaces/default/pods?dryRun=All", &pod);
    let deadline = Instant::now() + HEARD_MAX;
    loop {
        let answer = admin.ask(&request).await?;
        if answer.code == 422 && answer.body.to_string().contains(NAME) {
            return Ok(());
        }
        if deadline <= Instant::now() {
            let message = format!("the policy does not hold after {HEARD_MAX:?}: {}", answer.body);
            return Err(Error::Unprepared { request: request.path, code: answer.code, message });
        }
        sleep(LOOK_AGAIN).await;
    }
}

async fn create(admin: &Server, path: &str, body: &Value) -> Result<Value, Error> {
    let answer = admin.ask(&post(path, body)).await?;
    if answer.code == 201 {
        return Ok(answer.body);
    }
    Err(Error::Unprepared { request: format!("POST {path}"), code: answer.code, message: answer.body.to_string() })
}

fn post(path: &str, body: &Value) -> Request {
    const JSON: &str = "application/json";
    let (path, body) = (path.to_owned(), Some(body.to_string()));
    Request { method: Method::POST, path, content_type: JSON, accept: JSON, body }
}
