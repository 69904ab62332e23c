//! Refs in a stack of tables, each over those before it.
//!
//! Tables never change; git replaces `tables.list` to add one or to merge some. Objects' and
//! logs' blocks are passed over.
//!
//! Spec: reftable.txt of git's technical documentation

mod block;
mod table;

use bstr::{BStr, ByteSlice};

use super::selector::{Judgement, Selector};
use super::{Peeled, PeeledHex, Ref, RefLine, Resolved, Target, is_valid_name};
use crate::hex;
use crate::storage::Storage;
use crate::{Error, Repository, Result};
use block::Value;
use table::{Cursor, Table};

/// Iterates over the refs of the stack in the order of their names.
#[derive(Debug)]
pub(super) struct ReftableIter<S: Storage> {
    /// The oldest table first.
    cursors: Vec<Cursor<S>>,
    /// The name that came last.
    last: Vec<u8>,
}

/// Refs that are handed on before other tasks may run.
const BATCH: usize = 256;

/// Times that the list is read again because a table is gone.
const ATTEMPTS: usize = 10;

impl<S: Storage> ReftableIter<S> {
    /// An iterator that begins at the first ref that is not before `name`.
    ///
    /// # Limits
    /// [`crate::Limits::packs`] tables.
    pub(super) async fn seek(repository: &Repository<S>, name: &[u8]) -> Result<Self> {
        for _ in 0..ATTEMPTS {
            if let Some(tables) = tables(repository).await? {
                let mut cursors = Vec::with_capacity(tables.len());
                for table in tables {
                    cursors.push(table.seek(name).await?);
                }
                return Ok(Self { cursors, last: Vec::new() });
            }
        }
        Err(Error::corrupt("a reftable that is listed and not there"))
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
            let Some(value) = self.next().await? else { return Ok(false) };
            let name = &self.last;
            if !name.starts_with(b"refs/") {
                continue;
            }
            match selector.judge(name) {
                Judgement::Take => {}
                Judgement::Drop => continue,
                Judgement::SkipTo(name) => {
                    let name = name.to_vec();
                    self.cursors = Self::seek(repository, &name).await?.cursors;
                    continue;
                }
                Judgement::Past => return Ok(false),
            }
            let (oid, peeled) = match value {
                Value::Direct(oid) if is_valid_name(name.as_bstr()) => (oid, None),
                Value::Tag(oid, peeled) if is_valid_name(name.as_bstr()) => (oid, Some(peeled)),
                Value::Deleted | Value::Block(_) => continue,
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

    /// Moves to the next name, [`Self::last`]; what the newest table that has it says.
    async fn next(&mut self) -> Result<Option<Value>> {
        let names = self.cursors.iter().filter(|cursor| cursor.value.is_some());
        let Some(least) = names.map(|cursor| &cursor.name).min() else { return Ok(None) };
        // Else a table that is not sorted could send us to and fro for ever.
        if *least <= self.last {
            return Err(Error::corrupt("a reftable that is not sorted"));
        }
        self.last.clone_from(least);
        let mut newest = None;
        for cursor in &mut self.cursors {
            if cursor.value.is_some() && cursor.name == self.last {
                newest = cursor.value.take();
                cursor.advance().await?;
            }
        }
        Ok(newest)
    }
}

/// What the stack has for a name.
pub(super) async fn find<S: Storage>(
    repository: &Repository<S>,
    name: &BStr,
) -> Result<Option<(Target, Peeled)>> {
    let mut stack = ReftableIter::seek(repository, name).await?;
    Ok(match stack.next().await? {
        Some(value) if stack.last == *name => match value {
            Value::Direct(oid) => Some((Target::Direct(oid), Peeled::No)),
            Value::Tag(oid, peeled) => Some((Target::Direct(oid), Peeled::To(peeled))),
            Value::Symbolic(target) => Some((Target::Symbolic(target.into()), Peeled::Unknown)),
            Value::Deleted | Value::Block(_) => None,
        },
        _ => None,
    })
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

/// Opens the tables, the oldest first; `None` if one is gone, because the list was replaced.
async fn tables<S: Storage>(repository: &Repository<S>) -> Result<Option<Vec<Table<S>>>> {
    let engine = &repository.engine;
    let list = engine.read_small(&repository.file("reftable/tables.list")).await?;
    let list = list.ok_or_else(|| Error::corrupt("no reftable/tables.list"))?;
    let mut tables = Vec::new();
    for name in list.split(|byte| *byte == b'\n').filter(|name| !name.is_empty()) {
        let name = str::from_utf8(name).ok().filter(|name| !name.contains('/') && *name != "..");
        let name = name.ok_or_else(|| Error::corrupt("reftable/tables.list"))?;
        if tables.len() == engine.limits.packs {
            return Err(Error::LimitExceeded("packs"));
        }
        let path = repository.file(&format!("reftable/{name}"));
        match Table::open(engine, &path, repository.object_format()).await? {
            Some(table) => tables.push(table),
            None => return Ok(None),
        }
    }
    Ok(Some(tables))
}
