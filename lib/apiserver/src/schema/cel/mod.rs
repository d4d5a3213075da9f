//! The Common Expression Language, as far as Kubernetes' rules use it.
//!
//! A program is compiled once against the types of its variables, so that a misspelt field or an unknown function is
//! refused when the rule is written and not when it first runs; then it is run on values under a budget. Start with
//! [`Program`]; `parse` builds the tree, `check` types it, `eval` walks it, `library` holds the functions.
//!
//! Why not the `cel` crate (0.15): it has no type checker and no budget, and its parser overflows the stack on a few
//! hundred parentheses, which a client could send. It knows nothing of schemas or resources; `typed` beside this folder
//! joins the two.

mod check;
mod eval;
mod lex;
mod library;
mod parse;
mod types;
mod value;

pub(super) use eval::Failure;
pub(super) use types::Type;
pub(super) use value::{Key, List, Map, Val};

use parse::Expr;

/// A checked expression.
#[derive(Debug)]
pub(super) struct Program {
    expr: Expr,
    result: Type,
}

impl Program {
    /// Parses and checks `source`; the error is worded and located as the real server's.
    pub(super) fn compile(source: &str, variables: &[(&str, Type)]) -> Result<Program, String> {
        let located = |fault: Fault| fault.locate(source);
        let mut expr = parse::parse(source).map_err(located)?;
        let result = check::check(&mut expr, variables).map_err(located)?;
        Ok(Program { expr, result })
    }

    /// The type that it evaluates to.
    pub(super) fn result(&self) -> &Type {
        &self.result
    }

    /// Whether it speaks of the variable.
    pub(super) fn mentions(&self, variable: &str) -> bool {
        self.expr.mentions(variable)
    }

    /// Runs it. What it costs is taken from `budget`.
    pub(super) fn run(&self, variables: &[(&str, Val)], budget: &mut u64) -> Result<Val, Failure> {
        eval::run(&self.expr, variables, budget)
    }
}

/// What is wrong with an expression, and where.
#[derive(Debug)]
struct Fault {
    at: usize,
    message: String,
}

impl Fault {
    fn new(at: usize, message: impl Into<String>) -> Fault {
        Fault { at, message: message.into() }
    }

    /// Quotes the line and points at the place.
    fn locate(&self, source: &str) -> String {
        let before = source.get(..self.at).unwrap_or(source);
        let row = before.matches('\n').count();
        let column = before.chars().rev().take_while(|letter| *letter != '\n').count();
        let line = source.lines().nth(row).unwrap_or_default();
        format!("ERROR: <input>:{}:{}: {}\n | {line}\n | {}^", row + 1, column + 1, self.message, ".".repeat(column))
    }
}

#[cfg(test)]
mod tests;
