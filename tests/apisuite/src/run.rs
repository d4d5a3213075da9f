//! Plays one case on one server.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::fault::Error;
use crate::normal::{Exchange, Raw, normalise};
use crate::pick::{pick, pick_all};
use crate::script::{Case, Role, Step};
use crate::server::{Answer, Request, Server};

/// How long a condition is waited for; controllers of a real server take seconds after a pause, and more on a busy machine.
const AWAIT_MAX: Duration = Duration::from_secs(60);
/// The pause between two looks at a condition.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Short names of places in the case's namespace.
const PLACES: &[(&str, &str)] = &[
    ("cj", "/apis/batch/v1/namespaces/$ns/cronjobs"),
    ("cm", "/api/v1/namespaces/$ns/configmaps"),
    ("crds", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"),
    ("deploy", "/apis/apps/v1/namespaces/$ns/deployments"),
    ("event", "/api/v1/namespaces/$ns/events"),
    ("hpa", "/apis/autoscaling/v2/namespaces/$ns/horizontalpodautoscalers"),
    ("ingress", "/apis/networking.k8s.io/v1/namespaces/$ns/ingresses"),
    ("job", "/apis/batch/v1/namespaces/$ns/jobs"),
    ("lease", "/apis/coordination.k8s.io/v1/namespaces/$ns/leases"),
    ("pdb", "/apis/policy/v1/namespaces/$ns/poddisruptionbudgets"),
    ("pod", "/api/v1/namespaces/$ns/pods"),
    ("role", "/apis/rbac.authorization.k8s.io/v1/namespaces/$ns/roles"),
    ("rs", "/apis/apps/v1/namespaces/$ns/replicasets"),
    ("sa", "/api/v1/namespaces/$ns/serviceaccounts"),
    ("secret", "/api/v1/namespaces/$ns/secrets"),
    ("svc", "/api/v1/namespaces/$ns/services"),
    ("widget", "/apis/$group/v1/namespaces/$ns/widgets"),
];

/// Plays a case in a namespace of its own, with the steps of its setups first, and tells what was said.
pub(crate) async fn play(server: &Server, case: &Case, setups: &[Step], space: &str) -> Result<Vec<Exchange>, Error> {
    let mut player = Player::new(server, space);
    player.prepare().await?;
    let mut outcome = Ok(());
    let steps = setups.iter().map(|step| (step, false)).chain(case.steps.iter().map(|step| (step, true)));
    for (step, shown) in steps {
        outcome = player.step(step, shown).await;
        if outcome.is_err() {
            break;
        }
    }
    player.clean().await;
    outcome.map(|()| normalise(player.said, space))
}

struct Player<'a> {
    server: &'a Server,
    space: &'a str,
    values: BTreeMap<String, String>,
    said: Vec<Raw>,
}

impl Player<'_> {
    fn new<'a>(server: &'a Server, space: &'a str) -> Player<'a> {
        let mut values =
            BTreeMap::from([("ns".to_owned(), space.to_owned()), ("group".to_owned(), format!("{space}.example.com"))]);
        for (name, path) in PLACES {
            let path = substitute(path, &values);
            values.insert((*name).to_owned(), path);
        }
        Player { server, space, values, said: Vec::new() }
    }

    async fn prepare(&self) -> Result<(), Error> {
        let body = format!("metadata: {{name: {}}}", self.space);
        let answer = self.server.ask(&request("POST", "/api/v1/namespaces", &body)?).await?;
        if answer.code == 201 { Ok(()) } else { Err(unprepared("POST /api/v1/namespaces", &answer)) }
    }

    /// Takes away what would only fill the server; nobody waits for it.
    async fn clean(&self) {
        let namespace = format!("/api/v1/namespaces/{}", self.space);
        let crd = format!("{}/widgets.{}.example.com", self.values["crds"], self.space);
        for path in [crd, namespace] {
            if let Ok(request) = request("DELETE", &path, "") {
                drop(self.server.ask(&request).await);
            }
        }
    }

    async fn step(&mut self, step: &Step, shown: bool) -> Result<(), Error> {
        let path = substitute(&step.path, &self.values);
        let request = request(&step.word, &path, &substitute(&step.body, &self.values))?;
        let answer = match &step.role {
            Role::Shown | Role::Given => self.server.ask(&request).await?,
            Role::Watched { events } => self.server.watch(&request, *events).await?,
            Role::Awaited { code, field } => self.look_until(&request, *code, field.as_ref()).await?,
        };
        if step.role == Role::Given && !(200..300).contains(&answer.code) {
            return Err(unprepared(&step.line, &answer));
        }
        for (name, path) in &step.lets {
            let found = pick(&answer.body, path).ok_or_else(|| unprepared(&format!("let {name} = {path}"), &answer))?;
            let text = found.as_str().map_or_else(|| found.to_string(), str::to_owned);
            self.values.insert(name.clone(), text);
        }
        let shown = shown && step.role != Role::Given;
        let continued = step.path.contains("continue=");
        let picked = (!step.show.is_empty()).then(|| step.show.clone());
        self.said.push(Raw { request: step.line.clone(), answer, shown, continued, picked });
        Ok(())
    }

    /// The last answer is given back even if it is not the one that was hoped for: it shows up as a difference.
    async fn look_until(
        &self,
        request: &Request,
        code: u16,
        field: Option<&(String, String)>,
    ) -> Result<Answer, Error> {
        let deadline = Instant::now() + AWAIT_MAX;
        loop {
            let answer = self.server.ask(request).await?;
            let holds = |(path, wanted): &(String, String)| match pick(&answer.body, path) {
                Some(Value::String(text)) => text == *wanted,
                Some(other) => format!("{other}") == *wanted,
                None => false,
            };
            if answer.code == code && field.is_none_or(holds) || deadline <= Instant::now() {
                return Ok(answer);
            }
            sleep(LOOK_AGAIN).await;
        }
    }
}

/// A request from the word, the path and the body of a step.
fn request(word: &str, path: &str, body: &str) -> Result<Request, Error> {
    const JSON: &str = "application/json";
    let (method, content_type, accept) = match word {
        "MERGE" => (Method::PATCH, "application/merge-patch+json", JSON),
        "STRATEGIC" => (Method::PATCH, "application/strategic-merge-patch+json", JSON),
        "JSON" => (Method::PATCH, "application/json-patch+json", JSON),
        "APPLY" => (Method::PATCH, "application/apply-patch+yaml", JSON),
        "TABLE" => (Method::GET, JSON, "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"),
        "META" | "WATCHMETA" => (Method::GET, JSON, "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"),
        "METALIST" => (Method::GET, JSON, "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"),
        "WATCH" => (Method::GET, JSON, JSON),
        other => (Method::from_bytes(other.as_bytes()).unwrap_or(Method::GET), JSON, JSON),
    };
    let path = match word {
        "WATCH" | "WATCHMETA" if path.contains('?') => format!("{path}&watch=1"),
        "WATCH" | "WATCHMETA" => format!("{path}?watch=1"),
        _ => path.to_owned(),
    };
    let body = match body.strip_prefix("raw\n") {
        _ if body.is_empty() => None,
        Some(raw) => Some(raw.trim_end().to_owned()),
        None => Some(from_yaml(body)?),
    };
    Ok(Request { method, path, content_type, accept, body })
}

fn from_yaml(text: &str) -> Result<String, Error> {
    let fault = |error: serde_saphyr::Error| Error::Script { place: text.to_owned(), why: error.to_string() };
    // Else a `y` would be a yes.
    let options = serde_saphyr::options! { strict_booleans: true };
    let value: Value = serde_saphyr::from_str_with_options(text, options).map_err(fault)?;
    Ok(value.to_string())
}

/// Puts in values for `$name`; the longest name wins.
fn substitute(text: &str, values: &BTreeMap<String, String>) -> String {
    // Backwards, so that `$ns-b` and `$cmx` find the longer names first.
    values.iter().rev().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("${name}"), value))
}

fn unprepared(request: &str, answer: &Answer) -> Error {
    let message = answer.body["message"].as_str().map_or_else(|| answer.body.to_string(), str::to_owned);
    Error::Unprepared { request: request.to_owned(), code: answer.code, message }
}

impl Raw {
    /// What is recorded of the body.
    pub(crate) fn part(&self, body: &Value) -> Value {
        self.picked.as_ref().map_or_else(|| body.clone(), |paths| pick_all(body, paths))
    }
}
