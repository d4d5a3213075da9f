//! The mark of a promotion.

use sha2::{Digest, Sha256};

use crate::revision::hex;

/// The value of the `flagger-id` annotation for what `parts` say, in the form of a UUID.
///
/// The same parts give the same mark, so that a promotion that is repeated after a crash is recognised as the same one; any
/// other part gives another mark, so that the primary's pods roll even when only a config changed.
pub fn mark<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part.len().to_le_bytes());
        digest.update(part);
    }
    let hex = hex(&digest.finalize()[..16]);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_depends_on_each_part_and_on_where_parts_end() {
        assert_eq!(mark(["a", "b"]), mark(["a", "b"]));
        assert_ne!(mark(["a", "b"]), mark(["ab", ""]));
        assert_eq!(mark(["a"]).len(), 36);
    }
}
