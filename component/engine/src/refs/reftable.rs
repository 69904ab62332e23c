//! Refs in a stack of tables, each over those before it.
//!
//! Tables never change; `tables.list` is replaced to add one or to merge some. The index of objects
//! is passed over, and none is written.
//!
//! Spec: reftable.txt of git's technical documentation

mod block;
mod block_writer;
mod cursor;
mod stack;
mod table;
mod writer;

use bstr::{BStr, ByteSlice};

use super::selector::{Judgement, Selector};
use super::{Peeled, PeeledHex, Ref, RefLine, Resolved, Target, is_valid_name};
use crate::storage::Storage;
use crate::{Repository, Result, hex};

pub(crate) use block::Value;
pub(crate) use block_writer::varint;
pub(crate) use stack::{Merged, Stack, names};
pub(crate) use table::Section;
pub(crate) use writer::{BLOCK_SIZE, LARGE_BLOCK_SIZE, Shape, TableWriter, has_room};

/// Iterates over the refs of the stack in the order of their names.
#[derive(Debug)]
pub(super) struct ReftableIter<S: Storage> {
    merged: Merged<S>,
}

/// Refs that are handed on before other tasks may run.
const BATCH: usize = 256;

impl<S: Storage> ReftableIter<S> {
    /// An iterator that begins at the first ref that is not before `name`.
    pub(super) async fn seek(repository: &Repository<S>, name: &[u8]) -> Result<Self> {
        let stack = Stack::open(repository).await?;
        Ok(Self { merged: stack.seek(Section::Refs, name).await? })
    }

    /// Hands on some refs; false at the end.
    pub(super) async fn lines(
        &mut self,
        repository: &Repository<S>,
        selector: &mut Selector,
        peel: bool,
        take: &mut impl FnMut(RefLine<'_>) -> Result<()>,
    ) -> Result<bool> {
        let (mut text, mut digits) = (Vec::new(), Vec::new());
        for _ in 0..BATCH {
            let Some(value) = self.merged.next().await? else { return Ok(false) };
            let name = &self.merged.last;
            if !name.starts_with(b"refs/") {
                continue;
            }
            match selector.judge(name) {
                Judgement::Take => {}
                Judgement::Drop => continue,
                Judgement::SkipTo(name) => {
                    let name = name.to_vec();
                    self.merged.seek(&name).await?;
                    continue;
                }
                Judgement::Past => return Ok(false),
            }
            let (oid, peeled) = match value {
                Value::Direct(oid) if is_valid_name(name.as_bstr()) => (oid, None),
                Value::Tag(oid, peeled) if is_valid_name(name.as_bstr()) => (oid, Some(peeled)),
                Value::Deleted | Value::Block(_) | Value::Log(_) => continue,
                _ => {
                    if let Some(found) = resolve(repository, name.as_bstr()).await? {
                        found.line(repository, peel, &mut *take).await?;
                    }
                    continue;
                }
            };
            text.clear();
            hex::append(&oid, &mut text);
            let hex_len = text.len();
            text.push(b' ');
            text.extend_from_slice(name);
            digits.clear();
            let peeled = peeled.map_or(PeeledHex::No, |peeled| {
                hex::append(&peeled, &mut digits);
                PeeledHex::To(&digits)
            });
            take(RefLine { text: &text, hex_len, symref_target: None, peeled })?;
        }
        Ok(true)
    }
}

/// What the stack has for a name.
pub(super) async fn find<S: Storage>(
    repository: &Repository<S>,
    name: &BStr,
) -> Result<Option<(Target, Peeled)>> {
    let stack = Stack::open(repository).await?;
    let found = stack.seek(Section::Refs, name).await?;
    Ok(found.at(name).and_then(Value::target))
}

impl Value {
    /// What a ref points to; `None` if it is deleted, or this is no ref.
    pub(crate) fn target(&self) -> Option<(Target, Peeled)> {
        match self {
            Self::Direct(oid) => Some((Target::Direct(*oid), Peeled::No)),
            Self::Tag(oid, peeled) => Some((Target::Direct(*oid), Peeled::To(*peeled))),
            Self::Symbolic(target) => {
                Some((Target::Symbolic(target.as_slice().into()), Peeled::Unknown))
            }
            Self::Deleted | Self::Block(_) | Self::Log(_) => None,
        }
    }
}

/// A symbolic ref where it leads, or one of a name that is none.
async fn resolve<S: Storage>(repository: &Repository<S>, name: &BStr) -> Result<Option<Ref>> {
    if !is_valid_name(name) {
        let oid = gitwasi_wire::Oid::zero(repository.object_format());
        let name = name.to_owned();
        return Ok(Some(Ref { name, oid, symref_target: None, peeled: Peeled::No }));
    }
    Ok(match repository.resolve_ref(name).await? {
        Some(Resolved::Ref(found)) => Some(found),
        Some(Resolved::Unborn(_)) | None => None,
    })
}
