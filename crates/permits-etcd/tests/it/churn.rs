//! What an actor does at random, and what it says of it, for the referee of `referee.rs`.
//!
//! It says, with the time since boot in nanoseconds: `asked ID K`, then `got ID K TOKEN`, `valid ID UNTIL` as
//! often as it looks, `use ID TOKEN`, and `over ID` *before* it gives a permit back, or when it finds it
//! lost. `loose K` after a forget, `return K` before a release of loose permits, and `kept K` if there was
//! none. `stop-me` and `cut-me` ask the test to do so.

use crate::actor::say;
use crate::scene::DEADLINE;
use permits_conformance::Dice;
use permits_etcd::{ErrorKind, EtcdPermit, EtcdSemaphore};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Nanoseconds since boot.
pub(crate) fn now() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    u64::try_from(time.tv_sec * 1_000_000_000 + time.tv_nsec).expect("a machine is not started in the future")
}

/// How many threads of a process ask.
const THREADS: u32 = 2;

pub(crate) struct Churn {
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Churn {
    pub(crate) fn start(semaphore: &EtcdSemaphore, seed: u32, most: u32) -> Churn {
        let is_over = Arc::new(AtomicBool::new(false));
        let thread = |number| {
            let (semaphore, is_over) = (semaphore.clone(), Arc::clone(&is_over));
            let dice = Dice::new(u64::from(seed) << 8 | u64::from(number));
            thread::spawn(move || run(&semaphore, dice, most, &is_over))
        };
        let threads = (0..THREADS).map(thread).collect();
        Churn { is_over, threads }
    }

    /// Waits until nothing is held and nothing is asked for.
    pub(crate) fn stop(self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().expect("it ends well"));
    }
}

fn run(semaphore: &EtcdSemaphore, mut dice: Dice, most: u32, is_over: &AtomicBool) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    while !is_over.load(Ordering::Relaxed) {
        // Two seconds of a crowd, and two in which most find no other.
        if now() / 1_000_000_000 % 4 < 2 {
            thread::park_timeout(milliseconds(&mut dice, 2000));
        }
        if dice.below(10) == 0 {
            // Some of the loose permits of all.
            say(format_args!("return {} 1", now()));
            if dice.below(3) == 0 {
                // One that has run out of time may have taken effect ("Differences", C10).
                _ = semaphore.release().wait_timeout(milliseconds(&mut dice, 300));
            } else if semaphore.release().try_now().wait().is_err_and(|why| why.kind() == ErrorKind::NotNow) {
                say(format_args!("kept {} 1", now()));
            }
            continue;
        }
        let (id, k) = (NEXT.fetch_add(1, Ordering::Relaxed), 1 + dice.below(most));
        say(format_args!("asked {} {id} {k}", now()));
        let outcome = match dice.below(4) {
            0 => semaphore.acquire_many(k).try_now().wait(),
            1 => semaphore.acquire_many(k).wait_timeout(milliseconds(&mut dice, 500)),
            _ => semaphore.acquire_many(k).wait_timeout(DEADLINE),
        };
        match outcome {
            Ok(permit) => hold(permit, id, &mut dice),
            Err(why) => {
                let expected = [ErrorKind::TimedOut, ErrorKind::NotNow, ErrorKind::Unreachable, ErrorKind::TooMany];
                if !expected.contains(&why.kind()) {
                    say(format_args!("wrong {} {why}", now()));
                }
            }
        }
    }
}

fn hold(permit: EtcdPermit, id: u32, dice: &mut Dice) {
    say(format_args!("got {} {id} {} {}", now(), permit.count(), permit.token()));
    let mut looks = dice.below(4);
    if dice.below(30) == 0 {
        // It is stopped or cut off now, and holds on for longer than a lease.
        say(["stop-me", "cut-me"][dice.below(2) as usize]);
        looks = 600;
    }
    for _ in 0..looks {
        let at = now();
        let until = at + u64::try_from(permit.remaining().as_nanos()).expect("less than centuries");
        if permit.is_lost() {
            break;
        }
        say(format_args!("valid {at} {id} {until}"));
        if dice.below(4) == 0 {
            say(format_args!("use {} {id}", now()));
        }
        thread::park_timeout(Duration::from_millis(u64::from(dice.below(10))));
    }
    if permit.is_lost() {
        say(format_args!("over {} {id}", now()));
        drop(permit);
        return;
    }
    let k = permit.count();
    say(format_args!("over {} {id}", now()));
    match dice.below(10) {
        0 => {
            if permit.forget().wait().is_ok() {
                say(format_args!("loose {} {k}", now()));
            }
        }
        1..5 => drop(permit),
        _ => _ = permit.release().wait(),
    }
}

fn milliseconds(dice: &mut Dice, most: u32) -> Duration {
    Duration::from_millis(u64::from(dice.below(most)))
}
