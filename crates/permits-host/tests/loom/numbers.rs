//! The numbers of permits.

use crate::bench::{Memory, Process, check, join};
use crate::protocol::numbers::Owner;
use crate::protocol::tx::Outcome;
use loom::cell::UnsafeCell;
use loom::thread;
use std::sync::Arc;

/// What there is one of for each number.
type Things = Arc<[UnsafeCell<()>; 2]>;

fn things() -> Things {
    Arc::new([UnsafeCell::new(()), UnsafeCell::new(())])
}

impl Process {
    fn takes_part(&self) -> Owner {
        let seat = self.seat;
        Owner { seat, generation: self.transact(|tx| tx.occupy(seat).map(Outcome::Commit)) }
    }

    fn take_number(&self, owner: Owner) -> u32 {
        let (numbers, _) = self.memory.store().take_numbers(owner, 1, 3);
        assert_eq!(numbers.len(), 1, "there is one for each permit");
        numbers[0]
    }

    /// Holds a permit, if there is one, and uses the thing of its number.
    fn use_a_thing(&self, owner: Owner, things: &Things) {
        if !self.acquire_quickly(1) {
            return;
        }
        let number = self.take_number(owner);
        // loom tells if anybody else has it.
        things[number as usize].with_mut(|_| ());
        self.memory.store().give_number_back(owner, number);
        self.give_back_quickly(1);
    }
}

#[test]
fn two_never_have_the_same_number() {
    check(1, || {
        let (memory, things) = (Memory::new(2), things());
        let all = [0, 1].map(|seat| {
            let process = memory.process(seat);
            (process.takes_part(), process)
        });

        join(all.map(|(owner, process)| {
            let things = Arc::clone(&things);
            thread::spawn(move || process.use_a_thing(owner, &things))
        }));

        assert_eq!((memory.book().free, memory.store().numbers().count()), (2, 0));
    });
}

#[test]
fn the_number_of_the_dead_is_free_as_soon_as_its_permit() {
    check(1, || {
        let (memory, things) = (Memory::new(1), things());
        let dead = memory.process(0);
        let owner = dead.takes_part();
        assert!(dead.try_acquire(1));
        assert_eq!(dead.take_number(owner), 0);
        drop(dead);

        let other = memory.process(1);
        let second = other.takes_part();

        let heir = {
            let (process, things) = (memory.process(0), Arc::clone(&things));
            thread::spawn(move || {
                process.bury(0, owner.generation);
                // The seat of the dead.
                let first = process.takes_part();
                process.use_a_thing(first, &things);
            })
        };
        other.use_a_thing(second, &things);
        join([heir]);

        assert_eq!((memory.book().free, memory.store().numbers().count()), (1, 0));
    });
}

#[test]
fn a_number_goes_with_its_permit_to_another_seat() {
    check(1, || {
        let (memory, things) = (Memory::new(2), things());
        let [from, to, third] = [0, 1, 2].map(|seat| memory.process(seat));
        let owners = [&from, &to, &third].map(Process::takes_part);
        assert!(from.try_acquire(1));
        let number = from.take_number(owners[0]);

        let other = {
            let things = Arc::clone(&things);
            thread::spawn(move || third.use_a_thing(owners[2], &things))
        };
        memory.store().hand_number_over(owners[0], owners[1], number);
        to.transact(|tx| tx.hand_over(0, 1, 1).map(Outcome::Commit));
        from.bury(0, owners[0].generation);
        // loom tells if anybody else has it.
        things[number as usize].with_mut(|_| ());
        join([other]);

        assert_eq!(memory.store().numbers().collect::<Vec<_>>(), [(number, owners[1])]);
    });
}
