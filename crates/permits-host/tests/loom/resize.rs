//! More permits, and fewer.

use crate::bench::{Memory, check, join};
use crate::protocol::acts::{Collected, GiveUp, Refusal};
use crate::protocol::book::Side;
use crate::protocol::waiter::{Sleeper, Stage};
use loom::thread;

#[test]
fn who_waits_is_served_by_growth() {
    check(2, || {
        let memory = Memory::new(1);
        assert_eq!(memory.process(0).acquire(1), None);
        let (grower, taker) = (memory.process(0), memory.process(1));

        let grows = thread::spawn(move || grower.resize(2));
        let number = taker.acquire(1);
        join([grows]);

        assert!(number.is_none_or(|number| memory.stage(number) == Stage::Granted));
        assert_eq!((memory.held(), memory.book().free), ([1, 1, 0], 0));
    });
}

#[test]
fn what_is_out_beyond_a_shrink_is_owed() {
    check(2, || {
        let memory = Memory::new(4);
        assert_eq!((memory.process(0).acquire(2), memory.process(1).acquire(2)), (None, None));
        let _ = memory.process(0).let_go(1);
        let (shrinker, giver) = (memory.process(0), memory.process(1));

        let shrinks = thread::spawn(move || shrinker.resize(1));
        let _ = giver.give_back(1);
        assert!(!giver.try_acquire(2), "one at most is free");
        join([shrinks]);

        let book = memory.book();
        assert_eq!((book.free, book.available(), book.given_out(), book.loose), (-2, 0, 3, 1), "{book:?}");
        assert_eq!((giver.release(Sleeper::Thread, 1), memory.book().free), (None, -1));
        assert!(!giver.try_acquire(1));
        let _ = giver.give_back(1);
        assert!(!giver.try_acquire(1));
        let _ = memory.process(0).give_back(1);
        assert!(giver.try_acquire(1));
        assert_eq!((memory.held(), memory.book().free), ([0, 1, 0], 0));
    });
}

#[test]
fn who_queues_while_it_becomes_impossible_is_refused() {
    check(2, || {
        let memory = Memory::new(2);
        assert_eq!(memory.process(0).acquire(1), None);
        let (shrinker, asker) = (memory.process(0), memory.process(1));
        let refusal = Refusal::TooMany { requested: 2, max: 1 };

        let shrinks = thread::spawn(move || shrinker.resize(1));
        let asked = asker.ask(Side::Acquire, Sleeper::Thread, 2);
        join([shrinks]);

        match asked {
            Ok(number) => {
                let number = number.expect("one is out");
                assert_eq!(asker.collect(number, GiveUp::No).0, Collected::Refused(refusal));
            }
            Err(other) => assert_eq!(other, refusal),
        }
        assert_eq!((memory.queue(Side::Acquire), memory.book().free), (vec![], 0));
        assert_eq!(asker.ask(Side::Acquire, Sleeper::Thread, 2), Err(refusal));
        assert_eq!(asker.ask(Side::Release, Sleeper::Thread, 2), Err(refusal));
    });
}

#[test]
fn a_shrink_refuses_those_who_ask_for_too_much_wherever_they_stand() {
    for side in [Side::Acquire, Side::Release] {
        check(0, move || {
            let memory = Memory::new(4);
            let [holder, waiter] = [0, 1].map(|seat| memory.process(seat));
            assert_eq!(holder.acquire(4), None);
            let numbers =
                [3, 4, 2, 4, 3].map(|n| waiter.ask(side, Sleeper::Thread, n).expect("it may wait").expect("it queues"));

            holder.go_on(holder.resize(3));

            let [queued, refused] = [Stage::Queued, Stage::TooMany];
            assert_eq!(memory.stages(numbers), [queued, refused, queued, refused, queued]);
            assert_eq!(memory.queue(side), [numbers[0], numbers[2], numbers[4]]);
            assert!(!memory.book().sweep, "all were looked for");
            // They are told the bound that refused them, which may be another one by now.
            let _ = holder.resize(5);
            let refusal = Refusal::TooMany { requested: 4, max: 3 };
            assert_eq!(waiter.collect(numbers[1], GiveUp::No).0, Collected::Refused(refusal));
            assert_eq!(waiter.collect(numbers[3], GiveUp::Unless).0, Collected::Refused(refusal));
            assert_eq!(memory.queue(side), [numbers[0], numbers[2], numbers[4]]);
        });
    }
}

/// More than a commit can refuse, and the shrinker dies after the first.
#[test]
fn whom_a_dead_shrinker_has_left_are_refused_by_others() {
    check(0, || {
        let memory = Memory::new(4);
        let [holder, waiter, other] = [0, 1, 2].map(|seat| memory.process(seat));
        assert_eq!(holder.acquire(4), None);
        let numbers = [3, 4, 4, 4, 3].map(|n| waiter.acquire(n).expect("it queues"));

        let wakes = other.resize(3);
        assert!(wakes.more && memory.book().sweep);
        assert_eq!(memory.stage(numbers[3]), Stage::Queued);
        let wakes = holder.give_back(1);

        let [queued, refused] = [Stage::Queued, Stage::TooMany];
        assert_eq!(memory.stages(numbers), [queued, refused, refused, refused, queued]);
        assert_eq!((memory.queue(Side::Acquire), wakes.more), (vec![numbers[0], numbers[4]], false));
    });
}

/// What is loose comes back even if there are fewer permits than that.
#[test]
fn loose_ones_beyond_the_bound_come_back() {
    check(0, || {
        let memory = Memory::new(3);
        let [process, waiter, other] = [0, 1, 2].map(|seat| memory.process(seat));
        assert_eq!(process.acquire(3), None);
        let _ = process.let_go(2);
        let first = waiter.release(Sleeper::Thread, 3).expect("it queues");
        let second = other.release(Sleeper::Thread, 2).expect("it queues");

        process.go_on(process.resize(1));

        assert_eq!(memory.stages([first, second]), [Stage::TooMany, Stage::Granted]);
        let book = memory.book();
        assert_eq!((book.free, book.loose, book.given_out()), (0, 0, 1), "{book:?}");

        let _ = process.resize(2);
        assert_eq!(process.acquire(1), None);
        let _ = process.let_go(2);
        let _ = process.resize(1);
        assert_eq!(process.release(Sleeper::Thread, 2), None);
        assert_eq!((memory.book().free, memory.book().loose), (1, 0));
    });
}
