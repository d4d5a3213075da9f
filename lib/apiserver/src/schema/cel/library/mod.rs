//! Operators and functions: one table that types calls when a program is compiled and finds them when it runs.
//!
//! Each file lists its functions as rows of `overload`; the signature is data, so the checker and the evaluator can't
//! disagree about it.

mod lists;
mod net;
mod numbers;
mod optionals;
pub(super) mod quantity;
mod text;
mod times;

use std::collections::HashMap;
use std::sync::LazyLock;

pub(super) use text::display;

use super::eval::Failure;
use super::types::Type;
use super::value::Val;

/// Does the work of an overload. Its arguments fit the signature, on the outside: a `list(string)` is a list, but at run
/// time its items may be anything.
type Body = fn(&[Val]) -> Result<Val, Failure>;

/// One signature of a function.
#[derive(Debug)]
pub(super) struct Overload {
    pub(super) method: bool,
    /// The receiver of a method is the first.
    pub(super) parameters: Vec<Type>,
    pub(super) result: Type,
    body: Body,
}

/// A row of the table, before its signature is read.
struct Row {
    name: &'static str,
    method: bool,
    parameters: &'static str,
    result: &'static str,
    body: Body,
}

/// `name(parameters)`
const fn function(name: &'static str, parameters: &'static str, result: &'static str, body: Body) -> Row {
    Row { name, method: false, parameters, result, body }
}

/// `receiver.name(parameters)`
const fn method(name: &'static str, parameters: &'static str, result: &'static str, body: Body) -> Row {
    Row { name, method: true, parameters, result, body }
}

static TABLE: LazyLock<HashMap<&'static str, Vec<Overload>>> = LazyLock::new(|| {
    let mut table: HashMap<_, Vec<Overload>> = HashMap::new();
    let rows = [lists::ROWS, net::ROWS, numbers::ROWS, optionals::ROWS, quantity::ROWS, text::ROWS, times::ROWS];
    for row in rows.into_iter().flatten() {
        let parameters = split(row.parameters).into_iter().map(Type::read).collect();
        let overload = Overload { method: row.method, parameters, result: Type::read(row.result), body: row.body };
        table.entry(row.name).or_default().push(overload);
    }
    table
});

/// Everything called `name`.
pub(super) fn overloads(name: &str) -> &'static [Overload] {
    TABLE.get(name).map_or(&[], Vec::as_slice)
}

/// Runs the first overload that the arguments fit.
pub(super) fn call(name: &str, method: bool, arguments: &[Val]) -> Result<Val, Failure> {
    let fits = |overload: &&Overload| {
        overload.method == method
            && overload.parameters.len() == arguments.len()
            && overload.parameters.iter().zip(arguments).all(|(wanted, found)| found.fits(wanted))
    };
    match overloads(name).iter().find(fits) {
        Some(overload) => (overload.body)(arguments),
        None => Err(Failure::new("no such overload")),
    }
}

/// The type that a word names, as a value: `type(x) == string`.
pub(super) fn type_named(word: &str) -> Option<&'static str> {
    ["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"]
        .into_iter()
        .find(|name| *name == word)
}

/// Splits parameters at the commas that are outside of parentheses.
fn split(parameters: &'static str) -> Vec<&'static str> {
    let mut depth = 0_i32;
    parameters
        .split(|letter: char| {
            depth += i32::from(letter == '(') - i32::from(letter == ')');
            letter == ',' && depth == 0
        })
        .filter(|word| !word.trim().is_empty())
        .collect()
}

/// What a body says of arguments that its signature doesn't let through.
fn mismatch() -> Failure {
    Failure::new("no such overload")
}
