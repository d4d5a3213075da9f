//! Where a query stops making sense, and whether it may be read at all.
//!
//! The parser tells that a text is no PromQL, but not where, and it follows any nesting and any number. So each query
//! is looked over here as well: [`check`] before the parser sees it, [`explain`] after the parser refused it.

mod grammar;
mod tokens;

use crate::promql::QueryError;
use tokens::{Kind, Token, tokens};

/// At most so many bytes of a query are read: ten times the longest that dashboards have.
const MAX_BYTES: usize = 16 * 1024;
/// At most so many brackets are open at once, because evaluation recurses into each.
const MAX_NESTING: usize = 50;
/// At most so many operators, for the same reason: `1 + 1 + 1` nests to the left.
const MAX_OPERATORS: usize = 150;
/// At most so many seconds in a duration that is written as a number: thirty years.
const MAX_SECONDS: f64 = 1e9;
/// At most so many digits in each part of a duration; the parser takes longer parts for nothing.
const MAX_DIGITS: usize = 9;

/// Refuses what must not reach the parser: the very long, the very deep, and durations that it can't hold.
pub(crate) fn check(query: &str) -> Result<(), QueryError> {
    if MAX_BYTES < query.len() {
        return Err(QueryError::TooComplex { what: "bytes", limit: MAX_BYTES });
    }
    let tokens = tokens(query);
    if MAX_OPERATORS < tokens.iter().filter(|token| token.is_operator()).count() {
        return Err(QueryError::TooComplex { what: "operators", limit: MAX_OPERATORS });
    }
    if MAX_NESTING < nesting(&tokens) {
        return Err(QueryError::TooComplex { what: "nested brackets", limit: MAX_NESTING });
    }
    match durations(&tokens) {
        Ok(()) => Ok(()),
        Err(fault) => Err(fault.at_place_in(query)),
    }
}

/// The error for a query that the parser refused with `message`.
pub(crate) fn explain(query: &str, message: &str) -> QueryError {
    let tokens = tokens(query);
    let ungrammatical = ["invalid promql query", "unexpected", "unclosed", "bad number", "unterminated"];
    let fault = if ungrammatical.iter().any(|start| message.starts_with(start)) {
        grammar::fault(&tokens, query.len())
    } else {
        None
    };
    fault.unwrap_or_else(|| named(&tokens, message)).at_place_in(query)
}

/// Something wrong at a byte of the query.
#[derive(Debug, PartialEq, Eq)]
struct Fault {
    at: usize,
    reason: String,
}

impl Fault {
    fn at_place_in(self, query: &str) -> QueryError {
        let before = query.get(..self.at).unwrap_or(query);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        QueryError::Syntax { line, column: before.len() - line_start + 1, reason: self.reason }
    }
}

/// The parser's complaint, placed at the first thing that it quotes by name.
fn named(tokens: &[Token<'_>], message: &str) -> Fault {
    let mut quoted = message.split('\'').skip(1).step_by(2);
    let place = quoted.find_map(|name| tokens.iter().find(|token| token.text == name));
    Fault { at: place.map_or(0, |token| token.at), reason: message.replace('\'', "\"") }
}

fn nesting(tokens: &[Token<'_>]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for token in tokens {
        if token.kind == Kind::Open {
            depth += 1;
        } else if token.kind == Kind::Close {
            depth = depth.saturating_sub(1);
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// Looks at what follows each `[`, `:` and `offset`.
fn durations(tokens: &[Token<'_>]) -> Result<(), Fault> {
    for (position, token) in tokens.iter().enumerate() {
        let is_offset = token.is_word("offset");
        if !is_offset && !matches!(token.text, "[" | ":") {
            continue;
        }
        let mut following = tokens.iter().skip(position + 1).skip_while(|token| matches!(token.text, "+" | "-"));
        if let Some(duration) = following.next() {
            let problem = problem(duration, is_offset);
            problem.map_or(Ok(()), |reason| Err(Fault { at: duration.at, reason: reason.to_owned() }))?;
        }
    }
    Ok(())
}

fn problem(duration: &Token<'_>, may_be_zero: bool) -> Option<&'static str> {
    let (fits, is_zero) = if duration.kind == Kind::Number {
        let seconds = duration.text.parse().unwrap_or(0.0);
        (seconds <= MAX_SECONDS, seconds <= 0.0 && !duration.text.contains(['x', 'X']))
    } else if duration.kind == Kind::Duration {
        let fits = duration.text.split(|c: char| !c.is_ascii_digit()).all(|digits| digits.len() <= MAX_DIGITS);
        (fits, !duration.text.contains(|c: char| ('1'..='9').contains(&c)))
    } else {
        (!duration.is_word("inf") && !duration.is_word("nan"), false)
    };
    if !fits {
        return Some("duration out of range");
    }
    (is_zero && !may_be_zero).then_some("duration must be greater than 0")
}

#[cfg(test)]
mod tests {
    use super::explain;
    use crate::promql::lower;

    #[track_caller]
    fn check(query: &str, expected: &str) {
        let error = lower::plan(query, 0, 0).map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), expected, "{query}");
    }

    #[test]
    fn the_place_of_a_mistake_is_named() {
        check("foo bar", r#"1:5: parse error: unexpected identifier "bar""#);
        check("foo\n + * 2", "2:4: parse error: unexpected <op:*>");
        check("sum(foo", "1:8: parse error: unclosed left parenthesis");
        check("1 +", "1:4: parse error: unexpected end of input");
        check("foo)", r#"1:4: parse error: unexpected ")""#);
        check("foo{a=~b}", r#"1:8: parse error: unexpected identifier "b" in label matching, expected string"#);
        check("foo{a=\"b\"", "1:10: parse error: unexpected end of input inside braces");
        check("foo{a=\"b", "1:7: parse error: unterminated quoted string");
        check("foo[5x]", r#"1:5: parse error: bad number or duration syntax: "5x""#);
        check("foo $", "1:5: parse error: unexpected character: '$'");
        check("sum by (x) (foo) by (y)", r#"1:18: parse error: unexpected identifier "by""#);
        check("", "1:1: parse error: no expression found in input");
    }

    #[test]
    fn a_mistake_in_meaning_is_placed_at_the_name_it_is_about() {
        check("1 + nope(2)", "1:5: parse error: unknown function with name \"nope\"");
        check("sum(rate(foo))", "1:5: parse error: expected type matrix in call to function \"rate\", got vector");
        check(r#"foo{a=~"("}"#, "1:1: parse error: illegal regex for (");
    }

    #[test]
    fn durations_that_the_parser_cannot_hold_never_reach_it() {
        check("foo offset 1e300", "1:12: parse error: duration out of range");
        check("foo offset -inf", "1:13: parse error: duration out of range");
        check("foo[1h9999999999s]", "1:5: parse error: duration out of range");
        check("foo[0]", "1:5: parse error: duration must be greater than 0");
        check("foo[5m:0s]", "1:8: parse error: duration must be greater than 0");
    }

    #[test]
    fn queries_are_bounded() {
        check(&"(".repeat(60), "the query has more than 50 nested brackets");
        check(&vec!["1"; 200].join("+"), "the query has more than 150 operators");
        check(&" ".repeat(20_000), "the query has more than 16384 bytes");
    }

    #[test]
    fn an_unplaceable_complaint_is_kept() {
        assert_eq!(explain("foo", "no idea").to_string(), "1:1: parse error: no idea");
    }
}
