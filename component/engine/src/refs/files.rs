//! Refs as files: loose ones, a file each, merged over `packed-refs`.

use bstr::{BStr, BString, ByteSlice};
use gitwasi_wire::Oid;

use super::packed::{PackedRefs, Stop};
use super::selector::{Judgement, Selector};
use super::{Peeled, Ref, RefLine, Resolved, Target, loose};
use crate::storage::Storage;
use crate::{Repository, Result};

/// Iterates over both in the order of names.
#[derive(Debug)]
pub(super) struct FilesIter<S: Storage> {
    loose: loose::Names,
    packed: Option<(PackedRefs<S>, u64)>,
    /// The loose ref whose packed namesake is still to be passed over.
    passed: Option<BString>,
}

impl<S: Storage> FilesIter<S> {
    pub(super) async fn new(repository: &Repository<S>, selector: &Selector) -> Result<Self> {
        // Loose refs first: what `git pack-refs` moves meanwhile is then in packed-refs.
        let wanted = |name: &str| selector.may_take(name);
        let names = loose::names(repository, selector.directories(), wanted).await?;
        let packed = match PackedRefs::open(repository).await? {
            Some(packed) => {
                let offset = packed.seek(selector.first()).await?;
                Some((packed, offset))
            }
            None => None,
        };
        Ok(Self { loose: names, packed, passed: None })
    }

    /// Hands on the refs of one block of `packed-refs` or one loose ref; false at the end.
    pub(super) async fn lines(
        &mut self,
        repository: &Repository<S>,
        selector: &mut Selector,
        peel: bool,
        take: &mut impl FnMut(RefLine<'_>) -> Result<()>,
    ) -> Result<bool> {
        if let Some((packed, offset)) = &mut self.packed {
            if let Some(passed) = self.passed.take() {
                packed.pass(offset, &passed).await?;
            }
            let bound = self.loose.names.last().map(|name| name.as_slice());
            let repository = Some(repository);
            match packed.scan(offset, bound, selector, peel, repository, take).await? {
                Stop::Block => return Ok(true),
                Stop::Bound => {}
                Stop::End => self.packed = None,
            }
        }
        let Some(name) = self.loose.names.pop() else { return Ok(self.packed.is_some()) };
        if selector.judge(&name) == Judgement::Take
            && let Some(found) = read(repository, &name).await?
        {
            found.line(repository, peel, take).await?;
        }
        self.passed = Some(name);
        Ok(true)
    }
}

/// What is there of a name.
#[derive(Debug)]
pub(super) enum Found {
    Ref(Target, Peeled),
    Absent,
    /// A file that holds no ref.
    Broken,
}

/// Looks for a name among loose refs, then in `packed-refs`.
pub(super) async fn find<S: Storage>(repository: &Repository<S>, name: &BStr) -> Result<Found> {
    match loose::read(repository, name).await? {
        loose::Loose::Target(target) => return Ok(Found::Ref(target, Peeled::Unknown)),
        loose::Loose::Broken => return Ok(Found::Broken),
        loose::Loose::Absent => {}
    }
    // Opened after the look at the file, never before: git moves refs in here and then removes
    // the file.
    let Some(packed) = PackedRefs::open(repository).await? else { return Ok(Found::Absent) };
    let found = packed.find(name).await?;
    Ok(found.map_or(Found::Absent, |(oid, peeled)| Found::Ref(Target::Direct(oid), peeled)))
}

/// Looks for a name in `packed-refs` alone.
pub(crate) async fn find_packed<S: Storage>(
    repository: &Repository<S>,
    name: &BStr,
) -> Result<Option<Oid>> {
    let Some(packed) = PackedRefs::open(repository).await? else { return Ok(None) };
    Ok(packed.find(name).await?.map(|(oid, _)| oid))
}

/// Reads a ref that had a file when the directory was listed; `None` if it leads nowhere.
async fn read<S: Storage>(repository: &Repository<S>, name: &BString) -> Result<Option<Ref>> {
    Ok(match loose::read(repository, name.as_bstr()).await? {
        loose::Loose::Broken => {
            let oid = Oid::zero(repository.object_format());
            let name = name.clone();
            Some(Ref { name, oid, symref_target: None, peeled: Peeled::No })
        }
        loose::Loose::Target(Target::Direct(oid)) => {
            Some(Ref { name: name.clone(), oid, symref_target: None, peeled: Peeled::Unknown })
        }
        // Deleted, or moved to packed-refs: to the one of now, not to the one we opened.
        loose::Loose::Target(Target::Symbolic(_)) | loose::Loose::Absent => {
            match repository.resolve_ref(name.as_bstr()).await? {
                Some(Resolved::Ref(found)) => Some(found),
                Some(Resolved::Unborn(_)) | None => None,
            }
        }
    })
}
