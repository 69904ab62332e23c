//! Long selections take turns.
//!
//! They compute on one thread, so that side by side none is ready sooner; but each would drive the
//! objects of the others out of the caches, and inflate its own again and again.

use std::cell::Cell;
use std::time::Duration;

/// How long a selection computes before it has to wait for a turn: most never do.
const SHORT: Duration = Duration::from_millis(10);

/// How long one turn is, if somebody waits: long beside filling the caches.
const TURN: Duration = Duration::from_millis(500);

/// Who of an instance's requests may compute.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    taken: Cell<bool>,
    waiting: Cell<usize>,
}

/// One request's part in it.
#[derive(Debug)]
pub(super) struct Turn<'t> {
    turns: &'t Turns,
    /// How long it has computed: in all, or in this turn.
    computed: Duration,
    has_turn: bool,
    waits: bool,
}

impl<'t> Turn<'t> {
    pub(super) fn new(turns: &'t Turns) -> Self {
        Self { turns, computed: Duration::ZERO, has_turn: false, waits: false }
    }

    /// Takes a turn if it needs one and nobody has it; false if it has to wait.
    pub(super) fn begins(&mut self) -> bool {
        if self.may_go_on() {
            return true;
        }
        // One whose turn is over lets those who wait go first.
        let free = !self.has_turn && !self.turns.taken.get();
        self.give_up();
        if free {
            self.turns.taken.set(true);
            self.has_turn = true;
            self.computed = Duration::ZERO;
        }
        self.wait(!free);
        free
    }

    /// Whether it may compute without asking.
    pub(super) fn may_go_on(&self) -> bool {
        match self.has_turn {
            true => self.computed < TURN || self.turns.waiting.get() == 0,
            false => self.computed < SHORT,
        }
    }

    pub(super) fn computed(&mut self, time: Duration) {
        self.computed += time;
    }

    /// Lets others compute, while this one does something else.
    pub(super) fn give_up(&mut self) {
        if std::mem::take(&mut self.has_turn) {
            self.turns.taken.set(false);
            self.computed = SHORT;
        }
    }

    fn wait(&mut self, waits: bool) {
        let waiting = self.turns.waiting.get() - usize::from(self.waits) + usize::from(waits);
        self.turns.waiting.set(waiting);
        self.waits = waits;
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.give_up();
        self.wait(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_ones_go_on_and_long_ones_take_turns() {
        let turns = Turns::default();
        let (mut one, mut other, mut short) =
            (Turn::new(&turns), Turn::new(&turns), Turn::new(&turns));
        for turn in [&mut one, &mut other] {
            assert!(turn.begins());
            turn.computed(SHORT);
            assert!(!turn.may_go_on());
        }
        assert!(one.begins() && !other.begins() && short.begins());
        one.computed(TURN - SHORT);
        assert!(one.may_go_on() && !other.begins());
        one.computed(SHORT);
        assert!(!one.may_go_on() && !one.begins(), "others wait");
        assert!(other.begins() && !one.begins());
        drop(other);
        assert!(one.begins());
        one.computed(TURN * 9);
        assert!(one.may_go_on(), "nobody waits");
        drop((one, short));
        assert!(!turns.taken.get() && turns.waiting.get() == 0);
    }
}
