//! Plain Kubernetes: no routing at all.
//!
//! *Objects.* None. *Reads.* The canary's status. *Writes.* Nothing.
//!
//! *Quirks.* The apex Service selects the primary throughout, so that only Blue/Green analysis makes sense: the canary is
//! tested through its own Service. From the second iteration on the split reads as 100 for the canary, by which the decision
//! tells that the analysis has begun.

use ports::{Change, Halt, Seen};
use rollout::traffic::Split;

use crate::router::Ability;
use crate::{Context, Error, Router};

/// Routes nothing.
#[derive(Debug)]
pub(crate) struct Kubernetes;

impl Router for Kubernetes {
    fn names(&self) -> &'static [&'static str] {
        &["kubernetes"]
    }

    fn abilities(&self) -> &'static [Ability] {
        &[]
    }

    fn reconcile(&self, _: &Context<'_>, _: &Seen) -> Result<Vec<Change>, Halt<Error>> {
        Ok(Vec::new())
    }

    fn read(&self, cx: &Context<'_>, _: &Seen) -> Result<Split, Halt<Error>> {
        let iterations = cx.canary.status.as_ref().map_or(0, |status| status.iterations);
        Ok(if 0 < iterations { Split::CANARY } else { Split::PRIMARY })
    }

    fn write(&self, _: &Context<'_>, _: &Seen, _: Split) -> Result<Vec<Change>, Halt<Error>> {
        Ok(Vec::new())
    }

    fn finalize(&self, _: &Context<'_>, _: &Seen) -> Result<Vec<Change>, Halt<Error>> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use api::{Canary, CanaryStatus};

    use super::*;
    use crate::Label;

    #[test]
    fn an_analysis_that_has_begun_reads_as_all_traffic_on_the_canary() {
        let read = |iterations: i32| {
            let canary =
                Canary { status: Some(CanaryStatus { iterations, ..CanaryStatus::default() }), ..Canary::default() };
            let cx = Context { canary: &canary, label: Label { key: "app", value: "cart" }, ports: &[] };
            Kubernetes.read(&cx, &Seen::default()).unwrap()
        };
        assert_eq!((read(0), read(1)), (Split::PRIMARY, Split::CANARY));
    }
}
