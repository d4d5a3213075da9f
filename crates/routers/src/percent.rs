//! Weights as shares.

use rollout::traffic::Split;

/// The split that these weights make, `None` when they send nothing anywhere.
///
/// Weights are ours, in percent, unless somebody edited the route.
pub(crate) fn split(primary: i64, canary: i64) -> Option<Split> {
    let total = primary.checked_add(canary)?;
    let percent = canary.checked_mul(100)?.checked_add(total / 2)?.checked_div(total)?;
    Some(Split::canary(u8::try_from(percent).ok()?))
}
