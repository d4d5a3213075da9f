//! Who may decide: whoever knows a token, by the name that goes with it.

use subtle::ConstantTimeEq;

/// All tokens; without any, everybody may decide.
#[derive(Default)]
pub(super) struct Tokens(Vec<(Option<String>, String)>);

/// Somebody who may decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    /// What the token says, which counts more than what the person says.
    pub(super) name: Option<String>,
}

impl Tokens {
    pub(super) fn add(&mut self, name: Option<&str>, token: &str) {
        self.0.push((name.map(str::to_owned), token.to_owned()));
    }

    /// Adds a token from each line, `name: token` or `token` alone; lines that are empty or begin with `#` do not count.
    /// Returns how many there were.
    pub(super) fn add_lines(&mut self, lines: &str) -> usize {
        let before = self.0.len();
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            match line.split_once(": ") {
                Some((name, token)) if !token.trim().is_empty() => self.add(Some(name.trim()), token.trim()),
                _ => self.add(None, line),
            }
        }
        self.0.len() - before
    }

    pub(super) fn are_none(&self) -> bool {
        self.0.is_empty()
    }

    /// Who this is, if they may decide. All tokens are compared in full, so that time tells nothing about them.
    pub(super) fn person(&self, token: Option<&str>) -> Option<Person> {
        if self.are_none() {
            return Some(Person { name: None });
        }
        let given = token.unwrap_or_default().as_bytes();
        let mut found = None;
        for (name, known) in &self.0 {
            if bool::from(known.as_bytes().ct_eq(given)) {
                found = Some(Person { name: name.clone() });
            }
        }
        found
    }
}

/// Never what they are.
impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} tokens", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_person() {
        let mut tokens = Tokens::default();
        assert_eq!(tokens.person(None), Some(Person { name: None }), "without tokens everybody may decide");
        assert_eq!(tokens.add_lines("# people\nada: s3cret\n\nlone:token\n"), 2);
        assert_eq!(tokens.person(Some("s3cret")), Some(Person { name: Some("ada".to_owned()) }));
        assert_eq!(tokens.person(Some("lone:token")), Some(Person { name: None }));
        for wrong in [None, Some(""), Some("s3cre"), Some("s3cret "), Some("ada: s3cret")] {
            assert_eq!(tokens.person(wrong), None, "{wrong:?}");
        }
        assert_eq!(format!("{tokens:?}"), "2 tokens");
    }
}
