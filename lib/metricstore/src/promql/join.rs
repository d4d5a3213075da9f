//! Operators between two vectors: partners are found by their labels.

use std::collections::{HashMap, HashSet};

use crate::labels::Labels;
use crate::promql::operator::Operator;
use crate::promql::plan::{Cardinality, Grouping, Matching, Operation, Set, Side};
use crate::promql::{QueryError, Sample};

/// `left operator right` for every pair of partners.
pub(crate) fn join(
    operation: Operation,
    matching: &Matching,
    left: &[Sample],
    right: &[Sample],
) -> Result<Vec<Sample>, QueryError> {
    let (many, one, one_side) = match matching.cardinality {
        Cardinality::OneToOne | Cardinality::ManyToOne(_) => (left, right, Side::Right),
        Cardinality::OneToMany(_) => (right, left, Side::Left),
    };
    let partners = unique(one, &matching.key, one_side)?;
    let mut results = Vec::new();
    let mut taken: HashMap<Labels, HashSet<Labels>> = HashMap::new();
    for sample in many {
        let key = matching.key.key(&sample.labels);
        let Some(partner) = partners.get(&key) else { continue };
        let (left, right) = match one_side {
            Side::Right => (sample.value, partner.value),
            Side::Left => (partner.value, sample.value),
        };
        let Some(value) = combine(operation, left, right, left) else { continue };
        let labels = result_labels(operation, matching, &sample.labels, &partner.labels);
        claim(&matching.cardinality, taken.entry(key).or_default(), &labels)?;
        results.push(Sample { labels, value });
    }
    Ok(results)
}

/// `vector operator scalar`, or the other way round; a filter keeps the vector's value.
pub(crate) fn with_scalar(operation: Operation, samples: Vec<Sample>, scalar: f64, scalar_side: Side) -> Vec<Sample> {
    let one = |sample: Sample| {
        let (left, right) = match scalar_side {
            Side::Left => (scalar, sample.value),
            Side::Right => (sample.value, scalar),
        };
        let value = combine(operation, left, right, sample.value)?;
        let labels = if operation.filter().is_some() { sample.labels } else { sample.labels.nameless() };
        Some(Sample { labels, value })
    };
    samples.into_iter().filter_map(one).collect()
}

/// `and`, `or` and `unless`.
pub(crate) fn set(set: Set, key: &Grouping, left: Vec<Sample>, right: Vec<Sample>) -> Vec<Sample> {
    let keys = |samples: &[Sample]| samples.iter().map(|sample| key.key(&sample.labels)).collect::<HashSet<Labels>>();
    let within = |keys: &HashSet<Labels>, sample: &Sample| keys.contains(&key.key(&sample.labels));
    match set {
        Set::And => {
            let wanted = keys(&right);
            left.into_iter().filter(|sample| within(&wanted, sample)).collect()
        }
        Set::Unless => {
            let unwanted = keys(&right);
            left.into_iter().filter(|sample| !within(&unwanted, sample)).collect()
        }
        Set::Or => {
            let present = keys(&left);
            let added = right.into_iter().filter(|sample| !within(&present, sample));
            left.iter().cloned().chain(added).collect()
        }
    }
}

/// The result of an operation; none when a filter drops it, `kept` when it lets it pass.
fn combine(operation: Operation, left: f64, right: f64, kept: f64) -> Option<f64> {
    match operation.filter() {
        Some(comparison) => comparison.holds(left, right).then_some(kept),
        None => Some(operation.operator.apply(left, right)),
    }
}

/// The samples of the side that must be unique, by what they are matched on.
fn unique<'a>(samples: &'a [Sample], key: &Grouping, side: Side) -> Result<HashMap<Labels, &'a Sample>, QueryError> {
    let mut partners = HashMap::with_capacity(samples.len());
    for sample in samples {
        let group = key.key(&sample.labels);
        if let Some(other) = partners.insert(group.clone(), sample) {
            let side = match side {
                Side::Left => "left",
                Side::Right => "right",
            };
            let (one, other) = (sample.labels.clone(), other.labels.clone());
            return Err(QueryError::ManyToMany { group, side, one, other });
        }
    }
    Ok(partners)
}

/// The labels of a pair's result: those of the many side, as far as the operation and the matching keep them.
fn result_labels(operation: Operation, matching: &Matching, many: &Labels, one: &Labels) -> Labels {
    let drops_name = matches!(operation.operator, Operator::Arithmetic(_)) || operation.returns_bool;
    let kept = if drops_name { many.nameless() } else { many.clone() };
    match &matching.cardinality {
        Cardinality::OneToOne => match &matching.key {
            Grouping::By(names) => kept.only(names),
            Grouping::Without(names) => kept.without(names),
        },
        Cardinality::ManyToOne(included) | Cardinality::OneToMany(included) => {
            included.iter().fold(kept, |labels, name| labels.with(name, one.get(name)))
        }
    }
}

/// Records a result of a match group, which must not be ambiguous.
fn claim(cardinality: &Cardinality, taken: &mut HashSet<Labels>, labels: &Labels) -> Result<(), QueryError> {
    match cardinality {
        Cardinality::OneToOne if !taken.is_empty() => Err(QueryError::ImplicitManyToOne),
        Cardinality::ManyToOne(_) | Cardinality::OneToMany(_) if taken.contains(labels) => {
            Err(QueryError::AmbiguousGroup)
        }
        Cardinality::OneToOne | Cardinality::ManyToOne(_) | Cardinality::OneToMany(_) => {
            taken.insert(labels.clone());
            Ok(())
        }
    }
}
