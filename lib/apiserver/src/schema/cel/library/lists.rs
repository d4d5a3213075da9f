//! Lists and maps.

use std::cmp::Ordering;
use std::sync::Arc;

use super::super::eval::Failure;
use super::super::value::{Key, List, Val};
use super::numbers::overflow;
use super::{Row, function, method, mismatch};

pub(super) const ROWS: &[Row] = &[
    function("_+_", "list(A), list(A)", "list(A)", concat),
    function("@in", "A, list(A)", "bool", contains),
    function("@in", "A, map(A, B)", "bool", contains),
    function("size", "list(A)", "int", size),
    method("size", "list(A)", "int", size),
    function("size", "map(A, B)", "int", size),
    method("size", "map(A, B)", "int", size),
    method("isSorted", "list(A)", "bool", is_sorted),
    method("sum", "list(A)", "A", sum),
    method("min", "list(A)", "A", |arguments| extreme(arguments, Ordering::Less, "min")),
    method("max", "list(A)", "A", |arguments| extreme(arguments, Ordering::Greater, "max")),
    method("indexOf", "list(A), A", "int", index_of),
    method("lastIndexOf", "list(A), A", "int", last_index_of),
    method("distinct", "list(A)", "list(A)", distinct),
    method("reverse", "list(A)", "list(A)", reverse),
    method("slice", "list(A), int, int", "list(A)", slice),
    function("sets.contains", "list(A), list(A)", "bool", |arguments| sets(arguments, subset)),
    function("sets.equivalent", "list(A), list(A)", "bool", |arguments| {
        sets(arguments, |left, right| subset(left, right) && subset(right, left))
    }),
    function("sets.intersects", "list(A), list(A)", "bool", |arguments| {
        sets(arguments, |left, right| right.items.iter().any(|item| left.contains(item)))
    }),
];

fn concat(arguments: &[Val]) -> Result<Val, Failure> {
    let [Val::List(left), Val::List(right)] = arguments else { return Err(mismatch()) };
    let items = left.items.iter().chain(&right.items).cloned().collect();
    Ok(Val::List(Arc::new(List { items, kind: left.kind.clone() })))
}

fn contains(arguments: &[Val]) -> Result<Val, Failure> {
    match arguments {
        [value, Val::List(list)] => Ok(Val::Bool(list.contains(value))),
        [value, Val::Map(map)] => Ok(Val::Bool(Key::of(value).is_some_and(|key| map.contains_key(&key)))),
        _ => Err(mismatch()),
    }
}

fn size(arguments: &[Val]) -> Result<Val, Failure> {
    match arguments {
        [Val::List(list)] => Ok(Val::count(list.items.len())),
        [Val::Map(map)] => Ok(Val::count(map.len())),
        _ => Err(mismatch()),
    }
}

fn list(arguments: &[Val]) -> Result<&[Val], Failure> {
    match arguments.first() {
        Some(Val::List(list)) => Ok(&list.items),
        _ => Err(mismatch()),
    }
}

fn is_sorted(arguments: &[Val]) -> Result<Val, Failure> {
    let in_order = |pair: (&Val, &Val)| pair.0.compare(pair.1).is_some_and(Ordering::is_le);
    let items = list(arguments)?;
    Ok(Val::Bool(items.iter().zip(items.iter().skip(1)).all(in_order)))
}

fn sum(arguments: &[Val]) -> Result<Val, Failure> {
    let mut items = list(arguments)?.iter();
    let Some(first) = items.next() else { return Ok(Val::Int(0)) };
    items.try_fold(first.clone(), |total, item| match (total, item) {
        (Val::Int(total), Val::Int(item)) => total.checked_add(*item).map(Val::Int).ok_or_else(overflow),
        (Val::Uint(total), Val::Uint(item)) => total.checked_add(*item).map(Val::Uint).ok_or_else(overflow),
        (Val::Duration(total), Val::Duration(item)) => total.checked_add(*item).map(Val::Duration).ok_or_else(overflow),
        (Val::Double(total), Val::Double(item)) => Ok(Val::Double(total + item)),
        _ => Err(mismatch()),
    })
}

fn extreme(arguments: &[Val], wanted: Ordering, name: &str) -> Result<Val, Failure> {
    let mut items = list(arguments)?.iter();
    let first = items.next().ok_or_else(|| Failure::new(format!("{name} called on empty list")))?;
    let further = |best: &'_ Val, item: &Val| item.compare(best) == Some(wanted);
    Ok(items.fold(first, |best, item| if further(best, item) { item } else { best }).clone())
}

fn index_of(arguments: &[Val]) -> Result<Val, Failure> {
    let wanted = arguments.get(1).ok_or_else(mismatch)?;
    Ok(list(arguments)?.iter().position(|item| item.equals(wanted)).map_or(Val::Int(-1), Val::count))
}

fn last_index_of(arguments: &[Val]) -> Result<Val, Failure> {
    let wanted = arguments.get(1).ok_or_else(mismatch)?;
    Ok(list(arguments)?.iter().rposition(|item| item.equals(wanted)).map_or(Val::Int(-1), Val::count))
}

fn distinct(arguments: &[Val]) -> Result<Val, Failure> {
    let mut kept: Vec<Val> = Vec::new();
    for item in list(arguments)? {
        if !kept.iter().any(|known| known.equals(item)) {
            kept.push(item.clone());
        }
    }
    Ok(Val::list(kept))
}

fn reverse(arguments: &[Val]) -> Result<Val, Failure> {
    Ok(Val::list(list(arguments)?.iter().rev().cloned().collect()))
}

fn slice(arguments: &[Val]) -> Result<Val, Failure> {
    let [Val::List(list), Val::Int(start), Val::Int(end)] = arguments else { return Err(mismatch()) };
    let range = usize::try_from(*start).ok().zip(usize::try_from(*end).ok());
    let part = range.and_then(|(start, end)| list.items.get(start..end));
    part.map(|part| Val::list(part.to_vec())).ok_or_else(|| Failure::new(format!("cannot slice({start}, {end})")))
}

fn sets(arguments: &[Val], holds: fn(&List, &List) -> bool) -> Result<Val, Failure> {
    let [Val::List(left), Val::List(right)] = arguments else { return Err(mismatch()) };
    Ok(Val::Bool(holds(left, right)))
}

fn subset(all: &List, some: &List) -> bool {
    some.items.iter().all(|item| all.contains(item))
}
