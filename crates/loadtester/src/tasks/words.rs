//! A command line as words, by the rules of a POSIX shell for quotes, and nothing else of a shell.
//!
//! What needs a shell (pipes, variables, several commands) is refused and not passed on literally, so that nobody is
//! surprised by a command that does something else than what is written.

/// Why a command line can't be split.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    #[error("the command needs a shell for {0:?}: set type to bash, or quote it if it is meant literally")]
    NeedsShell(String),
    #[error("a quote in the command is not closed")]
    OpenQuote,
    #[error("the command ends with a backslash")]
    OpenEscape,
    #[error("the command is empty")]
    Empty,
}

/// What only a shell does, be it a word of its grammar or a command that changes the shell itself.
const BUILTINS: [&str; 21] = [
    "!", ".", ":", "[[", "case", "cd", "eval", "exec", "exit", "export", "for", "function", "if", "return", "set",
    "source", "ulimit", "unset", "until", "while", "{",
];

/// The words of a line; there is at least one.
pub(super) fn split(line: &str) -> Result<Vec<String>, Error> {
    let mut words = Vec::new();
    let mut chars = line.chars().peekable();
    while let Some(&next) = chars.peek() {
        if next.is_whitespace() && next != '\n' {
            chars.next();
        } else if matches!(next, '#' | '~') {
            return Err(Error::NeedsShell(next.to_string()));
        } else if let Some(word) = word(&mut chars)? {
            words.push(word);
        }
    }
    match words.first() {
        None => Err(Error::Empty),
        Some(first) if first.is_empty() => Err(Error::Empty),
        Some(first) if BUILTINS.contains(&first.as_str()) || is_assignment(first) => {
            Err(Error::NeedsShell(first.clone()))
        }
        Some(_) => Ok(words),
    }
}

/// One word; none where a line is only continued.
fn word(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Option<String>, Error> {
    let mut word = None;
    while let Some(&next) = chars.peek() {
        if next.is_whitespace() && next != '\n' {
            break;
        }
        chars.next();
        let text = word.get_or_insert_with(String::new);
        match next {
            '\'' => single_quoted(chars, text)?,
            '"' => double_quoted(chars, text)?,
            '\\' => match chars.next().ok_or(Error::OpenEscape)? {
                // A line that goes on in the next one.
                '\n' if text.is_empty() => return Ok(None),
                '\n' => {}
                escaped => text.push(escaped),
            },
            // What ends the text of a YAML block is no second command.
            '\n' if chars.clone().all(char::is_whitespace) => {
                let word = word.filter(|word| !word.is_empty());
                chars.by_ref().for_each(drop);
                return Ok(word);
            }
            '\n' => return Err(Error::NeedsShell("a second line".to_owned())),
            '|' | '&' | ';' | '<' | '>' | '(' | ')' | '$' | '`' | '*' => {
                return Err(Error::NeedsShell(next.to_string()));
            }
            plain => text.push(plain),
        }
    }
    Ok(word)
}

fn single_quoted(chars: &mut impl Iterator<Item = char>, text: &mut String) -> Result<(), Error> {
    for next in chars {
        if next == '\'' {
            return Ok(());
        }
        text.push(next);
    }
    Err(Error::OpenQuote)
}

fn double_quoted(chars: &mut impl Iterator<Item = char>, text: &mut String) -> Result<(), Error> {
    while let Some(next) = chars.next() {
        match next {
            '"' => return Ok(()),
            '$' | '`' => return Err(Error::NeedsShell(next.to_string())),
            '\\' => match chars.next().ok_or(Error::OpenQuote)? {
                '\n' => {}
                escaped @ ('"' | '\\' | '$' | '`') => text.push(escaped),
                plain => text.extend(['\\', plain]),
            },
            plain => text.push(plain),
        }
    }
    Err(Error::OpenQuote)
}

/// `NAME=value` before a command sets a variable for it.
fn is_assignment(word: &str) -> bool {
    let Some((name, _)) = word.split_once('=') else { return false };
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && name.chars().all(is_name) && !name.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_quotes_are_those_of_a_shell() {
        for (line, words) in [
            (
                "hey -z 1m -q 10 http://podinfo.test/?a=1",
                &["hey", "-z", "1m", "-q", "10", "http://podinfo.test/?a=1"][..],
            ),
            (r#"hey -H "Accept: */*" -d '{"a": "$b"}'"#, &["hey", "-H", "Accept: */*", "-d", r#"{"a": "$b"}"#]),
            (r#"echo a\ b "c \"d\" \e" ''"#, &["echo", "a b", r#"c "d" \e"#, ""]),
            (
                "  ghz --proto=/tmp/ghz/health.proto \\\n  --call x\n",
                &["ghz", "--proto=/tmp/ghz/health.proto", "--call", "x"],
            ),
            ("echo its' 'quoted", &["echo", "its quoted"]),
            ("true\n\n", &["true"]),
        ] {
            assert_eq!(split(line).unwrap(), words, "{line}");
        }
    }

    #[test]
    fn what_needs_a_shell_is_refused_and_the_message_names_bash() {
        for (line, what) in [
            ("curl -s http://x | grep y", "|"),
            ("hey http://x && hey http://y", "&"),
            ("a; b", ";"),
            ("echo $HOME", "$"),
            (r#"echo "$(id)""#, "$"),
            ("echo `id`", "`"),
            ("a > /tmp/b", ">"),
            ("rm /tmp/*", "*"),
            ("a\nb", "a second line"),
            ("A=1 b", "A=1"),
            ("cd /tmp", "cd"),
            ("ls ~", "~"),
            ("a # b", "#"),
        ] {
            assert_eq!(split(line), Err(Error::NeedsShell(what.to_owned())), "{line}");
        }
        assert!(Error::NeedsShell("|".to_owned()).to_string().contains("set type to bash"));
        assert_eq!(split("echo 'a"), Err(Error::OpenQuote));
        assert_eq!(split("echo \\"), Err(Error::OpenEscape));
        assert_eq!(split(" \n"), Err(Error::Empty));
    }
}
