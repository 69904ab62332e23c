//! Symbolic refs that are pushed to together with what they point to.

use std::collections::HashMap;

use bstr::{BString, ByteSlice};

use super::push::Command;
use super::response::Response;
use crate::refs::Resolved;
use crate::storage::WriteStorage;
use crate::upload_pack::Output;
use crate::{Repository, Result};

/// Leaves out an update of a symbolic ref whose target gets the same update, and refuses both if
/// they differ.
pub(super) async fn check<S: WriteStorage, O: Output>(
    repository: &Repository<S>,
    commands: &mut [Command<'_>],
    response: &mut Response<'_, S, O>,
) -> Result<()> {
    if commands.len() < 2 {
        return Ok(());
    }
    let by_name: HashMap<BString, usize> = commands
        .iter()
        .enumerate()
        .map(|(number, command)| (command.update.name.clone(), number))
        .collect();
    for number in 0..commands.len() {
        if commands[number].refused.is_some() {
            continue;
        }
        let name = commands[number].update.name.as_bstr();
        let target = match repository.resolve_ref(name).await? {
            Some(Resolved::Ref(found)) => found.symref_target,
            Some(Resolved::Unborn(target)) => Some(target),
            None => None,
        };
        let Some(other) = target.and_then(|target| by_name.get(&target).copied()) else { continue };
        commands[number].alias_of = Some(other);
        let (alias, target) = (commands[number].update, commands[other].update);
        if (alias.old_oid, alias.new_oid) == (target.old_oid, target.new_oid) {
            continue;
        }
        let short = |oid: gitwasi_wire::Oid| oid.to_string()[..7].to_owned();
        response.error(&format!(
            "refusing inconsistent update between symref '{}' ({}..{}) and its target '{}' ({}..{})",
            alias.name,
            short(alias.old_oid),
            short(alias.new_oid),
            target.name,
            short(target.old_oid),
            short(target.new_oid)
        ));
        commands[other].alias_of = Some(number);
        for number in [number, other] {
            commands[number].refuse("inconsistent aliased update");
        }
    }
    Ok(())
}
