//! How many pods make a share.

use std::fmt::Write;

/// The replicas that bring the canary's share of all pods closest to `weight` percent, beside a primary with `primary`
/// replicas; within `bounds`, of which the lower one wins.
///
/// The canary gets at least one pod, and at most as many as the primary has: half of the traffic is the largest share below
/// all of it, which costs the cluster at most twice the pods. At 100 it gets as many as the primary.
pub fn canary_replicas(primary: i64, weight: u8, bounds: (i64, i64)) -> i64 {
    let primary = primary.max(1);
    let (least, most) = bounds;
    let closest = match i64::from(weight) {
        100.. => primary,
        weight => {
            let below = (primary * weight / (100 - weight)).min(primary);
            // A tie goes to fewer pods.
            let closer = |pods: i64| distance(pods, primary, weight);
            if closer(below + 1) < closer(below) { below + 1 } else { below }
        }
    };
    closest.clamp(1, primary).min(most).max(least)
}

/// The wished and the reached shares of small and larger primaries, as a table for the documentation.
pub fn markdown() -> String {
    const WEIGHTS: [u8; 5] = [10, 20, 30, 40, 50];
    let mut table = String::from("| Primary's pods |");
    for weight in WEIGHTS {
        let _ = write!(table, " {weight} % |");
    }
    table.push_str("\n|---|---|---|---|---|---|\n");
    for primary in [1, 2, 4, 10] {
        let _ = write!(table, "| {primary} |");
        for weight in WEIGHTS {
            let canary = canary_replicas(primary, weight, (1, i64::MAX));
            let pods = if canary == 1 { "pod" } else { "pods" };
            let _ = write!(table, " {canary} {pods}: {:.0} % |", reached(canary, primary));
        }
        table.push('\n');
    }
    table
}

/// The share that this many pods reach, in percent.
fn reached(canary: i64, primary: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "replicas are few")]
    let share = canary as f64 / (canary + primary) as f64;
    share * 100.0
}

/// How far the share of `canary` pods is from `weight` percent, in a unit of its own: comparable for one primary.
fn distance(canary: i64, primary: i64, weight: i64) -> u128 {
    // |canary / (canary + primary) - weight / 100|, brought to whole numbers; the other factors are common.
    let all = canary + primary;
    let off = (100 * canary - weight * all).unsigned_abs();
    u128::from(off) * 1_000_000 / u128::from(all.unsigned_abs().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: (i64, i64) = (1, i64::MAX);

    #[test]
    fn the_share_is_as_close_as_whole_pods_allow() {
        let pods = |primary: i64| [1, 10, 20, 30, 40, 50].map(|weight| canary_replicas(primary, weight, FREE));
        assert_eq!(pods(1), [1, 1, 1, 1, 1, 1]);
        assert_eq!(pods(3), [1, 1, 1, 1, 2, 3]);
        assert_eq!(pods(10), [1, 1, 3, 4, 7, 10]);
    }

    #[test]
    fn no_other_number_of_pods_is_closer() {
        for primary in 1..40 {
            for weight in 1..=50_u8 {
                let chosen = canary_replicas(primary, weight, FREE);
                let off = |pods: i64| (reached(pods, primary) - f64::from(weight)).abs();
                for other in 1..=primary {
                    assert!(off(chosen) <= off(other) + 1e-3, "{primary} {weight}: {chosen} or {other}");
                }
            }
        }
    }

    #[test]
    fn the_autoscaler_is_respected_and_pods_at_most_double() {
        assert_eq!(canary_replicas(10, 10, (3, 5)), 3);
        assert_eq!(canary_replicas(10, 50, (3, 5)), 5);
        assert_eq!(canary_replicas(4, 90, FREE), 4);
        assert_eq!(canary_replicas(4, 100, FREE), 4);
        assert_eq!(canary_replicas(0, 10, FREE), 1);
    }
}
