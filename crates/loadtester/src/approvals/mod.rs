//! The approval service: a gate that people open for one run of one canary.
//!
//! The webhook `confirm-rollout` or `confirm-promotion` asks `/approve` and hears 403 until somebody approves. What a run is,
//! its checksum says: a decision holds for the one that it was made about, and the next one is asked about anew.
//!
//! Start reading at `ledger.rs`.

mod api;
mod ledger;
mod page;
mod tokens;

use process::flags::Takes::Text;
use process::flags::{Flag, Flags, Misread, Typed, filled, wrong};
use tokio_util::sync::CancellationToken;

use self::tokens::Tokens;
use crate::serving::{
    Common, Failure, HasCommon, LOG_LEVEL, NAMESPACES, VERSION, VERSION_FLAG, ZAP_ENCODING, port_flag,
};
use crate::settings::place;
use crate::store::{Place, Store};
use crate::world::World;

/// All flags.
pub(crate) const FLAGS: Flags = Flags { program: "loadtester approval-service", rows: ROWS };

const ROWS: &[Flag] = &[
    Flag::new("kubeconfig", Text, "", "path of a kubeconfig, for -state-configmap"),
    LOG_LEVEL,
    NAMESPACES,
    port_flag("8080"),
    Flag::new("state-configmap", Text, "", "keep decisions in this ConfigMap, as namespace/name"),
    Flag::new("state-file", Text, "", "keep decisions in this file"),
    Flag::new("token", Text, "", "token that people decide with").env("APPROVAL_TOKEN"),
    Flag::new("token-file", Text, "", "file of tokens that people decide with, a line each: name: token"),
    VERSION_FLAG,
    ZAP_ENCODING,
];

/// What the user asked for.
#[derive(Debug)]
pub(crate) struct Settings {
    common: Common,
    state: Place,
    tokens: Tokens,
}

impl Settings {
    /// What the typed flags mean.
    pub(crate) fn read(typed: &Typed) -> Result<Self, Misread> {
        let mut tokens = Tokens::default();
        if let Some(token) = filled(typed, "token") {
            tokens.add(None, &token);
        }
        if let Some(path) = filled(typed, "token-file") {
            let unread = |error: std::io::Error| {
                wrong(typed, "token-file", &format!("must be a file that can be read: {error}"))
            };
            if tokens.add_lines(&std::fs::read_to_string(path).map_err(unread)?) == 0 {
                return Err(wrong(typed, "token-file", "must hold a token"));
            }
        }
        Ok(Self { common: Common::read(typed)?, state: place(typed, "state-file", "state-configmap")?, tokens })
    }
}

impl HasCommon for Settings {
    fn common(&self) -> &Common {
        &self.common
    }
}

/// Serves until `stop` is cancelled.
pub(crate) async fn serve(settings: Settings, mut world: World, stop: CancellationToken) -> Result<(), Failure> {
    let server = settings.common.open(&mut world).await?;
    tracing::info!(version = VERSION, port = server.address().port(), "starting the approval service");
    if settings.tokens.are_none() {
        tracing::warn!("whoever reaches the approval service can approve: give it -token or -token-file");
    }
    let store = Store::open(&settings.state, settings.common.kubeconfig.as_deref(), &world).await?;
    api::Api::new(settings.common.authorizer, settings.tokens, store).serve(server, stop).await;
    Ok(())
}
