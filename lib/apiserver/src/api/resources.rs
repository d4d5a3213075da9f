//! The verbs on collections, objects and their subresources.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use http::header::USER_AGENT;
use http::request::Parts;
use http::{Method, Response, StatusCode};
use serde_json::{Value, json};

use super::Inner;
use crate::apply;
use crate::body::{self, PatchBody};
use crate::gc::{DeleteOptions, Deleted, Propagation};
use crate::kinds::Kind;
use crate::meta;
use crate::query::{FieldValidation, Query};
use crate::refusal::{self, Answer, Refusal};
use crate::reply::{self, Format};
use crate::route::Place;
use crate::schema::{Cause, CauseReason};
use crate::shape::Shape;
use crate::store::{Key, Location};
use crate::subresources;
use crate::watch;
use crate::world::{Cx, Part, World};
use crate::write::Draft;

/// One request to a resource.
pub(crate) struct Call<'a> {
    pub(crate) inner: &'a Arc<Inner>,
    pub(crate) kind: Arc<Kind>,
    pub(crate) place: &'a Place<'a>,
    pub(crate) parts: &'a Parts,
    pub(crate) query: Query,
    pub(crate) format: Format,
    pub(crate) body: &'a Bytes,
}

/// Answers a request to a resource.
pub(super) fn answer(inner: &Arc<Inner>, place: &Place<'_>, parts: &Parts, body: &Bytes) -> Answer<Response<Body>> {
    let mut world = inner.world();
    let found = world.kinds.by_plural(place.group, place.version, place.plural);
    let unknown = || {
        let served = world.kinds.all().any(|kind| kind.group == place.group && kind.version == place.version);
        if served { Refusal::no_such_path() } else { Refusal::no_such_page() }
    };
    let kind = found.cloned().ok_or_else(unknown)?;
    let misplaced =
        if kind.namespaced { place.name.is_some() && place.namespace.is_none() } else { place.namespace.is_some() };
    if misplaced {
        return Err(Refusal::no_such_path());
    }
    let query = Query::parse(&parts.uri);
    let format = Format::of(&parts.headers, &query)?;
    let call = Call { inner, kind, place, parts, query, format, body };
    let mut response = if call.is_list()? {
        let (page, now) = (world.list(&call.kind, place.namespace, &call.query)?, world.now());
        // A big list takes a while to write; others need not wait for it.
        drop(world);
        page.send(&call.kind, call.format, now)?
    } else {
        let answered = call.answer(&mut world);
        world.settle();
        drop(world);
        answered?
    };
    if let Some(warning) = call.kind.custom().and_then(|custom| custom.deprecation.clone()) {
        reply::warn(&mut response, &[warning]);
    }
    Ok(response)
}

impl Call<'_> {
    fn answer(&self, world: &mut World) -> Answer<Response<Body>> {
        if self.kind.create_only && (self.parts.method != Method::POST || self.place.name.is_some()) {
            return Err(Refusal::method_not_allowed());
        }
        let Some(name) = self.place.name.filter(|_| !self.place.watch) else { return self.collection(world) };
        let key = Key::new(self.place.namespace.unwrap_or_default(), name);
        match self.place.subresource {
            None => self.object(world, &key, Part::Whole),
            Some("status") if self.kind.subresources.status => self.object(world, &key, Part::Status),
            Some(other) => subresources::answer(self, world, &key, other),
        }
    }

    fn is_list(&self) -> Answer<bool> {
        let collection = self.parts.method == Method::GET && self.place.name.is_none() && !self.kind.create_only;
        Ok(collection && !self.place.watch && !self.query.flag("watch")?)
    }

    fn collection(&self, world: &mut World) -> Answer<Response<Body>> {
        match self.parts.method {
            Method::GET => watch::begin(self.inner, world, &self.kind, self.place, &self.query, self.format),
            Method::POST if self.kind.namespaced && self.place.namespace.is_none() => {
                Err(Refusal::method_not_allowed())
            }
            Method::POST => {
                let mut cx = self.cx(Part::Whole)?;
                let created =
                    world.create(&mut cx, self.place.namespace, body::object(&self.parts.headers, self.body)?)?;
                self.object_reply(world, &cx, StatusCode::CREATED, &created)
            }
            Method::DELETE => self.delete_collection(world),
            _ => Err(Refusal::method_not_allowed()),
        }
    }

    fn object(&self, world: &mut World, key: &Key, part: Part) -> Answer<Response<Body>> {
        match self.parts.method {
            Method::GET => {
                let found = world.store.packed(&Location::new(&self.kind.collection, key.clone()));
                let found = found.ok_or_else(|| Refusal::not_found(&self.kind, &key.name))?;
                self.format.object(&self.kind, found, world.now())
            }
            Method::PUT => {
                let mut cx = self.cx(part)?;
                let object = body::object(&self.parts.headers, self.body)?;
                let make = |_: &mut World, _: &mut Cx, _: &Arc<Value>| Ok(Draft { object, managers: None });
                let updated = world.update(&mut cx, key, make)?;
                self.object_reply(world, &cx, StatusCode::OK, &updated)
            }
            Method::PATCH => self.patch(world, key, part),
            Method::DELETE if part == Part::Whole => self.delete(world, key),
            _ => Err(Refusal::method_not_allowed()),
        }
    }

    fn patch(&self, world: &mut World, key: &Key, part: Part) -> Answer<Response<Body>> {
        let mut cx = self.cx(part)?;
        let strategic = self.kind.structure().is_some();
        let (code, object) = match body::patch(&self.parts.headers, self.body, strategic)? {
            PatchBody::Change(patch) => {
                let kind = self.kind.clone();
                cx.patch = Some(String::from_utf8_lossy(self.body).into_owned());
                let make = |_: &mut World, _: &mut Cx, old: &Arc<Value>| {
                    let object = patch.apply(old, &Shape::of(&kind))?;
                    Ok(Draft { object, managers: None })
                };
                (StatusCode::OK, world.update(&mut cx, key, make)?)
            }
            PatchBody::Apply(config) => self.apply(world, &mut cx, key, config)?,
        };
        self.object_reply(world, &cx, code, &object)
    }

    fn apply(&self, world: &mut World, cx: &mut Cx, key: &Key, config: Value) -> Answer<(StatusCode, Arc<Value>)> {
        if self.query.get("fieldManager").is_none() {
            let cause = Cause::of_field(CauseReason::Required, "fieldManager", "is required for apply patch");
            return Err(Refusal::invalid_options("PatchOptions", &[cause]));
        }
        let force = self.query.flag("force")?;
        let config = self.checked_config(cx, key, config)?;
        let time = world.time();
        match world.find(&self.kind, key) {
            Ok(_) => {
                let make = |_: &mut World, cx: &mut Cx, old: &Arc<Value>| {
                    let mut draft = apply::apply(cx, Some(old), &config, force, &time)?;
                    // An apply goes by ownership, unless the configuration names a revision.
                    if let Some(revision) = config["metadata"].get("resourceVersion") {
                        draft.object["metadata"]["resourceVersion"] = revision.clone();
                    }
                    Ok(draft)
                };
                Ok((StatusCode::OK, world.update(cx, key, make)?))
            }
            Err(missing) if cx.part == Part::Status => Err(missing),
            Err(_) => {
                // A revision guards against changes, not against a creation.
                let mut config = config;
                meta::put(&mut config, "resourceVersion", None);
                let draft = apply::apply(cx, None, &config, force, &time)?;
                Ok((StatusCode::CREATED, world.create_draft(cx, self.place.namespace, draft)?))
            }
        }
    }

    /// A configuration names its kind, and its fields must be those of the kind.
    fn checked_config(&self, cx: &mut Cx, key: &Key, config: Value) -> Answer<Value> {
        let Value::Object(_) = config else { return Err(Refusal::bad_request("apply configuration is no object")) };
        for field in ["apiVersion", "kind"] {
            if config[field].as_str().unwrap_or_default().is_empty() {
                return Err(Refusal::bad_request(format!("apply configuration lacks {field}")));
            }
        }
        let name = meta::name(&config);
        if name.is_empty() {
            let place = &key.name;
            let message =
                format!("the name of the object ({place} based on URL) was undeterminable: name must be provided");
            return Err(Refusal::bad_request(message));
        }
        if name != key.name {
            let message = format!("the name of the object ({name}) does not match the name on the URL ({})", key.name);
            return Err(Refusal::bad_request(message));
        }
        if let Some(path) = undeclared(&self.kind, &config) {
            return Err(Refusal::internal(format!(
                "failed to create typed patch object ({}/{}; {}/{}, Kind={}): .{path}: field not declared in schema",
                meta::namespace(&config),
                key.name,
                self.kind.group,
                self.kind.version,
                self.kind.kind
            )));
        }
        if cx.validation == FieldValidation::Warn {
            // What apply keeps is reported once, when the merged object is decoded.
            cx.warnings.clear();
        }
        Ok(config)
    }

    fn delete(&self, world: &mut World, key: &Key) -> Answer<Response<Body>> {
        let cx = self.cx(Part::Whole)?;
        let options = self.delete_options()?;
        match world.delete(&cx, key, &options)? {
            Deleted::Gone(last) if !self.kind.returns_deleted => {
                let mut details = refusal::object(&self.kind, &key.name);
                details["uid"] = json!(meta::uid(&last));
                self.format.send(
                    StatusCode::OK,
                    &json!({
                        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details,
                    }),
                )
            }
            Deleted::Gone(object) | Deleted::Waits(object) => self.object_reply(world, &cx, StatusCode::OK, &object),
        }
    }

    fn delete_collection(&self, world: &mut World) -> Answer<Response<Body>> {
        let cx = self.cx(Part::Whole)?;
        let options = self.delete_options()?;
        let page = world.list(&self.kind, self.place.namespace, &self.query)?;
        for object in &page.objects {
            // A cascade may have taken it already.
            if world.store.has(&cx.at(&object.key)) {
                world.delete(&cx, &object.key, &options)?;
            }
        }
        page.send(&self.kind, self.format, world.now())
    }

    fn delete_options(&self) -> Answer<DeleteOptions> {
        let body = body::optional(&self.parts.headers, self.body)?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let propagation = text(&body["propagationPolicy"]).or(self.query.get("propagationPolicy").map(str::to_owned));
        let orphan = body["orphanDependents"].as_bool();
        if let (Some(both), Some(_)) = (&propagation, orphan) {
            let detail = "orphanDependents and deletionPropagation cannot be both set";
            let cause = Cause::of_value(CauseReason::Invalid, "propagationPolicy", &json!(both), detail);
            return Err(Refusal::invalid_options("DeleteOptions", &[cause]));
        }
        let propagation = match (propagation.as_deref(), orphan) {
            (Some("Orphan"), _) | (None, Some(true)) => Propagation::Orphan,
            (Some("Foreground"), _) => Propagation::Foreground,
            (Some("Background") | None, _) => Propagation::Background,
            (Some(other), _) => {
                let value = json!(other);
                let detail = "supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\"";
                let cause = Cause::of_value(CauseReason::NotSupported, "propagationPolicy", &value, detail);
                return Err(Refusal::invalid_options("DeleteOptions", &[cause]));
            }
        };
        let asked = self.query.number("gracePeriodSeconds")?.and_then(|secs| i64::try_from(secs).ok());
        Ok(DeleteOptions {
            grace_secs: body["gracePeriodSeconds"].as_i64().or(asked),
            propagation,
            uid: text(&body["preconditions"]["uid"]),
            revision: text(&body["preconditions"]["resourceVersion"]),
        })
    }

    /// What a change by this request is recorded as.
    pub(crate) fn cx(&self, part: Part) -> Answer<Cx> {
        let options = match self.parts.method {
            Method::POST => "CreateOptions",
            Method::PUT => "UpdateOptions",
            Method::PATCH => "PatchOptions",
            _ => "DeleteOptions",
        };
        let causes = self.query.write_faults();
        if !causes.is_empty() {
            return Err(Refusal::invalid_options(options, &causes));
        }
        let agent = self.parts.headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let agent = agent.split('/').next().filter(|agent| !agent.is_empty()).unwrap_or("unknown");
        let body_dry_run = self.parts.method == Method::DELETE
            && body::optional(&self.parts.headers, self.body)?["dryRun"].as_array().is_some_and(|all| !all.is_empty());
        Ok(Cx {
            kind: self.kind.clone(),
            manager: self.query.get("fieldManager").unwrap_or(agent).to_owned(),
            part,
            dry_run: body_dry_run || self.query.dry_run(),
            validation: self.query.field_validation(),
            patch: None,
            warnings: Vec::new(),
        })
    }

    /// An object as the client wants it, with the warnings that its change caused.
    pub(crate) fn object_reply(
        &self,
        world: &World,
        cx: &Cx,
        code: StatusCode,
        object: &Arc<Value>,
    ) -> Answer<Response<Body>> {
        let shown = self.format.view(&self.kind, object, world.now());
        let mut response = self.format.send(code, &shown)?;
        reply::warn(&mut response, &cx.warnings);
        Ok(response)
    }
}

/// The first field of a configuration that the kind doesn't have.
fn undeclared(kind: &Kind, config: &Value) -> Option<String> {
    let mut config = config.clone();
    let unknown = match (kind.structure(), kind.custom()) {
        (Some(structure), _) => crate::fields::unknown(&mut config, structure),
        (None, Some(custom)) => custom.schema.prune(&mut config),
        (None, None) => Vec::new(),
    };
    unknown.into_iter().next()
}
