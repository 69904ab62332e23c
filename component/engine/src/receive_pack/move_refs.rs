//! Moves the refs of a push whose objects are there.

use std::collections::BTreeSet;

use gitwasi_wire::Oid;

use super::push::{self, Command};
use super::response::Response;
use super::rounds::rounds;
use super::serve::Service;
use super::shallow::{self, Cuts};
use super::{migrate, policy};
use crate::storage::WriteStorage;
use crate::transaction::{self, Transaction, Update};
use crate::upload_pack::Output;
use crate::{Error, Repository};

impl<S: WriteStorage> Service<'_, S> {
    /// Moves refs: deletes first, so that names become free, unless it is all or nothing.
    pub(super) async fn move_refs<O: Output>(
        &self,
        repository: &Repository<S>,
        commands: &mut [Command<'_>],
        cuts: &Cuts,
        response: &mut Response<'_, S, O>,
    ) {
        let pending = |commands: &[Command<'_>], deletes: Option<bool>| -> Vec<usize> {
            let numbers = (0..commands.len()).filter(|number| {
                let command = &commands[*number];
                command.is_pending() && deletes.is_none_or(|deletes| deletes == command.is_delete())
            });
            numbers.collect()
        };
        let mut is_out = false;
        if self.atomic {
            let numbers = pending(commands, None);
            self.transact(repository, commands, &numbers, cuts, &mut is_out, response).await;
            // What is not moved itself, but through another ref, is not moved then either.
            if numbers.iter().any(|number| commands[*number].refused.is_some()) {
                push::refuse_rest(commands, "atomic transaction failed");
            }
            return;
        }
        for deletes in [true, false] {
            let numbers = pending(commands, Some(deletes));
            let updates = numbers.iter().map(|number| (*number, commands[*number].update));
            for numbers in rounds(&updates.collect::<Vec<_>>()) {
                self.transact(repository, commands, &numbers, cuts, &mut is_out, response).await;
            }
        }
    }

    /// Locks refs, lets the objects out of the quarantine if any ref may move and they are not out
    /// yet, and moves the refs.
    async fn transact<O: Output>(
        &self,
        repository: &Repository<S>,
        commands: &mut [Command<'_>],
        numbers: &[usize],
        cuts: &Cuts,
        is_out: &mut bool,
        response: &mut Response<'_, S, O>,
    ) {
        let failed = match self.atomic {
            true => "atomic transaction failed",
            false => "failed to update ref",
        };
        let mut commits = Vec::with_capacity(numbers.len());
        for number in numbers {
            match policy::no_commit(repository, &commands[*number]).await {
                Ok(None) => {
                    commits.push(*number);
                    continue;
                }
                Ok(Some(message)) => response.error(&message),
                Err(error) => response.fault("cannot read what a branch is to be at", &error),
            }
            commands[*number].refuse(failed);
            if self.atomic {
                push::refuse_rest_of(commands, numbers, failed);
                return;
            }
        }
        let numbers = &commits;
        if numbers.is_empty() {
            return;
        }
        let mut updates = Vec::with_capacity(numbers.len());
        for number in numbers {
            updates.push(update(repository, &commands[*number]).await);
        }
        let options = transaction::Options {
            log: self.config.log,
            identity: self.options.identity.clone(),
            message: "push",
            ref_timeout: self.config.ref_timeout,
            packed_refs_timeout: self.config.packed_refs_timeout,
            tables_timeout: self.config.tables_timeout,
        };
        let prepared = Transaction::prepare(
            repository,
            self.quarantine.path(),
            &updates,
            self.atomic,
            &options,
        );
        let (transaction, outcomes) = prepared.await;
        for (number, outcome) in numbers.iter().zip(&outcomes) {
            if let Err(refusal) = outcome {
                tell(refusal, response);
                commands[*number].refuse(failed);
            }
        }
        if transaction.is_empty() {
            return;
        }
        let creates = numbers
            .iter()
            .any(|number| commands[*number].refused.is_none() && !commands[*number].is_delete());
        if creates {
            let durable = transaction.make_durable();
            let migrated = match *is_out {
                true => durable.await.map_err(Error::from),
                false => migrate::migrate(self.repository, self.quarantine, durable).await,
            };
            *is_out |= migrated.is_ok();
            if let Err(error) = migrated {
                response.fault("cannot move objects out of the quarantine", &error);
                transaction.roll_back().await;
                let reason = "unable to migrate objects to permanent storage";
                push::refuse_rest_of(commands, numbers, reason);
                return;
            }
        }
        let accepted = cuts
            .iter()
            .filter(|(number, _)| numbers.contains(number) && commands[*number].refused.is_none());
        let new: BTreeSet<Oid> = accepted.flat_map(|(_, cut)| cut.iter().copied()).collect();
        if !new.is_empty() {
            let timeout = self.config.ref_timeout;
            let new: Vec<Oid> = new.into_iter().collect();
            let extended =
                shallow::extend(self.repository, self.quarantine.path(), timeout, &new).await;
            if let Err(error) = extended {
                response.fault("cannot extend the shallow file", &error);
                transaction.roll_back().await;
                push::refuse_rest_of(commands, numbers, "shallow error");
                return;
            }
        }
        for (at, old) in transaction.old_values() {
            commands[numbers[at]].was = Some(old);
        }
        for (at, outcome) in transaction.commit().await {
            if let Err(refusal) = outcome {
                tell(&refusal, response);
                commands[numbers[at]].refuse(failed);
            }
        }
    }
}

fn tell<S: WriteStorage, O: Output>(
    refusal: &transaction::Refusal,
    response: &mut Response<'_, S, O>,
) {
    if let transaction::Refusal::Failed(name, error) = refusal {
        response.fault(format_args!("cannot update ref '{name}'"), error);
    }
    // Of several refs that stand or fall together the one that failed is told.
    if !matches!(refusal, transaction::Refusal::NotAlone) {
        response.error(&refusal.to_string());
    }
}

/// What the transaction is asked for.
///
/// The old value of a delete does not matter when there is no such object, so that broken refs
/// can be deleted.
async fn update<S: WriteStorage>(repository: &Repository<S>, command: &Command<'_>) -> Update {
    let update = command.update;
    let is_delete = command.is_delete();
    let exists = !is_delete || matches!(repository.odb().find(&update.old_oid).await, Ok(Some(_)));
    Update {
        name: update.name.clone(),
        old: exists.then_some(update.old_oid),
        new: (!is_delete).then_some(update.new_oid),
    }
}
