//! Who dies gives back what it held, and stands in nobody's way (C18).

use crate::actor::{Actor, Order};
use crate::look::{BOUND, DEADLINE, WHILE, lives, state_of, waiter, waiting};
use crate::place::fresh;
use permits_conformance::wait::{Polled, Running, always, eventually};
use permits_host::{Error, ErrorKind, HostSemaphore, OwnedPermit};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How often the time from a death to the grant is taken.
const DEATHS: usize = 60;

fn granted(waiter: &mut Running<Result<OwnedPermit, Error>>) -> OwnedPermit {
    waiter.outcome(DEADLINE).expect("it is granted").expect("it is granted")
}

#[test]
fn a_killed_holder_gives_back_one_permit() {
    let (directory, semaphore) = fresh(1);
    let mut holder = Actor::start(&directory);
    holder.holds(1);

    holder.kill_and_reap();

    let permit = semaphore.try_acquire_owned().expect("it is free again");
    assert_eq!(permit.count(), 1);
}

#[test]
fn a_killed_holder_gives_back_many_permits() {
    let (directory, semaphore) = fresh(100);
    let mut holder = Actor::start(&directory);
    holder.holds(60);
    holder.holds(1);
    holder.holds(39);

    holder.kill_and_reap();

    let permit = semaphore.try_acquire_many_owned(100).expect("all are free again");
    assert_eq!(permit.count(), 100);
}

#[test]
fn a_killed_holder_gives_back_the_guards_of_all_its_threads() {
    let (directory, semaphore) = fresh(4);
    let mut holder = Actor::start(&directory);
    assert_eq!(holder.asked(Order::HoldInThreads(4)), "held 4");

    holder.kill_and_reap();

    let permit = semaphore.try_acquire_many_owned(4).expect("all are free again");
    assert_eq!(permit.count(), 4);
}

#[test]
fn a_holder_that_dies_while_nobody_waits_is_found_by_the_next_try() {
    let (directory, semaphore) = fresh(2);
    let mut holder = Actor::start(&directory);
    holder.holds(2);
    assert_eq!(semaphore.try_acquire_owned().map_err(|error| error.kind()).err(), Some(ErrorKind::NotNow));

    holder.kill_and_reap();

    assert!(semaphore.try_acquire_owned().is_ok());
}

#[test]
fn the_state_does_not_count_what_the_dead_held() {
    let (directory, semaphore) = fresh(3);
    let mut holder = Actor::start(&directory);
    holder.holds(2);
    assert_eq!(semaphore.state().expect("it is sound").given_out, 2);

    holder.kill_and_reap();

    let state = semaphore.state().expect("it is sound");
    assert_eq!((state.available_permits, state.given_out, state.loose), (3, 0, 0));
}

#[test]
fn the_status_tells_how_many_permits_were_taken_back_from_the_dead() {
    let (directory, semaphore) = fresh(3);
    let mut holder = Actor::start(&directory);
    holder.holds(2);

    holder.kill_and_reap();

    let status = semaphore.status().expect("it is sound");
    assert_eq!((status.recovered_total, status.holders.len()), (2, 0));
}

#[test]
fn a_zombie_is_dead() {
    let (directory, semaphore) = fresh(1);
    let mut holder = Actor::start(&directory);
    holder.holds(1);

    holder.kill();

    assert!(eventually(DEADLINE, || semaphore.try_acquire_owned().is_ok()));
    assert!(eventually(DEADLINE, || state_of(holder.pid()) == Some('Z')), "nobody has reaped it");
}

#[test]
fn the_end_of_a_thread_is_no_death() {
    let (directory, semaphore) = fresh(1);
    let mut holder = Actor::start(&directory);

    assert_eq!(holder.asked(Order::HoldInThreadThatEnds), "ended");

    let stays_held =
        always(WHILE, || semaphore.try_acquire_owned().is_err_and(|error| error.kind() == ErrorKind::NotNow));
    assert!(stays_held, "the process lives");
}

#[test]
fn a_stopped_holder_keeps_its_permits() {
    let (directory, semaphore) = fresh(1);
    let mut holder = Actor::start(&directory);
    holder.holds(1);

    holder.stop();

    let stays_held =
        always(WHILE, || semaphore.try_acquire_owned().is_err_and(|error| error.kind() == ErrorKind::NotNow));
    assert!(stays_held, "it lives, and sleeps");
    holder.resume();
    assert_eq!(holder.asked(Order::Drop), "dropped");
    assert!(semaphore.try_acquire_owned().is_ok());
}

#[test]
fn a_stopped_waiter_is_granted_and_holds_its_grant() {
    let (directory, semaphore) = fresh(1);
    let permit = semaphore.try_acquire_owned().expect("it is free");
    let mut sleeper = Actor::start(&directory);
    sleeper.waits(1, &semaphore);
    sleeper.stop();

    drop(permit);

    assert_eq!(waiting(&semaphore), 0, "it was handed to the waiter");
    assert_eq!(semaphore.state().expect("it is sound").given_out, 1);
    sleeper.resume();
    assert_eq!(sleeper.hear(), "got 1");
}

#[test]
fn a_stopped_head_holds_up_nobody_beyond_its_own_grant() {
    let (directory, semaphore) = fresh(2);
    let permits = semaphore.try_acquire_many_owned(2).expect("they are free");
    let mut sleeper = Actor::start(&directory);
    sleeper.waits(1, &semaphore);
    let mut behind = waiter(&semaphore, 1);
    sleeper.stop();

    drop(permits);

    assert_eq!(granted(&mut behind).count(), 1);
}

#[test]
fn a_stopped_head_hides_no_death_from_those_behind() {
    let (directory, semaphore) = fresh(2);
    let mut holder = Actor::start(&directory);
    holder.holds(2);
    let mut sleeper = Actor::start(&directory);
    sleeper.waits(1, &semaphore);
    let mut behind = waiter(&semaphore, 1);
    sleeper.stop();

    holder.kill_and_reap();

    assert_eq!(granted(&mut behind).count(), 1);
    assert_eq!(state_of(sleeper.pid()), Some('T'), "it sleeps still");
}

#[test]
fn a_dead_head_is_passed_over() {
    serves_all_but_the_dead(&[0]);
}

#[test]
fn a_dead_waiter_in_the_middle_is_passed_over() {
    serves_all_but_the_dead(&[1]);
}

#[test]
fn a_dead_tail_is_passed_over() {
    serves_all_but_the_dead(&[2]);
}

#[test]
fn two_dead_neighbours_are_passed_over() {
    serves_all_but_the_dead(&[0, 1]);
}

/// Three processes wait; those of the given places are killed; the others are served in their order.
fn serves_all_but_the_dead(dead: &[usize]) {
    let (directory, semaphore) = fresh(1);
    let permit = semaphore.try_acquire_owned().expect("it is free");
    let mut waiters: Vec<Actor> = (0..3).map(|_| Actor::start(&directory)).collect();
    for (place, waiter) in waiters.iter_mut().enumerate() {
        if place == 1 { waiter.awaits(1, &semaphore) } else { waiter.waits(1, &semaphore) }
    }

    dead.iter().for_each(|&place| waiters[place].kill_and_reap());
    drop(permit);

    for waiter in waiters.iter_mut().filter(|waiter| lives(waiter.pid())) {
        assert_eq!(waiter.hear(), "got 1");
        assert_eq!(waiter.asked(Order::Drop), "dropped");
    }
    assert!(semaphore.try_acquire_owned().is_ok(), "nothing is left behind");
    assert_eq!(waiting(&semaphore), 0);
}

#[test]
fn a_dead_waiter_for_more_than_there_is_makes_way_without_any_return() {
    let (directory, semaphore) = fresh(2);
    let _permit = semaphore.try_acquire_owned().expect("it is free");
    let mut large = Actor::start(&directory);
    large.waits(2, &semaphore);
    let mut small = waiter(&semaphore, 1);

    large.kill();

    assert_eq!(granted(&mut small).count(), 1);
}

#[test]
fn a_dead_waiter_keeps_no_try_from_what_is_free() {
    let (directory, semaphore) = fresh(2);
    let _permit = semaphore.try_acquire_owned().expect("it is free");
    let mut large = Actor::start(&directory);
    large.waits(2, &semaphore);

    large.kill_and_reap();

    assert!(semaphore.try_acquire_owned().is_ok(), "nobody waits who could take it");
}

#[test]
fn the_state_does_not_count_dead_waiters() {
    let (directory, semaphore) = fresh(2);
    let _permit = semaphore.try_acquire_owned().expect("it is free");
    let mut large = Actor::start(&directory);
    large.waits(2, &semaphore);

    large.kill_and_reap();

    assert_eq!(semaphore.state().expect("it is sound").waiting_acquirers, 0);
}

#[test]
fn the_last_waiter_is_served_when_all_others_are_killed_at_once() {
    const OTHERS: usize = 10;
    let (directory, semaphore) = fresh(1);
    let permit = semaphore.try_acquire_owned().expect("it is free");
    let mut others: Vec<Actor> = (0..OTHERS).map(|_| Actor::start(&directory)).collect();
    others[..OTHERS / 2].iter_mut().for_each(|other| other.waits(1, &semaphore));
    let mut last = waiter(&semaphore, 1);
    others[OTHERS / 2..].iter_mut().for_each(|other| other.awaits(1, &semaphore));

    others.iter_mut().for_each(Actor::kill);
    drop(permit);

    assert_eq!(granted(&mut last).count(), 1);
    assert!(eventually(DEADLINE, || semaphore.state().is_ok() && waiting(&semaphore) == 0), "none of the dead is left");
}

#[test]
fn a_task_is_granted_what_a_dead_holder_had() {
    let (directory, semaphore) = fresh(1);
    let mut holder = Actor::start(&directory);
    holder.holds(1);
    let mut task = Polled::new(semaphore.acquire_owned());
    assert!(task.poll().is_pending());

    holder.kill();

    let outcome = task.outcome(DEADLINE).expect("it is woken");
    assert_eq!(outcome.expect("it is granted").count(), 1);
}

#[test]
fn a_waiter_that_dies_after_its_grant_gives_it_back() {
    let (directory, semaphore) = fresh(1);
    let permit = semaphore.try_acquire_owned().expect("it is free");
    let mut sleeper = Actor::start(&directory);
    sleeper.waits(1, &semaphore);
    // It cannot notice that it is granted.
    sleeper.stop();
    drop(permit);

    sleeper.kill_and_reap();

    assert!(semaphore.try_acquire_owned().is_ok());
}

#[test]
fn loose_permits_outlive_who_took_them() {
    let (directory, semaphore) = fresh(3);
    let mut taker = Actor::start(&directory);
    taker.holds(2);
    assert_eq!(taker.asked(Order::Forget), "forgotten");
    taker.holds(1);

    taker.kill_and_reap();

    let state = semaphore.state().expect("it is sound");
    assert_eq!((state.available_permits, state.given_out, state.loose), (1, 2, 2));
    assert!(semaphore.try_release_many(2).is_ok(), "anybody may return them");
}

#[test]
fn a_process_killed_while_it_waits_to_release_is_passed_over() {
    let (directory, semaphore) = fresh(2);
    let mut dead = Actor::start(&directory);
    dead.told(Order::Release(2));
    assert!(eventually(DEADLINE, || waiting(&semaphore) == 1), "it waits for somebody who takes");
    let request = semaphore.release_owned();
    let mut behind = Running::start(move || request.wait());
    assert!(eventually(DEADLINE, || waiting(&semaphore) == 2), "it queues behind");

    dead.kill_and_reap();
    semaphore.try_acquire_owned().expect("it is free").forget();

    behind.outcome(DEADLINE).expect("one is loose").expect("one is loose");
    let state = semaphore.state().expect("it is sound");
    assert_eq!((state.given_out, state.loose, state.waiting_releasers), (0, 0, 0));
}

#[test]
fn a_release_let_through_for_a_task_that_dies_is_undone() {
    let (directory, semaphore) = fresh(1);
    let mut dead = Actor::start(&directory);
    dead.told(Order::AwaitRelease(1));
    assert!(eventually(DEADLINE, || waiting(&semaphore) == 1), "it waits for somebody who takes");
    // It cannot take part in its release any more.
    dead.stop();
    semaphore.try_acquire_owned().expect("it is free").forget();
    assert_eq!(waiting(&semaphore), 0, "it was let through");

    dead.kill_and_reap();

    assert_eq!(semaphore.loose().expect("it is sound"), 1);
    assert!(semaphore.try_release().is_ok());
}

#[test]
fn a_waiter_behind_a_dead_releaser_is_served() {
    let (directory, semaphore) = fresh(1);
    let mut dead = Actor::start(&directory);
    dead.told(Order::AwaitRelease(1));
    assert!(eventually(DEADLINE, || waiting(&semaphore) == 1), "it waits for somebody who takes");
    dead.stop();
    semaphore.try_acquire_owned().expect("it is free").forget();
    let request = semaphore.release_owned();
    let mut alive = Running::start(move || request.wait());
    assert!(eventually(DEADLINE, || waiting(&semaphore) == 1), "nothing is loose");

    dead.kill_and_reap();

    alive.outcome(DEADLINE).expect("what was set aside is loose again").expect("it is loose");
}

#[test]
fn a_thread_has_the_permit_within_250_ms_of_its_holders_death() {
    within_bound("thread", |semaphore| {
        let mut waiter = waiter_that_tells_when(semaphore);
        Box::new(move || waiter.outcome(DEADLINE).expect("it is granted"))
    });
}

#[test]
fn a_task_has_the_permit_within_250_ms_of_its_holders_death() {
    within_bound("task", |semaphore| {
        let mut task = Polled::new(semaphore.acquire_owned());
        assert!(task.poll().is_pending());
        Box::new(move || {
            let permit = task.outcome(DEADLINE).expect("it is woken").expect("it is granted");
            (Instant::now(), permit)
        })
    });
}

fn waiter_that_tells_when(semaphore: &HostSemaphore) -> Running<(Instant, OwnedPermit)> {
    let request = semaphore.acquire_owned();
    let running = Running::start(move || {
        let permit = request.wait().expect("it is granted");
        (Instant::now(), permit)
    });
    assert!(eventually(DEADLINE, || waiting(semaphore) == 1), "it queues");
    running
}

type Wait<'s> = Box<dyn FnOnce() -> (Instant, OwnedPermit) + 's>;

/// Kills a holder again and again, and takes the time until whoever waits is through. `start` queues, and
/// returns what waits.
fn within_bound(kind: &str, start: impl for<'s> Fn(&'s HostSemaphore) -> Wait<'s>) {
    let mut worst = Duration::MAX;
    // A machine that others use as well may give us no processor for that long: then the whole series counts
    // for nothing. Twice in a row it is our fault.
    for _ in 0..2 {
        let mut times: Vec<Duration> = (0..DEATHS).map(|round| death_to_grant(&start, round)).collect();
        times.sort_unstable();
        worst = times[DEATHS - 1];
        println!(
            "from a holder's death to the grant, {kind}: median {:?}, worst {worst:?} of {DEATHS}",
            times[DEATHS / 2]
        );
        if worst <= BOUND {
            return;
        }
    }
    panic!("a {kind} waited for {worst:?} after its holder's death: more than {BOUND:?}");
}

fn death_to_grant(start: &impl for<'s> Fn(&'s HostSemaphore) -> Wait<'s>, round: usize) -> Duration {
    let (directory, semaphore) = fresh(1);
    let mut holder = Actor::start(&directory);
    holder.holds(1);
    let wait = start(&semaphore);
    // Some waiters have just queued, others wait for long enough to have somebody watch.
    let before = Duration::from_millis(u64::try_from(round % 3).expect("it is small") * 10);
    assert!(always(before, || waiting(&semaphore) == 1), "the holder lives");

    let killed = Instant::now();
    holder.kill();
    let (then, _permit) = wait();

    then - killed
}

#[test]
fn a_try_to_release_finds_a_dead_releaser_at_the_head() {
    let (directory, semaphore) = fresh(3);
    let mut releaser = Actor::start(&directory);
    releaser.told(Order::Release(2));
    assert!(eventually(DEADLINE, || waiting(&semaphore) == 1), "it queues");
    releaser.kill_and_reap();
    semaphore.try_acquire_owned().expect("it is free").forget();

    let outcome = semaphore.try_release();

    outcome.expect("nobody who lives is before it");
}

#[test]
fn a_release_without_patience_finds_a_dead_releaser_at_the_head() {
    let (directory, semaphore) = fresh(3);
    let mut releaser = Actor::start(&directory);
    releaser.told(Order::Release(2));
    assert!(eventually(DEADLINE, || waiting(&semaphore) == 1), "it queues");
    releaser.kill_and_reap();
    semaphore.try_acquire_owned().expect("it is free").forget();

    let outcome = semaphore.release_owned().wait_timeout(Duration::ZERO);

    outcome.expect("nobody who lives is before it");
}

#[test]
fn a_wait_that_is_too_short_to_be_watched_finds_a_death() {
    let (directory, semaphore) = fresh(1);
    let mut holder = Actor::start(&directory);
    holder.holds(1);
    holder.kill_and_reap();

    let outcome = semaphore.acquire_owned().wait_timeout(Duration::from_micros(100));

    assert_eq!(outcome.expect("its holder is dead").count(), 1);
}

#[test]
fn the_first_of_many_short_waits_after_a_death_finds_it() {
    /// More than it takes until the watch would make its rounds, which meet no such wait twice.
    const IN_VAIN: u32 = 20;
    const MOST: u32 = 1000;
    let (directory, semaphore) = fresh(1);
    let mut holder = Actor::start(&directory);
    holder.holds(1);
    let counts = Arc::new((AtomicU32::new(0), AtomicBool::new(false)));
    let told = Arc::clone(&counts);
    // How many waits begin after the death, the one that is granted included.
    let mut waits = Running::start(move || {
        let (in_vain, dead) = &*told;
        let mut after = 0;
        loop {
            after += u32::from(dead.load(Ordering::SeqCst));
            let outcome = semaphore.acquire_owned().wait_timeout(Duration::from_micros(500));
            if outcome.is_ok() || after == MOST {
                return after;
            }
            in_vain.fetch_add(1, Ordering::SeqCst);
        }
    });
    assert!(eventually(DEADLINE, || counts.0.load(Ordering::SeqCst) >= IN_VAIN), "it waits in vain");

    holder.kill_and_reap();
    counts.1.store(true, Ordering::SeqCst);

    let after = waits.outcome(DEADLINE).expect("it ends");
    assert!(after <= 1, "`{after}` waits began after the death");
}
