//! Replicas: whoever does not have the lease writes nothing.

use apiserver::Commit;

use super::Judge;
use crate::cluster::Id;
use crate::scene::Actor;

impl Judge {
    /// A replica wrote the lease.
    pub(super) fn see_lease(&mut self, actor: Actor, commit: &Commit<'_>) {
        let holder = commit.after.and_then(|lease| lease.pointer("/spec/holderIdentity")?.as_str());
        self.leader = holder.is_some_and(|holder| !holder.is_empty()).then_some(actor);
    }

    /// A replica wrote an object of the release.
    pub(super) fn judge_leader(&mut self, actor: Actor, id: &Id) {
        if let Some(leader) = self.leader {
            self.require(leader == actor, format_args!("{actor} wrote {id} while another replica leads"));
        }
    }
}
