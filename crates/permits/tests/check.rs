//! The debug check of the feature `check`: a thread that would wait for its own release panics, and names both
//! lines; no other does.
//!
//! `cargo test -p permits --features check --test check`

use permits::blocking::block_on;
use permits::limit::{Limit, Local, WaitBlocking};
use permits::{AcquireError, AcquireTimeoutError, Semaphore};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(30);

/// What the panic says; nothing if there is none.
fn panics<T>(act: impl FnOnce() -> T) -> Option<String> {
    let payload = catch_unwind(AssertUnwindSafe(act)).err()?;
    Some(*payload.downcast::<String>().expect("the text is put together"))
}

/// The same of a wait that must not come to be: one that does is ended.
fn panics_before_it_waits<T>(semaphore: &Semaphore, act: impl FnOnce() -> T) -> Option<String> {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                if semaphore.waiting_acquirers() > 0 {
                    semaphore.close();
                }
                thread::yield_now();
            }
        });
        let said = panics(act);
        over.store(true, Ordering::Relaxed);
        said
    })
}

fn until_one_waits(semaphore: &Semaphore) {
    let end = Instant::now() + DEADLINE;
    while semaphore.waiting_acquirers() == 0 {
        assert!(Instant::now() < end, "it queues");
        thread::yield_now();
    }
}

/// Whether `act` panics on a thread of its own, while the permits come back here when it waits.
fn waits_for(semaphore: &Semaphore, returns: impl FnOnce(), act: impl FnOnce() + Send) -> Option<String> {
    thread::scope(|scope| {
        let waiter = scope.spawn(|| panics(act));
        until_one_waits(semaphore);
        returns();
        waiter.join().expect("panics are caught")
    })
}

#[test]
fn second_acquire_of_a_thread_names_both_lines() {
    let semaphore = Semaphore::new(1);
    let (_permit, first) = (semaphore.acquire().wait(), line!());

    let said = panics_before_it_waits(&semaphore, || semaphore.acquire().wait()).expect("it would wait for itself");

    let begin = "this thread waits for itself: it asks for `1` permits of `1`, and holds `1`, acquired at ";
    assert!(said.starts_with(begin), "{said}");
    assert!(said.contains(&format!("tests/check.rs:{first}:")), "{said}");
    assert_eq!((semaphore.given_out(), semaphore.waiting_acquirers()), (1, 0));
}

/// The line of the second is that of the panic.
#[test]
fn the_panic_is_at_the_line_that_waits() {
    let semaphore = Semaphore::new(1);
    let _permit = semaphore.try_acquire().expect("it is free");
    let (report, place) = std::sync::mpsc::channel();
    let this = thread::current().id();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if thread::current().id() == this {
            let location = info.location().expect("a panic has one");
            report.send((location.file().to_owned(), location.line())).expect("the test listens");
        } else {
            before(info);
        }
    }));

    let (said, line) = (panics_before_it_waits(&semaphore, || semaphore.acquire().wait()), line!());

    assert!(said.is_some());
    assert_eq!(place.recv().expect("it was told"), (file!().to_owned(), line));
    drop(std::panic::take_hook());
}

#[test]
fn exactly_what_its_own_permits_leave_is_waited_for() {
    for (held, asked, waits_for_itself) in [(2, 1, false), (2, 2, true), (3, 1, true), (1, 2, false), (1, 3, true)] {
        let semaphore = Semaphore::new(3);
        let others = Semaphore::try_acquire_many(&semaphore, 3 - held).expect("they are free");
        let act = || {
            let _own = semaphore.acquire_many(held).wait().expect("they are free");
            drop(semaphore.acquire_many(asked).wait());
        };

        let said = if waits_for_itself {
            panics_before_it_waits(&semaphore, act)
        } else {
            waits_for(&semaphore, || drop(others), act)
        };

        assert_eq!(said.is_some(), waits_for_itself, "holds {held}, asks for {asked}: {said:?}");
    }
}

#[test]
fn what_another_thread_holds_is_waited_for() {
    let semaphore = Semaphore::new(1);
    let permit = semaphore.acquire().wait().expect("it is free");

    assert_eq!(waits_for(&semaphore, || drop(permit), || drop(semaphore.acquire().wait())), None);
}

#[test]
fn loose_permits_do_not_count() {
    let semaphore = Semaphore::new(2);
    let returns = || semaphore.release_many(2).wait().expect("they are loose");

    let said = waits_for(&semaphore, returns, || {
        semaphore.acquire().loose().wait().expect("it is free");
        semaphore.acquire().wait().expect("it is free").forget();
        // One that was its own would leave one of two.
        drop(semaphore.acquire_many(2).wait());
    });

    assert_eq!(said, None);
}

#[test]
fn loose_ones_are_not_waited_for_by_who_holds_all() {
    let semaphore = Semaphore::new(1);
    let _permit = semaphore.acquire().wait().expect("it is free");

    assert!(panics_before_it_waits(&semaphore, || semaphore.acquire().loose().wait()).is_some());
}

#[test]
fn after_a_drop_it_is_had_again() {
    let semaphore = Semaphore::new(1);
    for _ in 0..3 {
        drop(semaphore.acquire().wait().expect("it is free"));
        drop(semaphore.try_acquire().expect("it is free"));
    }
}

#[test]
fn permits_that_were_added_in_between_are_had() {
    let semaphore = Semaphore::new(1);
    let _permit = semaphore.acquire().wait().expect("it is free");

    semaphore.grow(1).expect("there can be more");

    let second = semaphore.acquire().wait().expect("it is free");
    assert!(panics_before_it_waits(&semaphore, || semaphore.acquire().wait()).is_some(), "now both are its own");
    drop(second);
    semaphore.shrink(1).expect("there can be fewer");
    assert!(panics_before_it_waits(&semaphore, || semaphore.acquire().wait()).is_some());
}

#[test]
fn what_fails_at_once_fails_as_ever() {
    let semaphore = Semaphore::new(1);
    let _permit = semaphore.acquire().wait().expect("it is free");

    assert!(matches!(semaphore.acquire_many(2).wait(), Err(AcquireError::TooMany { requested: 2, max: 1 })));
    assert_eq!(semaphore.acquire_many(0).wait().expect("nothing is always had").count(), 0);
    semaphore.close();
    assert!(matches!(semaphore.acquire().wait(), Err(AcquireError::Closed)));
}

#[test]
fn a_wait_with_a_limit_ends_by_its_limit() {
    let semaphore = Semaphore::new(1);
    let _permit = semaphore.acquire().wait().expect("it is free");

    let outcome = semaphore.acquire().wait_timeout(Duration::from_millis(1));

    assert!(matches!(outcome, Err(AcquireTimeoutError::TimedOut(_))));
}

#[test]
fn a_guard_that_was_given_away_counts_until_it_is_dropped() {
    let semaphore = Arc::new(Semaphore::new(1));
    let permit = semaphore.acquire_owned().wait().expect("it is free");
    let (go, wait) = std::sync::mpsc::channel::<()>();

    let other = thread::spawn(move || {
        // Until the test drops its end.
        let _ = wait.recv();
        drop(permit);
    });
    let said = panics_before_it_waits(&semaphore, || semaphore.acquire().wait());
    drop(go);
    other.join().expect("it drops the permit");

    assert!(said.is_some(), "the move cannot be seen");
    assert_eq!(semaphore.acquire().wait().expect("it came back").count(), 1);
}

#[test]
fn parts_count_as_the_whole_did() {
    let semaphore = Semaphore::new(3);
    let mut whole = semaphore.acquire_many(3).wait().expect("they are free");
    let part = whole.split(1).expect("it has as many");
    let another = whole.split(1).expect("it has as many");
    drop(whole);
    whole = part;

    assert!(
        panics_before_it_waits(&semaphore, || semaphore.acquire_many(2).wait()).is_some(),
        "two of three are its own"
    );
    whole.merge(another).expect("they are of one semaphore");
    assert!(
        panics_before_it_waits(&semaphore, || semaphore.acquire_many(2).wait()).is_some(),
        "two of three are its own"
    );
    drop(whole);
    assert_eq!(semaphore.acquire_many(3).wait().expect("they are free").count(), 3);
}

#[test]
fn permits_of_futures_do_not_count() {
    let semaphore = Arc::new(Semaphore::new(1));
    let permit = block_on(semaphore.acquire_owned()).expect("it is free");
    let other = thread::spawn({
        let semaphore = Arc::clone(&semaphore);
        move || {
            until_one_waits(&semaphore);
            drop(permit);
        }
    });

    assert_eq!(semaphore.acquire().wait().expect("it comes back").count(), 1);
    other.join().expect("it drops the permit");
}

#[test]
fn guards_that_were_leaked_count_for_no_other_semaphore() {
    let mut semaphore = Box::new(Semaphore::new(1));
    std::mem::forget(semaphore.acquire().wait().expect("it is free"));

    *semaphore = Semaphore::new(1);

    assert_eq!(semaphore.acquire().wait().expect("it is another one").count(), 1);
}

#[test]
fn limits_name_the_lines_of_their_callers() {
    let limit = Local::new(1);
    let (_permit, first) = (WaitBlocking::wait(limit.acquire()), line!());

    let said = panics_before_it_waits(limit.semaphore(), || WaitBlocking::wait(limit.acquire()))
        .expect("it would wait for itself");

    assert!(said.contains(&format!("tests/check.rs:{first}:")), "{said}");
}
