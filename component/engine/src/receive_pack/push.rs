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
    /// Whether another ref update does the same, through a symbolic ref.
    pub(super) is_alias: bool,
    /// Whether it is the delete of a ref that does not exist.
    pub(super) finds_nothing: bool,
    /// What the ref is at, if it is a delete with an old value that nobody can have seen.
    pub(super) was: Option<Oid>,
}

impl Command<'_> {
    /// Whether it is still to be made.
    pub(super) fn is_pending(&self) -> bool {
        self.refused.is_none() && !self.is_alias
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
    let command = |update| Command {
        update,
        refused: None,
        is_alias: false,
        finds_nothing: false,
        was: None,
    };
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

/// The ref updates that were made, with what the refs really were at.
pub(super) fn made(commands: &[Command<'_>]) -> Vec<RefUpdate> {
    let made =
        commands.iter().filter(|command| command.refused.is_none() && !command.finds_nothing);
    let really = |command: &Command<'_>| {
        let update = command.update.clone();
        RefUpdate { old_oid: command.was.unwrap_or(update.old_oid), ..update }
    };
    made.map(really).collect()
}

/// Refuses all, whatever was said before.
pub(super) fn refuse_all(commands: &mut [Command<'_>], reason: &'static str) {
    for command in commands {
        command.refuse(reason);
    }
}
