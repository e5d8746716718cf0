//! Starts that are spaced apart: who comes too soon waits for the time, or is told of it, and so on for who
//! is next.

use crate::actor::{Actor, Order};
use crate::boot::reboot;
use crate::look::{DEADLINE, kind, switches_of, waiter, waiting};
use crate::place::{Directory, NAME, fresh};
use permits_conformance::wait::{Polled, Running, eventually};
use permits_host::{ErrorKind, HostSemaphore, OwnedPermit, Side};
use std::error::Error as _;
use std::thread;
use std::time::{Duration, Instant};

/// So long that no test waits for it.
const LONG: Duration = Duration::from_secs(3600);
/// How much later than a thread that sleeps for the same time. The first in line is looked after once a second in
/// any case, so what is not served by its own clock comes later than this.
const SOON: Duration = Duration::from_millis(250);
/// How often both are measured; the middle ones are compared.
const TRIES: usize = 5;

fn spaced(interval: Duration) -> (Directory, HostSemaphore) {
    let directory = Directory::new();
    let semaphore = directory.options().every(interval).open(NAME, 5).expect("a new one can be made");
    (directory, semaphore)
}

/// Has the first start, of which the next is counted.
fn starts(semaphore: &HostSemaphore) -> Instant {
    let before = Instant::now();
    drop(semaphore.try_acquire_owned().expect("nothing has started yet"));
    before
}

/// Asserts that what is waited for never comes before the interval is over, and most of the time not much later than
/// a thread of this process that sleeps for as long: whatever else the machine does makes both of them late.
fn assert_on_time(interval: Duration, mut wait: impl FnMut() -> Duration) {
    let sleeps = || {
        let before = Instant::now();
        thread::sleep(interval);
        before.elapsed()
    };
    let mut measured = [(); TRIES].map(|()| (wait(), sleeps()));
    let early = measured.iter().find(|(waited, _)| *waited < interval);
    assert_eq!(early, None, "a start came too soon after the last");
    let mut middle = |key: fn(&(Duration, Duration)) -> Duration| {
        measured.sort_unstable_by_key(key);
        key(&measured[TRIES / 2])
    };
    let (waited, slept) = (middle(|both| both.0), middle(|both| both.1));
    assert!(waited < slept + SOON, "`{waited:?}` where a thread sleeps for `{slept:?}`: {measured:?}");
}

#[test]
fn a_try_before_the_time_is_refused_and_says_when() {
    let (_directory, semaphore) = spaced(LONG);
    let permit = semaphore.try_acquire_many_owned(2).expect("it is the first");
    drop(permit);

    let error = semaphore.try_acquire_owned().expect_err("it is too soon");

    assert_eq!(error.kind(), ErrorKind::NotNow);
    let text = error.to_string();
    assert!(text.starts_with("semaphore `shared`: its starts are `3600s` apart, and the next may be in `3"), "{text}");
    assert_eq!(semaphore.available_permits().expect("it can be read"), 5);
}

#[test]
fn none_are_had_before_the_time() {
    let (_directory, semaphore) = spaced(LONG);
    starts(&semaphore);

    assert_eq!(semaphore.try_acquire_many_owned(0).expect("none are always there").count(), 0);
    assert_eq!(kind(semaphore.try_acquire_many_owned(6)), Some(ErrorKind::TooMany));
}

#[test]
fn a_wait_that_ends_before_the_time_says_what_it_waited_for() {
    let (_directory, semaphore) = spaced(LONG);
    starts(&semaphore);

    let error = semaphore.acquire_owned().wait_timeout(Duration::from_millis(5)).expect_err("it is too soon");

    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_eq!(error.stuck().expect("both sides are told").state.available_permits, 5);
    let cause = error.source().expect("there is a cause").to_string();
    assert!(cause.starts_with("its starts are `3600s` apart, and the next may be in `3"), "{cause}");
    assert_eq!(waiting(&semaphore), 0);
}

#[test]
fn the_status_tells_the_interval_and_when_the_next_start_may_be() {
    let (directory, semaphore) = spaced(LONG);
    let looks = || [semaphore.status(), directory.options().read(NAME)].map(|status| status.expect("it can be read"));

    for status in looks() {
        assert_eq!((status.interval, status.next_start), (Some(LONG), None));
    }
    starts(&semaphore);
    for status in looks() {
        let rest = status.next_start.expect("it is too soon");
        assert!(rest <= LONG && rest > LONG - DEADLINE, "{rest:?}");
    }

    let (_directory, other) = fresh(1);
    let status = other.status().expect("it can be read");
    assert_eq!((status.interval, status.next_start, other.interval().unwrap()), (None, None, None));
}

#[test]
fn the_interval_is_stored_and_another_one_is_refused() {
    let (directory, semaphore) = spaced(Duration::from_millis(1500));
    let refused = |options: permits_host::Options, every: Duration, shown: &str| {
        let opened = options.clone().every(every).open(NAME, 5);
        let existing = options.every(every).open_existing(NAME);
        for error in [opened, existing].map(|outcome| outcome.expect_err("it has another one")) {
            assert_eq!(error.kind(), ErrorKind::IntervalDiffers);
            let text = format!("its starts are `1.5s` apart, and not `{shown}`");
            assert!(error.to_string().ends_with(&text), "{error}");
        }
    };

    refused(directory.options(), Duration::from_secs(5), "5s");
    refused(directory.options(), Duration::ZERO, "0");
    for options in [directory.options(), directory.options().every(Duration::from_micros(1_499_001))] {
        let other = options.clone().open(NAME, 5).expect("it is the same");
        assert_eq!(other.interval().expect("it can be read"), Some(Duration::from_millis(1500)));
        assert!(options.open_existing(NAME).is_ok());
    }
    let resized = directory.options().resize(true).every(Duration::from_secs(5)).open(NAME, 4).expect("it may");
    assert_eq!(resized.interval().expect("it can be read"), Some(Duration::from_secs(5)));
    assert_eq!(semaphore.max_permits().expect("it can be read"), 4);
    directory.options().resize(true).open(NAME, 3).expect("it may");
    assert_eq!(semaphore.interval().expect("it can be read"), Some(Duration::from_secs(5)));
}

#[test]
fn an_interval_out_of_range_is_refused_naming_the_range() {
    let (directory, semaphore) = fresh(1);
    let day = Duration::from_secs(24 * 60 * 60);
    let out_of_range = [Duration::from_nanos(999_999), day + Duration::from_nanos(1), Duration::MAX];

    for interval in out_of_range {
        let opened = directory.options().every(interval).open("other", 1).map(drop);
        for error in [opened, semaphore.set_interval(interval)].map(|outcome| outcome.expect_err("it is out of range"))
        {
            assert_eq!(error.kind(), ErrorKind::BadInterval);
            let text =
                format!("starts cannot be `{interval:?}` apart: from `1ms` to `86400s`, or `0` to leave them unspaced");
            assert!(error.to_string().ends_with(&text), "{error}");
        }
    }
    for interval in [Duration::from_millis(1), day] {
        semaphore.set_interval(interval).expect("it is in range");
        assert_eq!(semaphore.interval().expect("it can be read"), Some(interval));
    }
}

#[test]
fn those_who_wait_start_in_their_order_each_at_its_time() {
    const INTERVAL: Duration = Duration::from_millis(30);
    let (directory, semaphore) = spaced(LONG);
    starts(&semaphore);
    let all: Vec<String> = (0..8).map(|number| number.to_string()).collect();
    let queue = |label: &String| {
        let handle = directory.options().label(label).open_existing(NAME).expect("it is there");
        let (before, is_task) = (waiting(&semaphore), waiting(&semaphore) % 2 == 1);
        let running = Running::start(move || {
            let permit = match is_task {
                false => handle.acquire_owned().wait_timeout(DEADLINE),
                true => Polled::new(handle.acquire_owned()).outcome(DEADLINE).expect("it is woken"),
            };
            permit.map(|_| Instant::now())
        });
        assert!(eventually(DEADLINE, || waiting(&semaphore) == before + 1), "it queues");
        running
    };
    let mut waits: Vec<_> = all.iter().map(queue).collect();

    let set = Instant::now();
    semaphore.set_interval(INTERVAL).expect("it can be set");
    let mut seen = Vec::new();
    assert!(eventually(DEADLINE, || {
        // Who takes part serves.
        let status = directory.options().read(NAME).expect("it can be read");
        seen.push(status.waiters.iter().map(|waiter| waiter.who.label.clone()).collect::<Vec<_>>());
        status.waiters.is_empty()
    }));

    assert!(seen.iter().all(|waiters| all.ends_with(waiters)), "{seen:?}");
    for (number, wait) in (0..).zip(&mut waits) {
        let at = wait.outcome(DEADLINE).expect("it has started").expect("it is granted");
        assert!(at - set >= number * INTERVAL, "start `{number}` came `{:?}` after the first", at - set);
    }
    // By looks that come once a second in any case, each would have been that late.
    assert!(set.elapsed() < Duration::from_secs(5), "{:?}", set.elapsed());
}

#[test]
fn who_waits_starts_on_time() {
    const INTERVAL: Duration = Duration::from_millis(200);
    let waits: [fn(&HostSemaphore); 2] = [
        |semaphore| drop(semaphore.acquire_owned().wait_timeout(DEADLINE).expect("it is granted")),
        |semaphore| drop(Polled::new(semaphore.acquire_owned()).outcome(DEADLINE).expect("it is woken").unwrap()),
    ];
    for wait in waits {
        assert_on_time(INTERVAL, || {
            let (_directory, semaphore) = spaced(INTERVAL);
            let before = starts(&semaphore);
            wait(&semaphore);
            before.elapsed()
        });
    }
}

/// If each start woke all who wait, a queue would wake as often as its length squared.
#[test]
fn a_start_wakes_no_process_but_the_next() {
    const STARTS: u32 = 40;
    let directory = Directory::new();
    let semaphore = directory.options().every(LONG).open(NAME, 2 * STARTS).expect("a new one can be made");
    starts(&semaphore);
    let mut ahead: Vec<_> = (0..STARTS).map(|_| waiter(&semaphore, 1)).collect();
    let mut last = Actor::start(&directory);
    let pid = last.pid();
    let queues = || {
        let status = directory.options().read(NAME).expect("it can be read");
        status.waiters.iter().any(|waiter| waiter.who.pid == pid)
    };

    // When it comes, it sees that the next start is near.
    semaphore.set_interval(Duration::from_millis(20)).expect("it can be set");
    last.told(Order::Wait(1));
    assert!(eventually(DEADLINE, queues), "it queues");
    let before = switches_of(&pid.to_string());
    for wait in &mut ahead {
        wait.outcome(DEADLINE).expect("it has started").expect("it is granted").forget();
    }

    let woken = switches_of(&pid.to_string()) - before;
    assert!(woken < u64::from(STARTS / 2), "it was woken `{woken}` times by `{STARTS}` starts");
}

#[test]
fn who_stands_behind_one_that_dies_or_gives_up_starts_on_time() {
    const INTERVAL: Duration = Duration::from_millis(300);
    let ends: [fn(&mut Actor, &HostSemaphore); 2] = [
        |first, semaphore| {
            first.waits(1, semaphore);
        },
        |first, _| assert_eq!(first.asked(Order::Queue), "queued"),
    ];
    for (gives_up, queue) in [(false, ends[0]), (true, ends[1])] {
        assert_on_time(INTERVAL, || {
            let (directory, semaphore) = spaced(INTERVAL);
            let mut first = Actor::start(&directory);
            assert_eq!(first.asked(Order::Look), "0 given out, 0 loose");
            let before = starts(&semaphore);
            queue(&mut first, &semaphore);
            let mut second = waiter(&semaphore, 1);

            if gives_up {
                first.told(Order::PollQueued);
            } else {
                first.kill();
            }

            drop(second.outcome(DEADLINE).expect("it is granted").expect("it is granted"));
            before.elapsed()
        });
    }
}

#[test]
fn a_start_counts_though_its_process_dies() {
    let (directory, semaphore) = spaced(LONG);
    let mut holder = Actor::start(&directory);
    holder.holds(5);

    holder.kill_and_reap();

    assert_eq!(kind(semaphore.try_acquire_owned()), Some(ErrorKind::NotNow));
    assert_eq!(semaphore.available_permits().expect("it can be read"), 5);
}

/// A semaphore all of whose permits are out, and which spaces its starts since: none of them was one.
fn spaced_when_all_are_out() -> (Directory, HostSemaphore, OwnedPermit) {
    let (directory, semaphore) = fresh(5);
    let all = semaphore.try_acquire_many_owned(5).expect("they are free");
    semaphore.set_interval(LONG).expect("it can be set");
    (directory, semaphore, all)
}

/// It is granted when it has died, as no process looks; the next one that asks finds out.
#[test]
fn a_start_that_a_dead_waiter_was_granted_is_none() {
    let nexts: [fn(&HostSemaphore) -> bool; 2] = [
        |semaphore| semaphore.try_acquire_owned().is_ok(),
        |semaphore| semaphore.acquire_owned().wait_timeout(DEADLINE).is_ok(),
    ];
    for next in nexts {
        let (directory, semaphore, all) = spaced_when_all_are_out();
        let mut first = Actor::start(&directory);
        first.waits(1, &semaphore);
        first.kill_and_reap();
        let next_start = || directory.options().read(NAME).expect("it can be read").next_start;
        assert!(next_start().is_none());

        drop(all);
        assert!(next_start().is_some(), "the dead one was granted its start");

        assert!(next(&semaphore), "the start of the dead one is none");
        assert!(next_start().is_some());
    }
}

#[test]
fn a_start_that_a_waiter_gives_up_before_it_takes_it_is_none() {
    let (directory, semaphore, all) = spaced_when_all_are_out();
    let mut first = Polled::new(semaphore.acquire_owned());
    assert!(first.poll().is_pending(), "none is free");
    let next_start = || directory.options().read(NAME).expect("it can be read").next_start;
    drop(all);
    assert!(next_start().is_some(), "it was granted its start");

    drop(first);

    assert!(semaphore.try_acquire_owned().is_ok());
}

/// The last in line finds the holder and the first in line dead at one look.
#[test]
fn a_dead_holders_permits_are_granted_to_no_waiter_that_is_dead_too() {
    const INTERVAL: Duration = Duration::from_secs(2);
    let (directory, semaphore) = spaced(INTERVAL);
    let [mut holder, mut first, mut last] = [(); 3].map(|()| Actor::start(&directory));
    holder.holds(5);
    first.waits(5, &semaphore);
    last.waits(5, &semaphore);
    last.stop();
    let read = || directory.options().read(NAME).expect("it can be read");
    assert!(eventually(DEADLINE, || read().next_start.is_none()));
    // In this order: the first would find the holder dead, and be granted its permits.
    first.kill_and_reap();
    holder.kill_and_reap();

    let before = Instant::now();
    last.resume();
    assert_eq!(last.hear(), "got 5");

    assert!(before.elapsed() < INTERVAL, "{:?}", before.elapsed());
    assert_eq!(read().granted_total, 2, "the holder, and the last");
}

#[test]
fn releases_pass_while_acquirers_wait_for_the_time() {
    let (_directory, semaphore) = spaced(LONG);
    semaphore.acquire_many_owned(2).loose().try_now().expect("it is the first");
    let first = waiter(&semaphore, 1);

    semaphore.try_release().expect("one is loose");
    semaphore.release().wait_timeout(DEADLINE).expect("another one is loose");

    let status = semaphore.status().expect("it can be read");
    assert_eq!((status.state.available_permits, status.state.waiting_acquirers), (5, 1));
    assert_eq!(status.waiters[0].side, Side::Acquire);
    semaphore.close().expect("it can be closed");
    drop(first);
}

#[test]
fn who_waits_goes_by_a_new_interval() {
    const INTERVAL: Duration = Duration::from_millis(50);
    assert_on_time(INTERVAL, || {
        let (_directory, semaphore) = spaced(LONG);
        let before = starts(&semaphore);
        let mut first = waiter(&semaphore, 1);
        let mut second = waiter(&semaphore, 1);

        let set = Instant::now();
        semaphore.set_interval(INTERVAL).expect("it can be set");
        drop(first.outcome(DEADLINE).expect("it is granted").expect("it is granted"));
        let after = set.elapsed().max(INTERVAL);
        assert!(before.elapsed() >= INTERVAL);

        semaphore.set_interval(Duration::ZERO).expect("it can be set");
        drop(second.outcome(DEADLINE).expect("it is granted").expect("it is granted"));
        after
    });
}

#[test]
fn time_in_which_the_host_is_suspended_counts() {
    if !permits_testbed::time_namespaces() {
        return;
    }
    let (directory, semaphore) = spaced(LONG);
    starts(&semaphore);

    let [mut early, mut due] = [LONG / 2, LONG].map(|suspended| {
        Actor::start_after(directory.path(), move || permits_testbed::enter_time_namespace(suspended))
    });

    assert_eq!([early.asked(Order::Try(1)), due.asked(Order::Try(1))], ["NotNow", "got 1"]);
}

#[test]
fn an_interval_outlasts_a_reboot_and_no_start_does() {
    let (directory, semaphore) = spaced(LONG);
    starts(&semaphore);
    drop(semaphore);
    reboot(&directory);

    let semaphore = directory.options().open_existing(NAME).expect("it is made anew");

    assert_eq!(semaphore.interval().expect("it can be read"), Some(LONG));
    // In memory no file outlasts a boot, and none is made anew.
    let in_memory = semaphore.status().expect("it can be read").granted_total > 0;
    assert_eq!(semaphore.try_acquire_owned().is_err(), in_memory);
}
