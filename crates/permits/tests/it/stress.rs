//! Threads and tasks that do whatever can be done, against a ledger that each of them keeps: no more is ever
//! held than there is, and in the end every permit is where the ledger says.

use crate::{DEADLINE, both_policies, counts, queued};
use permits::{OwnedPermit, Semaphore};
use permits_conformance::Dice;
use permits_conformance::wait::{Polled, Running};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::Poll;
use std::time::Duration;

const STEPS: u32 = if cfg!(miri) { 20 } else { 4_000 };
const MAX: u32 = 4;

/// What all of them together hold and have left loose.
#[derive(Default)]
struct Ledger {
    held: AtomicI64,
    loose: AtomicI64,
}

/// What becomes of a permit, or of the wait for one.
struct Actor {
    sem: Arc<Semaphore>,
    ledger: Arc<Ledger>,
    dice: Dice,
    guards: Vec<OwnedPermit>,
}

impl Actor {
    /// A limit for every wait, so that two who wait for each other part again.
    fn time(&mut self) -> Duration {
        Duration::from_micros(self.dice.below(300).into())
    }

    fn got(&mut self, permit: OwnedPermit) {
        let n = i64::from(permit.count());
        let held = self.ledger.held.fetch_add(n, Ordering::SeqCst) + n;
        assert!(held <= MAX.into(), "{held} of {MAX} permits are held at once");
        self.guards.push(permit);
    }

    /// Taken off the ledger while it is still held, so that the ledger never says too much.
    fn let_go(&mut self) -> Option<OwnedPermit> {
        let permit = self.guards.pop()?;
        self.ledger.held.fetch_sub(permit.count().into(), Ordering::SeqCst);
        Some(permit)
    }

    fn forget(&mut self) {
        if let Some(permit) = self.let_go() {
            self.ledger.loose.fetch_add(permit.count().into(), Ordering::SeqCst);
            permit.forget();
        }
    }

    fn returned(&mut self, n: u32) {
        self.ledger.loose.fetch_sub(n.into(), Ordering::SeqCst);
    }

    fn block(&mut self) {
        let (n, time) = (1 + self.dice.below(MAX), self.time());
        match self.dice.below(4) {
            0 => self.sem.acquire_many_owned(n).wait_timeout(time).map_or((), |it| self.got(it)),
            1 => self.sem.try_acquire_many_owned(n).map_or((), |it| self.got(it)),
            2 => self.sem.release_many(n).wait_timeout(time).map_or((), |()| self.returned(n)),
            _ => {
                if self.sem.acquire_many(n).loose().wait_timeout(time).is_ok() {
                    self.ledger.loose.fetch_add(n.into(), Ordering::SeqCst);
                }
            }
        }
    }

    fn be_a_task(&mut self) {
        let (n, time) = (1 + self.dice.below(MAX), self.time());
        // Dropped unpolled, dropped after a poll, waited for until a limit, granted and dropped: whatever comes.
        match self.dice.below(3) {
            0 => {
                let mut task = Polled::new(self.sem.acquire_many_owned(n));
                if let Some(Ok(permit)) = self.drive(&mut task, time) {
                    self.got(permit);
                }
            }
            1 => {
                let mut task = Polled::new(self.sem.acquire_many_owned(n).loose());
                if let Some(Ok(())) = self.drive(&mut task, time) {
                    self.ledger.loose.fetch_add(n.into(), Ordering::SeqCst);
                }
            }
            _ => {
                let mut task = Polled::new(self.sem.release_many_owned(n));
                if let Some(Ok(())) = self.drive(&mut task, time) {
                    self.returned(n);
                }
            }
        }
    }

    fn drive<T>(&mut self, task: &mut Polled<'static, T>, time: Duration) -> Option<T> {
        match self.dice.below(4) {
            0 => None,
            1 => match task.poll() {
                Poll::Ready(outcome) => Some(outcome),
                Poll::Pending => None,
            },
            2 => {
                if let Poll::Ready(outcome) = task.poll() {
                    return Some(outcome);
                }
                _ = task.change_waker();
                task.outcome(time)
            }
            _ => task.outcome(time),
        }
    }

    fn act(mut self, as_task: bool) {
        for _ in 0..STEPS {
            match self.dice.below(10) {
                0..5 if as_task => self.be_a_task(),
                0..5 => self.block(),
                5..7 => drop(self.let_go()),
                7 => self.forget(),
                8 => {
                    let n = self.dice.below(3);
                    if let Some(permit) = self.guards.last_mut()
                        && let Ok(part) = permit.split(n)
                    {
                        self.guards.push(part);
                    }
                }
                _ if self.guards.len() > 1 => {
                    let permit = self.guards.swap_remove(0);
                    self.guards[0].merge(permit).expect("they are of one semaphore");
                }
                _ => {}
            }
        }
        while let Some(permit) = self.let_go() {
            drop(permit);
        }
    }
}

/// Threads that block next to threads that poll; then everybody stops, and the ledger is compared.
fn all_at_once(sem: Semaphore, seed: u64, meanwhile: impl Fn(&Semaphore)) {
    let (sem, ledger) = (Arc::new(sem), Arc::new(Ledger::default()));
    let mut dice = Dice::seeded(seed);
    let mut actors: Vec<_> = [false, true, false, true, true]
        .into_iter()
        .map(|as_task| {
            let (sem, ledger) = (Arc::clone(&sem), Arc::clone(&ledger));
            let actor = Actor { sem, ledger, dice: dice.fork(), guards: Vec::new() };
            Running::start(move || actor.act(as_task))
        })
        .collect();
    meanwhile(&sem);
    for actor in &mut actors {
        actor.outcome(DEADLINE).expect("every wait has a limit");
    }

    sem.set_max_permits(MAX).unwrap();
    let loose = u32::try_from(ledger.loose.load(Ordering::SeqCst)).expect("nothing was returned that was not loose");
    assert_eq!(ledger.held.load(Ordering::SeqCst), 0);
    assert_eq!((counts(&sem), queued(&sem)), ((MAX - loose, 0, loose), (0, 0)));
    sem.release_many(loose).wait().unwrap();
    drop(sem.try_acquire_many(MAX).unwrap());
}

#[test]
fn everybody_at_once_keeps_the_law() {
    for (number, sem) in both_policies(MAX).into_iter().chain([Semaphore::with_overtaking(MAX, 2)]).enumerate() {
        all_at_once(sem, number as u64, |_| {});
    }
}

#[test]
fn everybody_at_once_keeps_the_law_while_it_shrinks_and_grows_back() {
    for (number, sem) in both_policies(MAX).into_iter().chain([Semaphore::with_overtaking(MAX, 2)]).enumerate() {
        all_at_once(sem, 100 + number as u64, |sem| {
            for step in 0..STEPS {
                sem.set_max_permits(1 + step % MAX).unwrap();
                let state = sem.state();
                assert!(state.given_out <= MAX && state.loose <= state.given_out, "{state:?}");
            }
        });
    }
}
