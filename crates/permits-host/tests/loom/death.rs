//! What the dead held, and where they waited.

use crate::bench::{Memory, check, join};
use crate::protocol::book::{Queue, Side};
use crate::protocol::layout::SEATS;
use crate::protocol::seat::SeatWord;
use crate::protocol::tx::Outcome;
use crate::protocol::waiter::{Sleeper, Stage};
use loom::thread;

#[test]
fn two_who_bury_the_same_dead_take_back_once() {
    check(2, || {
        let memory = Memory::new(2);
        let generation = memory.process(0).transact(|tx| tx.occupy(0).map(Outcome::Commit));
        assert_eq!(memory.process(0).acquire(1), None);
        assert_eq!(memory.process(1).acquire(1), None);
        let number = memory.process(0).acquire(1).expect("it queues");
        assert_eq!(memory.look(|tx| tx.status(0)), SeatWord { taken: true, generation });

        join([1, 2].map(|seat| {
            let process = memory.process(seat);
            thread::spawn(move || process.recover(0, generation, number))
        }));

        let book = memory.book();
        assert_eq!((memory.held(), book.free, book.recovered), ([0, 1, 0], 1, 1), "{book:?}");
        assert_eq!(memory.look(|tx| tx.status(0)), SeatWord { taken: false, generation });
        assert_eq!((book.acquirers, memory.stage(number)), (Queue::default(), Stage::Free));
    });
}

#[test]
fn who_buries_the_dead_late_leaves_the_heir_alone() {
    check(1, || {
        let memory = Memory::new(2);
        let first = memory.process(0).transact(|tx| tx.occupy(0).map(Outcome::Commit));
        assert_eq!(memory.process(0).acquire(2), None);

        // Both have found the same dead; one takes its seat as well.
        let (heir, late) = (memory.process(0), memory.process(1));
        let buries = thread::spawn(move || late.bury(0, first));
        heir.bury(0, first);
        let second = heir.transact(|tx| tx.occupy(0).map(Outcome::Commit));
        join([buries]);

        let book = memory.book();
        assert_eq!((book.free, book.recovered, second), (2, 2, first + 1), "{book:?}");
        assert_eq!(memory.look(|tx| tx.status(0)), SeatWord { taken: true, generation: second });
    });
}

#[test]
fn what_a_dead_task_was_promised_is_loose_again() {
    check(1, || {
        let memory = Memory::new(2);
        let generation = memory.process(0).transact(|tx| tx.occupy(0).map(Outcome::Commit));
        let number = memory.process(0).release(Sleeper::Task, 1).expect("it queues");
        assert_eq!(memory.process(1).acquire(1), None);
        let _ = memory.process(1).let_go(1);
        assert_eq!((memory.stage(number), memory.book().loose), (Stage::Reserved, 0));

        join([1, 2].map(|seat| {
            let process = memory.process(seat);
            thread::spawn(move || process.recover(0, generation, number))
        }));

        let book = memory.book();
        assert_eq!((book.free, book.loose, memory.held()), (1, 1, [0; SEATS]), "{book:?}");
        assert_eq!((memory.stage(number), memory.queue(Side::Release)), (Stage::Free, vec![]));
    });
}

#[test]
fn a_dead_waiter_stops_nobody() {
    check(0, || {
        let memory = Memory::new(2);
        let generation = memory.process(0).transact(|tx| tx.occupy(0).map(Outcome::Commit));
        assert_eq!(memory.process(1).acquire(1), None);
        let first = memory.process(0).acquire(2).expect("it queues");
        let second = memory.process(2).acquire(1).expect("it queues");

        let _ = memory.process(1).take_out(0, generation, first);

        assert_eq!((memory.stage(second), memory.held()), (Stage::Granted, [0, 1, 1]));
        // Its place is somebody else's now, whom another who has found the same dead leaves there.
        let heir = memory.process(2).acquire(1).expect("it queues");
        assert_eq!(heir, first);
        memory.process(1).recover(0, generation, first);
        assert_eq!(memory.queue(Side::Acquire), [heir]);
    });
}

#[test]
fn what_one_handle_of_a_process_gives_another_is_held_once() {
    check(0, || {
        let memory = Memory::new(3);
        let [process, other] = [0, 1].map(|seat| memory.process(seat));
        assert!(process.try_acquire(1) && other.try_acquire(2));

        let _ = process.act(|tx, _| tx.hand_over(1, 0, 2));

        assert_eq!((memory.held(), memory.book().free), ([3, 0, 0], 0));
        let _ = process.give_back(3);
        assert_eq!((memory.held(), memory.book().free), ([0; SEATS], 3));
    });
}
