//! The words of a query and where they stand.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An identifier or keyword.
    Name,
    Number,
    Duration,
    /// A quoted string.
    Text,
    Operator,
    /// `=`, `=~` or `!~`, which stand only between a label and its value.
    Matching,
    Open,
    Close,
    Comma,
    Colon,
    /// No word of PromQL, and why.
    Broken(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    pub(super) at: usize,
}

impl Token<'_> {
    pub(super) fn is_operator(&self) -> bool {
        self.kind == Kind::Operator || ["and", "or", "unless", "atan2"].iter().any(|word| self.is_word(word))
    }

    /// Keywords may be written in any case.
    pub(super) fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Name && self.text.eq_ignore_ascii_case(word)
    }
}

/// All tokens of a query; blanks and comments are passed over.
pub(super) fn tokens(query: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(rest) = query.get(at..).filter(|rest| !rest.is_empty()) {
        let (kind, length) = match blank(rest) {
            0 => token(rest),
            blank => {
                at += blank;
                continue;
            }
        };
        tokens.push(Token { kind, text: rest.get(..length).unwrap_or(rest), at });
        at += length;
    }
    tokens
}

/// The length of the blanks or the comment that a text starts with.
fn blank(text: &str) -> usize {
    let past = |found: Option<usize>| found.unwrap_or(text.len());
    if text.starts_with('#') { past(text.find('\n')) } else { past(text.find(|c: char| !c.is_ascii_whitespace())) }
}

/// The kind and length of the token that a text starts with.
fn token(text: &str) -> (Kind, usize) {
    let mut chars = text.chars();
    let Some(first) = chars.next() else { return (Kind::Broken("unexpected end of input"), 0) };
    let second = chars.next();
    match (first, second) {
        ('=' | '!' | '<' | '>', Some('=')) => (Kind::Operator, 2),
        ('=' | '!', Some('~')) => (Kind::Matching, 2),
        ('=', _) => (Kind::Matching, 1),
        ('+' | '-' | '*' | '/' | '%' | '^' | '<' | '>' | '@', _) => (Kind::Operator, 1),
        ('(' | '[' | '{', _) => (Kind::Open, 1),
        (')' | ']' | '}', _) => (Kind::Close, 1),
        (',', _) => (Kind::Comma, 1),
        ('"' | '\'' | '`', _) => quoted(text, first),
        (c, _) if c.is_ascii_digit() => number(text),
        ('.', Some(c)) if c.is_ascii_digit() => number(text),
        (c, _) if c.is_ascii_alphabetic() || c == '_' => (Kind::Name, run(text, is_name)),
        (':', Some(c)) if is_name(c) && !c.is_ascii_digit() => (Kind::Name, run(text, is_name)),
        (':', _) => (Kind::Colon, 1),
        (c, _) => (Kind::Broken("unexpected character"), c.len_utf8()),
    }
}

fn quoted(text: &str, quote: char) -> (Kind, usize) {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote != '`' => escaped = true,
            c if c == quote => return (Kind::Text, at + 1),
            '\n' if quote != '`' => break,
            _ => {}
        }
    }
    (Kind::Broken("unterminated quoted string"), text.len())
}

fn number(text: &str) -> (Kind, usize) {
    let mut length = run(text, |c| c.is_ascii_alphanumeric() || c == '.' || c == '_');
    let is_hex = text.starts_with("0x") || text.starts_with("0X");
    if !is_hex && text.get(..length).is_some_and(|word| word.ends_with(['e', 'E'])) {
        let exponent = text.get(length..).unwrap_or_default();
        if exponent.starts_with(['+', '-']) {
            length += 1 + run(exponent.get(1..).unwrap_or_default(), |c| c.is_ascii_digit());
        }
    }
    let word = text.get(..length).unwrap_or(text);
    let kind = if is_hex || word.parse::<f64>().is_ok() {
        Kind::Number
    } else if is_duration(word) {
        Kind::Duration
    } else {
        Kind::Broken("bad number or duration syntax")
    };
    (kind, length)
}

/// Numbers, each followed by a unit.
fn is_duration(word: &str) -> bool {
    let mut rest = word;
    while !rest.is_empty() {
        let digits = run(rest, |c| c.is_ascii_digit());
        let unit = rest.get(digits..).unwrap_or_default();
        let letters = run(unit, |c| !c.is_ascii_digit());
        let known = matches!(unit.get(..letters), Some("ms" | "s" | "m" | "h" | "d" | "w" | "y"));
        if digits == 0 || !known {
            return false;
        }
        rest = unit.get(letters..).unwrap_or_default();
    }
    true
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

fn run(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}
