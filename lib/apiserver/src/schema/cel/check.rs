//! Types an expression, so that mistakes are found when it is written.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Fault;
use super::library;
use super::parse::{Expr, Loop, LoopKind, Node};
use super::types::Type;
use crate::schema::patterns;

/// The type of `expr`. Compiles constant patterns on the way.
pub(super) fn check(expr: &mut Expr, variables: &[(&str, Type)]) -> Result<Type, Fault> {
    let scope = variables.iter().map(|(name, kind)| ((*name).to_owned(), kind.clone())).collect();
    Checker { scope }.type_of(expr)
}

struct Checker {
    /// Later entries hide earlier ones.
    scope: Vec<(String, Type)>,
}

impl Checker {
    fn type_of(&mut self, expr: &mut Expr) -> Result<Type, Fault> {
        let at = expr.at;
        Ok(match &mut expr.node {
            Node::Null => Type::Null,
            Node::Bool(_) => Type::Bool,
            Node::Int(_) => Type::Int,
            Node::Uint(_) => Type::Uint,
            Node::Double(_) => Type::Double,
            Node::Text(_) => Type::Text,
            Node::Bytes(_) => Type::Bytes,
            Node::Ident(name) => self.ident(name, at)?,
            Node::Select { of, field, optional } => {
                let of = self.type_of(of)?;
                let optional = *optional || matches!(of, Type::Optional(_));
                let found = field_of(unwrapped(&of), field, at)?;
                if optional { Type::Optional(Arc::new(found)) } else { found }
            }
            Node::Has { of, field } => {
                let of = self.type_of(of)?;
                field_of(unwrapped(&of), field, at)?;
                Type::Bool
            }
            Node::Index { of, index, optional } => {
                let (of, index) = (self.type_of(of)?, self.type_of(index)?);
                let optional = *optional || matches!(of, Type::Optional(_));
                let found = item_of(unwrapped(&of), &index, at)?;
                if optional { Type::Optional(Arc::new(found)) } else { found }
            }
            Node::List(items) => Type::List(Arc::new(self.common(items)?)),
            Node::Map(entries) => {
                let (mut keys, mut values) = (Vec::new(), Vec::new());
                for (key, value) in entries {
                    keys.push(self.type_of(key)?);
                    values.push(self.type_of(value)?);
                }
                Type::Map(Arc::new(common(keys)), Arc::new(common(values)))
            }
            Node::And(left, right) => self.logic("_&&_", left, right, at)?,
            Node::Or(left, right) => self.logic("_||_", left, right, at)?,
            Node::Conditional(condition, yes, no) => {
                let (condition, yes, no) = (self.type_of(condition)?, self.type_of(yes)?, self.type_of(no)?);
                if !condition.joins(&Type::Bool) || !yes.joins(&no) {
                    return Err(no_overload("_?_:_", false, &[condition, yes, no], at));
                }
                common(vec![yes, no])
            }
            Node::Call { name, method, arguments, pattern } => {
                if name == "matches"
                    && let Some(Expr { node: Node::Text(text), at, .. }) = arguments.last()
                {
                    let compiled = patterns::compile(text)
                        .map_err(|error| Fault::new(*at, format!("invalid matches argument: {error}")))?;
                    *pattern = Some(compiled);
                }
                let types =
                    arguments.iter_mut().map(|argument| self.type_of(argument)).collect::<Result<Vec<_>, _>>()?;
                call(name, *method, &types, at)?
            }
            Node::Loop(each) => self.loop_over(each, at)?,
            Node::OptionalMap { of, variable, body, flat } => {
                let inner = match self.type_of(of)? {
                    Type::Optional(inner) => (*inner).clone(),
                    Type::Dyn => Type::Dyn,
                    other => return Err(no_overload(if *flat { "optFlatMap" } else { "optMap" }, true, &[other], at)),
                };
                let flat = *flat;
                let body = self.within(vec![(variable.clone(), inner)], |checker| checker.type_of(body))?;
                if flat { body } else { Type::Optional(Arc::new(body)) }
            }
        })
    }

    fn ident(&self, name: &str, at: usize) -> Result<Type, Fault> {
        if let Some((_, found)) = self.scope.iter().rev().find(|(known, _)| known == name) {
            return Ok(found.clone());
        }
        if library::type_named(name).is_some() {
            return Ok(Type::Opaque("type"));
        }
        Err(Fault::new(at, format!("undeclared reference to '{name}' (in container '')")))
    }

    fn logic(&mut self, name: &str, left: &mut Expr, right: &mut Expr, at: usize) -> Result<Type, Fault> {
        let types = [self.type_of(left)?, self.type_of(right)?];
        if types.iter().all(|side| *side == Type::Bool || *side == Type::Dyn) {
            Ok(Type::Bool)
        } else {
            Err(no_overload(name, false, &types, at))
        }
    }

    fn loop_over(&mut self, each: &mut Loop, at: usize) -> Result<Type, Fault> {
        let range = self.type_of(&mut each.range)?;
        let (first, second) = match &range {
            Type::List(item) => (Type::Int, (**item).clone()),
            Type::Map(key, value) => ((**key).clone(), (**value).clone()),
            Type::Dyn => (Type::Dyn, Type::Dyn),
            other => {
                let message = format!(
                    "expression of type '{other}' cannot be range of a comprehension (must be list, map, or dynamic)"
                );
                return Err(Fault::new(at, message));
            }
        };
        let variables = match (&each.second, &range) {
            (Some(name), _) => vec![(each.variable.clone(), first), (name.clone(), second.clone())],
            (None, Type::List(_)) => vec![(each.variable.clone(), second.clone())],
            (None, _) => vec![(each.variable.clone(), first)],
        };
        let item = variables.first().map_or(Type::Dyn, |(_, kind)| kind.clone());
        let Loop { condition, body, .. } = each;
        let (condition, body) = self.within(variables, |checker| {
            let condition = condition.as_mut().map(|condition| checker.type_of(condition)).transpose()?;
            Ok((condition, checker.type_of(body)?))
        })?;
        let predicate = match each.kind {
            LoopKind::Map => condition.as_ref(),
            LoopKind::All | LoopKind::Exists | LoopKind::ExistsOne | LoopKind::Filter => Some(&body),
        };
        if let Some(found) = predicate
            && !found.joins(&Type::Bool)
        {
            return Err(no_overload("_&&_", false, &[Type::Bool, found.clone()], at));
        }
        Ok(match each.kind {
            LoopKind::All | LoopKind::Exists | LoopKind::ExistsOne => Type::Bool,
            LoopKind::Filter => Type::List(Arc::new(item)),
            LoopKind::Map => Type::List(Arc::new(body)),
        })
    }

    fn within<T>(
        &mut self,
        variables: Vec<(String, Type)>,
        inside: impl FnOnce(&mut Checker) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let outer = self.scope.len();
        self.scope.extend(variables);
        let result = inside(self);
        self.scope.truncate(outer);
        result
    }

    fn common(&mut self, items: &mut [Expr]) -> Result<Type, Fault> {
        let types = items.iter_mut().map(|item| self.type_of(item)).collect::<Result<Vec<_>, _>>()?;
        Ok(common(types))
    }
}

/// The type that all have; `dyn` when they differ or there are none.
fn common(types: Vec<Type>) -> Type {
    let mut types = types.into_iter().filter(|kind| *kind != Type::Null);
    let Some(first) = types.next() else { return Type::Dyn };
    types.fold(first, |all, next| match (&all, &next) {
        (Type::List(item) | Type::Optional(item), _) if **item == Type::Dyn && all.joins(&next) => next,
        (Type::Map(key, _), _) if **key == Type::Dyn && all.joins(&next) => next,
        _ if all.joins(&next) => all,
        _ => Type::Dyn,
    })
}

fn unwrapped(kind: &Type) -> &Type {
    match kind {
        Type::Optional(inner) => inner,
        other => other,
    }
}

fn field_of(of: &Type, field: &str, at: usize) -> Result<Type, Fault> {
    match of {
        Type::Object(fields) => undefined(fields, field, at),
        Type::Map(_, value) => Ok((**value).clone()),
        Type::Dyn => Ok(Type::Dyn),
        other => Err(Fault::new(at, format!("type '{other}' does not support field selection"))),
    }
}

fn undefined(fields: &BTreeMap<String, Type>, field: &str, at: usize) -> Result<Type, Fault> {
    fields.get(field).cloned().ok_or_else(|| Fault::new(at, format!("undefined field '{field}'")))
}

fn item_of(of: &Type, index: &Type, at: usize) -> Result<Type, Fault> {
    match of {
        Type::List(item) if index.joins(&Type::Int) => Ok((**item).clone()),
        Type::Map(key, value) if index.joins(key) => Ok((**value).clone()),
        Type::Dyn => Ok(Type::Dyn),
        other => Err(no_overload("_[_]", false, &[other.clone(), index.clone()], at)),
    }
}

/// The type of a call's result: that of the one overload which fits, `dyn` when several might.
fn call(name: &str, method: bool, arguments: &[Type], at: usize) -> Result<Type, Fault> {
    let overloads = library::overloads(name);
    if overloads.is_empty() {
        return Err(Fault::new(at, format!("undeclared reference to '{name}' (in container '')")));
    }
    let mut results = overloads.iter().filter(|overload| overload.method == method).filter_map(|overload| {
        let mut bindings = BTreeMap::new();
        let fits = overload.parameters.len() == arguments.len()
            && overload.parameters.iter().zip(arguments).all(|(wanted, found)| wanted.admits(found, &mut bindings));
        fits.then(|| overload.result.resolve(&bindings))
    });
    let first = results.next().ok_or_else(|| no_overload(name, method, arguments, at))?;
    Ok(if results.all(|other| other == first) { first } else { Type::Dyn })
}

fn no_overload(name: &str, method: bool, arguments: &[Type], at: usize) -> Fault {
    let words: Vec<String> = arguments.iter().map(Type::to_string).collect();
    let applied = match words.split_first() {
        Some((receiver, rest)) if method => format!("{receiver}.({})", rest.join(", ")),
        _ => format!("({})", words.join(", ")),
    };
    Fault::new(at, format!("found no matching overload for '{name}' applied to '{applied}'"))
}
