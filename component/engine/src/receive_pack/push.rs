//! The ref updates of one push and what becomes of each.

use std::borrow::Cow;

use gitwasi_wire::Oid;
use gitwasi_wire::receive_pack::{Head, RefOutcome, RefReport, RefUpdate, RefUpdateKind, Report};

/// One ref update and what has been found out about it.
#[derive(Debug)]
pub(super) struct Command<'a> {
    pub(super) update: &'a RefUpdate,
    /// Why it is refused, if it is; what the client sees behind the ref's name.
    pub(super) refused: Option<Cow<'static, str>>,
    /// The number of another ref update that does the same, of what this symbolic ref points to.
    pub(super) alias_of: Option<usize>,
    /// What the ref was at under its lock. The zero oid for none, which may be deleted, too.
    pub(super) was: Option<Oid>,
}

impl Command<'_> {
    /// Whether it is still to be made.
    pub(super) fn is_pending(&self) -> bool {
        self.refused.is_none() && self.alias_of.is_none()
    }

    pub(super) fn is_delete(&self) -> bool {
        self.update.kind() == RefUpdateKind::Delete
    }

    pub(super) fn refuse(&mut self, reason: impl Into<Cow<'static, str>>) {
        self.refused = Some(reason.into());
    }
}

/// All ref updates of a push, undecided.
pub(super) fn commands(head: &Head) -> Vec<Command<'_>> {
    let command = |update| Command { update, refused: None, alias_of: None, was: None };
    head.ref_updates.iter().map(command).collect()
}

/// Refuses all that were not refused before.
pub(super) fn refuse_rest(commands: &mut [Command<'_>], reason: &'static str) {
    for command in commands.iter_mut().filter(|command| command.refused.is_none()) {
        command.refuse(reason);
    }
}

/// Refuses those of `numbers` that were not refused before.
pub(super) fn refuse_rest_of(
    commands: &mut [Command<'_>],
    numbers: &[usize],
    reason: &'static str,
) {
    for number in numbers {
        if commands[*number].refused.is_none() {
            commands[*number].refuse(reason);
        }
    }
}

/// The report on a push.
pub(super) fn report<'c>(
    commands: &'c [Command<'_>],
    unpack: Result<(), Cow<'c, str>>,
) -> Report<'c> {
    let refs = commands.iter().map(|command| RefReport {
        name: command.update.name.as_ref(),
        outcome: match &command.refused {
            None => RefOutcome::Ok,
            Some(reason) => RefOutcome::Ng(Cow::Borrowed(reason)),
        },
    });
    Report { unpack, refs: refs.collect() }
}

/// The ref updates that were made, with what the refs really were at. One that was reported as done
/// but found nothing to do is not among them.
pub(super) fn made(commands: &[Command<'_>]) -> Vec<RefUpdate> {
    let made = |command: &Command<'_>| {
        let mover = command.alias_of.map_or(command, |other| &commands[other]);
        let old_oid = mover.was.filter(|_| command.refused.is_none() && mover.refused.is_none())?;
        let nothing = command.is_delete() && old_oid.is_zero();
        (!nothing).then(|| RefUpdate { old_oid, ..command.update.clone() })
    };
    commands.iter().filter_map(made).collect()
}

/// Refuses all, whatever was said before.
pub(super) fn refuse_all(commands: &mut [Command<'_>], reason: &'static str) {
    for command in commands {
        command.refuse(reason);
    }
}
