//! As much of PromQL's grammar as it takes to say where a text leaves it.

use super::Fault;
use super::tokens::{Kind, Token};

/// The first thing that is out of place; none when the grammar is not what is wrong.
pub(super) fn fault(tokens: &[Token<'_>], end: usize) -> Option<Fault> {
    let count = |text| tokens.iter().filter(|token| token.text == text).count();
    let mut walk = Walk { rest: tokens, end, unclosed: count(")") < count("(") };
    if tokens.is_empty() {
        return Some(Fault { at: 0, reason: "no expression found in input".into() });
    }
    match walk.expression() {
        Err(fault) => Some(fault),
        Ok(()) if walk.rest.is_empty() => None,
        Ok(()) => Some(walk.unexpected("")),
    }
}

type Walked = Result<(), Fault>;

struct Walk<'a> {
    rest: &'a [Token<'a>],
    end: usize,
    /// Whether the end of the input also leaves a parenthesis open, which says more than that it came unexpectedly.
    unclosed: bool,
}

impl Walk<'_> {
    fn expression(&mut self) -> Walked {
        self.operand()?;
        while self.next_is(|token| token.is_operator() && token.text != "@") {
            self.skip();
            self.modifiers()?;
            self.operand()?;
        }
        Ok(())
    }

    /// `bool`, `on (…)`, `group_left (…)` and their like.
    fn modifiers(&mut self) -> Walked {
        if self.next_is(|token| token.is_word("bool")) {
            self.skip();
        }
        if self.next_is(|token| token.is_word("on") || token.is_word("ignoring")) {
            self.skip();
            self.label_list()?;
        }
        if self.next_is(|token| token.is_word("group_left") || token.is_word("group_right")) {
            self.skip();
            if self.next_is(|token| token.text == "(") {
                self.label_list()?;
            }
        }
        Ok(())
    }

    fn operand(&mut self) -> Walked {
        while self.next_is(|token| matches!(token.text, "+" | "-")) {
            self.skip();
        }
        match self.rest.first().map(|token| (token.kind, token.text)) {
            Some((Kind::Number | Kind::Duration | Kind::Text, _)) => self.skip(),
            Some((Kind::Name, _)) => self.named()?,
            Some((Kind::Open, "(")) => {
                self.skip();
                self.expression()?;
                self.close(")")?;
            }
            Some((Kind::Open, "{")) => self.matchers()?,
            _ => return Err(self.unexpected("")),
        }
        self.suffixes()
    }

    /// A selector, a call or an aggregation.
    fn named(&mut self) -> Walked {
        self.skip();
        let grouped = self.grouping()?;
        if self.next_is(|token| token.text == "(") {
            self.arguments()?;
            if !grouped {
                self.grouping()?;
            }
            Ok(())
        } else if grouped {
            Err(self.unexpected(" in aggregation"))
        } else if self.next_is(|token| token.text == "{") {
            self.matchers()
        } else {
            Ok(())
        }
    }

    /// `by (…)` or `without (…)`, if there is one.
    fn grouping(&mut self) -> Result<bool, Fault> {
        let grouped = self.next_is(|token| token.is_word("by") || token.is_word("without"));
        if grouped {
            self.skip();
            self.label_list()?;
        }
        Ok(grouped)
    }

    fn arguments(&mut self) -> Walked {
        self.skip();
        while !self.next_is(|token| token.text == ")") {
            self.expression()?;
            if !self.next_is(|token| token.kind == Kind::Comma) {
                break;
            }
            self.skip();
        }
        self.close(")")
    }

    fn label_list(&mut self) -> Walked {
        self.expect(|token| token.text == "(", " in grouping opts, expected \"(\"")?;
        while !self.next_is(|token| token.text == ")") {
            self.expect(|token| matches!(token.kind, Kind::Name | Kind::Text), " in grouping opts, expected label")?;
            if !self.next_is(|token| token.kind == Kind::Comma) {
                break;
            }
            self.skip();
        }
        self.expect(|token| token.text == ")", " in grouping opts, expected \",\" or \")\"")
    }

    fn matchers(&mut self) -> Walked {
        self.skip();
        while !self.next_is(|token| token.text == "}") {
            let lone = self.next_is(|token| token.kind == Kind::Text);
            self.expect(
                |token| matches!(token.kind, Kind::Name | Kind::Text),
                " in label matching, expected identifier",
            )?;
            let matches = self.next_is(|token| token.kind == Kind::Matching || token.text == "!=");
            if matches || !lone {
                self.expect(
                    |token| token.kind == Kind::Matching || token.text == "!=",
                    " in label matching, expected operator",
                )?;
                self.expect(|token| token.kind == Kind::Text, " in label matching, expected string")?;
            }
            if !self.next_is(|token| token.kind == Kind::Comma) {
                break;
            }
            self.skip();
        }
        self.expect(|token| token.text == "}", " inside braces")
    }

    /// `[…]`, `offset` and `@`.
    fn suffixes(&mut self) -> Walked {
        loop {
            if self.next_is(|token| token.text == "[") {
                self.skip();
                self.duration(" in range, expected duration")?;
                if self.next_is(|token| token.kind == Kind::Colon) {
                    self.skip();
                    if !self.next_is(|token| token.text == "]") {
                        self.duration(" in subquery, expected duration")?;
                    }
                }
                self.expect(|token| token.text == "]", " in range, expected \"]\"")?;
            } else if self.next_is(|token| token.is_word("offset")) {
                self.skip();
                self.sign();
                self.duration(" in offset, expected duration")?;
            } else if self.next_is(|token| token.text == "@") {
                self.skip();
                self.sign();
                let moment =
                    |token: &Token<'_>| token.kind == Kind::Number || token.is_word("start") || token.is_word("end");
                let named = self.next_is(|token| token.kind == Kind::Name);
                self.expect(moment, " in @, expected timestamp")?;
                if named {
                    self.arguments()?;
                }
            } else {
                return Ok(());
            }
        }
    }

    fn sign(&mut self) {
        if self.next_is(|token| matches!(token.text, "+" | "-")) {
            self.skip();
        }
    }

    fn duration(&mut self, context: &str) -> Walked {
        self.expect(|token| matches!(token.kind, Kind::Number | Kind::Duration), context)
    }

    fn close(&mut self, bracket: &str) -> Walked {
        self.expect(|token| token.text == bracket, "")
    }

    fn expect(&mut self, wanted: impl Fn(&Token<'_>) -> bool, context: &str) -> Walked {
        if !self.next_is(wanted) {
            return Err(self.unexpected(context));
        }
        self.skip();
        Ok(())
    }

    fn next_is(&self, wanted: impl Fn(&Token<'_>) -> bool) -> bool {
        self.rest.first().is_some_and(wanted)
    }

    fn skip(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
    }

    fn unexpected(&self, context: &str) -> Fault {
        let Some(token) = self.rest.first() else {
            let unclosed = self.unclosed && context.is_empty();
            let reason =
                if unclosed { "unclosed left parenthesis".into() } else { format!("unexpected end of input{context}") };
            return Fault { at: self.end, reason };
        };
        let reason = match token.kind {
            Kind::Broken("unexpected character") => {
                format!("unexpected character: {:?}", token.text.chars().next().unwrap_or_default())
            }
            Kind::Broken("bad number or duration syntax") => format!("bad number or duration syntax: {:?}", token.text),
            Kind::Broken(reason) => reason.to_owned(),
            Kind::Operator => format!("unexpected <op:{}>{context}", token.text),
            Kind::Name => format!("unexpected identifier {:?}{context}", token.text),
            Kind::Number | Kind::Duration => format!("unexpected number {:?}{context}", token.text),
            Kind::Text => format!("unexpected string {:?}{context}", token.text),
            Kind::Matching | Kind::Open | Kind::Close | Kind::Comma | Kind::Colon => {
                format!("unexpected {:?}{context}", token.text)
            }
        };
        Fault { at: token.at, reason }
    }
}
