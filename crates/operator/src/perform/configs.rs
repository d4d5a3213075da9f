//! What a target's `ConfigMap`s and Secrets hold, as checksums.

use ports::Halt;
use targets::configs::{self, Reference, Tracked};

use super::{Failed, World};
use crate::cause::chain;

impl World<'_> {
    /// The checksums of everything that is referred to; the content itself is looked at only when it is another one than
    /// before, and is not kept.
    pub(super) async fn tracked(&mut self, references: &[Reference]) -> Result<Tracked, Failed> {
        loop {
            match configs::tracked(references, &self.digests) {
                Ok(tracked) => return Ok(tracked),
                Err(Halt::Failed(error)) => return Err(chain(&error)),
                // Each is asked for once.
                Err(Halt::Need(key)) => {
                    self.follow(key.kind);
                    let digest = self.shell.cluster.digest(&key, configs::digest).await;
                    self.digests.put(key, digest.map_err(|error| error.to_string())?);
                }
            }
        }
    }
}
