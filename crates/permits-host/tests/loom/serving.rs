//! Serving more than goes into one commit, and what is told to whom (H3).

use crate::bench::{Memory, check, join};
use crate::protocol::acts::{Collected, GiveUp};
use crate::protocol::waiter::{Sleeper, Stage, Wakes};
use loom::thread;
use std::sync::Arc;

/// One of seat 1 waits for all, and four behind it for one each, which are free: its leaving serves them all.
/// What it does to the file, what the first of them does and what two more do go into a commit.
fn one_before_four() -> (Arc<Memory>, u16, [u16; 4]) {
    let memory = Memory::new(5);
    let [zero, one, two] = [0, 1, 2].map(|seat| memory.process(seat));
    assert_eq!(zero.acquire(1), None);
    let first = one.acquire(5).expect("it queues");
    let numbers = [&zero, &one, &two, &zero].map(|process| process.acquire(1).expect("it queues"));
    (memory, first, numbers)
}

#[test]
fn all_who_fit_are_served_in_as_many_commits_as_it_takes() {
    check(0, || {
        let (memory, first, numbers) = one_before_four();
        let one = memory.process(1);

        let (collected, wakes) = one.collect(first, GiveUp::Unless);
        assert_eq!((collected, wakes.more), (Collected::GaveUp, true));
        one.go_on(wakes);

        assert_eq!((memory.stages(numbers), memory.held()), ([Stage::Granted; 4], [3, 1, 1]));
    });
}

#[test]
fn who_is_woken_serves_those_whom_the_dead_left() {
    check(1, || {
        let (memory, first, numbers) = one_before_four();
        let (collected, wakes) = memory.process(1).collect(first, GiveUp::Wholly);
        assert_eq!((collected, wakes.more), (Collected::GaveUp, true));
        assert_eq!(memory.stages(numbers), [Stage::Granted, Stage::Granted, Stage::Queued, Stage::Queued]);

        join([(0, numbers[0]), (1, numbers[1])].map(|(seat, number)| {
            let process = memory.process(seat);
            thread::spawn(move || {
                let (collected, wakes) = process.collect(number, GiveUp::No);
                assert_eq!(collected, Collected::Granted);
                process.go_on(wakes);
            })
        }));

        assert_eq!(memory.stages(numbers), [Stage::Free, Stage::Free, Stage::Granted, Stage::Granted]);
        assert_eq!((memory.held(), memory.book().free), ([3, 1, 1], 0));
    });
}

#[test]
fn a_commit_tells_whom_it_has_decided_about() {
    check(0, || {
        let memory = Memory::new(2);
        let [holder, waiter, other] = [0, 1, 2].map(|seat| memory.process(seat));
        assert_eq!(holder.acquire(2), None);
        let thread = waiter.acquire(1).expect("it queues");
        let told = |wakes: &Wakes| wakes.iter().collect::<Vec<_>>();

        assert_eq!(told(&holder.give_back(1)), [(usize::from(thread), None)]);

        let task = waiter.release(Sleeper::Task, 1).expect("it queues");
        assert_eq!(told(&holder.let_go(1)), [(usize::from(task), Some(1))]);
        assert!(told(&other.act(|tx, wakes| tx.serve(wakes))).is_empty());
    });
}

/// Who has decided about somebody may have died before it woke them: whoever leaves the queue or decides next
/// has them woken.
#[test]
fn whom_the_last_decided_about_the_next_has_woken() {
    check(0, || {
        let memory = Memory::new(2);
        let [holder, waiter, other] = [0, 1, 2].map(|seat| memory.process(seat));
        assert_eq!(holder.acquire(2), None);
        let [first, second, third] = [(); 3].map(|()| waiter.acquire(1).expect("it queues"));

        let wakes = holder.give_back(1);
        assert_eq!((wakes.decider, memory.book().decider), (0, 1), "nobody has decided before");
        let (_, wakes) = waiter.collect(first, GiveUp::No);
        assert_eq!((wakes.decider, memory.book().decider), (1, 1), "who comes has those of seat 0 woken");

        let _ = other.act(|tx, wakes| {
            tx.hand_over(0, 2, 1)?;
            tx.give_back(2, 1, wakes)
        });
        assert_eq!((memory.stage(second), memory.book().decider), (Stage::Granted, 3));
        let wakes = waiter.give_back(1);
        assert_eq!((memory.stage(third), wakes.decider), (Stage::Granted, 3), "who decides has those of seat 2 woken");
        let (_, wakes) = waiter.collect(second, GiveUp::No);
        assert_eq!(wakes.decider, 0, "its own it has woken itself");
    });
}
