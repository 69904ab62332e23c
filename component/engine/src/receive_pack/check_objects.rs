//! Whether the objects of a push are all there, ref by ref.

use bstr::ByteSlice;
use gitwasi_wire::Oid;

use super::connectivity::Connectivity;
use super::push::Command;
use super::serve::Service;
use super::shallow::{ClientShallow, Cuts};
use crate::index_pack::NewObjects;
use crate::refs::Resolved;
use crate::storage::WriteStorage;
use crate::{Error, Repository, Result};

/// How often the repository is opened when objects are not found: a repack may have moved
/// them from one pack to another meanwhile.
const ATTEMPTS: u32 = 2;

/// What has been found out about the ref updates.
#[derive(Debug)]
struct Findings {
    cuts: Cuts,
    /// Why ref updates are refused, by their numbers.
    refusals: Vec<(usize, &'static str)>,
}

impl<S: WriteStorage> Service<'_, S> {
    /// Checks that what the new tips reach is there. Answers with the repository as it is with
    /// the objects of the push, and with the commits at which its history is to be cut.
    pub(super) async fn check_objects(
        &self,
        new: &NewObjects,
        commands: &mut [Command<'_>],
    ) -> Result<(Repository<S>, Cuts)> {
        let mut attempt = 1;
        loop {
            let again = attempt > 1;
            let repository = self.repository.with_quarantine(self.quarantine, again).await?;
            let found = self.look(&repository, new, commands).await;
            let missed = !found.as_ref().is_ok_and(|found| found.refusals.is_empty());
            if missed && attempt < ATTEMPTS {
                attempt += 1;
                continue;
            }
            let found = found?;
            for (number, reason) in found.refusals {
                commands[number].refuse(reason);
            }
            return Ok((repository, found.cuts));
        }
    }

    async fn look(
        &self,
        repository: &Repository<S>,
        new: &NewObjects,
        commands: &[Command<'_>],
    ) -> Result<Findings> {
        let (mut cuts, mut refusals) = (Vec::new(), Vec::new());
        let mut old = Vec::new();
        for command in commands.iter().filter(|command| !command.update.old_oid.is_zero()) {
            let name = command.update.name.as_bstr();
            if let Some(Resolved::Ref(found)) = repository.resolve_ref(name).await? {
                old.push(found.oid);
            }
        }
        let hidden = &self.config.hide_refs;
        let connectivity = Connectivity { repository, new, hidden, old };
        let updates = commands.iter().enumerate();
        let updates =
            updates.filter(|(_, command)| !command.is_delete() && command.refused.is_none());
        let updates: Vec<(usize, Oid)> =
            updates.map(|(number, command)| (number, command.update.new_oid)).collect();
        let client =
            ClientShallow::new(self.repository, repository, new, &self.head.shallow).await?;
        let needed = match client.needed(repository, &updates).await {
            Ok(needed) => needed,
            // The connectivity check finds out what is missing.
            Err(Error::Corrupt(_)) => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut needed = needed.into_iter().peekable();
        let mut tips = Vec::new();
        for (number, tip) in updates {
            let Some((_, cut)) = needed.next_if(|(of, _)| *of == number) else {
                tips.push((number, tip));
                continue;
            };
            if !self.config.shallow_update {
                refusals.push((number, "shallow update not allowed"));
            } else if connectivity.is_whole(&[tip], &cut).await? {
                cuts.push((number, cut));
            } else {
                refusals.push((number, "shallow error"));
            }
        }
        let all: Vec<Oid> = tips.iter().map(|(_, tip)| *tip).collect();
        if !all.is_empty() && !connectivity.is_whole(&all, &[]).await? {
            for (number, tip) in tips {
                if !connectivity.is_whole(&[tip], &[]).await? {
                    refusals.push((number, "missing necessary objects"));
                }
            }
        }
        Ok(Findings { cuts, refusals })
    }
}
