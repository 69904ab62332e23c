//! Serves one push.

use std::borrow::Cow;

use bstr::ByteSlice;
use gitwasi_wire::Oid;
use gitwasi_wire::receive_pack::Head;

use super::config::ReceiveConfig;
use super::connectivity::Connectivity;
use super::gate::{Gate, Push};
use super::input::Input;
use super::policy::{self, Heads};
use super::push::{self, Command};
use super::quarantine::{Quarantine, sweep};
use super::response::Response;
use super::shallow::{self, ClientShallow};
use super::{Options, PackSource, Pushed, aliases, migrate, server_info};
use crate::index_pack::{self, NewObjects};
use crate::refs::is_hidden;
use crate::storage::{StorageError, WriteStorage};
use crate::transaction::{self, Transaction, Update};
use crate::upload_pack::Output;
use crate::{Error, Repository, Result};

/// Answers one request; what it has changed.
///
/// # Errors
/// What the client has to know has been told to it, in the report or in an `ERR` pkt-line. Once
/// refs have moved there is no error any more, even if nobody reads the report.
///
/// # Cancel safety
/// Dropping the future leaves a quarantine and possibly locks, which [`super::sweep`] removes.
/// Refs are old or new.
pub async fn serve<S: WriteStorage>(
    repository: &Repository<S>,
    request: &mut impl PackSource,
    gate: &mut impl Gate,
    options: &Options,
    output: &mut impl Output,
) -> Result<Pushed> {
    let mut response = Response::new(&repository.engine.storage, output);
    let outcome = answer(repository, request, gate, options, &mut response).await;
    if let Err(error) = &outcome {
        _ = response.fail(error).await;
    }
    outcome
}

async fn answer<S: WriteStorage, O: Output>(
    repository: &Repository<S>,
    request: &mut impl PackSource,
    gate: &mut impl Gate,
    options: &Options,
    response: &mut Response<'_, S, O>,
) -> Result<Pushed> {
    let mut input = Input::new(request);
    let Some(head) = input.head(options.head).await? else { return Ok(Pushed::default()) };
    if head.is_probe() {
        return Ok(Pushed::default());
    }
    let config = ReceiveConfig::read(repository).await?;
    check_head(repository, &config, &head)?;
    response.agree(&head.capabilities, config.keep_alive);
    let atomic = config.advertise_atomic && head.capabilities.atomic;
    let mut commands = push::commands(&head);
    let decided = Push { ref_updates: &head.ref_updates, push_options: &head.push_options, atomic };
    let mut reasons = gate.decide(decided).await?.into_iter();
    for command in &mut commands {
        match reasons.next() {
            Some(None) => {}
            Some(Some(reason)) => command.refuse(reason),
            None => command.refuse("not allowed"),
        }
    }
    let refused = commands.iter().filter(|command| command.refused.is_some()).count();
    if refused == commands.len() || atomic && refused > 0 {
        push::refuse_rest(&mut commands, "atomic push failure");
        input.drain().await?;
        response.report(&push::report(&commands, Ok(()))).await?;
        return Ok(Pushed::default());
    }
    // Nobody waits for this, and the push does not depend on it.
    _ = sweep(repository, options.stale_after).await;
    let quarantine = match Quarantine::create(repository).await {
        Ok(quarantine) => quarantine,
        Err(_) => {
            input.drain().await?;
            push::refuse_all(&mut commands, "unpacker error");
            let reason = "unable to create temporary object directory";
            response.report(&push::report(&commands, Err(reason.into()))).await?;
            return Ok(Pushed::default());
        }
    };
    let service = Service {
        repository,
        config: &config,
        options,
        head: &head,
        atomic,
        quarantine: quarantine.path(),
    };
    let unpacked = service.push(&mut commands, &mut input, response).await;
    // What cannot be removed now is swept later.
    _ = quarantine.remove(repository).await;
    let unpacked = unpacked?;
    let ref_updates = match unpacked {
        Ok(()) => push::made(&commands),
        Err(_) => Vec::new(),
    };
    let reported = response.report(&push::report(&commands, unpacked)).await;
    if ref_updates.is_empty() {
        reported?;
    }
    Ok(Pushed { ref_updates })
}

/// What the head asks for has to be what was advertised.
fn check_head<S: WriteStorage>(
    repository: &Repository<S>,
    config: &ReceiveConfig,
    head: &Head,
) -> Result<()> {
    let format = head.capabilities.object_format;
    if format != repository.object_format() {
        return Err(Error::Malformed(format!("error: unsupported object format '{format}'")));
    }
    if head.push_cert.is_some() {
        return Err(Error::Malformed("signed pushes are not accepted here".into()));
    }
    if head.capabilities.push_options && !config.advertise_push_options {
        return Err(Error::Malformed("push options are not accepted here".into()));
    }
    Ok(())
}

/// One push whose head has been let in.
#[derive(Debug)]
struct Service<'a, S: WriteStorage> {
    repository: &'a Repository<S>,
    config: &'a ReceiveConfig,
    options: &'a Options,
    head: &'a Head,
    atomic: bool,
    quarantine: &'a str,
}

/// What became of the pack.
type Unpacked = Result<(), Cow<'static, str>>;

impl<S: WriteStorage> Service<'_, S> {
    async fn push<O: Output, P: PackSource>(
        &self,
        commands: &mut [Command<'_>],
        input: &mut Input<'_, P>,
        response: &mut Response<'_, S, O>,
    ) -> Result<Unpacked> {
        let mut new = NewObjects::default();
        if self.head.expects_pack() {
            match self.unpack(input, response).await? {
                Ok(objects) => new = objects,
                Err(reason) => {
                    push::refuse_all(commands, "unpacker error");
                    return Ok(Err(reason));
                }
            }
        } else {
            input.drain().await?;
        }
        let with_new = match self.head.expects_pack() {
            true => Some(self.repository.with_quarantine(self.quarantine).await?),
            false => None,
        };
        let repository = with_new.as_ref().unwrap_or(self.repository);
        let cuts = self.check_objects(repository, &new, commands).await?;
        for command in commands.iter_mut().filter(|command| command.refused.is_none()) {
            if is_hidden(command.update.name.as_bstr(), &self.config.hide_refs) {
                command.refuse(match command.is_delete() {
                    true => "deny deleting a hidden ref",
                    false => "deny updating a hidden ref",
                });
            }
        }
        let any_refused = commands.iter().any(|command| command.refused.is_some());
        if self.atomic && any_refused {
            push::refuse_rest(commands, "atomic push failure");
        }
        aliases::check(self.repository, commands, response).await?;
        let heads = Heads::read(self.repository).await?;
        for number in 0..commands.len() {
            if !commands[number].is_pending() {
                continue;
            }
            let command = &mut commands[number];
            let refusal = policy::refusal(repository, self.config, &heads, command, response);
            if let Some(reason) = refusal.await? {
                command.refuse(reason);
                if self.atomic {
                    push::refuse_rest(commands, "atomic push failure");
                }
            }
        }
        self.move_refs(repository, commands, &cuts, response).await;
        if commands.iter().any(|command| command.refused.is_none()) {
            // The refs have moved; files for others to get are no reason to say otherwise.
            let always = self.config.update_server_info;
            _ = server_info::update(self.repository, self.quarantine, always).await;
        }
        Ok(Ok(()))
    }

    /// Takes the pack into the quarantine.
    async fn unpack<O: Output, P: PackSource>(
        &self,
        input: &mut Input<'_, P>,
        response: &mut Response<'_, S, O>,
    ) -> Result<Result<NewObjects, Cow<'static, str>>> {
        for warning in &self.config.warnings {
            response.warning(warning);
        }
        let options = index_pack::Options {
            fix_thin: true,
            fsck: self.config.fsck.clone(),
            max_input_size: self.config.max_input_size,
            unpack_limit: self.config.unpack_limit,
        };
        let (repository, quarantine) = (self.repository, self.quarantine);
        let received = index_pack::receive(repository, quarantine, input, &options, response).await;
        let error = match received {
            Ok(received) => return Ok(Ok(received.objects)),
            Err(Error::Aborted) => return Err(Error::Aborted),
            Err(error) => error,
        };
        input.drain().await?;
        if let Some(reason) = input.header_error() {
            return Ok(Err(reason.into()));
        }
        response.tell(&match &error {
            Error::Malformed(message) => format!("fatal: {message}"),
            Error::LimitExceeded(limit) => format!("fatal: limit exceeded: {limit}"),
            Error::Storage(StorageError::NoSpace) => "fatal: no space left on device".to_owned(),
            _ => "fatal: internal error".to_owned(),
        });
        Ok(Err(match input.object_count() < self.config.unpack_limit {
            true => "unpack-objects abnormal exit".into(),
            false => "index-pack abnormal exit".into(),
        }))
    }

    /// Checks that what the new tips reach is there. Answers with the commits at which our own
    /// history is to be cut, for each ref update by its number.
    async fn check_objects(
        &self,
        repository: &Repository<S>,
        new: &NewObjects,
        commands: &mut [Command<'_>],
    ) -> Result<Vec<(usize, Vec<Oid>)>> {
        let mut cuts = Vec::new();
        let mut old = Vec::new();
        for command in commands.iter().filter(|command| !command.update.old_oid.is_zero()) {
            let name = command.update.name.as_bstr();
            if let Some(crate::refs::Resolved::Ref(found)) = repository.resolve_ref(name).await? {
                old.push(found.oid);
            }
        }
        let hidden = &self.config.hide_refs;
        let connectivity = Connectivity { repository, new, hidden, old };
        let client = ClientShallow::new(repository, &self.head.shallow).await?;
        let mut tips = Vec::new();
        for (number, command) in commands.iter_mut().enumerate() {
            if command.is_delete() || command.refused.is_some() {
                continue;
            }
            let reached = match client.reached(&connectivity, &command.update.new_oid).await {
                Ok(reached) => reached,
                // The connectivity check finds out what is missing.
                Err(Error::Corrupt(_)) => Vec::new(),
                Err(error) => return Err(error),
            };
            if reached.is_empty() {
                tips.push((number, command.update.new_oid));
            } else if self.config.shallow_update {
                if connectivity.is_whole(&[command.update.new_oid], &reached).await? {
                    cuts.push((number, reached));
                } else {
                    command.refuse("shallow error");
                }
            } else {
                command.refuse("shallow update not allowed");
            }
        }
        let all: Vec<Oid> = tips.iter().map(|(_, tip)| *tip).collect();
        if !all.is_empty() && !connectivity.is_whole(&all, &[]).await? {
            for (number, tip) in tips {
                if !connectivity.is_whole(&[tip], &[]).await? {
                    commands[number].refuse("missing necessary objects");
                }
            }
        }
        Ok(cuts)
    }

    /// Moves refs: deletes first, so that names become free, unless it is all or nothing.
    async fn move_refs<O: Output>(
        &self,
        repository: &Repository<S>,
        commands: &mut [Command<'_>],
        cuts: &[(usize, Vec<Oid>)],
        response: &mut Response<'_, S, O>,
    ) {
        let pending = |commands: &[Command<'_>], deletes: Option<bool>| -> Vec<usize> {
            let numbers = (0..commands.len()).filter(|number| {
                let command = &commands[*number];
                command.is_pending() && deletes.is_none_or(|deletes| deletes == command.is_delete())
            });
            numbers.collect()
        };
        if self.atomic {
            let numbers = pending(commands, None);
            self.transact(repository, commands, &numbers, cuts, response).await;
        } else {
            for deletes in [true, false] {
                let numbers = pending(commands, Some(deletes));
                self.transact(repository, commands, &numbers, cuts, response).await;
            }
        }
    }

    /// Locks refs, lets the objects out of the quarantine if any ref may move, and moves them.
    async fn transact<O: Output>(
        &self,
        repository: &Repository<S>,
        commands: &mut [Command<'_>],
        numbers: &[usize],
        cuts: &[(usize, Vec<Oid>)],
        response: &mut Response<'_, S, O>,
    ) {
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
        };
        let prepared =
            Transaction::prepare(repository, self.quarantine, &updates, self.atomic, &options);
        let (transaction, outcomes) = prepared.await;
        let failed = match self.atomic {
            true => "atomic transaction failed",
            false => "failed to update ref",
        };
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
        if creates && migrate::migrate(self.repository, self.quarantine).await.is_err() {
            transaction.roll_back().await;
            let reason = "unable to migrate objects to permanent storage";
            push::refuse_rest_of(commands, numbers, reason);
            return;
        }
        let accepted = cuts
            .iter()
            .filter(|(number, _)| numbers.contains(number) && commands[*number].refused.is_none());
        let new: Vec<Oid> = accepted.flat_map(|(_, cut)| cut.iter().copied()).collect();
        if !new.is_empty() {
            let timeout = self.config.ref_timeout;
            let extended = shallow::extend(self.repository, self.quarantine, timeout, &new).await;
            if extended.is_err() {
                transaction.roll_back().await;
                push::refuse_rest_of(commands, numbers, "shallow error");
                return;
            }
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
