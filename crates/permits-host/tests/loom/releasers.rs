//! Those who wait to release.

use crate::bench::{Memory, check, join};
use crate::protocol::acts::{Collected, GiveUp};
use crate::protocol::layout::SEATS;
use crate::protocol::waiter::{Sleeper, Stage};
use loom::thread;

#[test]
fn a_releasing_thread_returns_what_becomes_loose() {
    check(2, || {
        let memory = Memory::new(2);
        assert_eq!(memory.process(0).acquire(1), None);
        let (owner, releaser) = (memory.process(0), memory.process(1));

        let lets_go = thread::spawn(move || owner.let_go(1));
        let number = releaser.release(Sleeper::Thread, 1);
        join([lets_go]);

        assert!(number.is_none_or(|number| memory.stage(number) == Stage::Granted));
        let book = memory.book();
        assert_eq!((book.free, book.loose, memory.held()), (2, 0, [0; SEATS]), "{book:?}");
        if let Some(number) = number {
            // It is back, whatever comes of who waited.
            assert_eq!(releaser.collect(number, GiveUp::Wholly).0, Collected::Granted);
            assert_eq!((memory.book().free, memory.book().loose), (2, 0));
        }
    });
}

#[test]
fn a_releasing_task_that_is_gone_leaves_the_permit_to_the_next() {
    check(2, || {
        let memory = Memory::new(2);
        assert_eq!(memory.process(0).acquire(1), None);
        let task = memory.process(1).release(Sleeper::Task, 1).expect("it queues");
        let thread = memory.process(2).release(Sleeper::Thread, 1).expect("it queues");
        let (owner, releaser) = (memory.process(0), memory.process(1));

        let lets_go = thread::spawn(move || owner.let_go(1));
        assert_eq!(releaser.collect(task, GiveUp::Wholly).0, Collected::GaveUp);
        join([lets_go]);

        let book = memory.book();
        assert_eq!((book.free, book.loose, memory.held()), (2, 0, [0; SEATS]), "{book:?}");
        assert_eq!(memory.stages([task, thread]), [Stage::Free, Stage::Granted]);
    });
}

#[test]
fn what_a_releasing_task_is_promised_is_returned_when_it_comes() {
    check(1, || {
        let memory = Memory::new(1);
        assert_eq!(memory.process(0).acquire(1), None);
        let task = memory.process(1).release(Sleeper::Task, 1).expect("it queues");
        let behind = memory.process(2).acquire(1).expect("it queues");
        let _ = memory.process(0).let_go(1);
        let book = memory.book();
        assert_eq!((book.free, book.loose, book.given_out()), (0, 0, 1), "{book:?}");
        assert_eq!(memory.stages([task, behind]), [Stage::Reserved, Stage::Queued]);

        // Nobody else releases what it was promised.
        let other = memory.process(0);
        let releases = thread::spawn(move || other.release(Sleeper::Thread, 1));
        assert_eq!(memory.process(1).collect(task, GiveUp::No).0, Collected::Granted);
        let third = join([releases])[0].expect("it queues");

        // The third may have the place that the task has left.
        assert_eq!(memory.stages([behind, third]), [Stage::Granted, Stage::Queued]);
        assert_eq!((memory.held(), memory.book().free, memory.book().loose), ([0, 0, 1], 0, 0));
    });
}
