//! Entries of reflogs, as tables hold them.
//!
//! Spec: reftable.txt of git's technical documentation, "Log record"

use bstr::BStr;
use gitwasi_wire::Oid;

use super::{Prepared, TableTransaction};
use crate::Result;
use crate::refs::reftable::{Merged, Section, Stack, Value, varint};
use crate::storage::WriteStorage;
use crate::transaction::Options;

/// How the keys of a ref's log begin.
pub(super) fn of(name: &[u8]) -> Vec<u8> {
    let mut key = name.to_vec();
    key.push(0);
    key
}

/// The key of an entry: the newest of a ref comes first.
fn key(name: &[u8], update_index: u64) -> Vec<u8> {
    let mut key = of(name);
    key.extend_from_slice(&(!update_index).to_be_bytes());
    key
}

/// More bytes than an entry has besides the ref's name.
pub(super) fn longest_entry(options: &Options) -> usize {
    let text = options.identity.name.len() + options.identity.email.len() + options.message.len();
    // Its place in the log, two oids, five numbers, a time zone and the end of the line.
    9 + 2 * 32 + 5 * 10 + 2 + 1 + text
}

fn entry(old: &Oid, new: &Oid, options: &Options, seconds: u64) -> Value {
    let mut entry = Vec::with_capacity(128);
    entry.extend_from_slice(old.as_bytes());
    entry.extend_from_slice(new.as_bytes());
    for text in [&options.identity.name, &options.identity.email] {
        varint(text.len() as u64, &mut entry);
        entry.extend_from_slice(text);
    }
    varint(seconds, &mut entry);
    entry.extend_from_slice(&[0, 0]);
    let message = format!("{}\n", options.message);
    varint(message.len() as u64, &mut entry);
    entry.extend_from_slice(message.as_bytes());
    Value::Log(entry)
}

/// What a transaction writes to logs, in the order of keys. A log whose ref is deleted goes with
/// it, entry by entry, as tables want it.
#[derive(Debug)]
pub(super) struct NewLogs<'a, S: WriteStorage> {
    stack: &'a Stack<S>,
    /// In the order of names; `None` for a log that goes.
    logs: std::vec::IntoIter<(&'a BStr, Option<Value>)>,
    /// The log that goes just now, and how its keys begin.
    going: Option<(Merged<S>, Vec<u8>)>,
    update_index: u64,
}

impl<'a, S: WriteStorage> NewLogs<'a, S> {
    pub(super) fn new(
        transaction: &'a TableTransaction<'_, S>,
        stack: &'a Stack<S>,
        update_index: u64,
    ) -> Self {
        let repository = transaction.repository;
        let seconds = repository.engine.storage.wall_clock() / 1_000_000_000;
        let zero = Oid::zero(repository.object_format());
        let mut logs = Vec::new();
        for prepared in transaction.prepared.iter().filter(|prepared| !prepared.is_unchanged()) {
            let Prepared { name, old, new, is_logged, also_logged, .. } = prepared;
            let entry = entry(old, &new.unwrap_or(zero), transaction.options, seconds);
            logs.extend(also_logged.iter().map(|name| (BStr::new(name), Some(entry.clone()))));
            if new.is_none() {
                logs.push((BStr::new(name), None));
            } else if *is_logged {
                logs.push((BStr::new(name), Some(entry)));
            }
        }
        logs.sort_by_key(|(name, _)| *name);
        Self { stack, logs: logs.into_iter(), going: None, update_index }
    }

    /// The next record.
    pub(super) async fn next(&mut self) -> Result<Option<(Vec<u8>, Value)>> {
        loop {
            if let Some((log, prefix)) = &mut self.going {
                match log.next().await? {
                    Some(Value::Deleted) if log.last.starts_with(prefix) => continue,
                    Some(_) if log.last.starts_with(prefix) => {
                        return Ok(Some((log.last.clone(), Value::Deleted)));
                    }
                    _ => self.going = None,
                }
            }
            match self.logs.next() {
                Some((name, Some(entry))) => {
                    return Ok(Some((key(name, self.update_index), entry)));
                }
                Some((name, None)) => {
                    let prefix = of(name);
                    let log = self.stack.seek(Section::Logs, &prefix).await?;
                    self.going = Some((log, prefix));
                }
                None => return Ok(None),
            }
        }
    }
}
