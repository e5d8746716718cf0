//! Files that somebody has written nonsense to: nobody is granted what is not there, hangs or panics, and
//! they can be mended or set aside (C21).

use crate::actor::{Actor, Order};
use crate::format::{ATTACH_BYTE, CHANGES, FIRST_CHANGE, GIVEN, LINKS, OWN, ROOT, STATUS, UNITS, WHO, seat, waiter};
use crate::look::{DEADLINE, WHILE, kind};
use crate::place::{Directory, NAME, file_in, fresh};
use crate::sys;
use crate::victim::{MAX, Victim};
use permits_conformance::wait::{Polled, Running};
use permits_host::{AcquireOwned, ErrorKind, HostSemaphore, Operation, OwnedPermit, Repair};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

#[track_caller]
fn assert_set_aside(victim: &Victim) {
    match victim.repair_unused().expect("nobody uses it") {
        Repair::SetAside { as_path } => {
            assert_eq!(as_path, victim.directory.path().join(format!("{NAME}.damaged-1")));
            assert!(as_path.exists());
        }
        other => panic!("it is beyond repair: {other:?}"),
    }
    assert_eq!(victim.open().expect_err("it has lost its name").kind(), ErrorKind::NotFound);
    victim.assert_sound_after_being_made_anew();
}

#[test]
fn a_sound_file_needs_no_repair() {
    let victim = Victim::new();

    assert!(matches!(victim.repair(), Ok(Repair::Sound)));

    victim.assert_sound();
}

#[test]
fn a_file_in_use_that_is_sound_is_called_so() {
    let victim = Victim::new();
    let semaphore = victim.open().expect("it is sound");
    let _permit = semaphore.try_acquire_many_owned(3).expect("they are free");
    let mut task = Polled::new(semaphore.acquire_many_owned(2));
    assert!(task.poll().is_pending());

    assert!(matches!(victim.repair(), Ok(Repair::Sound)));

    let state = semaphore.state().expect("it can be read");
    assert_eq!((state.given_out, state.waiting_acquirers), (3, 1));
}

#[test]
fn what_the_dead_left_is_sound() {
    let victim = Victim::after_deaths();

    assert!(matches!(victim.repair(), Ok(Repair::Sound)));

    victim.assert_sound();
}

#[test]
fn a_missing_file_is_not_found() {
    let directory = Directory::new();

    let error = directory.options().repair(NAME).expect_err("there is nothing");

    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[test]
fn every_field_of_the_book_that_is_wrong_is_found() {
    // The packing of `Book`: word, lowest bit, bits, a value that no run can have written in a fresh file of 4.
    let fields = [
        ("loose", 0, 0, 32, 5u64),
        ("free, above max", 0, 32, 32, 0x8000_0000),
        ("max, none", 1, 32, 32, 0),
        ("max, too many", 1, 32, 32, 4_194_304),
        ("acquirers' head", 2, 0, 16, 1),
        ("acquirers' tail", 2, 16, 16, 1),
        ("releasers' head", 2, 32, 16, 1),
        ("releasers' tail", 2, 48, 16, 1),
        ("acquirers' length", 3, 0, 32, 1),
        ("releasers' length", 3, 32, 32, 1),
        ("pool", 4, 0, 16, 1),
        ("waiters used", 4, 16, 16, 512),
        ("decider", 4, 48, 16, 4097),
        ("seats used", 5, 0, 16, 33),
        ("seats backed, none", 5, 16, 16, 0),
        ("seats backed, too many", 5, 16, 16, 4097),
    ];
    for (field, word, shift, bits, value) in fields {
        let victim = Victim::new();
        let at = victim.present(word);
        let mask = ((1u64 << bits) - 1) << shift;

        victim.put(at, victim.get(at) & !mask | value << shift);

        let error = victim.open().expect_err(field);
        assert_eq!(error.kind(), ErrorKind::Damaged, "{field}: {error}");
        assert_eq!(error.semaphore(), Some(NAME), "{field}: {error}");
        assert!(victim.use_it().iter().all(|&kind| kind == ErrorKind::Damaged), "{field}");
        assert_set_aside(&victim);
    }
}

#[test]
fn a_root_that_names_no_record_is_found() {
    let victim = Victim::new();

    victim.put(ROOT, victim.get(ROOT) | 0xffff);

    assert_eq!(victim.open().expect_err("it is damaged").kind(), ErrorKind::Damaged);
    assert_set_aside(&victim);
}

#[test]
fn a_root_that_names_an_empty_record_is_found() {
    let victim = Victim::new();

    victim.put(ROOT, victim.get(ROOT) & !0xffff | 20);

    assert_eq!(victim.open().expect_err("it is damaged").kind(), ErrorKind::Damaged);
    assert_set_aside(&victim);
}

#[test]
fn a_record_of_too_many_changes_is_found() {
    for count in [9, 1 << 40, u64::MAX] {
        let victim = Victim::new();

        victim.put(victim.present(CHANGES), count);

        assert_eq!(victim.open().expect_err("it is damaged").kind(), ErrorKind::Damaged);
        assert_set_aside(&victim);
    }
}

#[test]
fn a_change_of_what_is_no_tagged_word_is_found() {
    for place in [0, ROOT, 511, 1_049_088, u64::MAX] {
        let victim = Victim::new();
        victim.put(victim.present(CHANGES), 1);

        victim.put(victim.present(FIRST_CHANGE), place);

        assert_eq!(victim.open().expect_err("it is damaged").kind(), ErrorKind::Damaged, "{place}");
        assert_set_aside(&victim);
    }
}

#[test]
fn a_count_of_free_ones_that_is_too_small_is_recounted() {
    let victim = Victim::new();

    victim.put(victim.present(0), 1 << 32);

    match victim.repair().expect("it can be mended") {
        Repair::Recounted { before, after } => assert_eq!((before.available_permits, after.available_permits), (1, 4)),
        other => panic!("it can be mended: {other:?}"),
    }
    victim.assert_sound();
}

#[test]
fn a_count_is_mended_while_the_semaphore_is_in_use() {
    let victim = Victim::new();
    let semaphore = victim.open().expect("it is sound");
    let permit = semaphore.try_acquire_many_owned(2).expect("they are free");

    // Two free ones become none.
    victim.put(victim.present(0), 0);

    assert!(matches!(victim.repair(), Ok(Repair::Recounted { .. })));
    assert_eq!(semaphore.available_permits().expect("it can be read"), 2);
    drop(permit);
    drop(semaphore);
    victim.assert_sound();
}

#[test]
fn a_seat_that_nobody_has_and_that_holds_is_found() {
    for word in [OWN, GIVEN] {
        let victim = Victim::new();

        victim.put_low(seat(0, word), 1);

        assert_set_aside(&victim);
    }
}

#[test]
fn a_dead_seat_that_holds_more_than_is_out_is_found() {
    for word in [OWN, GIVEN] {
        let victim = Victim::new();
        victim.put_low(seat(0, STATUS), 1 << 31 | 1);

        victim.put_low(seat(0, word), 5);

        let errors = victim.use_it();
        assert!(errors.contains(&ErrorKind::Damaged), "{errors:?}");
        // The seat is believed, and what it holds comes back as it is dead.
        assert!(matches!(victim.repair(), Ok(Repair::Recounted { .. })));
        victim.assert_sound();
    }
}

#[test]
fn a_dead_seat_that_holds_more_than_there_can_be_is_beyond_repair() {
    for word in [OWN, GIVEN] {
        let victim = Victim::new();
        victim.put_low(seat(0, STATUS), 1 << 31 | 1);

        victim.put_low(seat(0, word), u32::MAX);

        let errors = victim.use_it();
        assert!(errors.contains(&ErrorKind::Damaged), "{errors:?}");
        assert_set_aside(&victim);
    }
}

#[test]
fn a_waiter_that_is_wrong_is_found() {
    let lies: [(&str, u64, u32); 7] = [
        ("a stage that there is not", WHO, 7 << 16),
        ("a queued one that does not wait", WHO, 2 << 16),
        ("a queued one that is free", WHO, 0),
        ("a queued one of the other side", WHO, 1 << 12 | 1 << 16),
        ("a link to nowhere", LINKS, 400),
        ("a link to itself", LINKS, 1),
        ("a link back to nowhere", LINKS, 400 << 16),
    ];
    for (lie, word, value) in lies {
        let victim = Victim::after_deaths();

        victim.put_low(waiter(1, word), value);

        // Some of them may be cleared away with the dead before anybody sees them.
        victim.use_it();
        match victim.repair_unused().unwrap_or_else(|error| panic!("{lie}: nobody uses it: {error}")) {
            Repair::Sound | Repair::Recounted { .. } => victim.assert_sound(),
            Repair::SetAside { .. } => victim.assert_sound_after_being_made_anew(),
            other => panic!("{lie}: {other:?}"),
        }
    }
}

#[test]
fn links_that_are_wrong_are_set_aside_if_repair_is_the_first_to_look() {
    // Of the first waiter, behind which the second stands.
    for (word, value) in [(WHO, 7 << 16), (WHO, 2 << 16), (LINKS, 0), (LINKS, 1), (LINKS, 400)] {
        let victim = Victim::after_deaths();

        victim.put_low(waiter(1, word), value);

        assert_set_aside(&victim);
    }
}

#[test]
fn a_queue_that_is_a_circle_keeps_nobody_for_ever() {
    let victim = Victim::after_deaths();
    victim.put_low(waiter(2, LINKS), 1 << 16 | 1);

    victim.use_it();

    match victim.repair_unused().expect("nobody uses it") {
        Repair::SetAside { .. } => victim.assert_sound_after_being_made_anew(),
        _ => victim.assert_sound(),
    }
}

#[test]
fn a_waiter_for_more_than_there_are_harms_nobody() {
    let victim = Victim::after_deaths();

    victim.put_low(waiter(1, UNITS), u32::MAX);

    victim.use_it();
    victim.assert_sound();
}

#[test]
fn a_pool_that_leads_into_a_queue_is_found() {
    let victim = Victim::after_deaths();
    let at = victim.present(4);

    victim.put(at, victim.get(at) & !0xffff | 1);

    assert_set_aside(&victim);
}

#[test]
fn what_is_beyond_repair_is_not_taken_from_who_uses_it() {
    let victim = Victim::new();
    let mut user = Actor::start(&victim.directory);
    user.holds(1);
    let at = victim.present(1);

    victim.put(at, 0);

    let error = victim.repair().expect_err("it is in use");
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    for part in ["in use", &format!("process `{}`", user.pid()), "beyond repair"] {
        assert!(error.to_string().contains(part), "`{part}` is missing in: {error}");
    }
    assert_eq!(victim.open().expect_err("it is damaged").kind(), ErrorKind::Damaged);
    user.kill_and_reap();
    assert_set_aside(&victim);
}

/// A repair that finds the attach byte locked by `lock`, and goes on when the file has got another name and a
/// new one is in use in its place.
fn a_repair_leaves_the_new_file_alone(victim: Victim, lock: fn(&File, i64)) {
    let other = File::options().read(true).write(true).open(file_in(&victim.directory)).expect("it is there");
    lock(&other, ATTACH_BYTE);
    let options = victim.directory.options();
    let mut repair = Running::start(move || options.repair(NAME));
    assert!(repair.outcome(WHILE).is_none(), "it waits for the byte");

    let aside = file_in(&victim.directory).with_extension("damaged-1");
    std::fs::rename(file_in(&victim.directory), aside).expect("it is ours");
    let semaphore = victim.directory.options().open(NAME, MAX).expect("there is none of that name");
    let permit = semaphore.try_acquire_owned().expect("it is free");
    drop(other);
    let outcome = repair.outcome(DEADLINE).expect("it ends");

    assert!(matches!(outcome, Ok(Repair::Sound)), "that is what the new one is: {outcome:?}");
    let another = victim.open().expect("it has its name");
    assert_eq!(another.given_out().expect("it can be read"), 1);
    drop(permit);
}

#[test]
fn a_repair_that_is_slower_than_another_sets_no_new_file_aside() {
    let victim = Victim::new();
    victim.put(ROOT, 0xffff);

    // The repair shares it while it looks, and wants it alone then.
    a_repair_leaves_the_new_file_alone(victim, sys::share_byte);
}

#[test]
fn a_repair_that_is_slower_than_another_mends_no_file_that_has_lost_its_name() {
    let victim = Victim::new();
    victim.put(victim.present(0), 1 << 32);

    a_repair_leaves_the_new_file_alone(victim, sys::lock_byte);
}

#[test]
fn each_file_that_is_set_aside_has_a_name_of_its_own() {
    let victim = Victim::new();
    victim.put(ROOT, 0xffff);
    assert_set_aside(&victim);
    let path = victim.directory.path().join(format!("{NAME}.sem"));
    File::options()
        .write(true)
        .open(path)
        .expect("it is there")
        .write_all_at(&[0xff; 8], 8 * ROOT)
        .expect("it is ours");

    let Repair::SetAside { as_path } = victim.repair_unused().expect("nobody uses it") else {
        panic!("it is beyond repair")
    };

    assert_eq!(as_path, victim.directory.path().join(format!("{NAME}.damaged-2")));
    assert_eq!(victim.directory.options().list().expect("it can be listed"), [""; 0]);
}

#[test]
fn who_uses_a_file_that_is_damaged_meanwhile_is_told() {
    let victim = Victim::new();
    let semaphore = victim.open().expect("it is sound");
    let other = victim.open().expect("it is sound");
    let _permit = semaphore.try_acquire_owned().expect("it is free");

    let at = victim.present(1);
    victim.put(at, 0);

    for outcome in
        [other.try_acquire_owned(), other.acquire_owned().wait(), other.acquire_owned().wait_timeout(DEADLINE)]
    {
        let error = outcome.expect_err("it is damaged");
        assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
        assert_eq!((error.semaphore(), error.operation()), (Some(NAME), Some(Operation::Acquire)));
    }
    let others = [
        (other.state().map(drop), Operation::Read),
        (other.is_closed().map(drop), Operation::Read),
        (other.status().map(drop), Operation::Read),
        (other.wait_idle(None).map(drop), Operation::Read),
        (other.try_release(), Operation::Release),
        (other.release().wait(), Operation::Release),
        (other.grow(1), Operation::Resize),
        (other.revoke(semaphore.id()), Operation::Revoke),
        (other.close(), Operation::Close),
    ];
    for (outcome, operation) in others {
        let error = outcome.expect_err("it is damaged");
        let expected = (ErrorKind::Damaged, Some(NAME), Some(operation));
        assert_eq!((error.kind(), error.semaphore(), error.operation()), expected, "{error}");
    }
}

/// A request that a damaged file calls granted, for as many units as nobody can have.
fn granted_beyond_all_bounds() -> (Directory, HostSemaphore, AcquireOwned) {
    const GRANTED: u64 = 2 << 16;
    let (directory, semaphore) = fresh(1);
    semaphore.try_acquire_owned().expect("it is free").forget();
    let mut request = semaphore.acquire_owned();
    assert!(Pin::new(&mut request).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let file = File::options().read(true).write(true).open(file_in(&directory)).expect("it is there");
    let mut who = [0; 8];
    file.read_exact_at(&mut who, 8 * waiter(1, WHO)).expect("it is as long as that");
    let who = u64::from_ne_bytes(who) & !0xffff_0000 | GRANTED;
    file.write_all_at(&who.to_ne_bytes(), 8 * waiter(1, WHO)).expect("it is ours");
    file.write_all_at(&0x8000_0000_u64.to_ne_bytes(), 8 * waiter(1, UNITS)).expect("it is ours");
    (directory, semaphore, request)
}

#[test]
fn units_beyond_all_bounds_are_told_as_damage() {
    let (_directory, semaphore, mut request) = granted_beyond_all_bounds();

    let outcome = Pin::new(&mut request).poll(&mut Context::from_waker(Waker::noop()));

    let Poll::Ready(outcome) = outcome else { panic!("it is not queued any more") };
    // The process looks after those of its tasks that wait, so it may have found the damage before the poll
    // did. The request is then what the file calls it: granted.
    let found_by_the_poll = outcome.map(OwnedPermit::forget).map_err(|error| error.kind());
    assert!(matches!(found_by_the_poll, Ok(()) | Err(ErrorKind::Damaged)), "{found_by_the_poll:?}");
    assert_eq!(kind(semaphore.state()), Some(ErrorKind::Damaged));
}

#[test]
fn a_request_for_units_beyond_all_bounds_can_be_dropped() {
    let (_directory, semaphore, request) = granted_beyond_all_bounds();

    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(request)));

    assert!(dropped.is_ok());
    assert!(semaphore.try_acquire_owned().is_err(), "the only permit is loose");
}

/// A file whose counts are wrong, in use: 1 of 4 is held by this handle, and 2 by a process that is dead,
/// whose seat says so; the book calls 3 of them free.
fn with_counts_that_a_death_shows_wrong() -> (Victim, HostSemaphore, OwnedPermit) {
    let victim = Victim::new();
    let semaphore = victim.open().expect("it is sound");
    let permit = semaphore.try_acquire_owned().expect("it is free");
    let mut holder = Actor::start(&victim.directory);
    holder.holds(2);
    holder.kill_and_reap();
    victim.commit(&[(0, 3 << 32)]);
    (victim, semaphore, permit)
}

#[test]
fn a_file_that_was_found_damaged_grants_nothing_until_it_is_repaired() {
    let (victim, semaphore, permit) = with_counts_that_a_death_shows_wrong();

    assert_eq!(kind(semaphore.state()), Some(ErrorKind::Damaged), "the dead hold more than is out");

    assert_eq!(kind(semaphore.try_acquire_many_owned(2)), Some(ErrorKind::Damaged), "in this process");
    assert_eq!(kind(semaphore.acquire_owned().wait()), Some(ErrorKind::Damaged));
    assert_eq!(kind(victim.directory.options().read(NAME)), Some(ErrorKind::Damaged), "and in others");
    assert_eq!(kind(victim.open()), Some(ErrorKind::Damaged));
    // It comes back all the same.
    drop(permit);
    match victim.repair().expect("it can be mended") {
        Repair::Recounted { after, .. } => assert_eq!((after.available_permits, after.given_out), (2, 2)),
        other => panic!("it can be mended: {other:?}"),
    }
    let permit = semaphore.try_acquire_many_owned(MAX).expect("what the dead held is back");
    assert_eq!(kind(semaphore.try_acquire_owned()), Some(ErrorKind::NotNow));
    drop(permit);
    victim.assert_sound();
}

/// Whoever waits in another process is told of damage that this one has found.
fn is_told_of_damage(order: Order) {
    let (victim, semaphore, _permit) = with_counts_that_a_death_shows_wrong();
    // Three are free by the book, so this one waits for a fourth, and looks.
    let mut actor = Actor::start(&victim.directory);

    assert_eq!(actor.asked(order), "Damaged");
    assert_eq!(kind(semaphore.state()), Some(ErrorKind::Damaged));
}

#[test]
fn a_thread_that_waits_is_told_of_damage() {
    is_told_of_damage(Order::Wait(MAX));
}

#[test]
fn a_task_that_waits_is_told_of_damage() {
    is_told_of_damage(Order::Await(MAX));
}
