//! What `Status` tells is true, and only looking changes nothing (C15).

use crate::actor::Actor;
use crate::look::DEADLINE;
use crate::place::{Directory, NAME, fresh};
use permits_conformance::wait::{Polled, Running, eventually};
use permits_host::{ErrorKind, HolderId, HostSemaphore, Options, Side, Status};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

/// The clock that times are written down by ticks up to this often.
const TICK: Duration = Duration::from_millis(50);

fn another(options: Options) -> HostSemaphore {
    options.open_existing(NAME).expect("it is there")
}

/// By one who takes part, and by one who does not: they tell the same.
fn looks(directory: &Directory, semaphore: &HostSemaphore) -> [Status; 2] {
    let part = semaphore.status().expect("it can be read");
    [part, directory.options().read(NAME).expect("it can be read")]
}

#[test]
fn it_tells_who_holds_how_much() {
    let (directory, one) = fresh(10);
    let two = another(directory.options().label("night shift").command("make all"));
    let _two = two.try_acquire_many_owned(2).expect("they are free");
    let _three = [one.try_acquire_owned().expect("it is free"), one.try_acquire_many_owned(2).expect("they are free")];

    for status in looks(&directory, &two) {
        let mut holders = status.holders.iter().map(|holder| (holder.who.id, holder.permits)).collect::<Vec<_>>();
        holders.sort_unstable();
        assert_eq!(holders, [(one.id(), 3), (two.id(), 2)]);
        assert_eq!(status.state.given_out, 5);
    }
}

#[test]
fn it_tells_who_a_holder_is() {
    let (directory, semaphore) = fresh(1);
    let holder = another(directory.options().label("night shift").command("make all"));
    let _permit = holder.try_acquire_owned().expect("it is free");

    for status in looks(&directory, &semaphore) {
        let who = &status.holders[0].who;
        assert_eq!((who.label.as_str(), who.command.as_str()), ("night shift", "make all"));
        assert_eq!((who.pid, who.foreign_pid_namespace, who.command_pid), (std::process::id(), None, None));
        let uid = std::fs::metadata("/proc/self").expect("there is /proc").uid();
        assert_eq!((who.uid, who.alive, who.revoked), (uid, true, false));
    }
}

#[test]
fn a_command_is_the_arguments_of_the_process_if_nobody_says_otherwise() {
    let (_directory, semaphore) = fresh(1);
    let _permit = semaphore.try_acquire_owned().expect("it is free");

    let status = semaphore.status().expect("it can be read");

    let program = std::env::args().next().expect("a program has a name");
    let shown = &status.holders[0].who.command;
    assert!(shown.starts_with(&program[..program.len().min(192)]), "{shown}");
}

#[test]
fn what_a_holder_tells_is_cut_off_and_cannot_command_a_terminal() {
    let (directory, semaphore) = fresh(1);
    let hostile = [b"\x1b[2J\xff\xfe ok \r\n\x07".to_vec(), vec![b'x'; 500]].concat();
    let label = "ä".repeat(100);
    let holder = another(directory.options().label(label).command(OsString::from_vec(hostile)));
    let _permit = holder.try_acquire_owned().expect("it is free");

    for status in looks(&directory, &semaphore) {
        let who = &status.holders[0].who;
        assert!(
            who.command.starts_with("\u{fffd}[2J\u{fffd}\u{fffd} ok \u{fffd}\u{fffd}\u{fffd}xxx"),
            "{}",
            who.command
        );
        assert!(who.command.chars().all(|c| !c.is_control()), "{}", who.command);
        assert_eq!(who.command.chars().count(), 192);
        assert_eq!(who.label, "ä".repeat(32));
    }
}

#[test]
fn it_tells_since_when_permits_are_held() {
    let (_directory, semaphore) = fresh(3);
    let before = SystemTime::now() - TICK;
    let first = semaphore.try_acquire_owned().expect("it is free");
    let after = SystemTime::now() + TICK;
    let since = || semaphore.status().expect("it can be read").holders[0].since;
    let told = since();

    assert!((before..=after).contains(&told), "{told:?}");
    let second = semaphore.try_acquire_owned().expect("it is free");
    drop(first);
    assert_eq!(since(), told, "it has held some without a break");
    drop(second);
    assert!(eventually(DEADLINE, || SystemTime::now() > told + TICK));
    let _third = semaphore.try_acquire_owned().expect("it is free");
    assert!(since() > told, "it has held none in between");
}

#[test]
fn the_longest_holder_comes_first() {
    let (directory, first) = fresh(3);
    let others = [(); 2].map(|()| another(directory.options()));
    // Not in the order of their seats.
    let order = [&others[1], &first, &others[0]];
    let mut permits = Vec::new();
    for handle in order {
        let started = SystemTime::now();
        permits.push(handle.try_acquire_owned().expect("it is free"));
        assert!(eventually(DEADLINE, || SystemTime::now() > started + TICK));
    }

    for status in looks(&directory, &first) {
        let holders = status.holders.iter().map(|holder| holder.who.id).collect::<Vec<_>>();
        assert_eq!(holders, order.map(HostSemaphore::id));
    }
}

#[test]
fn it_tells_who_waits_on_both_sides_in_their_order() {
    let (directory, one) = fresh(4);
    let two = another(directory.options());
    let permit = one.try_acquire_many_owned(3).expect("they are free");
    one.try_acquire_owned().expect("it is free").forget();
    let (started, mut acquirers) = (
        SystemTime::now(),
        [one.acquire_many_owned(2), two.acquire_owned(), one.acquire_many_owned(4)].map(Polled::new),
    );
    let mut releasers = [two.release_many_owned(2), one.release_many_owned(3)].map(Polled::new);
    acquirers.iter_mut().for_each(|task| assert!(task.poll().is_pending()));
    releasers.iter_mut().for_each(|task| assert!(task.poll().is_pending()));

    for status in looks(&directory, &two) {
        let waiters = status.waiters.iter();
        let told =
            waiters.map(|waiter| (waiter.side, waiter.position, waiter.permits, waiter.who.id)).collect::<Vec<_>>();
        let expected = [
            (Side::Acquire, 1, 2, one.id()),
            (Side::Acquire, 2, 1, two.id()),
            (Side::Acquire, 3, 4, one.id()),
            (Side::Release, 1, 2, two.id()),
            (Side::Release, 2, 3, one.id()),
        ];
        assert_eq!(told, expected);
        let span = started - TICK..=SystemTime::now() + TICK;
        assert!(status.waiters.iter().all(|waiter| span.contains(&waiter.since) && waiter.who.alive));
        let state = status.state;
        assert_eq!((state.waiting_acquirers, state.next_acquirer), (3, 2), "{state}");
        assert_eq!((state.waiting_releasers, state.next_releaser), (2, 2), "{state}");
    }
    drop(permit);
}

#[test]
fn a_request_knows_its_position() {
    let (_directory, semaphore) = fresh(1);
    let permit = semaphore.try_acquire_owned().expect("it is free");
    let mut requests = [semaphore.acquire_owned(), semaphore.acquire_owned(), semaphore.acquire_owned()];
    assert_eq!(requests[0].position(), None, "nothing has happened yet");
    let poll = |request: &mut permits_host::AcquireOwned| {
        let cx = &mut std::task::Context::from_waker(std::task::Waker::noop());
        std::future::Future::poll(std::pin::Pin::new(request), cx)
    };
    requests.iter_mut().for_each(|request| assert!(poll(request).is_pending()));

    assert_eq!(requests.each_ref().map(permits_host::AcquireOwned::position), [Some(1), Some(2), Some(3)]);
    let [first, second, third] = requests;
    drop(second);
    assert_eq!((first.position(), third.position()), (Some(1), Some(2)));
    drop(permit);
    assert_eq!((first.position(), third.position()), (None, Some(1)), "the first is granted");
}

#[test]
fn it_tells_of_the_file() {
    let before = SystemTime::now() - TICK;
    let directory = Directory::new();
    let semaphore = directory.options().mode(0o660).open(NAME, 7).expect("a new one can be made");

    for status in looks(&directory, &semaphore) {
        let file = status.file.as_ref().expect("it has a file");
        assert_eq!((status.name.as_str(), file.path.as_path()), (NAME, semaphore.path()));
        assert_eq!((file.format, file.mode, status.state.max_permits), ((4, 0), 0o660, 7));
        assert!((before..=SystemTime::now() + TICK).contains(&file.created), "{:?}", file.created);
        assert_eq!(file.owner_uid, std::fs::metadata("/proc/self").expect("there is /proc").uid());
    }
}

#[test]
fn it_counts_what_was_granted_and_what_came_back_from_the_dead() {
    let (directory, semaphore) = fresh(5);
    for _ in 0..10 {
        drop(semaphore.try_acquire_many_owned(2).expect("they are free"));
    }
    let permit = semaphore.try_acquire_many_owned(5).expect("they are free");
    let mut task = Polled::new(semaphore.acquire_owned());
    assert!(task.poll().is_pending());
    drop(permit);
    drop(task.outcome(DEADLINE).expect("it is granted"));
    let mut holder = Actor::start(&directory);
    holder.holds(3);

    holder.kill_and_reap();

    let status = semaphore.status().expect("it can be read");
    assert_eq!((status.granted_total, status.recovered_total), (13, 3));
}

#[test]
fn who_only_reads_sees_the_dead_and_takes_nothing_from_them() {
    let (directory, semaphore) = fresh(5);
    let mut holder = Actor::start(&directory);
    holder.holds(3);
    holder.kill_and_reap();

    for _ in 0..3 {
        let status = directory.options().read(NAME).expect("it can be read");
        let dead = &status.holders[0];
        assert_eq!((dead.permits, dead.who.alive, dead.who.pid), (3, false, holder.pid()));
        assert_eq!((status.state.available_permits, status.recovered_total), (2, 0));
    }
    assert_eq!(semaphore.available_permits().expect("it can be read"), 5);
}

#[test]
fn who_only_reads_takes_no_seat_and_changes_no_byte() {
    let (directory, semaphore) = fresh(2);
    let _permit = semaphore.try_acquire_owned().expect("it is free");
    let before = std::fs::read(semaphore.path()).expect("it is ours");

    for _ in 0..10 {
        directory.options().read(NAME).expect("it can be read");
    }

    assert!(std::fs::read(semaphore.path()).expect("it is ours") == before);
    assert_eq!(another(directory.options()).id().to_string(), "1-1", "the next seat is free");
}

#[test]
fn an_id_parses_as_it_is_displayed() {
    let (_directory, semaphore) = fresh(1);
    let id = semaphore.id();

    assert_eq!(id.to_string().parse::<HolderId>().expect("it is one"), id);
    assert_eq!(id.to_string(), "0-1");
}

#[test]
fn what_is_no_id_is_refused_with_an_example() {
    for text in ["", "7", "-", "7-", "-3", "a-b", "7-3-1", "7 - 3", "-7-3", "99999999999999999999-1"] {
        let error = text.parse::<HolderId>().expect_err("it is none");

        assert_eq!(error.kind(), ErrorKind::NoSuchHolder);
        assert!(error.to_string().contains(&format!("`{text}`")) && error.to_string().contains("`7-3`"), "{error}");
    }
}

#[test]
fn who_is_revoked_is_told_and_keeps_what_it_holds() {
    let (directory, semaphore) = fresh(2);
    let holder = another(directory.options());
    let permit = holder.try_acquire_owned().expect("it is free");
    assert!(!holder.is_revoked() && !permit.is_revoked());

    semaphore.revoke(holder.id()).expect("it takes part");

    assert!(holder.is_revoked() && permit.is_revoked() && !semaphore.is_revoked());
    for status in looks(&directory, &semaphore) {
        assert_eq!((status.holders[0].permits, status.holders[0].who.revoked), (1, true));
    }
}

#[test]
fn whoever_waits_to_be_revoked_wakes() {
    let (directory, semaphore) = fresh(1);
    let holder = another(directory.options());
    let (id, asked) = (holder.id(), holder.clone());
    let mut waits = Running::start(move || asked.wait_revoked(DEADLINE * 10));
    assert_eq!(waits.outcome(Duration::from_millis(50)), None, "nobody has asked");

    semaphore.revoke(id).expect("it takes part");

    assert_eq!(waits.outcome(DEADLINE), Some(true));
}

#[test]
fn waiting_to_be_revoked_ends_with_its_time() {
    let (_directory, semaphore) = fresh(1);

    assert!(!semaphore.wait_revoked(Duration::from_millis(20)));
    assert!(!semaphore.wait_revoked(Duration::ZERO));
}

#[test]
fn the_next_owner_of_a_seat_is_not_revoked() {
    let (directory, semaphore) = fresh(1);
    let holder = another(directory.options());
    let id = holder.id();
    semaphore.revoke(id).expect("it takes part");
    drop(holder);

    let next = another(directory.options());

    assert!(!next.is_revoked());
    let error = semaphore.revoke(id).expect_err("it is gone");
    assert_eq!(error.kind(), ErrorKind::NoSuchHolder, "{error}");
    assert!(
        error.to_string().contains(&format!("`{id}`")) && error.to_string().contains(&format!("`{NAME}`")),
        "{error}"
    );
    assert!(!next.is_revoked());
}

#[test]
fn an_id_that_nobody_can_have_is_refused() {
    let (_directory, semaphore) = fresh(1);
    for id in ["1-1", "4095-1", "4096-1", "4294967295-1", "0-2", "0-4294967295"] {
        let error = semaphore.revoke(id.parse().expect("it looks like one")).expect_err("nobody has it");

        assert_eq!(error.kind(), ErrorKind::NoSuchHolder, "{id}: {error}");
    }
}

#[test]
fn waiting_for_idleness_ends_when_all_is_back() {
    let (_directory, semaphore) = fresh(2);
    let permit = semaphore.try_acquire_owned().expect("it is free");
    let waits_for = semaphore.clone();
    let mut waits = Running::start(move || waits_for.wait_idle(None).expect("the file is there"));
    assert_eq!(waits.outcome(Duration::from_millis(50)), None, "one is out");

    drop(permit);

    assert_eq!(waits.outcome(DEADLINE), Some(true));
}

#[test]
fn waiting_for_idleness_ends_with_its_time() {
    let (_directory, semaphore) = fresh(2);
    semaphore.try_acquire_owned().expect("it is free").forget();

    assert!(!semaphore.wait_idle(Some(Duration::from_millis(50))).expect("the file is there"));
    assert!(!semaphore.wait_idle(Some(Duration::ZERO)).expect("the file is there"));
}

#[test]
fn waiting_for_idleness_ends_when_the_file_is_gone() {
    let (_directory, semaphore) = fresh(2);
    let _permit = semaphore.try_acquire_owned().expect("it is free");
    let waits_for = semaphore.clone();
    let mut waits = Running::start(move || waits_for.wait_idle(None).map_err(|error| error.kind()));

    std::fs::remove_file(semaphore.path()).expect("it is ours");

    assert_eq!(waits.outcome(DEADLINE), Some(Err(ErrorKind::Gone)));
}
