//! Letting the pure rooms look at objects and change them.

use std::error::Error as StdError;

use ports::{Change, Halt, Key, Kind, Object, Seen, kinds};

use super::{Failed, World};
use crate::cause::chain;
use crate::cluster::{Error, Reason, Scope};

/// Looks and attempts that one question may take. The largest asks for some ten objects, and for two more for each config
/// of a pod; more than for a hundred of these is a question that goes round in circles.
const TURNS_MAX: usize = 256;

/// Kinds that are read when they are needed and not kept: there are many of them that concern no canary, or their content is
/// secret. Those configs that a target refers to are followed all the same (`configs.rs`).
const UNWATCHED: [Kind; 3] = [kinds::CONFIG_MAP, kinds::POD, kinds::SECRET];

impl World<'_> {
    /// The answer to a question about objects, looking at whatever it needs.
    pub(super) async fn ask<T, E: StdError + 'static>(
        &mut self,
        question: impl Fn(&Seen) -> Result<T, Halt<E>>,
    ) -> Result<T, Unanswered<E>> {
        for _ in 0..TURNS_MAX {
            match question(&self.seen) {
                Ok(answer) => return Ok(answer),
                Err(Halt::Failed(error)) => return Err(Unanswered::Answer(error)),
                Err(Halt::Need(key)) => self.look(key).await.map_err(Unanswered::Look)?,
            }
        }
        Err(Unanswered::Circles)
    }

    /// Makes the changes that a question answers, asking again after each that met another writer.
    pub(super) async fn change<E: StdError + 'static>(
        &mut self,
        question: impl Fn(&Seen) -> Result<Vec<Change>, Halt<E>>,
    ) -> Result<(), Unanswered<E>> {
        for _ in 0..TURNS_MAX {
            let changes = self.ask(&question).await?;
            match self.make(changes).await {
                Ok(()) => return Ok(()),
                Err((key, error)) if matches!(error.reason, Reason::AlreadyExists | Reason::Conflict) => {
                    let found = self.shell.cluster.fetch(&key).await.map_err(Unanswered::Look)?;
                    self.seen.put(key, found);
                }
                Err((_, error)) => return Err(Unanswered::Look(error)),
            }
        }
        Err(Unanswered::Circles)
    }

    async fn make(&mut self, changes: Vec<Change>) -> Result<(), (Key, Error)> {
        for change in changes {
            let key = change.key().clone();
            match self.shell.cluster.perform(&change).await {
                Ok(found) => {
                    if matches!(change, Change::Create(..)) {
                        self.created.push(key.clone());
                    }
                    self.seen.put(key, found);
                }
                Err(error) => return Err((key, error)),
            }
        }
        Ok(())
    }

    /// One object, `None` when it does not exist.
    pub(super) async fn object(&mut self, key: Key) -> Result<Option<Object>, Failed> {
        self.look(key.clone()).await.map_err(|error| error.to_string())?;
        let found: Result<_, Halt<Failed>> = self.seen.get(&key);
        Ok(found.ok().flatten().cloned())
    }

    async fn look(&mut self, key: Key) -> Result<(), Error> {
        if !UNWATCHED.contains(&key.kind) {
            self.follow(key.kind);
        }
        let found = self.shell.cluster.get(&key).await?;
        self.seen.put(key, found);
        Ok(())
    }

    /// Has changes of this kind wake the canaries that depend on them.
    pub(super) fn follow(&self, kind: Kind) {
        self.shell.cluster.watch(kind, &Scope::from(self.shell.settings.namespace.clone()));
    }
}

/// Why a question was not answered.
pub(super) enum Unanswered<E> {
    /// The answer is that it can't be done.
    Answer(E),
    /// An object could not be read or written.
    Look(Error),
    /// It asks without end.
    Circles,
}

impl<E: StdError + 'static> From<Unanswered<E>> for Failed {
    fn from(halt: Unanswered<E>) -> Self {
        match halt {
            Unanswered::Answer(error) => chain(&error),
            Unanswered::Look(error) => error.to_string(),
            Unanswered::Circles => "other writers keep changing the objects of this canary".to_owned(),
        }
    }
}
