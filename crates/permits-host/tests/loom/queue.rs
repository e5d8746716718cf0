//! Waiters come, and leave the queue.

use crate::bench::{Memory, check, join};
use crate::protocol::acts::{Collected, GiveUp, Refusal};
use crate::protocol::book::Side;
use crate::protocol::layout::{self, WAITERS, waiter};
use crate::protocol::tx::Outcome;
use crate::protocol::waiter::{Sleeper, Stage};
use crate::sync::{Ordering, fence};
use loom::thread;

#[test]
fn whoever_becomes_the_first_is_told_or_sees_it() {
    check(3, || {
        let memory = Memory::new(1);
        assert_eq!(memory.process(2).acquire(1), None);
        let first = memory.process(0).acquire(1).expect("it queues");
        let second = memory.process(1).acquire(1).expect("it queues");

        let leaver = memory.process(0);
        let leaves = thread::spawn(move || {
            let (collected, wakes) = leaver.collect(first, GiveUp::Wholly);
            assert_eq!((collected, wakes.heads), (Collected::GaveUp, [second, 0]));
            leaver.tell_head(second)
        });
        // As the watch does: it wants to be told, and then looks.
        memory.store().word(layout::waiter(usize::from(second), waiter::TELL)).store(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        let sees = memory.look(|tx| tx.before(second, Side::Acquire)) == 0;
        let [told] = join([leaves]);

        assert!(told || sees);
    });
}

#[test]
fn whoever_queues_while_a_permit_returns_is_granted() {
    check(3, || {
        let memory = Memory::new(1);
        assert_eq!(memory.process(0).acquire(1), None);
        let (giver, taker) = (memory.process(0), memory.process(1));

        let gives = thread::spawn(move || {
            let _ = giver.give_back(1);
        });
        let number = taker.acquire(1);
        join([gives]);

        assert!(number.is_none_or(|number| memory.stage(number) == Stage::Granted));
        assert_eq!((memory.held(), memory.book().free), ([0, 1, 0], 0));
    });
}

/// One of seat 1 is the first in line, and gives up while the permit returns; one of seat 2 stands behind it.
fn give_up_while_granted(give_up: GiveUp) {
    check(2, move || {
        let memory = Memory::new(1);
        assert_eq!(memory.process(0).acquire(1), None);
        let first = memory.process(1).acquire(1).expect("it queues");
        let second = memory.process(2).acquire(1).expect("it queues");
        let (giver, leaver) = (memory.process(0), memory.process(1));

        let gives = thread::spawn(move || giver.give_back(1));
        let (collected, _) = leaver.collect(first, give_up);
        let [wakes] = join([gives]);

        let came_first = wakes.iter().any(|(number, _)| number == usize::from(first));
        let expected = match (came_first, give_up) {
            (true, GiveUp::Unless) => (Collected::Granted, [0, 1, 0], Stage::Queued),
            _ => (Collected::GaveUp, [0, 0, 1], Stage::Granted),
        };
        assert_eq!((collected, memory.held(), memory.stage(second)), expected);
        assert_eq!(memory.stage(first), Stage::Free);
    });
}

#[test]
fn a_grant_to_one_who_is_gone_goes_to_the_next() {
    give_up_while_granted(GiveUp::Wholly);
}

#[test]
fn a_grant_that_races_the_time_is_taken_or_goes_to_the_next() {
    give_up_while_granted(GiveUp::Unless);
}

#[test]
fn nobody_passes_those_who_wait() {
    check(0, || {
        let memory = Memory::new(3);
        let [holder, waiter, newcomer] = [0, 1, 2].map(|seat| memory.process(seat));
        assert_eq!(holder.acquire(2), None);
        holder.go_on(holder.let_go(1));

        let acquirer = waiter.acquire(2).expect("it queues");
        assert!(!newcomer.try_acquire(1), "one is free, and somebody waits for two");
        let releaser = waiter.release(Sleeper::Thread, 2).expect("it queues");
        let behind = newcomer.release(Sleeper::Thread, 1).expect("one is loose, and somebody waits to release two");

        assert_eq!(
            (memory.queue(Side::Acquire), memory.queue(Side::Release)),
            (vec![acquirer], vec![releaser, behind])
        );
        // What is none needs not wait.
        assert_eq!((newcomer.acquire(0), newcomer.release(Sleeper::Thread, 0)), (None, None));
        assert_eq!((memory.held(), memory.book().available(), memory.book().loose), ([1, 0, 0], 1, 1));
    });
}

/// The orders of so many.
fn permutations(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for shorter in permutations(n - 1) {
        for at in 0..n {
            let mut order = shorter.clone();
            order.insert(at, n - 1);
            all.push(order);
        }
    }
    all
}

/// Four leave, in every order, and another one comes after each; those leave in theirs.
#[test]
fn whoever_leaves_leaves_the_queue_whole() {
    for side in [Side::Acquire, Side::Release] {
        for order in permutations(4) {
            check(0, move || {
                let memory = Memory::new(1);
                let [process, other] = [0, 1].map(|seat| memory.process(seat));
                if side == Side::Acquire {
                    assert_eq!(other.acquire(1), None);
                }
                let come = || process.ask(side, Sleeper::Thread, 1).expect("it may wait").expect("it queues");
                let numbers = [(); 4].map(|()| come());
                let mut queue = numbers.to_vec();
                assert_eq!(memory.queue(side), queue);

                for &at in &order {
                    assert_eq!(process.collect(numbers[at], GiveUp::Unless).0, Collected::GaveUp);
                    queue.retain(|&number| number != numbers[at]);
                    assert_eq!(memory.queue(side), queue);
                    let newcomer = come();
                    queue.push(newcomer);
                    assert_eq!(memory.queue(side), queue);
                }
                while !queue.is_empty() {
                    assert_eq!(process.collect(queue.remove(0), GiveUp::Wholly).0, Collected::GaveUp);
                    assert_eq!(memory.queue(side), queue);
                }
            });
        }
    }
}

#[test]
fn one_in_the_middle_leaves_while_the_first_is_granted() {
    check(1, || {
        let memory = Memory::new(1);
        assert_eq!(memory.process(0).acquire(1), None);
        let first = memory.process(1).acquire(1).expect("it queues");
        let middle = memory.process(2).acquire(1).expect("it queues");
        let last = memory.process(1).acquire(1).expect("it queues");
        let (giver, leaver) = (memory.process(0), memory.process(2));

        let gives = thread::spawn(move || giver.give_back(1));
        assert_eq!(leaver.collect(middle, GiveUp::Wholly).0, Collected::GaveUp);
        join([gives]);

        assert_eq!(memory.stages([first, middle, last]), [Stage::Granted, Stage::Free, Stage::Queued]);
        assert_eq!((memory.held(), memory.queue(Side::Acquire)), ([0, 1, 0], vec![last]));
    });
}

#[test]
fn nobody_queues_where_there_is_no_place() {
    check(0, || {
        let memory = Memory::with(1, 1);
        let [holder, waiter, third] = [0, 1, 2].map(|seat| memory.process(seat));
        assert_eq!(holder.acquire(1), None);

        let number = waiter.acquire(1).expect("it queues");
        assert_eq!(third.ask(Side::Acquire, Sleeper::Thread, 1), Err(Refusal::Crowded));
        assert_eq!(third.ask(Side::Release, Sleeper::Thread, 1), Err(Refusal::Crowded));
        assert_eq!(waiter.collect(number, GiveUp::Wholly).0, Collected::GaveUp);

        assert_eq!(third.acquire(1), Some(number), "a place that was left is there for others");
        holder.transact(|tx| {
            tx.book.waiters_backed = WAITERS as u16;
            Ok(Outcome::Commit(()))
        });
        assert_eq!(waiter.acquire(1), Some(2), "there is more room now");
        assert_eq!(memory.queue(Side::Acquire), [number, 2]);
    });
}

#[test]
fn a_place_is_nobody_elses() {
    check(0, || {
        let memory = Memory::new(1);
        let [holder, waiter, other] = [0, 1, 2].map(|seat| memory.process(seat));
        assert_eq!(holder.acquire(1), None);
        let numbers = [(); 3].map(|()| waiter.acquire(1).expect("it queues"));
        for number in numbers {
            assert_eq!(waiter.collect(number, GiveUp::Wholly).0, Collected::GaveUp);
        }
        assert_eq!(memory.stages(numbers), [Stage::Free; 3]);

        let again = [(); 5].map(|()| other.acquire(1).expect("it queues"));

        let mut sorted = again;
        sorted.sort_unstable();
        assert_eq!((sorted, memory.book().waiters_used), ([1, 2, 3, 4, 5], 5));
        assert_eq!(memory.queue(Side::Acquire), again);
    });
}
