//! Where the entries of a pack went.

use std::rc::Rc;

use crate::Result;
use crate::working_memory::{Leased, Share};

/// Stretches of a stored pack and where they begin in the pack that is being written.
#[derive(Debug)]
pub(super) struct Runs(Leased<Vec<Run>>);

#[derive(Debug)]
struct Run {
    start: u64,
    end: u64,
    out: u64,
}

impl Runs {
    /// None yet.
    pub(super) fn new(memory: &Rc<Share>) -> Self {
        Self(Leased::<Vec<_>>::new(memory))
    }

    /// Notes that the entry from `start` to `end` went to `out`. Entries come in order.
    pub(super) fn push(&mut self, start: u64, end: u64, out: u64) -> Result<()> {
        match self.0.last_mut() {
            Some(run) if run.end == start && run.out + (start - run.start) == out => run.end = end,
            _ => self.0.push(Run { start, end, out })?,
        }
        Ok(())
    }

    /// Where the entry at `offset` went, if it was written.
    pub(super) fn find(&self, offset: u64) -> Option<u64> {
        let after = self.0.partition_point(|run| run.start <= offset);
        let run = self.0.get(after.checked_sub(1)?)?;
        (offset < run.end).then(|| run.out + (offset - run.start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::working_memory::WorkingMemory;

    #[test]
    fn entries_are_found_within_their_stretch() {
        let mut runs = Runs::new(&Share::new(&WorkingMemory::new(1 << 20)));
        runs.push(12, 20, 12).expect("room");
        runs.push(20, 40, 20).expect("room");
        runs.push(60, 70, 40).expect("room");
        assert_eq!(runs.0.len(), 2);
        assert_eq!(runs.find(20), Some(20));
        assert_eq!(runs.find(60), Some(40));
        assert_eq!((runs.find(40), runs.find(11), runs.find(70)), (None, None, None));
    }
}
