//! `label_replace` and `label_join`.

use crate::labels::Labels;
use crate::promql::plan::Relabelling;

/// The labels after a relabelling.
pub(crate) fn apply(relabelling: &Relabelling, labels: &Labels) -> Labels {
    match relabelling {
        Relabelling::Replace { target, replacement, source, pattern } => {
            let Some(captures) = pattern.captures(labels.get(source)) else { return labels.clone() };
            let mut value = String::new();
            captures.expand(replacement, &mut value);
            labels.with(target, &value)
        }
        Relabelling::Join { target, separator, sources } => {
            let values: Vec<&str> = sources.iter().map(|source| labels.get(source)).collect();
            labels.with(target, &values.join(separator))
        }
    }
}
