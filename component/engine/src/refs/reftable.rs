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
use super::{Peeled, Ref, RefLine, Resolved, Target, is_valid_name};
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
        for _ in 0..BATCH {
            let Some((name, value)) = self.next().await? else { return Ok(false) };
            if !name.starts_with(b"refs/") {
                continue;
            }
            match selector.judge(&name) {
                Judgement::Take => {}
                Judgement::Drop => continue,
                Judgement::SkipTo(name) => {
                    let name = name.to_vec();
                    self.cursors = Self::seek(repository, &name).await?.cursors;
                    continue;
                }
                Judgement::Past => return Ok(false),
            }
            if let Some(found) = to_ref(repository, name.as_bstr(), value).await? {
                found.line(repository, peel, &mut *take).await?;
            }
        }
        Ok(true)
    }

    /// The next name, and what the newest table that has it says.
    async fn next(&mut self) -> Result<Option<(Vec<u8>, Value)>> {
        let names = self.cursors.iter().filter(|cursor| cursor.value.is_some());
        let Some(least) = names.map(|cursor| &cursor.name).min().cloned() else { return Ok(None) };
        // Else a table that is not sorted could send us to and fro for ever.
        if least <= self.last {
            return Err(Error::corrupt("a reftable that is not sorted"));
        }
        self.last.clone_from(&least);
        let mut newest = None;
        for cursor in &mut self.cursors {
            if cursor.value.is_some() && cursor.name == least {
                newest = cursor.value.take();
                cursor.advance().await?;
            }
        }
        Ok(newest.map(|value| (least, value)))
    }
}

/// What the stack has for a name.
pub(super) async fn find<S: Storage>(
    repository: &Repository<S>,
    name: &BStr,
) -> Result<Option<(Target, Peeled)>> {
    let mut stack = ReftableIter::seek(repository, name).await?;
    Ok(match stack.next().await? {
        Some((found, value)) if found == *name => match value {
            Value::Direct(oid) => Some((Target::Direct(oid), Peeled::No)),
            Value::Tag(oid, peeled) => Some((Target::Direct(oid), Peeled::To(peeled))),
            Value::Symbolic(target) => Some((Target::Symbolic(target.into()), Peeled::Unknown)),
            Value::Deleted | Value::Block(_) => None,
        },
        _ => None,
    })
}

async fn to_ref<S: Storage>(
    repository: &Repository<S>,
    name: &BStr,
    value: Value,
) -> Result<Option<Ref>> {
    let direct = |oid, peeled| Ref { name: name.to_owned(), oid, symref_target: None, peeled };
    if !is_valid_name(name) {
        let oid = gitwasi_wire::Oid::zero(repository.object_format());
        return Ok(Some(direct(oid, Peeled::No)));
    }
    Ok(match value {
        Value::Direct(oid) => Some(direct(oid, Peeled::No)),
        Value::Tag(oid, peeled) => Some(direct(oid, Peeled::To(peeled))),
        Value::Symbolic(_) => match repository.resolve_ref(name).await? {
            Some(Resolved::Ref(found)) => Some(found),
            Some(Resolved::Unborn(_)) | None => None,
        },
        Value::Deleted | Value::Block(_) => None,
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
