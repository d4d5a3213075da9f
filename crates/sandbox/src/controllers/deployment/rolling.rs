//! The arithmetic of a rolling update: how many copies of each revision there should be next.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// The bounds that a Deployment sets itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Copies wanted in the end.
    pub(crate) replicas: i32,
    /// Copies allowed on top while updating.
    pub(crate) surge: i32,
    /// Copies that may be missing while updating.
    pub(crate) unavailable: i32,
}

/// One ReplicaSet's size: what was asked for and what is available.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) desired: i32,
    pub(crate) available: i32,
}

/// What to ask for next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Next {
    pub(crate) new: i32,
    pub(crate) old: Vec<i32>,
}

impl Limits {
    /// Reads the strategy; what it leaves out is 25 %.
    pub(crate) fn of(deployment: &Deployment) -> Self {
        let replicas = deployment.spec.replicas.unwrap_or(1);
        let strategy = deployment.spec.strategy.as_ref();
        if strategy.is_some_and(|strategy| strategy.type_.as_deref() == Some("Recreate")) {
            return Self { replicas, surge: 0, unavailable: 0 };
        }
        let rolling = strategy.and_then(|strategy| strategy.rolling_update.as_ref());
        let quarter = IntOrString::String("25%".into());
        let surge = rolling.and_then(|rolling| rolling.max_surge.as_ref()).unwrap_or(&quarter);
        let unavailable = rolling.and_then(|rolling| rolling.max_unavailable.as_ref()).unwrap_or(&quarter);
        Self::resolve(replicas, surge, unavailable)
    }

    /// A surge is rounded up and a shortage down; both at zero would never move, so one copy may then be missing.
    fn resolve(replicas: i32, surge: &IntOrString, unavailable: &IntOrString) -> Self {
        let surge = amount(surge, replicas, true);
        let unavailable = match (surge, amount(unavailable, replicas, false)) {
            (0, 0) => 1,
            (_, unavailable) => unavailable,
        };
        Self { replicas, surge, unavailable: unavailable.min(replicas) }
    }

    /// The next sizes of a rolling update. `old` is sorted from the oldest revision to the youngest.
    pub(crate) fn next(&self, new: Size, old: &[Size]) -> Next {
        let wanted = self.grow(new, old);
        let old = self.shrink(Size { desired: wanted, ..new }, old);
        Next { new: wanted, old }
    }

    /// The new revision's size: as large as the surge allows.
    pub(crate) fn grow(&self, new: Size, old: &[Size]) -> i32 {
        let total = new.desired + desired(old);
        let room = (self.replicas + self.surge - total).max(0);
        if new.desired < self.replicas { new.desired + room.min(self.replicas - new.desired) } else { self.replicas }
    }

    /// The old revisions' sizes: first those copies go that serve nobody, then as many as availability allows.
    fn shrink(&self, new: Size, old: &[Size]) -> Vec<i32> {
        let least = self.replicas - self.unavailable;
        let mut sizes: Vec<i32> = old.iter().map(|old| old.desired).collect();
        let broken_new = new.desired - new.available;
        let mut spare = new.desired + desired(old) - least - broken_new;
        if spare <= 0 {
            return sizes;
        }
        for (size, old) in sizes.iter_mut().zip(old) {
            let broken = (*size - old.available).clamp(0, spare);
            *size -= broken;
            spare -= broken;
        }
        let available = new.available + old.iter().map(|old| old.available).sum::<i32>();
        let mut spare = (available - least).max(0);
        for size in &mut sizes {
            let less = (*size).min(spare);
            *size -= less;
            spare -= less;
        }
        sizes
    }
}

/// A number of copies, or a percentage of them.
fn amount(written: &IntOrString, replicas: i32, up: bool) -> i32 {
    match written {
        IntOrString::Int(amount) => (*amount).max(0),
        IntOrString::String(text) => {
            let percent: i64 = text.strip_suffix('%').and_then(|digits| digits.parse().ok()).unwrap_or(0).max(0);
            let hundredths = percent.saturating_mul(i64::from(replicas));
            let rounded = if up { hundredths.saturating_add(99) / 100 } else { hundredths / 100 };
            i32::try_from(rounded).unwrap_or(i32::MAX / 4)
        }
    }
}

fn desired(sizes: &[Size]) -> i32 {
    sizes.iter().map(|size| size.desired).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn percent(surge: &str, unavailable: &str, replicas: i32) -> Limits {
        Limits::resolve(replicas, &IntOrString::String(surge.into()), &IntOrString::String(unavailable.into()))
    }

    const fn size(desired: i32, available: i32) -> Size {
        Size { desired, available }
    }

    #[test]
    fn a_surge_is_rounded_up_and_a_shortage_down() {
        for (replicas, surge, unavailable) in [(1, 1, 0), (2, 1, 0), (3, 1, 0), (4, 1, 1), (10, 3, 2), (0, 0, 0)] {
            assert_eq!(percent("25%", "25%", replicas), Limits { replicas, surge, unavailable }, "{replicas}");
        }
        assert_eq!(percent("0%", "0%", 3).unavailable, 1, "something must be allowed to move");
    }

    #[test]
    fn sizes_follow_the_limits() {
        let default = percent("25%", "25%", 4);
        let careful = Limits { replicas: 3, surge: 1, unavailable: 0 };
        for (limits, new, old, next) in [
            (default, size(0, 0), vec![size(4, 4)], (1, vec![3])),
            (default, size(1, 0), vec![size(3, 3)], (2, vec![3])),
            (default, size(2, 2), vec![size(3, 3)], (2, vec![1])),
            (careful, size(0, 0), vec![size(3, 3)], (1, vec![3])),
            (careful, size(1, 1), vec![size(3, 3)], (1, vec![2])),
            // Copies that may yet become ready are waited for.
            (careful, size(1, 0), vec![size(1, 0), size(2, 2)], (1, vec![1, 2])),
            // A broken old revision goes first.
            (default, size(3, 3), vec![size(1, 0), size(1, 1)], (3, vec![0, 0])),
            // Scaled to zero in the middle of an update.
            (percent("25%", "25%", 0), size(2, 2), vec![size(1, 1)], (0, vec![0])),
        ] {
            let (new_next, old_next) = next;
            assert_eq!(limits.next(new, &old), Next { new: new_next, old: old_next }, "{limits:?} {new:?} {old:?}");
        }
    }

    /// Plays every small update to its end: it never goes out of bounds and always arrives.
    #[test]
    fn an_update_keeps_its_bounds_and_arrives() {
        for replicas in 0..8 {
            for surge in 0..3 {
                for unavailable in 0..3 {
                    let limits = Limits::resolve(replicas, &IntOrString::Int(surge), &IntOrString::Int(unavailable));
                    play(limits);
                }
            }
        }
    }

    fn play(limits: Limits) {
        let (mut new, mut old) = (size(0, 0), size(limits.replicas, limits.replicas));
        for _ in 0..100 {
            let next = limits.next(new, &[old]);
            new.desired = next.new;
            old.desired = next.old[0];
            old.available = old.available.min(old.desired);
            assert!(new.desired + old.desired <= limits.replicas + limits.surge, "{limits:?}");
            assert!(limits.replicas - limits.unavailable <= new.available + old.available, "{limits:?}");
            new.available = (new.available + 1).min(new.desired);
        }
        assert_eq!((new, old.desired), (size(limits.replicas, limits.replicas), 0), "{limits:?}");
    }
}
