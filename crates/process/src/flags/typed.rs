//! What was typed: the command line split into flags and values, by the rules of Go's `flag` package.
//!
//! One dash or two; `-x=v` or `-x v`, but a boolean takes its value only after `=`; the last occurrence counts; the first
//! word that is no flag, or `--`, ends the flags.

use std::collections::BTreeMap;

use api::duration;

use super::{Effect, Flag, Flags, Takes};

/// The flags that were given, checked to be of the kind that they take.
#[derive(Debug)]
pub struct Typed {
    flags: &'static Flags,
    values: BTreeMap<&'static str, String>,
    /// The words after the flags, which have no meaning.
    pub rest: Vec<String>,
}

/// Why a command line can't be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misread {
    /// `-h` or `-help`: nothing is wrong.
    #[error("help requested")]
    Help,
    /// Such as `---x` or `-=1`.
    #[error("bad flag syntax: {0}")]
    Syntax(String),
    /// There is no such flag.
    #[error("flag provided but not defined: -{0}")]
    Unknown(String),
    /// The last word is a flag that takes a value.
    #[error("flag needs an argument: -{0}")]
    Missing(&'static str),
    /// The value is not of the kind that the flag takes, or not one of those that it knows.
    #[error("invalid value {value:?} for flag -{name}: {problem}")]
    Value {
        /// The flag.
        name: &'static str,
        /// What was typed.
        value: String,
        /// What it takes.
        problem: String,
    },
}

impl Typed {
    /// Reads the words after the program's name, and the environment.
    pub fn read(
        flags: &'static Flags,
        words: impl Iterator<Item = String>,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Misread> {
        let mut typed = Self { flags, values: BTreeMap::new(), rest: Vec::new() };
        let mut words = words.peekable();
        while let Some(word) = words.next_if(|word| is_flag(word)) {
            if word == "--" {
                break;
            }
            let (flag, value) = split(flags, &word)?;
            let value = match value {
                Some(value) => value,
                None if flag.takes == Takes::Bool => "true".to_owned(),
                None => words.next().ok_or(Misread::Missing(flag.name))?,
            };
            typed.set(flag, value)?;
        }
        typed.rest = words.collect();
        for flag in flags.rows {
            if let Some(value) = flag.env.and_then(&env).filter(|value| !value.is_empty()) {
                typed.set(flag, value)?;
            }
        }
        Ok(typed)
    }

    /// The flag's value: typed, from the environment, or its default.
    pub fn text(&self, name: &str) -> &str {
        let default = || self.flags.find(name).map_or("", |flag| flag.default);
        self.values.get(name).map_or_else(default, String::as_str)
    }

    /// Flags that were set to something and do nothing.
    pub fn without_effect(&self) -> impl Iterator<Item = (&'static str, Effect)> {
        let set = |flag: &&Flag| self.values.get(flag.name).is_some_and(|value| value != flag.default);
        self.flags
            .rows
            .iter()
            .filter(|flag| flag.effect != Effect::Now)
            .filter(set)
            .map(|flag| (flag.name, flag.effect))
    }

    fn set(&mut self, flag: &'static Flag, value: String) -> Result<(), Misread> {
        let problem = match flag.takes {
            Takes::Bool => parse_bool(&value).is_none().then(|| "must be true or false".to_owned()),
            Takes::Int => value.parse::<i64>().is_err().then(|| "must be a whole number".to_owned()),
            Takes::Duration => duration::parse(&value).err().map(|error| error.to_string()),
            Takes::Text => None,
        };
        if let Some(problem) = problem {
            return Err(Misread::Value { name: flag.name, value, problem });
        }
        self.values.insert(flag.name, value);
        Ok(())
    }
}

/// A lone dash is a word like any other.
fn is_flag(word: &str) -> bool {
    2 <= word.len() && word.starts_with('-')
}

/// `-name=value` or `--name`, as a flag of ours and perhaps its value.
fn split(flags: &Flags, word: &str) -> Result<(&'static Flag, Option<String>), Misread> {
    let body = word.strip_prefix("--").or_else(|| word.strip_prefix('-')).unwrap_or(word);
    if body.is_empty() || body.starts_with(['-', '=']) {
        return Err(Misread::Syntax(word.to_owned()));
    }
    let (name, value) = match body.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (body, None),
    };
    match flags.find(name) {
        Some(flag) => Ok((flag, value)),
        None if matches!(name, "h" | "help") => Err(Misread::Help),
        None => Err(Misread::Unknown(name.to_owned())),
    }
}

/// The words that Go takes for booleans.
pub fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}
