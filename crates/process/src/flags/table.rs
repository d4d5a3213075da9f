//! Flags as rows, from which parsing, the usage text and the reference page come.

use std::fmt::Write;

/// All flags of a program.
#[derive(Debug)]
pub struct Flags {
    /// The program, as its usage names it.
    pub program: &'static str,
    /// One row each, by name.
    pub rows: &'static [Flag],
}

/// One flag.
#[derive(Debug)]
pub struct Flag {
    /// Its name, without dashes.
    pub name: &'static str,
    /// What kind of value it takes.
    pub takes: Takes,
    /// What holds when it is not given.
    pub default: &'static str,
    /// The environment variable that wins over the flag unless it is empty.
    pub env: Option<&'static str>,
    /// Whether it does anything.
    pub effect: Effect,
    /// What it is for, in a few words.
    pub help: &'static str,
}

/// What kind of value a flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// `true` or `false`, and `true` when nothing is said.
    Bool,
    /// A whole number.
    Int,
    /// Any text.
    Text,
    /// A duration such as `1m30s`.
    Duration,
}

/// Whether a flag does anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It does what its help says.
    Now,
    /// It will; until then it is accepted so that existing manifests start.
    Later,
    /// It belongs to something that the original has and we don't.
    Never,
}

impl Takes {
    fn label(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Text => "string",
            Self::Duration => "duration",
        }
    }
}

impl Effect {
    /// What the usage text and the reference page add to the help.
    fn remark(self) -> &'static str {
        match self {
            Self::Now => "",
            Self::Later => " (accepted, no effect yet)",
            Self::Never => " (accepted, ignored)",
        }
    }
}

impl Flag {
    /// A flag that does what its help says.
    pub const fn new(name: &'static str, takes: Takes, default: &'static str, help: &'static str) -> Self {
        Self { name, takes, default, env: None, effect: Effect::Now, help }
    }

    /// The same, with an environment variable that wins.
    #[must_use]
    pub const fn env(mut self, env: &'static str) -> Self {
        self.env = Some(env);
        self
    }

    /// The same, without effect until later.
    #[must_use]
    pub const fn later(mut self) -> Self {
        self.effect = Effect::Later;
        self
    }

    /// The same, without effect.
    #[must_use]
    pub const fn never(mut self) -> Self {
        self.effect = Effect::Never;
        self
    }
}

impl Flags {
    /// The row of this name.
    pub fn find(&self, name: &str) -> Option<&'static Flag> {
        self.rows.iter().find(|flag| flag.name == name)
    }

    /// What `-help` and a wrong flag print.
    pub fn usage(&self) -> String {
        let mut text = format!("Usage of {}:\n", self.program);
        for flag in self.rows {
            let kind = if flag.takes == Takes::Bool { String::new() } else { format!(" {}", flag.takes.label()) };
            let default = if flag.default.is_empty() { String::new() } else { format!(" (default {})", flag.default) };
            let env = flag.env.map(|env| format!(" [${env}]")).unwrap_or_default();
            // Writing to a `String` can't fail.
            let _ = writeln!(text, "  -{}{kind}\n    \t{}{default}{env}{}", flag.name, flag.help, flag.effect.remark());
        }
        text
    }

    /// The reference of all flags as a Markdown table.
    pub fn markdown(&self) -> String {
        let mut text = String::from("| Flag | Type | Default | Environment | Meaning |\n|---|---|---|---|---|\n");
        for flag in self.rows {
            let code = |value: &str| if value.is_empty() { String::new() } else { format!("`{value}`") };
            let (kind, default) = (flag.takes.label(), code(flag.default));
            let env = code(flag.env.unwrap_or_default());
            let (name, help, remark) = (flag.name, flag.help, flag.effect.remark());
            let _ = writeln!(text, "| `-{name}` | {kind} | {default} | {env} | {help}{remark} |");
        }
        text
    }
}
