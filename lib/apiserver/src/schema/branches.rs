//! `anyOf`, `oneOf`, `allOf`, `not`.

use serde_json::{Value, json};

use super::cause::Cause;
use super::check::Findings;
use super::node::Node;
use super::path::Path;

impl Node {
    pub(super) fn check_branches(&self, value: &Value, old: Option<&Value>, path: &Path<'_>, found: &mut Findings) {
        // Quirk: the real server blames the whole object and names the place in the text.
        let refusal = |must: &str| Cause::invalid(Path::Root, &json!(""), format!("{:?} must {must}", path.bare()));
        let outcomes = |branches: &[Node]| -> Vec<Findings> {
            branches.iter().map(|branch| branch.outcome(value, old, path)).collect()
        };

        let any_of = outcomes(&self.any_of);
        if !any_of.is_empty() && !any_of.iter().any(Findings::fits) {
            found.causes.push(refusal("validate at least one schema (anyOf)"));
        }
        found.take_one(any_of);

        let one_of = outcomes(&self.one_of);
        match one_of.iter().filter(|outcome| outcome.fits()).count() {
            0 if one_of.is_empty() => {}
            0 => {
                found.causes.push(refusal("validate one and only one schema (oneOf). Found none valid"));
                found.take_one(one_of);
            }
            1 => found.take_one(one_of),
            valid => {
                let must = format!("validate one and only one schema (oneOf). Found {valid} valid alternatives");
                found.causes.push(refusal(&must));
            }
        }

        let all_of = outcomes(&self.all_of);
        if !all_of.iter().all(Findings::fits) {
            let none = if all_of.iter().any(Findings::fits) { "" } else { ". None validated" };
            found.causes.push(refusal(&format!("validate all the schemas (allOf){none}")));
        }
        for outcome in all_of {
            found.take(outcome);
        }

        if let Some(not) = &self.not
            && not.outcome(value, old, path).fits()
        {
            found.causes.push(refusal("not validate the schema (not)"));
        }
    }

    fn outcome(&self, value: &Value, old: Option<&Value>, path: &Path<'_>) -> Findings {
        let mut outcome = Findings::default();
        self.check(value, old, path, &mut outcome);
        outcome
    }
}

impl Findings {
    fn fits(&self) -> bool {
        self.causes.is_empty()
    }

    fn take(&mut self, outcome: Findings) {
        self.causes.extend(outcome.causes);
        self.steps += outcome.steps;
    }

    /// Takes the first outcome that fits, or else the one that was compared furthest.
    fn take_one(&mut self, outcomes: Vec<Findings>) {
        let further = |best: Findings, next: Findings| {
            let better = !best.fits() && (next.fits() || best.steps < next.steps);
            if better { next } else { best }
        };
        if let Some(best) = outcomes.into_iter().reduce(further) {
            self.take(best);
        }
    }
}
