//! Ingress NGINX: a second Ingress beside the user's, with annotations that say which requests it takes.
//!
//! *Objects.* The Ingress that `spec.ingressRef` names, which stays as it is, and `<its name>-canary`, owned by the Canary.
//! *Reads.* The rules of the first; the canary annotations of the second, which are the memory of the split.
//! *Writes.* The second: the rules of the first, with the canary's Service in place of the apex Service, and the canary
//! annotations. Labels and other annotations are those of the first when the second is made, and nobody's afterwards.
//!
//! *Quirks.*
//! * Without `ingressRef` it is the Ingress of the target's name, by which built-in metrics go anyway. (Flagger refuses.)
//! * A default backend counts as a path, and rules without paths are no error. (Flagger leaves the one out, and panics at the
//!   other.)
//! * With `analysis.match` the canary has all chosen requests or none, so that steps are refused, and so is what the two
//!   annotations for a header and a cookie can't say. (Flagger lets the last condition win.)
//! * Two canaries behind one Ingress would share the second one, whose name follows from the first: the later canary is refused.
//!   (In Flagger each takes the other's requests.)
//! * Canary annotations that somebody changed are put right at the next look. (Flagger leaves a canary that takes nothing.)

mod backends;
mod conditions;

use api::names;
use ports::{Change, Halt, Key, Seen, kinds};
use rollout::traffic::Split;
use serde_json::{Map, Value, json};

use crate::router::Ability;
use crate::{Context, Error, Router, metadata};

/// Routes by a canary Ingress.
#[derive(Debug)]
pub(crate) struct Nginx;

/// Its one name.
const NAME: &str = "nginx";

impl Router for Nginx {
    fn names(&self) -> &'static [&'static str] {
        &[NAME]
    }

    fn abilities(&self) -> &'static [Ability] {
        &[Ability::Weights, Ability::MatchHeaders]
    }

    fn reconcile(&self, cx: &Context<'_>, seen: &Seen) -> Result<Vec<Change>, Halt<Error>> {
        let live = seen.get(&key(cx))?.map_or(Split::PRIMARY, |live| split(cx, live));
        self.write(cx, seen, live)
    }

    fn read(&self, cx: &Context<'_>, seen: &Seen) -> Result<Split, Halt<Error>> {
        let key = key(cx);
        match seen.get(&key)? {
            Some(live) => Ok(split(cx, live)),
            None => Err(Error::Missing { key: Box::new(key) }.into()),
        }
    }

    fn write(&self, cx: &Context<'_>, seen: &Seen, split: Split) -> Result<Vec<Change>, Halt<Error>> {
        let (source, key) = (source(cx, seen)?, key(cx));
        let spec = backends::for_canary(cx, source)?;
        let canary_annotations = annotations(cx, split)?;
        let Some(live) = seen.get(&key)? else {
            let ingress = created(cx, &key, source, &spec, canary_annotations);
            return Ok(vec![Change::Create(key, ingress)]);
        };
        if let Some(owner) = metadata::controlling_canary(live).filter(|owner| Some(*owner) != own_name(cx)) {
            return Err(Error::Taken { owner: owner.to_owned(), key: Box::new(key) }.into());
        }
        let mut ingress = Value::clone(live);
        let mut annotations = metadata::get(live, "annotations");
        annotations.retain(|name, _| !is_canary_annotation(cx, name));
        annotations.extend(canary_annotations);
        let mut changed = metadata::set(&mut ingress, "annotations", annotations);
        if live.get("spec") != Some(&spec) {
            ingress["spec"] = spec;
            changed = true;
        }
        Ok(if changed { vec![Change::Replace(key, ingress)] } else { Vec::new() })
    }

    /// The canary's Ingress goes with the Canary, and the user's was never changed.
    fn finalize(&self, _: &Context<'_>, _: &Seen) -> Result<Vec<Change>, Halt<Error>> {
        Ok(Vec::new())
    }
}

fn key(cx: &Context<'_>) -> Key {
    Key::new(kinds::INGRESS, cx.namespace(), format!("{}-canary", names::ingress(cx.canary)))
}

fn own_name<'a>(cx: &Context<'a>) -> Option<&'a str> {
    cx.canary.metadata.name.as_deref()
}

/// The user's Ingress.
fn source<'a>(cx: &Context<'_>, seen: &'a Seen) -> Result<&'a Value, Halt<Error>> {
    let key = Key::new(kinds::INGRESS, cx.namespace(), names::ingress(cx.canary));
    match seen.get(&key)? {
        Some(source) => Ok(source),
        None if cx.canary.spec.ingress_ref.is_none() => Err(Error::IngressRef { key: Box::new(key) }.into()),
        None => Err(Error::Missing { key: Box::new(key) }.into()),
    }
}

/// How the annotations share the requests. One that is no weight sends the canary nothing, and is put right with the next write.
fn split(cx: &Context<'_>, live: &Value) -> Split {
    let annotations = metadata::get(live, "annotations");
    let text = |suffix: &str| annotations.get(&named(cx, suffix)).and_then(Value::as_str);
    if text("canary") != Some("true") {
        return Split::PRIMARY;
    }
    if !cx.canary.spec.analysis.match_.is_empty() {
        let chooses = ["canary-by-header", "canary-by-cookie"].into_iter().any(|name| text(name).is_some());
        return if chooses { Split::CANARY } else { Split::PRIMARY };
    }
    Split::canary(text("canary-weight").and_then(|weight| weight.parse().ok()).unwrap_or(0))
}

/// The canary annotations of this split.
fn annotations(cx: &Context<'_>, split: Split) -> Result<Map<String, Value>, Error> {
    let analysis = &cx.canary.spec.analysis;
    let chosen = conditions::annotations(cx)?;
    if !chosen.is_empty() && analysis.has_steps() {
        let field = if analysis.step_weight == 0 { "stepWeights" } else { "stepWeight" };
        let field = format!("spec.analysis.{field} with spec.analysis.match");
        return Err(Error::Unsupported { field, provider: NAME });
    }
    let mut annotations = Map::from_iter([(named(cx, "canary"), "true".into())]);
    match split.canary_weight() {
        weight if weight == 0 || chosen.is_empty() => {
            annotations.insert(named(cx, "canary-weight"), weight.to_string().into());
        }
        _ => annotations.extend(chosen),
    }
    Ok(annotations)
}

/// An annotation that the ingress controller listens to.
fn named(cx: &Context<'_>, name: &str) -> String {
    format!("{}/{name}", cx.settings.ingress_annotations_prefix)
}

fn is_canary_annotation(cx: &Context<'_>, name: &str) -> bool {
    name.starts_with(&named(cx, "canary"))
}

fn created(cx: &Context<'_>, key: &Key, source: &Value, spec: &Value, canary_annotations: Map<String, Value>) -> Value {
    let mut annotations = metadata::get(source, "annotations");
    annotations.retain(|name, _| !is_canary_annotation(cx, name) && name != api::well_known::LAST_APPLIED);
    metadata::keep_flux_away(&mut annotations);
    annotations.extend(canary_annotations);
    let mut ingress = json!({
        "apiVersion": key.kind.api_version(),
        "kind": key.kind.kind,
        "metadata": {
            "name": key.name,
            "namespace": key.namespace,
            "ownerReferences": [cx.owner_reference()],
        },
        "spec": spec,
    });
    metadata::set(&mut ingress, "labels", metadata::get(source, "labels"));
    metadata::set(&mut ingress, "annotations", annotations);
    ingress
}
