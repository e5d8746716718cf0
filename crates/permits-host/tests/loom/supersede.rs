//! Those who arrive with the same key: exactly the last one is not superseded.

use crate::bench::{Memory, Process, check, join};
use crate::protocol::numbers::Owner;
use crate::protocol::supersede::Key;
use crate::protocol::tx::Outcome;
use loom::thread;

fn key(text: &str) -> Key {
    Key::new(text).expect("it is short")
}

impl Process {
    /// Takes the seat as `Attachment::take_this_seat` does.
    fn sits_down(&self) -> Owner {
        let seat = self.seat;
        self.memory.store().forget_key(seat);
        Owner { seat, generation: self.transact(|tx| tx.occupy(seat).map(Outcome::Commit)) }
    }

    fn supersedes(&self, key: &Key) -> Vec<Owner> {
        self.memory.store().supersede(self.seat, key).expect("the memory is sound")
    }

    fn leaves(&self) {
        let _ = self.act(|tx, wakes| tx.vacate(self.seat, wakes).map(drop));
    }
}

impl Memory {
    fn survivors(&self, seats: &[usize]) -> Vec<usize> {
        seats.iter().copied().filter(|&seat| self.store().superseded_by(seat).is_none()).collect()
    }
}

#[test]
fn of_two_that_arrive_at_once_one_survives() {
    check(3, || {
        let memory = Memory::new(1);
        let both = [0, 1].map(|seat| memory.process(seat));
        for process in &both {
            let _ = process.sits_down();
        }

        let superseded = join(both.map(|process| thread::spawn(move || process.supersedes(&key("k")).len())));

        assert_eq!(memory.survivors(&[0, 1]).len(), 1);
        // Who was marked by itself is found by both, or by nobody else.
        assert!(superseded.iter().sum::<usize>() <= 1);
    });
}

#[test]
fn one_that_takes_its_seat_meanwhile_is_seen_or_sees() {
    check(2, || {
        let memory = Memory::with_seats(1, 1, 1);
        let first = memory.process(0);
        let _ = first.sits_down();
        let second = memory.process(1);

        let other = thread::spawn(move || {
            let _ = second.sits_down();
            second.supersedes(&key("k"));
        });
        first.supersedes(&key("k"));
        join([other]);

        assert_eq!(memory.survivors(&[0, 1]).len(), 1);
    });
}

#[test]
fn a_mark_that_comes_late_does_not_hit_the_next_owner_of_the_seat() {
    check(2, || {
        let memory = Memory::new(1);
        let [earlier, later] = [0, 1].map(|seat| memory.process(seat));
        let _ = (earlier.sits_down(), later.sits_down());
        earlier.supersedes(&key("k"));

        let next = {
            let process = memory.process(0);
            thread::spawn(move || {
                earlier.leaves();
                let _ = process.sits_down();
                process.supersedes(&key("other"));
            })
        };
        later.supersedes(&key("k"));
        join([next]);

        assert_eq!(memory.survivors(&[0, 1]), [0, 1]);
    });
}

#[test]
fn a_key_is_seen_with_its_arrival() {
    check(2, || {
        let memory = Memory::new(1);
        let [next, later] = [0, 1].map(|seat| memory.process(seat));
        let _ = (next.sits_down(), later.sits_down());
        // What the one before in the seat has left there.
        next.supersedes(&key("k"));
        next.leaves();
        let _ = next.sits_down();

        let arrives = thread::spawn(move || next.supersedes(&key("other")));
        let superseded = later.supersedes(&key("k"));
        let by_next = join([arrives]);

        assert_eq!((superseded, by_next), (Vec::new(), [Vec::new()]));
        assert_eq!(memory.survivors(&[0, 1]), [0, 1]);
    });
}

#[test]
fn who_changes_its_key_is_not_taken_for_another() {
    check(2, || {
        let memory = Memory::new(1);
        let [changes, other] = [0, 1].map(|seat| memory.process(seat));
        let owners = [changes.sits_down(), other.sits_down()];
        changes.supersedes(&key("old"));

        let arrives = thread::spawn(move || other.supersedes(&key("new")));
        let by_changes = changes.supersedes(&key("new"));
        let [by_other] = join([arrives]);

        // Only the survivor has superseded another, if that was seen.
        match memory.survivors(&[0, 1])[..] {
            [0] => assert!(by_other.is_empty() && by_changes.iter().all(|owner| *owner == owners[1])),
            [1] => assert!(by_changes.is_empty() && by_other.iter().all(|owner| *owner == owners[0])),
            ref survivors => panic!("{survivors:?} survive"),
        }
    });
}
