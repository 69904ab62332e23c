//! Serves one push.

use std::borrow::Cow;

use bstr::ByteSlice;
use gitwasi_wire::receive_pack::Head;

use super::config::ReceiveConfig;
use super::connectivity::missing_tip;
use super::gate::{Gate, Push};
use super::input::Input;
use super::push::{self, Command};
use super::quarantine::{clear_away, new_quarantine, sweep_now_and_then};
use super::response::Response;
use super::worktrees::Heads;
use super::{Options, PackSource, Pushed, aliases, policy, proc_receive, server_info};
use crate::error::{BUSY, exceeded};
use crate::index_pack::{self, NewObjects};
use crate::quarantine::Quarantine;
use crate::refs::is_hidden;
use crate::storage::{StorageError, WriteStorage};
use crate::upload_pack::Output;
use crate::working_memory::Lease;
use crate::{Error, Repository, Result};

/// What a pusher is told where files should get other modes than the process gives them.
const NOT_SHARED: &str =
    "core.sharedRepository has no effect here: new files have the modes of the server's umask";

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
    let mut outcome = answer(repository, request, gate, options, &mut response).await;
    match &mut outcome {
        Ok(pushed) => pushed.faults = response.take_faults(),
        Err(error) => _ = response.fail(error).await,
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
    let mut lease = Lease::new(&repository.memory);
    let Some(head) = input.head(options.head, &mut lease).await? else {
        return Ok(Pushed::default());
    };
    if head.is_probe() {
        return Ok(Pushed::default());
    }
    let config = ReceiveConfig::read(repository).await?;
    check_head(repository, &config, &head)?;
    response.agree(&head.capabilities, config.keep_alive);
    if repository.config().is_shared {
        response.warning(NOT_SHARED);
    }
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
    // The push does not depend on it.
    if let Err(error) = sweep_now_and_then(repository, options).await {
        response.fault("cannot sweep what pushes have left", &error);
    }
    let quarantine = new_quarantine(repository, options.server.as_ref());
    let service = Service {
        repository,
        config: &config,
        options,
        head: &head,
        atomic,
        quarantine: &quarantine,
    };
    let unpacked = service.push(&mut commands, &mut input, response).await;
    // What cannot be removed now is swept later.
    if let Some(directory) = quarantine.directory() {
        _ = clear_away(repository, directory).await;
    }
    let unpacked = unpacked?;
    let ref_updates = match unpacked {
        Ok(()) => push::made(&commands),
        Err(_) => Vec::new(),
    };
    gate.made(&ref_updates);
    let reported = response.report(&push::report(&commands, unpacked)).await;
    // Where there is something to be logged, that somebody has left is no reason to forget it.
    if ref_updates.is_empty() && !response.has_faults() {
        reported?;
    }
    Ok(Pushed { ref_updates, ..Pushed::default() })
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
pub(super) struct Service<'a, S: WriteStorage> {
    pub(super) repository: &'a Repository<S>,
    pub(super) config: &'a ReceiveConfig,
    pub(super) options: &'a Options,
    pub(super) head: &'a Head,
    pub(super) atomic: bool,
    pub(super) quarantine: &'a Quarantine,
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
        let with_new;
        let mut repository = self.repository;
        let mut cuts = Vec::new();
        if self.head.expects_pack() {
            (with_new, cuts) = self.check_objects(&new, commands).await?;
            repository = &with_new;
            if let Some(tip) = missing_tip(repository, commands).await? {
                response.tell(&format!("fatal: bad object {tip}"));
            }
        }
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
        let left = proc_receive::left_to_hook(&self.config.proc_receive_refs, commands);
        aliases::check(self.repository, commands, response).await?;
        proc_receive::refuse(&left, commands, self.atomic, response);
        let heads = Heads::read(self.repository, self.config, commands).await?;
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
            let made = push::made(commands);
            let updated = server_info::update(repository, self.quarantine, &made, always).await;
            if let Err(error) = updated {
                response.fault("cannot update what dumb clients read", &error);
            }
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
            reverse_index: self.config.reverse_index,
        };
        let (repository, quarantine) = (self.repository, self.quarantine);
        let received =
            index_pack::receive_into(repository, quarantine, input, &options, response).await;
        let error = match received {
            Ok(received) => return Ok(Ok(received.objects)),
            Err(Error::Aborted) => return Err(Error::Aborted),
            Err(error) => error,
        };
        input.drain().await?;
        if let Some(reason) = input.header_error() {
            return Ok(Err(reason.into()));
        }
        let told = match &error {
            Error::Malformed(message) => format!("fatal: {message}"),
            Error::LimitExceeded(limit) => format!("fatal: {}", exceeded(limit)),
            Error::Busy => format!("fatal: {BUSY}"),
            Error::Storage(StorageError::NoSpace) => "fatal: no space left on device".to_owned(),
            error => {
                response.fault("cannot take a pack", error);
                "fatal: internal error".to_owned()
            }
        };
        response.tell(&told);
        match &error {
            Error::Busy => return Ok(Err(BUSY.into())),
            Error::LimitExceeded(limit @ "working_memory") => {
                return Ok(Err(exceeded(limit).into()));
            }
            _ => {}
        }
        Ok(Err(match input.object_count() < self.config.unpack_limit {
            true => "unpack-objects abnormal exit".into(),
            false => "index-pack abnormal exit".into(),
        }))
    }
}
