//! The numbers of permits: from 0, no two of the living alike, the lowest free one first.

use crate::actor::Actor;
use crate::look::DEADLINE;
use crate::place::{Directory, NAME};
use permits_conformance::wait::eventually;
use permits_host::HostSemaphore;

fn opened(directory: &Directory, max: u32) -> HostSemaphore {
    directory.options().numbered(true).open(NAME, max).expect("it is made")
}

/// What `status` says of all holders together.
fn shown(semaphore: &HostSemaphore) -> Vec<u32> {
    let holders = semaphore.status().expect("it is sound").holders;
    let mut slots: Vec<u32> = holders.into_iter().flat_map(|holder| holder.slots).collect();
    slots.sort_unstable();
    slots
}

#[test]
fn the_lowest_free_numbers_are_given() {
    let directory = Directory::new();
    let (one, other) = (opened(&directory, 4), opened(&directory, 4));

    let first = one.try_acquire().expect("it is free");
    let next = other.try_acquire_many(2).expect("they are free");
    let last = one.try_acquire().expect("it is free");
    assert_eq!((first.slots(), next.slots(), last.slots()), (&[0][..], &[1, 2][..], &[3][..]));
    assert_eq!(shown(&one), [0, 1, 2, 3]);

    drop(next);
    assert_eq!(shown(&one), [0, 3]);
    assert_eq!(one.try_acquire().expect("it is free").slots(), [1]);
}

#[test]
fn only_a_handle_that_asks_for_numbers_gets_them() {
    let directory = Directory::new();
    let numbered = opened(&directory, 2);
    let plain = directory.options().open(NAME, 2).expect("it is there");

    let permit = plain.try_acquire().expect("it is free");
    assert!(permit.slots().is_empty());
    assert_eq!(numbered.try_acquire().expect("it is free").slots(), [0]);
}

#[test]
fn numbers_go_where_their_permits_go() {
    let directory = Directory::new();
    let (one, other) = (opened(&directory, 5), opened(&directory, 5));
    let mut whole = one.try_acquire_many_owned(3).expect("they are free");

    let part = whole.split(2).expect("it has as many");
    assert_eq!((whole.slots(), part.slots()), (&[0][..], &[1, 2][..]));

    let mut more = other.try_acquire_owned().expect("it is free");
    more.merge(part).expect("it is the same semaphore");
    assert_eq!(more.slots(), [1, 2, 3]);
    assert_eq!(shown(&one), [0, 1, 2, 3]);

    drop((one, whole));
    assert_eq!(shown(&other), [1, 2, 3], "the handle that took them first has gone");
    drop(more);
    assert_eq!(shown(&other), []);
}

#[test]
fn loose_permits_have_no_numbers() {
    let directory = Directory::new();
    let semaphore = opened(&directory, 2);

    semaphore.try_acquire().expect("it is free").forget();
    semaphore.acquire().loose().try_now().expect("it is free");
    assert_eq!(shown(&semaphore), []);

    semaphore.try_release_many(2).expect("both are loose");
    assert_eq!(semaphore.try_acquire_many(2).expect("they are free").slots(), [0, 1]);
}

#[test]
fn the_numbers_of_the_killed_are_given_anew() {
    let directory = Directory::new();
    let semaphore = opened(&directory, 3);
    let mut actor = Actor::start(&directory);
    actor.holds(2);
    assert_eq!(shown(&semaphore), [0, 1]);

    let permit = semaphore.try_acquire().expect("it is free");
    assert_eq!(permit.slots(), [2]);
    actor.kill_and_reap();

    assert_eq!(semaphore.try_acquire_many(2).expect("they are free again").slots(), [0, 1]);
}

#[test]
fn after_a_shrink_numbers_above_it_are_used_up() {
    let directory = Directory::new();
    let semaphore = opened(&directory, 4);
    let mut permits: Vec<_> = (0..4).map(|_| semaphore.try_acquire().expect("it is free")).collect();

    semaphore.set_max_permits(2).expect("it can be resized");
    drop(permits.drain(..2));
    assert_eq!(shown(&semaphore), [2, 3]);
    drop(permits.pop());
    assert_eq!(semaphore.try_acquire().expect("it is free").slots(), [0]);
}

#[test]
fn permits_beyond_the_last_number_have_none() {
    let directory = Directory::new();
    let semaphore = opened(&directory, 1000);

    let permit = semaphore.try_acquire_many(400).expect("they are free");
    assert_eq!(permit.slots().len(), 384);
    assert_eq!(permit.slots().last(), Some(&383));
    assert!(semaphore.try_acquire().expect("it is free").slots().is_empty());
}

#[test]
fn waiters_get_numbers_as_well() {
    let directory = Directory::new();
    let semaphore = opened(&directory, 1);
    let permit = semaphore.try_acquire().expect("it is free");

    std::thread::scope(|scope| {
        let waiter =
            scope.spawn(|| semaphore.acquire().wait_timeout(DEADLINE).expect("it is granted").slots().to_vec());
        assert!(eventually(DEADLINE, || semaphore.waiting_acquirers().is_ok_and(|n| n == 1)));
        drop(permit);
        assert_eq!(waiter.join().expect("it ends"), [0]);
    });
}
