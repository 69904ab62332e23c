//! Whether git is sure to accept something of a push, so that there is no need to rehearse it.
//!
//! Looks at the few things that usually matter, and knows less than git: a push that it does not
//! foresee is rehearsed, and one that it foresees wrongly leaves objects, as git does.

use std::io::{self, BufRead, BufReader, Read};

use cap_std::fs::{Dir, File};
use gitwasi_sandbox::refname_components;
use gitwasi_wire::Oid;
use gitwasi_wire::receive_pack::{Head, RefUpdate, RefUpdateKind};

use super::super::settings::ReceiveSettings;

/// Ref updates that are looked at. A push of which more would have to be is rehearsed.
const MAX_CANDIDATES: usize = 16;

/// Bytes of a file of one ref. A longer one is no oid.
const MAX_REF_BYTES: u64 = 256;

/// Bytes of a line of `packed-refs`: an oid and the longest path of a file. Behind a longer one
/// nothing is foreseen.
const MAX_LINE_BYTES: u64 = 4400;

/// Bytes of one component of a name, so that the file and its lock have a name that a file may have.
const MAX_COMPONENT_BYTES: usize = 200;

/// Ref updates of one push that git accepts if the refs are where the client believes them to be.
pub(super) struct Candidates {
    ref_updates: Vec<RefUpdate>,
    /// How many of them have to be accepted.
    needed: usize,
}

/// What is at a ref.
enum Found {
    At(Oid),
    /// No file, and nothing in its way.
    NoFile,
    /// Something that only git understands.
    Unclear,
}

impl Candidates {
    /// None if too few of the ref updates are of that kind, of which branches are only if the push
    /// has `commits`.
    pub(super) fn of(head: &Head, commits: bool, settings: ReceiveSettings) -> Option<Self> {
        let plain = settings.bare
            && !settings.reserves_refs
            && head.shallow.is_empty()
            && head.push_cert.is_none();
        if !plain {
            return None;
        }
        let all = &head.ref_updates;
        // What one of them does may be in the way of another.
        let is_apart =
            |update: &RefUpdate| !all.iter().any(|other| is_below(&other.name, &update.name));
        if !all.iter().take(MAX_CANDIDATES).all(is_apart) {
            return None;
        }
        let is_candidate = |update: &&RefUpdate| {
            let moves = match update.kind() {
                RefUpdateKind::Create => true,
                RefUpdateKind::Update => !settings.deny_non_fast_forwards,
                RefUpdateKind::Delete => false,
            };
            // Of two updates of one ref git takes neither, or one.
            moves
                && is_plain(&update.name, commits)
                && all.iter().filter(|other| other.name == update.name).count() == 1
        };
        let ref_updates: Vec<_> =
            all.iter().take(MAX_CANDIDATES).filter(is_candidate).cloned().collect();
        let needed = if head.capabilities.atomic { all.len() } else { 1 };
        (ref_updates.len() >= needed).then_some(Self { ref_updates, needed })
    }

    /// Whether git accepts as many as are needed. Blocks.
    pub(super) fn are_accepted(mut self, repository: &Dir) -> bool {
        // A branch may be checked out in a linked worktree.
        if repository.exists("reftable") || repository.exists("worktrees") {
            return false;
        }
        let mut accepted = 0;
        let mut without_file = Vec::new();
        for update in self.ref_updates.drain(..) {
            match found(repository, &update.name) {
                Found::At(oid) => accepted += usize::from(oid == update.old_oid),
                Found::NoFile => without_file.push((update, false)),
                // A symbolic ref may lead to another one that is pushed to.
                Found::Unclear => return false,
            }
        }
        if accepted >= self.needed {
            return true;
        }
        let packed = are_packed(repository, without_file).unwrap_or(0);
        accepted + packed >= self.needed
    }
}

/// Whether git takes the name, and what the ref is at is all that matters.
fn is_plain(name: &[u8], commits: bool) -> bool {
    let Ok(name) = std::str::from_utf8(name) else { return false };
    let branch = name.strip_prefix("refs/heads/").filter(|_| commits);
    let below = branch.or_else(|| name.strip_prefix("refs/tags/"));
    below.is_some_and(|below| {
        refname_components(below) && below.split('/').all(|part| part.len() <= MAX_COMPONENT_BYTES)
    })
}

fn found(repository: &Dir, name: &[u8]) -> Found {
    let Ok(name) = std::str::from_utf8(name) else { return Found::Unclear };
    if repository.exists(format!("{name}.lock")) {
        return Found::Unclear;
    }
    let opened = match file(repository, name) {
        Ok(Some(opened)) => opened,
        Ok(None) => return Found::NoFile,
        Err(_) => return Found::Unclear,
    };
    let mut content = Vec::new();
    let read = opened.take(MAX_REF_BYTES).read_to_end(&mut content);
    let oid = read.ok().and_then(|_| Oid::from_hex(content.trim_ascii_end()));
    oid.map_or(Found::Unclear, Found::At)
}

/// How many of `ref_updates`, none of which has a file, find what they expect in `packed-refs`.
fn are_packed(repository: &Dir, mut ref_updates: Vec<(RefUpdate, bool)>) -> io::Result<usize> {
    let mut packed = file(repository, "packed-refs")?.map(BufReader::new);
    // A ref that is to be made is as it should be until one is found that is in its way.
    for (update, accepted) in &mut ref_updates {
        *accepted = update.kind() == RefUpdateKind::Create;
    }
    let mut line = Vec::new();
    while let Some(packed) = &mut packed {
        line.clear();
        let read = packed.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line)?;
        if read == 0 {
            break;
        }
        let Some(space) = line.iter().position(|byte| *byte == b' ') else { continue };
        let name = line[space + 1..].strip_suffix(b"\n").ok_or(io::ErrorKind::InvalidData)?;
        for (update, accepted) in &mut ref_updates {
            if update.name == name {
                *accepted = Oid::from_hex(&line[..space]).is_some_and(|oid| oid == update.old_oid);
            } else if is_below(name, &update.name) || is_below(&update.name, name) {
                *accepted = false;
            }
        }
    }
    Ok(ref_updates.iter().filter(|(_, accepted)| *accepted).count())
}

/// Opens a file, if one is there. Whoever opens a fifo waits, so nothing else is opened.
fn file(repository: &Dir, name: &str) -> io::Result<Option<File>> {
    match repository.symlink_metadata(name) {
        Ok(metadata) if metadata.is_file() => repository.open(name).map(Some),
        Ok(_) => Err(io::ErrorKind::Unsupported.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_below(name: &[u8], directory: &[u8]) -> bool {
    name.strip_prefix(directory).is_some_and(|rest| rest.starts_with(b"/"))
}

#[cfg(test)]
mod tests {
    use cap_std::ambient_authority;

    use super::*;

    const ONE: &str = "1111111111111111111111111111111111111111";
    const TWO: &str = "2222222222222222222222222222222222222222";
    const ZERO: &str = "0000000000000000000000000000000000000000";

    fn head(updates: &[(&str, &str)], atomic: bool) -> Head {
        let oid = |hex: &str| Oid::from_hex(hex.as_bytes()).unwrap();
        let ref_updates = updates.iter().map(|(old, name)| RefUpdate {
            old_oid: oid(old),
            new_oid: oid("3333333333333333333333333333333333333333"),
            name: (*name).into(),
        });
        let mut head = Head { ref_updates: ref_updates.collect(), ..Head::default() };
        head.capabilities.atomic = atomic;
        head
    }

    fn foreseen(settings: ReceiveSettings, updates: &[(&str, &str)], atomic: bool) -> bool {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        std::fs::create_dir_all(path.join("refs/heads/topic")).unwrap();
        std::fs::write(path.join("refs/heads/loose"), format!("{ONE}\n")).unwrap();
        std::fs::write(path.join("refs/heads/symbolic"), "ref: refs/heads/loose\n").unwrap();
        let packed = format!(
            "# pack-refs with: peeled fully-peeled sorted \n{TWO} refs/heads/loose\n\
             {ONE} refs/heads/packed\n{ONE} refs/tags/v1\n^{TWO}\n"
        );
        std::fs::write(path.join("packed-refs"), packed).unwrap();
        let repository = Dir::open_ambient_dir(path, ambient_authority()).unwrap();
        Candidates::of(&head(updates, atomic), true, settings)
            .is_some_and(|candidates| candidates.are_accepted(&repository))
    }

    const BARE: ReceiveSettings = ReceiveSettings {
        bare: true,
        deny_non_fast_forwards: false,
        reserves_refs: false,
        hook_moves_refs: false,
        updates_work_tree: false,
    };

    #[test]
    fn a_ref_that_is_where_it_should_be_is_accepted() {
        for (old, name, accepted) in [
            (ONE, "refs/heads/loose", true),
            (TWO, "refs/heads/loose", false),
            (ZERO, "refs/heads/loose", false),
            (ONE, "refs/heads/packed", true),
            (TWO, "refs/heads/packed", false),
            (ZERO, "refs/heads/packed", false),
            (ONE, "refs/heads/new", false),
            (ZERO, "refs/heads/new", true),
            (ZERO, "refs/heads/loose/x", false),
            (ZERO, "refs/heads/packed/x", false),
            (ZERO, "refs/heads/topic", false),
            (ZERO, "refs/heads/topic/x", true),
            (ZERO, "refs/tags/v1/x", false),
            (ONE, "refs/heads/symbolic", false),
            (ZERO, "refs/heads/a..b", false),
            (ZERO, "refs/new/x", false),
            (ZERO, "HEAD", false),
        ] {
            assert_eq!(foreseen(BARE, &[(old, name)], false), accepted, "{old} {name}");
        }
    }

    #[test]
    fn branch_may_be_refused_what_is_no_commit() {
        let foreseen = |name| Candidates::of(&head(&[(ZERO, name)], false), false, BARE).is_some();
        assert!(!foreseen("refs/heads/new"));
        assert!(foreseen("refs/tags/new"));
    }

    #[test]
    fn one_is_enough_unless_the_push_is_atomic() {
        let updates = [(TWO, "refs/heads/loose"), (ONE, "refs/heads/packed")];
        assert!(foreseen(BARE, &updates, false));
        assert!(!foreseen(BARE, &updates, true));
        assert!(foreseen(BARE, &[(ONE, "refs/heads/loose"), updates[1]], true));
        assert!(!foreseen(BARE, &[updates[1], updates[1]], false));
    }

    #[test]
    fn settings_by_which_git_may_refuse_leave_it_open() {
        let update = [(ONE, "refs/heads/loose")];
        let fast_forward = ReceiveSettings { deny_non_fast_forwards: true, ..BARE };
        assert!(!foreseen(fast_forward, &update, false));
        assert!(foreseen(fast_forward, &[(ZERO, "refs/heads/new")], false));
        assert!(!foreseen(ReceiveSettings { reserves_refs: true, ..BARE }, &update, false));
        assert!(!foreseen(ReceiveSettings { bare: false, ..BARE }, &update, false));
    }
}
