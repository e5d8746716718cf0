//! A file that others write nonsense into.

use crate::bench::{Memory, check, join};
use crate::protocol::acts::Refusal;
use crate::protocol::book::{Quick, Side};
use crate::protocol::layout::{self, waiter};
use crate::protocol::tx::{Outcome, Tx};
use crate::protocol::waiter::{Sleeper, Stage, Wakes};
use crate::sync::Ordering;
use loom::thread;
use std::sync::Arc;

#[test]
fn what_is_decided_on_is_what_is_done() {
    check(2, || {
        let memory = Memory::new(3);
        assert_eq!(memory.process(0).acquire(1), None);
        let number = memory.process(1).release(Sleeper::Thread, 1).expect("it queues");
        let (giver, spoiled) = (memory.process(0), Arc::clone(&memory));

        let spoils = thread::spawn(move || {
            let units = spoiled.store().word(layout::waiter(usize::from(number), waiter::UNITS));
            // The value alone, and not the tag. An exchange, as loom puts no plain store between two loads of
            // another thread.
            units.fetch_add(2, Ordering::Relaxed);
        });
        let _ = giver.let_go(1);
        join([spoils]);

        let book = memory.book();
        let expected = if memory.stage(number) == Stage::Granted { (3, 0) } else { (2, 1) };
        assert_eq!((book.free, book.loose), expected);
    });
}

#[test]
fn what_was_found_damaged_grants_nothing() {
    check(2, || {
        let memory = Memory::new(3);
        let (finder, other) = (memory.process(0), memory.process(1));
        assert!(finder.acquire_quickly(1));
        let takes = |tx: &mut Tx<'_>, seat| -> Result<Outcome<Result<(), Refusal>>, _> {
            tx.enter(seat, Side::Acquire, 1).map(Outcome::Commit)
        };

        let also_takes = thread::spawn(move || {
            // Before or after.
            let _ = other.memory.store().transact(1, &other.memo.turn(), |tx| takes(tx, 1));
        });
        memory.store().condemn(0, &finder.memo.turn());
        let quickly = memory.store().quick(0, &finder.memo.turn(), Quick::Take(1));
        let slowly = memory.store().transact(0, &finder.memo.turn(), |tx| takes(tx, 0));
        join([also_takes]);

        assert!(!quickly && slowly.is_err() && memory.store().look(|tx| Ok(tx.book)).is_err());
        let give_back = |tx: &mut Tx<'_>| tx.give_back(0, 1, &mut Wakes::default()).map(Outcome::Commit);
        memory.store().despite_damage().transact(0, &finder.memo.turn(), give_back).expect("it comes back");
        let found = memory.store().despite_damage().look(|tx| Ok((tx.held(0)?, tx.held(1)?, tx.book.free)));
        assert!([Ok((0, 0, 3)), Ok((0, 1, 2))].contains(&found), "{found:?}");
    });
}
