//! Words of an expression.

use super::Fault;

/// A word and where it starts.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) word: Word,
    pub(super) at: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Word {
    Ident(String),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(String),
    Bytes(Vec<u8>),
    Symbol(&'static str),
    End,
}

/// Longer symbols first, since the first that fits is taken.
const SYMBOLS: [&str; 26] = [
    "&&", "||", "==", "!=", "<=", ">=", "(", ")", "[", "]", "{", "}", ".", ",", ":", "?", "+", "-", "*", "/", "%", "!",
    "<", ">", "=", "|",
];

pub(super) fn lex(source: &str) -> Result<Vec<Token>, Fault> {
    let mut lexer = Lexer { source, at: 0 };
    let mut tokens = Vec::new();
    loop {
        let token = lexer.next()?;
        let end = token.word == Word::End;
        tokens.push(token);
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'s> {
    source: &'s str,
    at: usize,
}

impl<'s> Lexer<'s> {
    fn rest(&self) -> &'s str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn next(&mut self) -> Result<Token, Fault> {
        self.skip_blank();
        let (at, rest) = (self.at, self.rest());
        let Some(first) = rest.chars().next() else { return Ok(Token { word: Word::End, at }) };
        let word = if let Some((prefix, quote)) = opening_quote(rest) {
            self.text(prefix, quote)?
        } else if first.is_ascii_digit() || (first == '.' && rest[1..].starts_with(|next: char| next.is_ascii_digit()))
        {
            self.number()?
        } else if first.is_ascii_alphabetic() || first == '_' {
            let length =
                rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(rest.len());
            self.at += length;
            Word::Ident(rest[..length].to_owned())
        } else if let Some(quoted) = rest.strip_prefix('`') {
            let length = quoted.find('`').ok_or_else(|| self.fault("Syntax error: unclosed '`'"))?;
            self.at += length + 2;
            Word::Ident(quoted[..length].to_owned())
        } else {
            let symbol = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol));
            let symbol =
                symbol.ok_or_else(|| self.fault(format!("Syntax error: token recognition error at: '{first}'")))?;
            self.at += symbol.len();
            Word::Symbol(symbol)
        };
        Ok(Token { word, at })
    }

    fn skip_blank(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if !trimmed.starts_with("//") {
                return;
            }
            self.at += trimmed.find('\n').unwrap_or(trimmed.len());
        }
    }

    fn fault(&self, message: impl Into<String>) -> Fault {
        Fault::new(self.at, message)
    }

    fn number(&mut self) -> Result<Word, Fault> {
        let rest = self.rest();
        let out_of_range = |lexer: &Lexer<'_>| lexer.fault("Syntax error: invalid number literal");
        if let Some(hex) = rest.strip_prefix("0x").or_else(|| rest.strip_prefix("0X")) {
            let length = hex.find(|letter: char| !letter.is_ascii_hexdigit()).unwrap_or(hex.len());
            let unsigned = hex[length..].starts_with(['u', 'U']);
            let value = u64::from_str_radix(&hex[..length], 16).map_err(|_| out_of_range(self))?;
            self.at += 2 + length + usize::from(unsigned);
            return match i64::try_from(value) {
                _ if unsigned => Ok(Word::Uint(value)),
                Ok(value) => Ok(Word::Int(value)),
                Err(_) => Err(out_of_range(self)),
            };
        }
        let length = decimal_length(rest);
        let digits = &rest[..length];
        let unsigned = rest[length..].starts_with(['u', 'U']);
        let word = if digits.contains(['.', 'e', 'E']) {
            digits.parse().map(Word::Double).map_err(|_| out_of_range(self))?
        } else if unsigned {
            digits.parse().map(Word::Uint).map_err(|_| out_of_range(self))?
        } else {
            digits.parse().map(Word::Int).map_err(|_| out_of_range(self))?
        };
        self.at += length + usize::from(unsigned && !matches!(word, Word::Double(_)));
        Ok(word)
    }

    fn text(&mut self, prefix: &str, quote: &'static str) -> Result<Word, Fault> {
        let raw = prefix.contains(['r', 'R']);
        let bytes = prefix.contains(['b', 'B']);
        let start = self.at + prefix.len() + quote.len();
        let mut out = Vec::new();
        let mut rest = self.source.get(start..).unwrap_or_default();
        loop {
            if let Some(after) = rest.strip_prefix(quote) {
                self.at = self.source.len() - after.len();
                break;
            }
            let mut letters = rest.chars();
            let letter = letters.next().filter(|letter| quote.len() == 3 || *letter != '\n');
            let letter = letter.ok_or_else(|| self.fault("Syntax error: token recognition error: unclosed string"))?;
            if letter == '\\' && !raw {
                rest = escape(letters.as_str(), bytes, &mut out)
                    .ok_or_else(|| self.fault("Syntax error: invalid escape"))?;
            } else {
                out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                rest = letters.as_str();
            }
        }
        if bytes {
            return Ok(Word::Bytes(out));
        }
        String::from_utf8(out).map(Word::Text).map_err(|_| self.fault("Syntax error: invalid UTF-8 in a string"))
    }
}

/// The prefix (`r`, `b`) and quote that a string starts with.
fn opening_quote(text: &str) -> Option<(&str, &'static str)> {
    let prefix_length = text.find(|letter: char| !matches!(letter, 'r' | 'R' | 'b' | 'B'))?;
    let (prefix, rest) = text.split_at_checked(prefix_length).filter(|(prefix, _)| prefix.len() <= 2)?;
    let quotes = ["\"\"\"", "'''", "\"", "'"];
    quotes.into_iter().find(|quote| rest.starts_with(quote)).map(|quote| (prefix, quote))
}

/// How long a decimal number is, its fraction and exponent included. `1.size()` ends before the dot.
fn decimal_length(text: &str) -> usize {
    let digits = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        from + rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len())
    };
    let starts_digit =
        |at: usize| text.get(at..).is_some_and(|rest| rest.starts_with(|digit: char| digit.is_ascii_digit()));
    let mut end = digits(0);
    if text.get(end..).is_some_and(|rest| rest.starts_with('.')) && starts_digit(end + 1) {
        end = digits(end + 1);
    }
    if text.get(end..).is_some_and(|rest| rest.starts_with(['e', 'E'])) {
        let signed = text.get(end + 1..).is_some_and(|rest| rest.starts_with(['+', '-']));
        let first = end + 1 + usize::from(signed);
        if starts_digit(first) {
            end = digits(first);
        }
    }
    end
}

/// Reads what follows a backslash into `out` and returns the rest.
fn escape<'t>(text: &'t str, bytes: bool, out: &mut Vec<u8>) -> Option<&'t str> {
    let letter = text.chars().next()?;
    let rest = text.get(letter.len_utf8()..)?;
    let simple = match letter {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' | '\'' | '"' | '`' | '?' => u8::try_from(letter).ok()?,
        'x' | 'X' => return number(rest, 2, 16, bytes, out),
        'u' => return number(rest, 4, 16, false, out),
        'U' => return number(rest, 8, 16, false, out),
        '0'..='3' => return number(text, 3, 8, bytes, out),
        _ => return None,
    };
    out.push(simple);
    Some(rest)
}

fn number<'t>(text: &'t str, length: usize, radix: u32, byte: bool, out: &mut Vec<u8>) -> Option<&'t str> {
    let code = u32::from_str_radix(text.get(..length)?, radix).ok()?;
    if byte {
        out.push(u8::try_from(code).ok()?);
    } else {
        out.extend_from_slice(char::from_u32(code)?.encode_utf8(&mut [0; 4]).as_bytes());
    }
    text.get(length..)
}
