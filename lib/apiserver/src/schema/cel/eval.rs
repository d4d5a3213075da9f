//! Walks a checked tree.

use std::sync::Arc;

use thiserror::Error;

use super::library;
use super::parse::{Expr, Loop, LoopKind, Node};
use super::value::{Key, List, Map, Val};

/// Why an expression has no value.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(in super::super) enum Failure {
    /// The language says so: a missing key, a division by zero, an unparsable duration.
    #[error("{0}")]
    Undefined(String),
    /// It would take too long to find out.
    #[error("operation cancelled: actual cost limit exceeded")]
    OverBudget,
}

impl Failure {
    pub(super) fn new(message: impl Into<String>) -> Failure {
        Failure::Undefined(message.into())
    }
}

pub(super) fn run<'p>(expr: &'p Expr, variables: &[(&'p str, Val)], budget: &mut u64) -> Result<Val, Failure> {
    Machine { scope: variables.to_vec(), budget }.eval(expr)
}

struct Machine<'p, 'b> {
    /// Later entries hide earlier ones.
    scope: Vec<(&'p str, Val)>,
    budget: &'b mut u64,
}

impl<'p> Machine<'p, '_> {
    fn eval(&mut self, expr: &'p Expr) -> Result<Val, Failure> {
        self.charge(1)?;
        match &expr.node {
            Node::Null => Ok(Val::Null),
            Node::Bool(value) => Ok(Val::Bool(*value)),
            Node::Int(value) => Ok(Val::Int(*value)),
            Node::Uint(value) => Ok(Val::Uint(*value)),
            Node::Double(value) => Ok(Val::Double(*value)),
            Node::Text(text) => Ok(Val::text(text.as_str())),
            Node::Bytes(bytes) => Ok(Val::Bytes(bytes.as_slice().into())),
            Node::Ident(name) => self.ident(name),
            Node::Select { of, field, optional } => {
                let of = self.eval(of)?;
                reach(&of, &Val::text(field.as_str()), *optional)
            }
            Node::Has { of, field } => {
                let of = self.eval(of)?;
                match reach(&of, &Val::text(field.as_str()), true)? {
                    Val::Optional(found) => Ok(Val::Bool(found.is_some())),
                    _ => Ok(Val::Bool(false)),
                }
            }
            Node::Index { of, index, optional } => {
                let (of, index) = (self.eval(of)?, self.eval(index)?);
                reach(&of, &index, *optional)
            }
            Node::List(items) => {
                let items = items.iter().map(|item| self.eval(item)).collect::<Result<_, _>>()?;
                Ok(Val::list(items))
            }
            Node::Map(entries) => self.map(entries),
            Node::And(left, right) => self.logic(left, right, false),
            Node::Or(left, right) => self.logic(left, right, true),
            Node::Conditional(condition, yes, no) => match self.eval(condition)? {
                Val::Bool(true) => self.eval(yes),
                Val::Bool(false) => self.eval(no),
                _ => Err(Failure::new("no such overload")),
            },
            Node::Call { name, method, arguments, pattern } => {
                let arguments = arguments.iter().map(|argument| self.eval(argument)).collect::<Result<Vec<_>, _>>()?;
                self.charge(arguments.iter().map(Val::weight).sum())?;
                match (pattern, arguments.first()) {
                    (Some(pattern), Some(Val::Text(text))) => Ok(Val::Bool(pattern.is_match(text))),
                    _ => library::call(name, *method, &arguments),
                }
            }
            Node::Loop(each) => self.loop_over(each),
            Node::OptionalMap { of, variable, body, flat } => match self.eval(of)? {
                Val::Optional(Some(value)) => {
                    let result = self.within([(variable.as_str(), (*value).clone())], body)?;
                    Ok(if *flat { result } else { Val::some(result) })
                }
                none => Ok(none),
            },
        }
    }

    fn charge(&mut self, cost: u64) -> Result<(), Failure> {
        let left = self.budget.checked_sub(cost);
        *self.budget = left.unwrap_or_default();
        left.map(drop).ok_or(Failure::OverBudget)
    }

    fn ident(&self, name: &str) -> Result<Val, Failure> {
        let known = self.scope.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        known
            .or_else(|| library::type_named(name).map(Val::Type))
            .ok_or_else(|| Failure::new(format!("no such attribute: {name}")))
    }

    fn map(&mut self, entries: &'p [(Expr, Expr)]) -> Result<Val, Failure> {
        let mut map = Map::new();
        for (key, value) in entries {
            let (key, value) = (self.eval(key)?, self.eval(value)?);
            let key = Key::of(&key).ok_or_else(|| Failure::new("unsupported key type"))?;
            if map.insert(key, value).is_some() {
                return Err(Failure::new("duplicate key in map literal"));
            }
        }
        Ok(Val::Map(Arc::new(map)))
    }

    /// `&&` and `||`: a side that decides wins over one that fails.
    fn logic(&mut self, left: &'p Expr, right: &'p Expr, decisive: bool) -> Result<Val, Failure> {
        let left = self.truth(left);
        if left == Ok(decisive) || left == Err(Failure::OverBudget) {
            return left.map(Val::Bool);
        }
        let right = self.truth(right);
        if right == Ok(decisive) {
            return Ok(Val::Bool(decisive));
        }
        left.and(right).map(Val::Bool)
    }

    fn truth(&mut self, expr: &'p Expr) -> Result<bool, Failure> {
        match self.eval(expr)? {
            Val::Bool(value) => Ok(value),
            _ => Err(Failure::new("no such overload")),
        }
    }

    fn within<const N: usize>(&mut self, variables: [(&'p str, Val); N], body: &'p Expr) -> Result<Val, Failure> {
        let outer = self.scope.len();
        self.scope.extend(variables);
        let result = self.eval(body);
        self.scope.truncate(outer);
        result
    }

    /// Evaluates `expr` for one round of a loop.
    fn round(&mut self, each: &'p Loop, first: &Val, second: &Val, expr: &'p Expr) -> Result<Val, Failure> {
        match &each.second {
            Some(name) => self.within([(each.variable.as_str(), first.clone()), (name.as_str(), second.clone())], expr),
            None => self.within([(each.variable.as_str(), second.clone())], expr),
        }
    }

    fn loop_over(&mut self, each: &'p Loop) -> Result<Val, Failure> {
        let rounds = rounds(self.eval(&each.range)?, each.second.is_some())?;
        match each.kind {
            LoopKind::All => self.search(each, &rounds, false),
            LoopKind::Exists => self.search(each, &rounds, true),
            LoopKind::ExistsOne => {
                let mut found = 0_usize;
                for (first, second) in &rounds {
                    found += usize::from(self.holds(each, first, second, &each.body)?);
                }
                Ok(Val::Bool(found == 1))
            }
            LoopKind::Filter => {
                let mut kept = Vec::new();
                for (first, second) in rounds {
                    if self.holds(each, &first, &second, &each.body)? {
                        kept.push(second);
                    }
                }
                Ok(Val::list(kept))
            }
            LoopKind::Map => {
                let mut results = Vec::new();
                for (first, second) in &rounds {
                    let wanted = match &each.condition {
                        Some(condition) => self.holds(each, first, second, condition)?,
                        None => true,
                    };
                    if wanted {
                        results.push(self.round(each, first, second, &each.body)?);
                    }
                }
                Ok(Val::list(results))
            }
        }
    }

    fn holds(&mut self, each: &'p Loop, first: &Val, second: &Val, expr: &'p Expr) -> Result<bool, Failure> {
        match self.round(each, first, second, expr)? {
            Val::Bool(value) => Ok(value),
            _ => Err(Failure::new("no such overload")),
        }
    }

    /// `all` and `exists`: a round that decides wins over one that fails.
    fn search(&mut self, each: &'p Loop, rounds: &[(Val, Val)], decisive: bool) -> Result<Val, Failure> {
        let mut failure = None;
        for (first, second) in rounds {
            match self.holds(each, first, second, &each.body) {
                Ok(value) if value == decisive => return Ok(Val::Bool(decisive)),
                Ok(_) => {}
                Err(Failure::OverBudget) => return Err(Failure::OverBudget),
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(Val::Bool(!decisive)), Err)
    }
}

/// What the variables of a loop are in each of its rounds: index and item of a list, key and value of a map. A single
/// variable is the second of the pair, which is the key of a map.
fn rounds(range: Val, pairs: bool) -> Result<Vec<(Val, Val)>, Failure> {
    match range {
        Val::List(list) => {
            Ok(list.items.iter().enumerate().map(|(index, item)| (Val::count(index), item.clone())).collect())
        }
        Val::Map(map) if pairs => Ok(map.iter().map(|(key, value)| (key.to_val(), value.clone())).collect()),
        Val::Map(map) => Ok(map.keys().map(|key| (Val::Null, key.to_val())).collect()),
        _ => Err(Failure::new("no such overload")),
    }
}

/// What is behind a field or an index. Through an optional value, or asked for optionally, what isn't there is none.
fn reach(of: &Val, index: &Val, optional: bool) -> Result<Val, Failure> {
    if let Val::Optional(inner) = of {
        return inner.as_ref().map_or(Ok(Val::Optional(None)), |inner| reach(inner, index, true));
    }
    match (find(of, index)?, optional) {
        (Some(found), true) => Ok(Val::some(found)),
        (Some(found), false) => Ok(found),
        (None, true) => Ok(Val::Optional(None)),
        (None, false) => Err(missing(of, index)),
    }
}

fn find(of: &Val, index: &Val) -> Result<Option<Val>, Failure> {
    match of {
        Val::Map(map) => Ok(Key::of(index).and_then(|key| map.get(&key).cloned())),
        Val::List(list) => Ok(position(list, index)?.and_then(|position| list.items.get(position).cloned())),
        _ => Err(Failure::new("no such overload")),
    }
}

fn position(list: &List, index: &Val) -> Result<Option<usize>, Failure> {
    let index = match index {
        Val::Int(index) => usize::try_from(*index).ok(),
        Val::Uint(index) => usize::try_from(*index).ok(),
        _ => return Err(Failure::new("no such overload")),
    };
    Ok(index.filter(|index| *index < list.items.len()))
}

fn missing(of: &Val, index: &Val) -> Failure {
    let word = library::display(index);
    Failure::new(if matches!(of, Val::List(_)) {
        format!("index out of bounds: {word}")
    } else {
        format!("no such key: {word}")
    })
}
