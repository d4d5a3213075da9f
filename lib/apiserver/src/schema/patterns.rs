//! Regular expressions from clients.

use regex::{Error, Regex, RegexBuilder};

/// How large a compiled pattern may be. Patterns of real schemas take a few ten KiB; nested repetitions take anything.
const SIZE_MAX: usize = 1 << 20;

/// Compiles a pattern, unless it would take too much memory.
///
/// The real server's dialect is RE2, which is nearly this one. Caveat: `\d`, `\w` and `\b` know all of Unicode here.
pub(super) fn compile(pattern: &str) -> Result<Regex, Error> {
    RegexBuilder::new(pattern).size_limit(SIZE_MAX).build()
}
