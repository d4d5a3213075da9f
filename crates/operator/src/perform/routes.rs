//! Effects on Services and routing objects.

use api::Canary;
use ports::{Change, Halt, Port, Seen};
use rollout::Outcome;
use rollout::traffic::Split;
use routers::services::{self, Role};
use routers::{Context, Error, Label, Router, Settings};
use targets::Facts;

use super::{Failed, World};

impl World<'_> {
    /// The first objects that a look writes: nothing of a canary is touched whose traffic can't be routed.
    pub(super) async fn ensure_services(&mut self) -> Result<Outcome, Failed> {
        self.router()?;
        self.route(|cx, seen| services::reconcile(cx, seen, Role::Canary)).await?;
        self.route(|cx, seen| services::reconcile(cx, seen, Role::Primary)).await
    }

    pub(super) async fn ensure_apex(&mut self) -> Result<Outcome, Failed> {
        self.route(|cx, seen| services::reconcile(cx, seen, Role::Apex)).await
    }

    pub(super) async fn ensure_routes(&mut self) -> Result<Outcome, Failed> {
        let router = self.router()?;
        self.route(|cx, seen| router.reconcile(cx, seen)).await?;
        self.inherit().await
    }

    pub(super) async fn set_split(&mut self, split: Split) -> Result<Outcome, Failed> {
        let router = self.router()?;
        self.route(|cx, seen| router.write(cx, seen, split)).await
    }

    pub(super) async fn read_split(&mut self) -> Result<Outcome, Failed> {
        let router = self.router()?;
        let (canary, facts) = (self.current(), self.facts.clone());
        let cx = context(&canary, facts.as_ref(), &self.shell.routing);
        Ok(Outcome::Split(self.ask(|seen| router.read(&cx, seen)).await?))
    }

    /// Services first: what routes lead to must select the target's pods before they do.
    pub(super) async fn give_back_traffic(&mut self) -> Result<Outcome, Failed> {
        let router = routers::find(&self.plan.provider).map_err(|error| error.to_string())?;
        self.route(services::finalize).await?;
        self.route(|cx, seen| router.finalize(cx, seen)).await
    }

    async fn route(
        &mut self,
        question: impl Fn(&Context<'_>, &Seen) -> Result<Vec<Change>, Halt<Error>>,
    ) -> Result<Outcome, Failed> {
        let (canary, facts) = (self.current(), self.facts.clone());
        let cx = context(&canary, facts.as_ref(), &self.shell.routing);
        self.change(|seen| question(&cx, seen)).await?;
        Ok(Outcome::Done)
    }

    /// The canary with the status as it is stored by now: some routers read their state from it, and a promotion which configs
    /// were analysed.
    pub(super) fn current(&self) -> Canary {
        Canary { status: Some(self.status.clone()), ..self.canary.clone() }
    }

    fn router(&self) -> Result<&'static dyn Router, Failed> {
        let router = routers::find(&self.plan.provider).map_err(|error| error.to_string())?;
        // Without routes a canary is checked by iterations or shared by replicas, and the plan tells what it leaves out.
        let unable = routers::unable(router, self.canary);
        let refused: Vec<&str> = unable.into_iter().filter(|field| !has_substitute(self.plan, field)).collect();
        if refused.is_empty() {
            return Ok(router);
        }
        Err(format!("{} is not supported by provider {}", refused.join(", "), self.plan.provider))
    }
}

/// Whether the plan does without what the field asks for.
fn has_substitute(plan: &rollout::Plan, field: &str) -> bool {
    plan.provider == "kubernetes" && !field.ends_with("sessionAffinity")
}

fn context<'a>(canary: &'a Canary, facts: Option<&'a Facts>, settings: &'a Settings) -> Context<'a> {
    Context { canary, label: label_of(facts), ports: ports_of(facts), settings }
}

fn label_of(facts: Option<&Facts>) -> Label<'_> {
    facts.map_or(Label { key: "app", value: "" }, |facts| Label { key: &facts.label.key, value: &facts.label.value })
}

fn ports_of(facts: Option<&Facts>) -> &[Port] {
    facts.map(|facts| facts.ports.as_slice()).unwrap_or_default()
}
