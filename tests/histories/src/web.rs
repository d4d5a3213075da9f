//! Everything that the operator asks outside of the cluster: metrics that tell how the revision fares, hooks with moods.

use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Request, Response, StatusCode};
use operator::web::{Carrier, ErrorKind, Route};
use serde_json::json;

use crate::cluster::Id;
use crate::dice::Dice;
use crate::facts::{self, Quality};
use crate::line::Life;
use crate::scene::Scene;
use crate::stage::APP;

/// The servers outside; clones are the same ones.
#[derive(Clone)]
pub(crate) struct Outside {
    scene: Scene,
    moods: Arc<Mutex<Moods>>,
}

struct Moods {
    dice: Dice,
    /// How many of a hundred requests go wrong, and how many of a hundred hooks say no.
    troubles: u64,
    refusals: u64,
}

/// How a server takes a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Well,
    Refusing,
    Failing,
    Silent,
    Away,
}

impl Outside {
    /// Servers that go wrong now and then.
    pub(crate) fn new(scene: Scene, mut dice: Dice) -> Self {
        let (troubles, refusals) = (dice.pick(&[0, 3, 20]), dice.pick(&[0, 10, 40]));
        Self { scene, moods: Arc::new(Mutex::new(Moods { dice, troubles, refusals })) }
    }

    /// From now on all is well: metrics are measured, and every gate is open.
    pub(crate) fn calm(&self) {
        let mut moods = self.moods.lock().unwrap_or_else(PoisonError::into_inner);
        (moods.troubles, moods.refusals) = (0, 0);
    }

    fn mood(&self, hook: bool) -> Mood {
        let mut moods = self.moods.lock().unwrap_or_else(PoisonError::into_inner);
        let (troubles, refusals) = (moods.troubles, moods.refusals);
        if moods.dice.chance(troubles) {
            return moods.dice.pick(&[Mood::Failing, Mood::Silent, Mood::Away]);
        }
        if hook && moods.dice.chance(refusals) { Mood::Refusing } else { Mood::Well }
    }

    async fn answer(&self, request: &Request<Vec<u8>>) -> Result<Response<Vec<u8>>, ErrorKind> {
        let hook = request.uri().host() == Some("hooks.test");
        let mood = self.mood(hook);
        let (status, body) = match mood {
            Mood::Well if hook => (hook_status(request.uri().path()), Vec::new()),
            Mood::Well => (StatusCode::OK, self.measured(request.uri().query().unwrap_or_default())),
            Mood::Refusing => (StatusCode::FORBIDDEN, b"not now".to_vec()),
            Mood::Failing => (StatusCode::INTERNAL_SERVER_ERROR, b"oops".to_vec()),
            Mood::Silent => return pending().await,
            Mood::Away => return Err(ErrorKind::Connection("connection refused".to_owned())),
        };
        if hook {
            self.scene.say(format_args!("outside    hook {} says {status}", request.uri().path()));
        }
        let mut response = Response::new(body);
        *response.status_mut() = status;
        Ok(response)
    }

    /// What Prometheus knows of the revision that the target has.
    fn measured(&self, query: &str) -> Vec<u8> {
        let target = self.scene.object(&Id::new("Deployment", APP));
        let quality = facts::quality(target.as_deref().map_or("", facts::image));
        let well = quality == Quality::Good;
        let value = match query {
            _ if query.contains("vector") => "1",
            _ if query.contains("histogram_quantile") => {
                if well {
                    "0.1"
                } else {
                    "0.9"
                }
            }
            _ if query.contains("rate") => {
                if well {
                    "100"
                } else {
                    "70"
                }
            }
            _ => {
                if well {
                    "0"
                } else {
                    "30"
                }
            }
        };
        let answer = json!({
            "status": "success",
            "data": {"resultType": "vector", "result": [{"metric": {}, "value": [0, value]}]},
        });
        answer.to_string().into_bytes()
    }
}

/// A hook that is well says yes; one that may ask for a rollback sees no reason to.
fn hook_status(path: &str) -> StatusCode {
    if path == "/rollback" { StatusCode::FORBIDDEN } else { StatusCode::OK }
}

/// The way of one life to the servers outside.
pub(crate) struct Way {
    pub(crate) outside: Outside,
    pub(crate) life: Life,
}

impl Carrier for Way {
    fn carry<'a>(
        &'a self,
        request: Request<Vec<u8>>,
        _: &'a Route,
    ) -> BoxFuture<'a, Result<Response<Vec<u8>>, ErrorKind>> {
        let exchange = async move {
            let gone = |_| ErrorKind::Connection("connection refused".to_owned());
            let dies = self.life.begin(true).map_err(gone)?;
            let answer = self.outside.answer(&request).await;
            self.life.heard(answer, dies).map_err(gone)?
        };
        exchange.boxed()
    }
}
