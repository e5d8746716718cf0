//! Starts that are spaced apart (S1 to S3).

use crate::bench::{Memory, Process, check, join};
use crate::protocol::acts::{Collected, GiveUp, Refusal};
use crate::protocol::book::{Book, Side};
use crate::protocol::tx::Outcome;
use crate::protocol::waiter::{Sleeper, Stage, Wakes};
use loom::thread;
use std::sync::Arc;

/// Of the starts in these models, in milliseconds and in nanoseconds.
const INTERVAL: u32 = 2;
const APART: u64 = 2_000_000;
/// When the first thing happens.
const FIRST: u64 = 5_000_000;
/// When the next start may be, if that was one.
const NEXT: u64 = FIRST + APART;

/// Seat 0 has started at `FIRST`, and each of the others has a waiter; there are permits for all.
fn one_started_and_two_wait() -> (Arc<Memory>, [u16; 2]) {
    let memory = Memory::spaced(4, INTERVAL);
    assert_eq!(memory.process(0).at(FIRST).acquire(1), None);
    let numbers = [1, 2].map(|seat| memory.process(seat).at(FIRST).acquire(1).expect("it is too soon"));
    (memory, numbers)
}

fn serve(process: &Process) -> Wakes {
    process.act(|tx, wakes| tx.serve(wakes))
}

#[test]
fn of_two_tries_at_once_one_starts() {
    check(2, || {
        let memory = Memory::spaced(3, INTERVAL);

        let tries = join([0, 1].map(|seat| {
            let process = memory.process(seat).at(FIRST);
            thread::spawn(move || process.try_acquire(1))
        }));

        assert_eq!(tries.iter().filter(|&&granted| granted).count(), 1);
        assert_eq!((memory.book().free, memory.book().granted, memory.book().started), (2, 1, FIRST));
        let [early, due] = [NEXT - 1, NEXT].map(|now| memory.process(2).at(now));
        assert!(!early.try_acquire(1) && due.try_acquire(2));
        assert_eq!(memory.book().started, NEXT);
    });
}

#[test]
fn two_who_serve_at_once_start_the_first_alone() {
    check(2, || {
        let (memory, [first, second]) = one_started_and_two_wait();
        assert_eq!(memory.stages([first, second]), [Stage::Queued; 2]);

        join([1, 2].map(|seat| {
            let process = memory.process(seat).at(NEXT);
            thread::spawn(move || {
                let _ = serve(&process);
            })
        }));

        assert_eq!(memory.stages([first, second]), [Stage::Granted, Stage::Queued]);
        let _ = serve(&memory.process(0).at(NEXT + APART - 1));
        assert_eq!(memory.stage(second), Stage::Queued);
        let _ = serve(&memory.process(0).at(NEXT + APART));
        assert_eq!((memory.stage(second), memory.held()), (Stage::Granted, [1, 1, 1]));
    });
}

/// The time has come when the first gives up, and another one comes: one of the two serves it.
#[test]
fn who_comes_while_the_first_gives_up_starts_in_its_place() {
    check(2, || {
        let memory = Memory::spaced(3, INTERVAL);
        assert_eq!(memory.process(0).at(FIRST).acquire(1), None);
        let first = memory.process(1).at(FIRST).acquire(1).expect("it is too soon");
        let [leaver, comer] = [1, 2].map(|seat| memory.process(seat).at(NEXT));

        let leaver = thread::spawn(move || leaver.collect(first, GiveUp::Wholly).0);
        let comer = thread::spawn(move || comer.acquire(1));

        assert_eq!(leaver.join().unwrap(), Collected::GaveUp);
        let number = comer.join().unwrap();
        // If the first was served before it went, its start is none (S3).
        assert!(number.is_none_or(|number| memory.stage(number) == Stage::Granted));
        assert_eq!((memory.held(), memory.book().started), ([1, 0, 1], NEXT));
    });
}

/// Seat 0 has started at `FIRST`, and the waiter of seat 1 was granted its start at `NEXT` and never takes it.
/// With the generation of that seat.
fn one_started_and_one_dies_after_its_grant() -> (Arc<Memory>, u32, u16) {
    let memory = Memory::spaced(3, INTERVAL);
    let generation = memory.process(1).transact(|tx| tx.occupy(1).map(Outcome::Commit));
    assert_eq!(memory.process(0).at(FIRST).acquire(1), None);
    let waiter = memory.process(1).at(FIRST).acquire(1).expect("it is too soon");
    let _ = serve(&memory.process(0).at(NEXT));
    assert_eq!((memory.stage(waiter), memory.book().started), (Stage::Granted, NEXT));
    (memory, generation, waiter)
}

/// Two find it dead at once, and the start is undone once.
#[test]
fn the_start_of_a_waiter_that_dies_before_it_takes_it_is_none() {
    check(2, || {
        let (memory, generation, waiter) = one_started_and_one_dies_after_its_grant();

        join([0, 2].map(|seat| {
            let process = memory.process(seat).at(NEXT);
            thread::spawn(move || process.take_out(1, generation, waiter))
        }));

        assert_eq!((memory.stage(waiter), memory.book().started), (Stage::Free, FIRST));
        memory.process(0).bury(1, generation);
        assert_eq!((memory.held(), memory.book().free), ([1, 0, 0], 2));
        assert!(memory.process(2).at(NEXT).try_acquire(1));
    });
}

/// It comes before the dead one is found, or after: it is the last start in any case.
#[test]
fn a_start_since_that_of_a_dead_waiter_counts() {
    const LATER: u64 = NEXT + APART;
    check(2, || {
        let (memory, generation, waiter) = one_started_and_one_dies_after_its_grant();

        let [remover, starter] = [0, 2].map(|seat| memory.process(seat).at(LATER));
        let remover = thread::spawn(move || remover.take_out(1, generation, waiter));
        let starter = thread::spawn(move || starter.try_acquire(1));

        let _ = remover.join().unwrap();
        assert!(starter.join().unwrap());
        assert_eq!((memory.stage(waiter), memory.book().started), (Stage::Free, LATER));
    });
}

#[test]
fn the_start_of_a_waiter_that_gives_up_is_none_if_it_is_the_last() {
    check(0, || {
        let (memory, [first, second]) = one_started_and_two_wait();
        let _ = serve(&memory.process(0).at(NEXT));
        let _ = serve(&memory.process(0).at(NEXT + APART));
        assert_eq!(memory.stages([first, second]), [Stage::Granted; 2]);
        let late = NEXT + APART + 1;

        let _ = memory.process(1).at(late).collect(first, GiveUp::Wholly);
        assert!(!memory.process(0).at(late).try_acquire(1), "the second has started since");

        let _ = memory.process(2).at(late).collect(second, GiveUp::Wholly);
        assert_eq!(memory.book().started, NEXT);
        assert!(memory.process(0).at(late).try_acquire(1));
    });
}

/// Waiters of two seats, the first of which is granted its start at a time and has not taken it.
fn the_first_of_two_starts(memory: &Arc<Memory>, at: u64) -> [u16; 2] {
    let numbers = [1, 2].map(|seat| memory.process(seat).acquire(1).expect("who has no time queues"));
    let _ = serve(&memory.process(0).at(at));
    assert_eq!((memory.stages(numbers), memory.book().started), ([Stage::Granted, Stage::Queued], at));
    numbers
}

/// Whatever the interval was in between: shorter, longer, or the same.
#[test]
fn when_a_start_is_undone_the_one_before_it_is_the_last_again() {
    const LATE: u64 = FIRST + 10 * APART;
    check(0, || {
        for between in [INTERVAL / 2, INTERVAL, 20 * INTERVAL] {
            let memory = Memory::spaced(4, INTERVAL);
            assert_eq!(memory.process(0).at(FIRST).acquire(1), None);
            let [first, second] = the_first_of_two_starts(&memory, LATE);

            let space = |interval| memory.process(0).at(LATE).act(|tx, wakes| tx.space(interval, wakes));
            let _ = space(between);
            assert_eq!(memory.stage(second), Stage::Queued);
            let _ = memory.process(1).collect(first, GiveUp::Wholly);
            let _ = space(11 * INTERVAL);

            assert_eq!((memory.book().started, memory.stage(second)), (FIRST, Stage::Queued), "with {between}");
            let _ = serve(&memory.process(0).at(FIRST + 11 * APART - 1));
            assert_eq!(memory.stage(second), Stage::Queued, "with {between}");
            let _ = serve(&memory.process(0).at(FIRST + 11 * APART));
            assert_eq!(memory.stage(second), Stage::Granted, "with {between}");
        }
    });
}

/// Nor of one that was longer ago than any interval, or is yet to come and thus nonsense.
#[test]
fn when_the_only_start_is_undone_the_next_may_be_at_once() {
    const LONGEST: u32 = 24 * 60 * 60 * 1000;
    const LATE: u64 = FIRST + 2 * LONGEST as u64 * 1_000_000;
    check(0, || {
        for before in [None, Some(FIRST), Some(1 << 59)] {
            let memory = Memory::spaced(4, INTERVAL);
            before.map(|before| assert!(memory.process(0).at(before).try_acquire(1)));
            let [first, second] = the_first_of_two_starts(&memory, LATE);

            let _ = memory.process(1).collect(first, GiveUp::Wholly);
            let _ = memory.process(0).at(LATE).act(|tx, wakes| tx.space(LONGEST, wakes));

            assert_eq!(memory.stage(second), Stage::Granted, "after {before:?}");
        }
    });
}

/// Less than a millisecond is not written down of how long ago the one before it was.
#[test]
fn part_of_a_millisecond_holds_up_no_start() {
    const LATE: u64 = NEXT + 999_999;
    check(0, || {
        let memory = Memory::spaced(4, INTERVAL);
        assert_eq!(memory.process(0).at(FIRST).acquire(1), None);
        let [first, second] = the_first_of_two_starts(&memory, LATE);

        let _ = memory.process(1).at(LATE).collect(first, GiveUp::Wholly);

        assert_eq!(memory.stage(second), Stage::Granted);
    });
}

#[test]
fn a_start_that_was_taken_counts_though_its_process_dies() {
    check(0, || {
        let (memory, [first, _]) = one_started_and_two_wait();
        let _ = serve(&memory.process(0).at(NEXT));

        let (collected, _) = memory.process(1).at(NEXT).collect(first, GiveUp::Unless);

        assert_eq!((collected, memory.book().started), (Collected::Granted, NEXT));
        assert!(!memory.process(1).at(NEXT + 1).try_acquire(1));
    });
}

#[test]
fn who_is_first_when_the_first_has_given_up_is_told() {
    check(0, || {
        let (memory, [first, second]) = one_started_and_two_wait();

        let (collected, wakes) = memory.process(1).at(NEXT - 1).collect(first, GiveUp::Unless);

        assert_eq!((collected, wakes.heads, memory.stage(second)), (Collected::GaveUp, [second, 0], Stage::Queued));
    });
}

/// It has died with the commit that started it: nothing but the root was moved.
#[test]
fn the_start_of_one_who_dies_with_it_counts() {
    check(2, || {
        let memory = Memory::spaced(3, INTERVAL);
        let died = memory.store().commit_and_die(0, |tx| {
            tx.now = Some(FIRST);
            assert_eq!(tx.enter(0, Side::Acquire, 1)?, Ok(()));
            Ok(())
        });
        assert!(died);

        let others = join([(1, NEXT - 1), (2, NEXT)].map(|(seat, now)| {
            let process = memory.process(seat).at(now);
            thread::spawn(move || process.try_acquire(1))
        }));

        assert_eq!((others, memory.held()), ([false, true], [1, 0, 1]));
    });
}

#[test]
fn the_quick_way_starts_nobody_too_soon() {
    check(0, || {
        let memory = Memory::spaced(3, INTERVAL);
        let process = memory.process(0).at(FIRST);

        assert!(process.acquire_quickly(1));
        assert!(!process.acquire_quickly(1));

        process.give_back_quickly(1);
        assert!(!process.acquire_quickly(1));
        assert!(process.at(NEXT).acquire_quickly(1));
    });
}

#[test]
fn releases_are_served_while_acquirers_wait_for_the_time() {
    check(0, || {
        let (memory, [first, second]) = one_started_and_two_wait();
        let releaser = memory.process(1).at(FIRST).release(Sleeper::Thread, 1).expect("none is loose");

        let _ = memory.process(0).at(FIRST).let_go(1);

        assert_eq!(memory.stages([first, second, releaser]), [Stage::Queued, Stage::Queued, Stage::Granted]);
        assert_eq!((memory.book().free, memory.book().loose), (4, 0));
    });
}

#[test]
fn none_are_had_at_once_and_are_no_start() {
    check(0, || {
        let memory = Memory::spaced(3, INTERVAL);
        let process = memory.process(0).at(FIRST);

        assert!(process.try_acquire(0) && process.try_acquire(1) && process.try_acquire(0));

        assert!(!process.at(NEXT - 1).try_acquire(1));
    });
}

#[test]
fn a_start_that_is_yet_to_come_is_not_waited_for() {
    check(0, || {
        let memory = Memory::spaced(3, INTERVAL);
        assert!(memory.process(0).at(1 << 59).try_acquire(1));

        assert!(memory.process(1).at(FIRST).try_acquire(1));

        assert!(!memory.process(2).at(NEXT - 1).try_acquire(1), "the clock that is right has put it right");
    });
}

#[test]
fn who_has_no_time_starts_nobody() {
    check(0, || {
        let memory = Memory::spaced(3, INTERVAL);
        let timeless = memory.process(0);

        let refused = timeless.ask(Side::Acquire, Sleeper::Thread, 4).unwrap_err();
        assert_eq!(refused, Refusal::TooMany { requested: 4, max: 3 });
        let number = timeless.acquire(1).expect("it queues");

        assert_eq!((memory.stage(number), memory.book().started), (Stage::Queued, 0));
    });
}

#[test]
fn who_is_first_goes_by_a_new_interval() {
    check(0, || {
        let (memory, [first, second]) = one_started_and_two_wait();
        let setter = |now| memory.process(0).at(now);

        let wakes = setter(FIRST).act(|tx, wakes| tx.space(2 * INTERVAL, wakes));
        assert_eq!((wakes.heads, memory.stage(first)), ([first, 0], Stage::Queued), "it is told");
        let _ = serve(&setter(NEXT));
        assert_eq!(memory.stage(first), Stage::Queued);

        let wakes = setter(NEXT).act(|tx, wakes| tx.space(INTERVAL, wakes));
        assert_eq!((wakes.heads, memory.stages([first, second])), ([second, 0], [Stage::Granted, Stage::Queued]));

        let _ = setter(NEXT).act(|tx, wakes| tx.space(0, wakes));
        assert_eq!(memory.stage(second), Stage::Granted);
        assert!(memory.process(2).try_acquire(1));
        assert_eq!(memory.book().flaw(), None);
    });
}

#[test]
fn an_interval_that_cannot_be_is_damage() {
    check(0, || {
        let most = Book { interval: 24 * 60 * 60 * 1000, max: 1, seats_backed: 1, free: 1, ..Book::default() };

        assert_eq!(most.flaw(), None);
        assert!(Book { interval: most.interval + 1, ..most }.flaw().is_some());
        assert!(Book { interval: 0, started: 1, ..most }.flaw().is_some());
        assert_eq!(Book { started_after: most.interval, ..most }.flaw(), None);
        assert!(Book { started_after: most.interval + 1, ..most }.flaw().is_some());
        assert!(Book { interval: 0, started_after: 1, ..most }.flaw().is_some());
    });
}
