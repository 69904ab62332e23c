//! Refs that are left to the `proc-receive` hook, of which there is none here: they stay.
//!
//! Spec: git-config(1), "receive.procReceiveRefs"; githooks(5), "proc-receive"

use bstr::{BStr, BString, ByteSlice};

use super::push::{self, Command};
use super::response::Response;
use crate::storage::WriteStorage;
use crate::upload_pack::Output;

/// Which of `commands` the hook would be asked for, by their numbers.
pub(super) fn left_to_hook(refs: &[ProcReceiveRefs], commands: &[Command<'_>]) -> Vec<usize> {
    let is_left = |number: &usize| {
        let command = &commands[*number];
        command.is_pending() && refs.iter().any(|refs| refs.matches(command))
    };
    (0..commands.len()).filter(is_left).collect()
}

/// Refuses those that are left to the hook; all, if none may be made without the others.
pub(super) fn refuse<S: WriteStorage, O: Output>(
    left: &[usize],
    commands: &mut [Command<'_>],
    atomic: bool,
    response: &mut Response<'_, S, O>,
) {
    const NO_HOOK: &str = "fail to run proc-receive hook";
    if left.is_empty() {
        return;
    }
    response.error("cannot find hook 'proc-receive'");
    match atomic {
        true => push::refuse_rest(commands, NO_HOOK),
        false => push::refuse_rest_of(commands, left, NO_HOOK),
    }
}

/// One value of `receive.procReceiveRefs`.
#[derive(Debug)]
pub(super) struct ProcReceiveRefs {
    creates: bool,
    deletes: bool,
    updates: bool,
    /// Whether it stands for the refs outside of `prefix`.
    is_negative: bool,
    prefix: BString,
}

impl ProcReceiveRefs {
    pub(super) fn parse(value: &BStr) -> Self {
        let (modifiers, prefix) = match value.split_once_str(":") {
            Some((modifiers, prefix)) => (Some(modifiers), prefix),
            None => (None, value.as_bytes()),
        };
        let has = |modifier| modifiers.is_none_or(|all: &[u8]| all.contains(&modifier));
        Self {
            creates: has(b'a'),
            deletes: has(b'd'),
            updates: has(b'm'),
            is_negative: modifiers.is_some() && has(b'!'),
            prefix: prefix.trim_end_with(|end| end == '/').into(),
        }
    }

    fn matches(&self, command: &Command<'_>) -> bool {
        // What is neither before nor after has to be wanted both as a create and as a delete.
        let (from_none, to_none) = (command.update.old_oid.is_zero(), command.is_delete());
        let wanted = (self.creates || !from_none)
            && (self.deletes || !to_none)
            && (self.updates || from_none || to_none);
        let rest = command.update.name.strip_prefix(self.prefix.as_slice());
        let is_below = rest.is_some_and(|rest| rest.first().is_none_or(|next| *next == b'/'));
        wanted && is_below != self.is_negative
    }
}
