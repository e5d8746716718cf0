//! Closing, and a file that is no longer the one of its name.

use crate::bench::{Memory, Process, check, join};
use crate::protocol::acts::{Collected, GiveUp, Refusal};
use crate::protocol::book::Side;
use crate::protocol::waiter::{Sleeper, Stage, Wakes};
use loom::thread;

/// As `Attachment::declare_gone`.
fn declare_gone(process: &Process) -> Wakes {
    process.act(|tx, wakes| {
        tx.book.gone = true;
        tx.serve(wakes)
    })
}

/// Somebody asks for a permit, and somebody to release one, while another makes an end of all waiting.
fn ends_all_waiting(side: Side, end: fn(&Process) -> Wakes, refusal: Refusal) {
    check(2, move || {
        let memory = Memory::new(1);
        assert_eq!(memory.process(0).acquire(1), None);
        let (ender, asker) = (memory.process(0), memory.process(1));

        let ends = thread::spawn(move || end(&ender));
        let asked = asker.ask(side, Sleeper::Thread, 1);
        join([ends]);

        match asked {
            Ok(number) => {
                let number = number.expect("nothing is free or loose");
                assert_eq!(asker.collect(number, GiveUp::No).0, Collected::Refused(refusal));
            }
            Err(other) => assert_eq!(other, refusal),
        }
        assert_eq!((memory.queue(side), memory.held()), (vec![], [1, 0, 0]));
    });
}

#[test]
fn who_queues_while_it_is_closed_is_refused() {
    ends_all_waiting(Side::Acquire, Process::close, Refusal::Closed);
}

#[test]
fn who_queues_to_release_while_it_is_closed_is_refused() {
    ends_all_waiting(Side::Release, Process::close, Refusal::Closed);
}

#[test]
fn who_queues_while_the_file_goes_is_refused() {
    ends_all_waiting(Side::Acquire, declare_gone, Refusal::Gone);
}

#[test]
fn who_queues_to_release_while_the_file_goes_is_refused() {
    ends_all_waiting(Side::Release, declare_gone, Refusal::Gone);
}

#[test]
fn what_is_out_comes_back_after_the_end() {
    for (end, refusal) in [(Process::close as fn(&Process) -> Wakes, Refusal::Closed), (declare_gone, Refusal::Gone)] {
        check(0, move || {
            let memory = Memory::new(3);
            let process = memory.process(0);
            assert_eq!(process.acquire(2), None);
            let _ = process.let_go(1);
            let _ = end(&process);

            let ask = |side, n| process.ask(side, Sleeper::Thread, n);
            assert_eq!([1, 0, 4].map(|n| ask(Side::Acquire, n)), [Err(refusal); 3]);
            assert_eq!(ask(Side::Release, 2), Err(refusal), "one is loose");
            assert_eq!([1, 0].map(|n| ask(Side::Release, n)), [Ok(None); 2]);
            let _ = process.give_back(1);

            let book = memory.book();
            assert_eq!((book.free, book.loose, memory.held()), (3, 0, [0; 3]), "{book:?}");
        });
    }
}

/// More than a commit can refuse, and the closer dies after the first.
#[test]
fn who_is_left_by_a_dead_closer_is_refused_and_not_granted() {
    for (end, stage) in [(Process::close as fn(&Process) -> Wakes, Stage::Closed), (declare_gone, Stage::Gone)] {
        check(0, move || {
            let memory = Memory::new(1);
            let [holder, waiter, other] = [0, 1, 2].map(|seat| memory.process(seat));
            assert_eq!(holder.acquire(1), None);
            let numbers = [(); 5].map(|()| waiter.acquire(1).expect("it queues"));

            let wakes = end(&other);
            assert_eq!(memory.stages(numbers), [stage, stage, stage, stage, Stage::Queued]);
            assert!(wakes.more);
            let _ = holder.give_back(1);

            assert_eq!((memory.stages(numbers), memory.held()), ([stage; 5], [0; 3]));
        });
    }
}
