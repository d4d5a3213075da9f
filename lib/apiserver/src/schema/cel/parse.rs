//! From words to a tree.

use regex::Regex;

use super::Fault;
use super::lex::{Token, Word, lex};
use super::library;

/// Longer sources are refused.
const SOURCE_MAX: usize = 100_000;
/// How deep parentheses, arguments and brackets may nest: each level is a few frames of the parser.
const NESTING_MAX: usize = 60;
/// How high a tree may be: each level is a frame of the checker and of the evaluator. `a + b + c` is three levels.
const HEIGHT_MAX: usize = 200;

/// An expression and where it stands.
#[derive(Debug)]
pub(super) struct Expr {
    pub(super) at: usize,
    pub(super) node: Node,
    height: usize,
}

#[derive(Debug)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(String),
    Bytes(Vec<u8>),
    Ident(String),
    /// `of.field`, or `of.?field`.
    Select {
        of: Box<Expr>,
        field: String,
        optional: bool,
    },
    /// `has(of.field)`.
    Has {
        of: Box<Expr>,
        field: String,
    },
    /// `of[index]`, or `of[?index]`.
    Index {
        of: Box<Expr>,
        index: Box<Expr>,
        optional: bool,
    },
    List(Vec<Expr>),
    Map(Vec<(Expr, Expr)>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Conditional(Box<Expr>, Box<Expr>, Box<Expr>),
    /// An operator or a function. The receiver of a method is its first argument. A constant pattern is compiled when the
    /// program is.
    Call {
        name: String,
        method: bool,
        arguments: Vec<Expr>,
        pattern: Option<Regex>,
    },
    Loop(Box<Loop>),
    /// `of.optMap(variable, body)` and `of.optFlatMap(variable, body)`.
    OptionalMap {
        of: Box<Expr>,
        variable: String,
        body: Box<Expr>,
        flat: bool,
    },
}

/// `range.all(variable, body)` and its siblings.
#[derive(Debug)]
pub(super) struct Loop {
    pub(super) kind: LoopKind,
    pub(super) range: Expr,
    /// The item or key; with two variables, the index or key.
    pub(super) variable: String,
    /// The item or value, when there are two variables.
    pub(super) second: Option<String>,
    /// Items that it is false for are passed over (`map` with three arguments).
    pub(super) condition: Option<Expr>,
    pub(super) body: Expr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoopKind {
    All,
    Exists,
    ExistsOne,
    Filter,
    Map,
}

pub(super) fn parse(source: &str) -> Result<Expr, Fault> {
    if SOURCE_MAX < source.len() {
        return Err(Fault::new(0, format!("expression code point size exceeds limit: {SOURCE_MAX}")));
    }
    let mut parser = Parser { tokens: lex(source)?, next: 0, nesting: 0 };
    let expr = parser.expression()?;
    match parser.peek() {
        Word::End => Ok(expr),
        _ => Err(parser.unexpected("<EOF>")),
    }
}

impl Expr {
    fn new(at: usize, node: Node) -> Result<Expr, Fault> {
        let height = 1 + node.children().map(|child| child.height).max().unwrap_or_default();
        if HEIGHT_MAX < height {
            return Err(Fault::new(at, format!("expression is nested deeper than {HEIGHT_MAX} levels")));
        }
        Ok(Expr { at, node, height })
    }

    /// Whether the name occurs. A loop variable of the same name counts too.
    pub(super) fn mentions(&self, name: &str) -> bool {
        matches!(&self.node, Node::Ident(ident) if ident == name)
            || self.node.children().any(|child| child.mentions(name))
    }
}

impl Node {
    fn children(&self) -> impl Iterator<Item = &Expr> {
        let mut children: Vec<&Expr> = Vec::new();
        match self {
            Node::Null
            | Node::Bool(_)
            | Node::Int(_)
            | Node::Uint(_)
            | Node::Double(_)
            | Node::Text(_)
            | Node::Bytes(_)
            | Node::Ident(_) => {}
            Node::Select { of, .. } | Node::Has { of, .. } => children.push(of),
            Node::Index { of, index, .. } => children.extend([&**of, &**index]),
            Node::List(items) | Node::Call { arguments: items, .. } => children.extend(items),
            Node::Map(entries) => children.extend(entries.iter().flat_map(|(key, value)| [key, value])),
            Node::And(left, right) | Node::Or(left, right) => children.extend([&**left, &**right]),
            Node::Conditional(condition, yes, no) => children.extend([&**condition, &**yes, &**no]),
            Node::Loop(each) => {
                children.extend([&each.range, &each.body]);
                children.extend(&each.condition);
            }
            Node::OptionalMap { of, body, .. } => children.extend([&**of, &**body]),
        }
        children.into_iter()
    }
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    nesting: usize,
}

/// How tightly a binary operator binds, and the name of its function.
fn binary(symbol: &Word) -> Option<(u8, &'static str)> {
    Some(match symbol {
        Word::Symbol("||") => (1, "_||_"),
        Word::Symbol("&&") => (2, "_&&_"),
        Word::Symbol("==") => (3, "_==_"),
        Word::Symbol("!=") => (3, "_!=_"),
        Word::Symbol("<") => (3, "_<_"),
        Word::Symbol("<=") => (3, "_<=_"),
        Word::Symbol(">") => (3, "_>_"),
        Word::Symbol(">=") => (3, "_>=_"),
        Word::Ident(word) if word == "in" => (3, "@in"),
        Word::Symbol("+") => (4, "_+_"),
        Word::Symbol("-") => (4, "_-_"),
        Word::Symbol("*") => (5, "_*_"),
        Word::Symbol("/") => (5, "_/_"),
        Word::Symbol("%") => (5, "_%_"),
        _ => return None,
    })
}

impl Parser {
    fn peek(&self) -> &Word {
        self.tokens.get(self.next).map_or(&Word::End, |token| &token.word)
    }

    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(0, |token| token.at)
    }

    fn take(&mut self, symbol: &'static str) -> bool {
        let found = *self.peek() == Word::Symbol(symbol);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: &'static str) -> Result<(), Fault> {
        if self.take(symbol) { Ok(()) } else { Err(self.unexpected(symbol)) }
    }

    fn unexpected(&self, expected: &str) -> Fault {
        let found = match self.peek() {
            Word::Ident(word) => word.clone(),
            Word::Symbol(symbol) => (*symbol).to_owned(),
            Word::End => "<EOF>".to_owned(),
            other => format!("{other:?}"),
        };
        Fault::new(self.at(), format!("Syntax error: mismatched input '{found}' expecting '{expected}'"))
    }

    fn expression(&mut self) -> Result<Expr, Fault> {
        self.nesting += 1;
        if NESTING_MAX < self.nesting {
            return Err(Fault::new(self.at(), format!("expression nests deeper than {NESTING_MAX} levels")));
        }
        let condition = self.operators(1)?;
        let at = self.at();
        let expr = if self.take("?") {
            let yes = self.expression()?;
            self.expect(":")?;
            let no = self.expression()?;
            Expr::new(at, Node::Conditional(Box::new(condition), Box::new(yes), Box::new(no)))?
        } else {
            condition
        };
        self.nesting -= 1;
        Ok(expr)
    }

    /// Operators that bind at least as tightly as `tightness`, grouped from the left.
    fn operators(&mut self, tightness: u8) -> Result<Expr, Fault> {
        let mut left = self.unary()?;
        while let Some((found, name)) = binary(self.peek()).filter(|(found, _)| tightness <= *found) {
            let at = self.at();
            self.next += 1;
            let right = self.operators(found + 1)?;
            left = Expr::new(
                at,
                match name {
                    "_||_" => Node::Or(Box::new(left), Box::new(right)),
                    "_&&_" => Node::And(Box::new(left), Box::new(right)),
                    name => call(name, false, vec![left, right]),
                },
            )?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expr, Fault> {
        let at = self.at();
        let (mut negations, mut nots) = (0_usize, 0_usize);
        while self.take("!") {
            nots += 1;
        }
        while nots == 0 && self.take("-") {
            negations += 1;
        }
        // The smallest integer has no positive counterpart: its sign belongs to the literal.
        if negations == 1
            && let Word::Int(number) = *self.peek()
        {
            self.next += 1;
            let literal = Expr::new(at, Node::Int(-number))?;
            return self.members(literal);
        }
        let mut expr = self.primary()?;
        expr = self.members(expr)?;
        if nots % 2 == 1 {
            expr = Expr::new(at, call("!_", false, vec![expr]))?;
        }
        if negations % 2 == 1 {
            expr = Expr::new(at, call("-_", false, vec![expr]))?;
        }
        Ok(expr)
    }

    fn members(&mut self, mut of: Expr) -> Result<Expr, Fault> {
        loop {
            let at = self.at();
            if self.take(".") {
                let optional = self.take("?");
                let field = self.ident()?;
                of = if !optional && self.take("(") {
                    self.method(of, &field, at)?
                } else {
                    Expr::new(at, Node::Select { of: Box::new(of), field, optional })?
                };
            } else if self.take("[") {
                let optional = self.take("?");
                let index = self.expression()?;
                self.expect("]")?;
                of = Expr::new(at, Node::Index { of: Box::new(of), index: Box::new(index), optional })?;
            } else {
                return Ok(of);
            }
        }
    }

    fn ident(&mut self) -> Result<String, Fault> {
        let Word::Ident(name) = self.peek().clone() else { return Err(self.unexpected("IDENTIFIER")) };
        self.next += 1;
        Ok(name)
    }

    /// A method call, which macros look like too. Its opening parenthesis is taken.
    fn method(&mut self, of: Expr, name: &str, at: usize) -> Result<Expr, Fault> {
        let mut arguments = self.arguments(")")?;
        let kind = match (name, arguments.len()) {
            ("all", 2 | 3) => LoopKind::All,
            ("exists", 2 | 3) => LoopKind::Exists,
            ("exists_one" | "existsOne", 2 | 3) => LoopKind::ExistsOne,
            ("filter", 2) => LoopKind::Filter,
            ("map", 2 | 3) => LoopKind::Map,
            ("optMap" | "optFlatMap", 2) => {
                let body = Box::new(last(&mut arguments, at)?);
                let variable = variable(last(&mut arguments, at)?)?;
                let flat = name == "optFlatMap";
                return Expr::new(at, Node::OptionalMap { of: Box::new(of), variable, body, flat });
            }
            _ => {
                // `ip.isCanonical(x)`: a dotted name of a function, not a method of a variable `ip`.
                if let Node::Ident(space) = &of.node {
                    let dotted = format!("{space}.{name}");
                    if !library::overloads(&dotted).is_empty() {
                        return Expr::new(at, call(&dotted, false, arguments));
                    }
                }
                arguments.insert(0, of);
                return Expr::new(at, call(name, true, arguments));
            }
        };
        let three = arguments.len() == 3;
        let body = last(&mut arguments, at)?;
        let middle = if three { Some(last(&mut arguments, at)?) } else { None };
        let first = variable(last(&mut arguments, at)?)?;
        let (second, condition) = match middle {
            Some(middle) if kind == LoopKind::Map => (None, Some(middle)),
            Some(middle) => (Some(variable(middle)?), None),
            None => (None, None),
        };
        let each = Loop { kind, range: of, variable: first, second, condition, body };
        // The loop's parts are a level below it, as other operands are.
        Expr::new(at, Node::Loop(Box::new(each)))
    }

    fn arguments(&mut self, close: &'static str) -> Result<Vec<Expr>, Fault> {
        let mut arguments = Vec::new();
        while !self.take(close) {
            if !arguments.is_empty() {
                self.expect(",")?;
                if self.take(close) {
                    break;
                }
            }
            arguments.push(self.expression()?);
        }
        Ok(arguments)
    }

    fn primary(&mut self) -> Result<Expr, Fault> {
        let at = self.at();
        let word = self.peek().clone();
        self.next += 1;
        let node = match word {
            Word::Int(number) => Node::Int(number),
            Word::Uint(number) => Node::Uint(number),
            Word::Double(number) => Node::Double(number),
            Word::Text(text) => Node::Text(text),
            Word::Bytes(bytes) => Node::Bytes(bytes),
            Word::Ident(name) => match name.as_str() {
                "true" => Node::Bool(true),
                "false" => Node::Bool(false),
                "null" => Node::Null,
                _ if self.take("(") => return self.function(&name, at),
                _ => Node::Ident(name),
            },
            Word::Symbol("(") => {
                let inner = self.expression()?;
                self.expect(")")?;
                return Ok(inner);
            }
            Word::Symbol("[") => {
                if *self.peek() == Word::Symbol("?") {
                    return Err(Fault::new(at, "unsupported syntax: optional list entries ('[?')"));
                }
                Node::List(self.arguments("]")?)
            }
            Word::Symbol("{") => Node::Map(self.entries()?),
            _ => {
                self.next -= 1;
                return Err(self.unexpected("expression"));
            }
        };
        Expr::new(at, node)
    }

    fn entries(&mut self) -> Result<Vec<(Expr, Expr)>, Fault> {
        let mut entries = Vec::new();
        while !self.take("}") {
            if !entries.is_empty() {
                self.expect(",")?;
                if self.take("}") {
                    break;
                }
            }
            if *self.peek() == Word::Symbol("?") {
                return Err(Fault::new(self.at(), "unsupported syntax: optional map entries ('{?')"));
            }
            let key = self.expression()?;
            self.expect(":")?;
            entries.push((key, self.expression()?));
        }
        Ok(entries)
    }

    fn function(&mut self, name: &str, at: usize) -> Result<Expr, Fault> {
        let mut arguments = self.arguments(")")?;
        if name != "has" {
            return Expr::new(at, call(name, false, arguments));
        }
        match arguments.pop().map(|argument| argument.node) {
            Some(Node::Select { of, field, optional: false }) if arguments.is_empty() => {
                Expr::new(at, Node::Has { of, field })
            }
            _ => Err(Fault::new(at, "invalid argument to has() macro")),
        }
    }
}

fn call(name: &str, method: bool, arguments: Vec<Expr>) -> Node {
    Node::Call { name: name.to_owned(), method, arguments, pattern: None }
}

fn last(arguments: &mut Vec<Expr>, at: usize) -> Result<Expr, Fault> {
    arguments.pop().ok_or_else(|| Fault::new(at, "missing argument"))
}

fn variable(argument: Expr) -> Result<String, Fault> {
    match argument.node {
        Node::Ident(name) => Ok(name),
        _ => Err(Fault::new(argument.at, "argument must be a simple name")),
    }
}
