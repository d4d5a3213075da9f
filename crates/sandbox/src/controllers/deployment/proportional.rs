//! Scaling a Deployment while it has several revisions: each gets its share.

use super::rolling::Limits;

/// One ReplicaSet in the middle of an update, and the most that the whole Deployment might have had when it was sized.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) desired: i32,
    pub(crate) annotated_max: i32,
}

/// The sizes after scaling; `parts` is sorted from the oldest revision to the youngest, and so is the answer.
///
/// The largest ReplicaSet takes what rounding leaves; of equal ones the youngest when growing, the oldest when shrinking.
pub(crate) fn scale(limits: &Limits, parts: &[Part]) -> Vec<i32> {
    let mut sizes: Vec<i32> = parts.iter().map(|part| part.desired).collect();
    let allowed = if limits.replicas == 0 { 0 } else { limits.replicas + limits.surge };
    let missing = allowed - sizes.iter().sum::<i32>();
    if missing == 0 {
        return sizes;
    }
    let mut largest_first: Vec<usize> = (0..parts.len()).collect();
    if 0 < missing {
        largest_first.reverse();
    }
    largest_first.sort_by_key(|at| parts.get(*at).map(|part| std::cmp::Reverse(part.desired)));

    let mut left = missing;
    for at in &largest_first {
        let (Some(part), Some(size)) = (parts.get(*at), sizes.get_mut(*at)) else { continue };
        let share = share(*part, allowed);
        let share = if 0 < missing { share.clamp(0, left) } else { share.clamp(left, 0) };
        *size += share;
        left -= share;
    }
    if let Some(size) = largest_first.first().and_then(|at| sizes.get_mut(*at)) {
        *size = (*size + left).max(0);
    }
    sizes
}

/// By how much one ReplicaSet changes when the whole goes from what was allowed to what is allowed now.
fn share(part: Part, allowed: i32) -> i32 {
    if allowed == 0 || part.annotated_max <= 0 {
        return if allowed == 0 { -part.desired } else { 0 };
    }
    let scaled = f64::from(part.desired) * f64::from(allowed) / f64::from(part.annotated_max);
    #[expect(clippy::cast_possible_truncation, reason = "a share of an i32, rounded; a cast of a float saturates")]
    let rounded = scaled.round() as i32;
    rounded - part.desired
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_in_mid_update_grow_and_shrink_by_their_share() {
        let sized = |max: i32, sizes: &[i32]| -> Vec<Part> {
            sizes.iter().map(|desired| Part { desired: *desired, annotated_max: max }).collect()
        };
        for (replicas, surge, max, before, after) in [
            (10, 0, 5, vec![3, 2], vec![6, 4]),
            (15, 3, 13, vec![8, 5], vec![11, 7]),
            (5, 0, 10, vec![6, 4], vec![3, 2]),
            (0, 0, 5, vec![3, 2], vec![0, 0]),
            (6, 0, 5, vec![3, 2], vec![4, 2]),
        ] {
            let limits = Limits { replicas, surge, unavailable: 0 };
            assert_eq!(scale(&limits, &sized(max, &before)), after, "{limits:?} {before:?}");
        }
    }
}
