//! What of a metric template reaches the one who answers it.

use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use rollout::{Effect, Measured, Outcome, Plan};
use serde_json::{Value, json};

use crate::perform::World;
use crate::stub::{cluster, named, shell};
use crate::web::{Carrier, ErrorKind, Route, Web};

/// Notes what is asked, and answers with a number.
#[derive(Default)]
struct Prometheus(Mutex<Vec<(String, HeaderMap, Route)>>);

impl Carrier for Prometheus {
    fn carry<'a>(
        &'a self,
        request: Request<Vec<u8>>,
        route: &'a Route,
    ) -> BoxFuture<'a, Result<Response<Vec<u8>>, ErrorKind>> {
        let (head, _) = request.into_parts();
        self.0.lock().unwrap().push((head.uri.to_string(), head.headers, route.clone()));
        let answer = br#"{"data":{"resultType":"vector","result":[{"value":[1,"3"]}]}}"#.to_vec();
        async move { Ok(Response::new(answer)) }.boxed()
    }
}

/// URL, headers and route of the request that a template makes, whose Secret holds this.
async fn asked(provider: &Value, secret: &Value) -> (String, HeaderMap, Route) {
    let query = "sum(rate(x{pod=~\"{{ target }}.*\",code=\"{{ variables.code }}\"}[{{ interval }}]))";
    let template = json!({"metadata": named("load"), "spec": {"provider": provider, "query": query}});
    let secret = json!({"metadata": named("held"), "data": secret});
    let cluster = cluster([("metrictemplates/load".to_owned(), template), ("secrets/held".to_owned(), secret)]);
    let prometheus = Arc::new(Prometheus::default());
    let shell = shell(cluster, Web::over(Arc::clone(&prometheus) as Arc<dyn Carrier>));
    let metric = json!({
        "name": "load", "interval": "2m", "thresholdRange": {"max": 5},
        "templateRef": {"name": "load"}, "templateVariables": {"code": "404"},
    });
    let canary = json!({
        "metadata": {"name": "podinfo", "namespace": "test"},
        "spec": {
            "provider": "kubernetes",
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"},
            "service": {"port": 80},
            "analysis": {"interval": "30s", "threshold": 2, "iterations": 2, "metrics": [metric]},
        },
    });
    let canary: api::Canary = serde_json::from_value(canary).unwrap();
    let plan = Plan::of(&canary, &shell.rules).unwrap();
    let outcome = World::new(&shell, &canary, &plan).perform(&Effect::Measure(0)).await;
    assert_eq!(outcome, Outcome::Measured(Measured::Value(3.0)));
    let asked = prometheus.0.lock().unwrap().clone();
    asked.into_iter().next().unwrap()
}

#[tokio::test]
async fn a_template_asks_with_its_address_headers_credentials_and_tls_option() {
    let mut provider = json!({
        "type": "prometheus", "address": "https://prometheus:9090/tenant", "headers": {"X-Scope-OrgID": ["a", "b"]},
    });
    let (url, headers, route) = asked(&provider, &json!({})).await;
    let query = "sum%28rate%28x%7Bpod%3D%7E%22podinfo.*%22%2Ccode%3D%22404%22%7D%5B2m%5D%29%29";
    assert_eq!(url, format!("https://prometheus:9090/tenant/api/v1/query?query={query}"));
    assert_eq!(headers.get_all("x-scope-orgid").iter().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!((headers.get("authorization"), route), (None, Route::default()));

    provider["insecureSkipVerify"] = json!(true);
    provider["secretRef"] = json!({"name": "held"});
    let login = json!({"username": STANDARD.encode("u"), "password": STANDARD.encode("p\n")});
    let (_, headers, route) = asked(&provider, &login).await;
    assert_eq!((&headers["authorization"], route.insecure), (&"Basic dTpw".parse().unwrap(), true));
    let (_, headers, _) = asked(&provider, &json!({"token": STANDARD.encode("t")})).await;
    assert_eq!(headers["authorization"], "Bearer t");
}
