//! `metadata.managedFields`: who owns which field.

use serde_json::{Value, json};

use super::set::FieldSet;
use crate::meta;
use crate::world::Cx;

/// How many managers of updates are told apart; older ones are joined, as the real server does.
const UPDATERS_MAX: usize = 10;
const ANCIENT: &str = "ancient-changes";

/// All entries of one object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Managers {
    entries: Vec<Entry>,
}

/// One manager's fields.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    manager: String,
    operation: Operation,
    subresource: String,
    api_version: String,
    time: String,
    pub(super) set: FieldSet,
}

/// How a manager came to own its fields. Appliers sort before updaters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operation {
    Apply,
    Update,
}

impl Operation {
    fn word(self) -> &'static str {
        match self {
            Operation::Apply => "Apply",
            Operation::Update => "Update",
        }
    }
}

impl Entry {
    pub(super) fn new(cx: &Cx, operation: Operation, set: FieldSet, time: &str) -> Entry {
        Entry {
            manager: cx.manager.clone(),
            operation,
            subresource: cx.part.subresource().to_owned(),
            api_version: cx.kind.api_version(),
            time: time.to_owned(),
            set,
        }
    }

    fn parse(value: &Value) -> Option<Entry> {
        let text = |field: &str| value[field].as_str().unwrap_or_default().to_owned();
        let operation = match value["operation"].as_str()? {
            "Apply" => Operation::Apply,
            "Update" => Operation::Update,
            _ => return None,
        };
        Some(Entry {
            manager: text("manager"),
            operation,
            subresource: text("subresource"),
            api_version: text("apiVersion"),
            time: text("time"),
            set: FieldSet::parse(&value["fieldsV1"]),
        })
    }

    fn to_json(&self) -> Value {
        let mut entry = json!({
            "manager": self.manager, "operation": self.operation.word(), "apiVersion": self.api_version,
            "time": self.time, "fieldsType": "FieldsV1", "fieldsV1": self.set.to_json(),
        });
        let fields = meta::root(&mut entry);
        if !self.subresource.is_empty() {
            fields.insert("subresource".to_owned(), json!(self.subresource));
        }
        if self.time.is_empty() {
            fields.remove("time");
        }
        entry
    }

    /// Whether the entry belongs to the manager of this call. The version matters for updates only.
    fn is_of(&self, cx: &Cx, operation: Operation) -> bool {
        self.manager == cx.manager
            && self.operation == operation
            && self.subresource == cx.part.subresource()
            && (operation == Operation::Apply || self.api_version == cx.kind.api_version())
    }

    /// As conflicts name a manager.
    fn title(&self) -> String {
        let subresource = match self.subresource.as_str() {
            "" => String::new(),
            name => format!(" with subresource {name:?}"),
        };
        match self.operation {
            Operation::Apply => format!("{:?}{subresource}", self.manager),
            Operation::Update => format!("{:?}{subresource} using {}", self.manager, self.api_version),
        }
    }
}

impl Managers {
    pub(super) fn of(entry: Entry) -> Managers {
        Managers { entries: vec![entry] }
    }

    pub(super) fn parse(value: &Value) -> Managers {
        Managers { entries: value.as_array().into_iter().flatten().filter_map(Entry::parse).collect() }
    }

    /// Nothing if nobody owns anything.
    pub(crate) fn to_json(&self) -> Option<Value> {
        let mut entries: Vec<&Entry> = self.entries.iter().filter(|entry| !entry.set.is_empty()).collect();
        entries.sort_by(|one, other| {
            let order = |entry: &Entry| (entry.operation, entry.time.clone(), entry.manager.clone());
            order(one).cmp(&order(other))
        });
        (!entries.is_empty()).then(|| entries.into_iter().map(Entry::to_json).collect())
    }

    /// Everything that anybody owns.
    pub(super) fn union(&self) -> FieldSet {
        self.entries.iter().fold(FieldSet::default(), |all, entry| all.union(&entry.set))
    }

    /// Puts an applier's entry in the place of its last one, which is returned.
    pub(super) fn swap(&mut self, entry: Entry) -> Option<Entry> {
        let same = |one: &Entry| {
            one.manager == entry.manager && one.operation == entry.operation && one.subresource == entry.subresource
        };
        let last = self.entries.iter().position(same).map(|at| self.entries.remove(at));
        self.entries.push(entry);
        last
    }

    /// What others own of the fields that are taken: their title and the paths.
    pub(super) fn conflicts(&self, cx: &Cx, operation: Operation, taken: &FieldSet) -> Vec<(String, Vec<String>)> {
        let others = self.entries.iter().filter(|entry| !entry.is_of(cx, operation));
        let contested = others.map(|entry| (entry.title(), entry.set.intersection(taken).paths()));
        contested.filter(|(_, paths)| !paths.is_empty()).collect()
    }

    /// Others lose what is taken, and everybody what is removed.
    pub(super) fn yield_to(&mut self, cx: &Cx, operation: Operation, taken: &FieldSet, removed: &FieldSet) {
        for entry in &mut self.entries {
            if !entry.is_of(cx, operation) {
                entry.set = entry.set.difference(taken).difference(removed);
            }
        }
        self.entries.retain(|entry| !entry.set.is_empty() || entry.is_of(cx, operation));
    }

    /// The manager of an update gains what it took and loses what it removed.
    pub(super) fn extend(&mut self, cx: &Cx, taken: &FieldSet, removed: &FieldSet, time: &str) {
        let mine = self.entries.iter_mut().find(|entry| entry.is_of(cx, Operation::Update));
        if let Some(entry) = mine {
            let set = entry.set.union(taken).difference(removed);
            if set != entry.set {
                entry.set = set;
                time.clone_into(&mut entry.time);
            }
        } else if !taken.is_empty() {
            self.entries.push(Entry::new(cx, Operation::Update, taken.clone(), time));
        }
        self.entries.retain(|entry| !entry.set.is_empty());
        self.join_ancient();
    }

    /// An applier that changes nothing keeps its time, or gets none.
    pub(super) fn keep_time(&mut self, cx: &Cx, last: Option<&Entry>) {
        let mine = self.entries.iter_mut().find(|entry| entry.is_of(cx, Operation::Apply));
        if let Some(entry) = mine {
            entry.time = last.map(|last| last.time.clone()).unwrap_or_default();
        }
    }

    fn join_ancient(&mut self) {
        let updaters = |entries: &[Entry]| entries.iter().filter(|one| one.operation == Operation::Update).count();
        while UPDATERS_MAX < updaters(&self.entries) {
            let candidates = self.entries.iter().enumerate();
            let named = candidates.filter(|(_, one)| one.operation == Operation::Update && one.manager != ANCIENT);
            let Some((at, _)) = named.min_by(|(_, one), (_, other)| one.time.cmp(&other.time)) else { return };
            let mut joined = self.entries.remove(at);
            let bucket = |one: &Entry| one.manager == ANCIENT && one.api_version == joined.api_version;
            if let Some(bucket) = self.entries.iter().position(bucket).and_then(|at| self.entries.get_mut(at)) {
                bucket.set = bucket.set.union(&joined.set);
            } else {
                ANCIENT.clone_into(&mut joined.manager);
                joined.subresource.clear();
                self.entries.push(joined);
            }
        }
    }
}
