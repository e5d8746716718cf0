//! Transactions in themselves.

use crate::bench::{Guarded, Memory, Process, check, join};
use crate::protocol::acts::{Collected, GiveUp};
use crate::protocol::book::{Quick, Side};
use crate::protocol::layout::{self, SEATS, header, record, seat};
use crate::protocol::tx::{Outcome, Store, Tx};
use crate::protocol::waiter::{Sleeper, Stage, Wakes};
use crate::sync::Ordering;
use loom::thread;
use std::sync::Arc;

#[test]
fn two_never_hold_the_same_permit() {
    check(1, || {
        let memory = Memory::new(1);
        let guarded = Guarded::new();

        join([0, 1].map(|seat| {
            let (process, guarded) = (memory.process(seat), Arc::clone(&guarded));
            thread::spawn(move || {
                if process.try_acquire(1) {
                    guarded.touch();
                    let _ = process.give_back(1);
                }
            })
        }));

        assert_eq!((memory.held(), memory.book().free), ([0; SEATS], 1));
    });
}

#[test]
fn two_never_hold_the_same_permit_by_the_quick_way() {
    check(1, || {
        let memory = Memory::new(1);
        let guarded = Guarded::new();

        let (process, stranger) = (memory.process(0), memory.process(1));
        assert!(process.acquire_quickly(1));
        let guards = Arc::clone(&guarded);
        let takes = thread::spawn(move || {
            if stranger.acquire_quickly(1) {
                guards.touch();
                stranger.give_back_quickly(1);
            }
        });
        guarded.touch();
        process.give_back_quickly(1);
        join([takes]);

        assert_eq!((memory.held(), memory.book().free), ([0; SEATS], 1));
    });
}

/// One process after the other: what the quick way remembers of its last commit is what the other way would read.
#[test]
fn the_quick_way_writes_what_the_other_would() {
    check(1, || {
        let memory = Memory::new(2);
        let (process, stranger) = (memory.process(0), memory.process(1));
        let holds = |process: &Process, n| process.transact(|tx| Ok(Outcome::Keep(tx.held(0)? == n)));

        assert!(process.try_acquire(1));
        process.give_back_quickly(1);
        assert!(holds(&process, 0), "what its seat holds is written, before anybody helps");
        assert!(process.acquire_quickly(1));
        assert_eq!((memory.held(), memory.book().free), ([1, 0, 0], 1));
        process.give_back_quickly(1);
        assert_eq!((memory.held(), memory.book().free), ([0; SEATS], 2));
        assert!(stranger.try_acquire(1));
        assert!(process.acquire_quickly(1));

        assert_eq!((memory.held(), memory.book().free), ([1, 1, 0], 0), "the stranger's commit is not undone");
    });
}

#[test]
fn what_the_dead_committed_is_made_once() {
    check(2, || {
        let memory = Memory::new(3);
        assert!(memory.store().commit_and_die(0, |tx| tx.enter(0, Side::Acquire, 1).map(|entered| entered.unwrap())));

        join([1, 2].map(|seat| {
            let process = memory.process(seat);
            thread::spawn(move || assert!(process.try_acquire(1)))
        }));

        assert_eq!((memory.held(), memory.book().free), ([1, 1, 1], 0));
    });
}

#[test]
fn what_the_dead_granted_is_granted_once() {
    check(2, || {
        let memory = Memory::new(1);
        assert_eq!(memory.process(0).acquire(1), None);
        let number = memory.process(1).acquire(1).expect("it queues");
        assert!(memory.store().commit_and_die(0, |tx| tx.give_back(0, 1, &mut Wakes::default())));

        let (granted, other) = (memory.process(1), memory.process(2));
        join([
            thread::spawn(move || assert_eq!(granted.collect(number, GiveUp::No).0, Collected::Granted)),
            thread::spawn(move || assert!(!other.try_acquire(1))),
        ]);

        assert_eq!((memory.held(), memory.book().free), ([0, 1, 0], 0));
    });
}

#[test]
fn who_helps_late_does_no_harm() {
    check(1, || {
        let memory = Memory::new(1);
        assert_eq!(memory.process(0).acquire(1), None);
        // From another seat's record, so that none of the records that are read is written over, which makes
        // the model too large.
        let queue = |tx: &mut Tx<'_>| tx.enqueue(1, Side::Acquire, Sleeper::Thread, 1).map(Outcome::Commit);
        let number = memory.process(2).transact(queue).expect("there is a place");
        let (giver, taker) = (memory.process(0), memory.process(1));

        let helper = Arc::clone(&memory);
        // A look makes the changes that it finds unmade, however long ago it found them.
        let helps = thread::spawn(move || helper.look(|tx| Ok((tx.book.free, tx.held(1)?))));
        let _ = giver.give_back(1);
        assert_eq!(taker.collect(number, GiveUp::No).0, Collected::Granted);
        let [seen] = join([helps]);

        assert!([(0, 0), (0, 1)].contains(&seen), "{seen:?}");
        assert_eq!((memory.stage(number), memory.held()), (Stage::Free, [0, 1, 0]));
    });
}

#[test]
fn a_look_sees_one_state() {
    check(1, || {
        let memory = Memory::new(3);
        let owner = memory.process(0);
        assert!(owner.try_acquire(1));

        let reader = Arc::clone(&memory);
        let looks = thread::spawn(move || {
            let (book, held) = reader.look(|tx| Ok((tx.book, tx.held(0)?)));
            assert_eq!(book.available() + book.loose + held, 3, "{book:?}");
            // The numbers of the book's words belong together as well.
            let states = [(2, 0, 1), (2, 1, 1), (1, 1, 2)];
            assert!(states.contains(&(book.free, book.loose, book.granted)), "{book:?}");
        });
        // The second commit is written over the record that the root named at first.
        let _ = owner.let_go(1);
        assert!(owner.try_acquire(1));
        join([looks]);
    });
}

#[test]
fn who_may_only_read_sees_what_is_committed_and_writes_nothing() {
    check(0, || {
        let memory = Memory::new(3);
        assert!(memory.store().commit_and_die(0, |tx| tx.enter(0, Side::Acquire, 1).map(|entered| entered.unwrap())));
        let own = layout::seat(0, seat::OWN);

        let seen = Store::to_read(memory.words()).look(|tx| Ok((tx.book.free, tx.held(0)?)));

        assert_eq!((seen, memory.store().peek(own)), (Ok((2, 1)), 0));
        assert_eq!((memory.held(), memory.store().peek(own)), ([1, 0, 0], 1), "who may write makes the change");
    });
}

/// The process after a commit of its own, and whether it may go the quick way.
fn goes_quickly(process: &Process, quick: Quick) -> bool {
    process.memory.store().quick(process.seat, &process.memo.turn(), quick)
}

#[test]
fn the_quick_way_is_taken_in_the_plainest_case_alone() {
    check(0, || {
        let memory = Memory::new(3);
        let [process, stranger] = [0, 1].map(|seat| memory.process(seat));
        assert!(!goes_quickly(&process, Quick::Take(1)), "it knows nothing of the state yet");
        assert!(process.try_acquire(1));

        assert!(goes_quickly(&process, Quick::Take(1)));
        assert!(goes_quickly(&process, Quick::Return(1)));
        assert!(goes_quickly(&process, Quick::Take(2)));
        assert!(!goes_quickly(&process, Quick::Take(1)), "none is free");
        assert!(goes_quickly(&process, Quick::Return(3)));
        assert!(!goes_quickly(&process, Quick::Return(1)), "none is out");
        assert_eq!((memory.held(), memory.book().free, memory.book().granted), ([0; SEATS], 3, 3));

        assert!(process.try_acquire(3));
        let _ = process.resize(1);
        assert_eq!(memory.book().free, -2);
        assert!(!goes_quickly(&process, Quick::Take(1)), "permits are owed");
        assert!(!goes_quickly(&process, Quick::Return(1)), "permits are owed");
        let _ = process.resize(4);
        assert!(goes_quickly(&process, Quick::Return(1)));

        assert!(stranger.try_acquire(1));
        assert!(!goes_quickly(&process, Quick::Take(1)), "somebody else has committed since");
        assert_eq!((memory.held(), memory.book().free), ([2, 1, 0], 1));
    });
}

#[test]
fn the_quick_way_passes_nobody() {
    for side in [Side::Acquire, Side::Release] {
        check(0, move || {
            let memory = Memory::new(3);
            let process = memory.process(0);
            assert!(process.try_acquire(1));
            let n = if side == Side::Acquire { 3 } else { 1 };
            let number = process.ask(side, Sleeper::Thread, n).expect("it may wait").expect("it queues");

            assert!(!goes_quickly(&process, Quick::Take(1)));
            assert!(!goes_quickly(&process, Quick::Return(1)));
            assert_eq!(memory.queue(side), [number]);
        });
    }
}

#[test]
fn the_quick_way_is_closed_with_the_semaphore() {
    for flag in 0..3 {
        check(0, move || {
            let memory = Memory::new(3);
            let process = memory.process(0);
            assert!(process.try_acquire(1));
            let _ = process.act(|tx, _| {
                let book = &mut tx.book;
                *[&mut book.closed, &mut book.gone, &mut book.sweep][flag] = true;
                Ok(())
            });

            assert!(!goes_quickly(&process, Quick::Take(1)));
            assert!(!goes_quickly(&process, Quick::Return(1)));
        });
    }
}

/// Somebody has written nonsense to the file.
#[test]
fn what_no_transaction_writes_is_an_error() {
    let root = [(header::ROOT, 1 << 16 | 0xffff)];
    let length = layout::record(0) + record::CHANGES;
    let change = layout::record(0) + record::FIRST_CHANGE;
    let many = 0..=record::MOST_CHANGES;
    let many = many.map(|number| (change + 3 * number, layout::SEATS_AT as u64));
    let many: Vec<_> = many.chain([(length, record::MOST_CHANGES as u64 + 1)]).collect();
    let header = [(length, 1), (change, header::ROOT as u64)];
    let beyond = [(length, 1), (change, layout::TOTAL as u64)];
    let book = [(layout::record(0) + record::BOOK + 1, 0)];
    for nonsense in [root.to_vec(), many, header.to_vec(), beyond.to_vec(), book.to_vec()] {
        check(0, move || {
            let memory = Memory::new(3);
            for &(at, value) in &nonsense {
                memory.store().word(at).store(value, Ordering::Relaxed);
            }

            assert!(memory.store().look(|tx| tx.held(0)).is_err(), "{nonsense:?}");
        });
    }
}
