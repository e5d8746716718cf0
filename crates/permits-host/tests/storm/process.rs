//! What a process of the storm does until it dies: whatever can be done with a semaphore, at random.

use crate::journal::{Journal, Kind};
use crate::sys;
use permits_conformance::Dice;
use permits_conformance::wait::Polled;
use permits_host::crash_points::{Point, die_at};
use permits_host::{Error, ErrorKind, HostSemaphore, OwnedPermit, Supersede};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

/// The semaphores of the storm: how many permits the first has for good, the second at most, and the third,
/// whose starts are spaced.
pub(crate) const BOUNDS: [u32; 3] = [3, 6, 4];
/// The least that the second has.
const LEAST: u32 = 2;
pub(crate) const NAMES: [&str; 3] = ["steady", "resized", "spaced"];
/// How far apart the starts of the third are.
pub(crate) const INTERVAL: Duration = Duration::from_millis(1);
/// Who waits for longer than this waits for ever.
pub(crate) const STUCK: Duration = Duration::from_secs(20);

/// What a process is told by its parent, in one environment variable.
#[derive(Clone, Debug)]
pub(crate) struct Orders {
    pub(crate) directory: PathBuf,
    /// Its number among all processes of the storm.
    pub(crate) process: u32,
    pub(crate) seed: u64,
    /// It is neither killed nor stopped before the end, and tells how long it waits.
    pub(crate) survives: bool,
    /// Where to die, and at which pass.
    pub(crate) death: Option<(Point, u32)>,
}

impl Orders {
    pub(crate) fn to_text(&self) -> String {
        let Orders { directory, process, seed, survives, death } = self;
        let (point, pass) = death.map_or((0, 0), |(point, pass)| (point as u32, pass));
        format!("{process} {seed} {survives} {point} {pass} {}", directory.display())
    }

    pub(crate) fn from_text(text: &str) -> Orders {
        let words: Vec<&str> = text.splitn(6, ' ').collect();
        let number = |word: usize| words[word].parse::<u64>().expect("it is a number");
        let small = |word| u32::try_from(number(word)).expect("it is small");
        let point = Point::ALL.into_iter().find(|&point| point as u32 == small(3));
        Orders {
            directory: words[5].into(),
            process: small(0),
            seed: number(1),
            survives: words[2] == "true",
            death: point.map(|point| (point, small(4))),
        }
    }
}

pub(crate) fn options(directory: &Path) -> permits_host::Options {
    // The default command is the arguments of the harness.
    HostSemaphore::options().directory(directory).command("storm").numbered(true)
}

pub(crate) fn journal_path(directory: &Path) -> PathBuf {
    directory.join("journal")
}

/// Runs until it is killed.
pub(crate) fn run(orders: &Orders) -> ! {
    sys::die_with_parent();
    let mut dice = Dice::seeded(orders.seed);
    if let Some((point, pass)) = orders.death {
        die_at(point, pass);
    }
    let journal = Journal::open(&journal_path(&orders.directory), orders.process);
    let semaphores = NAMES.map(|name| options(&orders.directory).open_existing(name).expect("it is there"));
    let common = Arc::new((journal, AtomicU64::new(0)));
    let actor = |dice| Process {
        common: Arc::clone(&common),
        directory: orders.directory.clone(),
        semaphores: semaphores.clone(),
        survives: orders.survives,
        dice,
    };
    if orders.survives {
        // What the dead leave loose would be missing from the others in the end.
        let gleaner = actor(dice.fork());
        thread::spawn(move || gleaner.glean());
    }
    if dice.below(4) == 0 {
        let mut other = actor(dice.fork());
        thread::spawn(move || other.live());
    }
    let mut first = actor(dice.fork());
    drop(semaphores);
    first.live()
}

struct Process {
    /// The journal, and the number of the next guard.
    common: Arc<(Journal, AtomicU64)>,
    directory: PathBuf,
    semaphores: [HostSemaphore; 3],
    survives: bool,
    dice: Dice,
}

/// Permits as the journal knows them.
struct Held {
    permit: OwnedPermit,
    semaphore: usize,
    guard: u64,
}

impl Process {
    fn write(&self, kind: Kind, semaphore: usize, n: u32, guard: u64) {
        self.common.0.write(kind, semaphore, n, guard);
    }

    fn number(&self) -> u64 {
        // Relaxed: it is unique, and nothing more.
        self.common.1.fetch_add(1, Ordering::Relaxed)
    }

    fn live(&mut self) -> ! {
        loop {
            let semaphore = match self.dice.below(8) {
                0 | 1 => 1,
                2 => 2,
                _ => 0,
            };
            match self.dice.below(100) {
                0..58 => self.take(semaphore),
                58..60 => self.supersede(semaphore),
                60..72 => self.cancel(semaphore),
                72..88 => {
                    let n = 1 + self.dice.below(2);
                    self.release(semaphore, n, Duration::from_micros(500));
                }
                88..92 => drop(self.semaphores[semaphore].state().expect("it is sound")),
                92..94 => {
                    let max = LEAST + self.dice.below(BOUNDS[1] - LEAST + 1);
                    self.semaphores[1].set_max_permits(max).expect("it is sound");
                }
                94..96 => self.revoke(semaphore),
                96..98 => {
                    let anew = options(&self.directory).open_existing(NAMES[semaphore]).expect("it is there");
                    self.semaphores[semaphore] = anew;
                }
                _ => self.take_two(),
            }
        }
    }

    fn glean(mut self) -> ! {
        loop {
            self.release(0, 1, Duration::from_millis(5));
            self.release(1, 1, Duration::from_millis(5));
            self.release(2, 1, Duration::from_millis(5));
        }
    }

    /// Asks in one of the ways that there are.
    fn ask(&mut self, semaphore: usize, n: u32) -> Option<Held> {
        let way = self.dice.below(if self.survives { 2 } else { 5 });
        let time = Duration::from_micros(u64::from(self.dice.below(3000)));
        let request = self.semaphores[semaphore].acquire_many_owned(n);
        let start = Instant::now();
        let outcome = match way {
            0 => request.wait_timeout(STUCK),
            1 => match Polled::new(request).outcome(STUCK) {
                Some(outcome) => outcome,
                None => {
                    self.write(Kind::Stuck, semaphore, n, 0);
                    return None;
                }
            },
            2 => request.wait_timeout(time),
            3 => request.wait_deadline(start + time),
            _ => request.try_now(),
        };
        if way < 2 && self.survives {
            self.write(Kind::Waited, semaphore, n, u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX));
        }
        self.note(semaphore, n, way == 0, outcome)
    }

    fn note(&self, semaphore: usize, n: u32, patient: bool, outcome: Result<OwnedPermit, Error>) -> Option<Held> {
        match outcome {
            Ok(permit) => {
                let guard = self.number();
                let slots = permit.slots();
                assert_eq!(slots.len(), permit.count() as usize, "each has a number");
                assert!(slots.iter().all(|&slot| slot < BOUNDS[semaphore]), "numbers are below the bound: {slots:?}");
                self.common.0.write_grant(semaphore, permit.count(), guard, slots);
                Some(Held { permit, semaphore, guard })
            }
            Err(error) => {
                match error.kind() {
                    ErrorKind::TimedOut if patient => self.write(Kind::Stuck, semaphore, n, 0),
                    ErrorKind::TimedOut | ErrorKind::NotNow | ErrorKind::TooMany => {}
                    _ => panic!("nothing else can go wrong: {error}"),
                }
                None
            }
        }
    }

    /// Uses what it has for a moment, and ends it.
    fn use_up(&mut self, held: Held) {
        let longest = if self.dice.below(20) == 0 { 2000 } else { 60 };
        let moment = self.dice.below(longest);
        spin(Duration::from_micros(u64::from(moment)));
        let Held { mut permit, semaphore, guard } = held;
        let n = permit.count();
        match self.dice.below(32) {
            0 => {
                self.write(Kind::Forgetting, semaphore, n, guard);
                permit.forget();
                self.write(Kind::Forgotten, semaphore, n, guard);
                self.release(semaphore, n, Duration::from_millis(1));
            }
            1..4 => {
                let part = permit.split(self.dice.below(n + 1)).expect("it has as many");
                self.write(Kind::Returning, semaphore, n, guard);
                drop(permit);
                drop(part);
            }
            _ => {
                self.write(Kind::Returning, semaphore, n, guard);
                drop(permit);
            }
        }
    }

    fn take(&mut self, semaphore: usize) {
        let n = 1 + self.dice.below(3);
        if let Some(held) = self.ask(semaphore, n) {
            self.use_up(held);
        }
    }

    /// Holds permits of both, in an order that cannot lead to a deadlock.
    fn take_two(&mut self) {
        let Some(first) = self.ask(0, 1) else { return };
        let second = self.semaphores[1].try_acquire_owned();
        if let Some(second) = self.note(1, 1, false, second) {
            self.use_up(second);
        }
        self.use_up(first);
    }

    /// Waits as a task that is dropped some time later.
    fn cancel(&mut self, semaphore: usize) {
        let n = 1 + self.dice.below(3);
        let time = Duration::from_micros(u64::from(self.dice.below(2000)));
        let mut task = Polled::new(self.semaphores[semaphore].acquire_many_owned(n));
        let outcome = match task.poll() {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => {
                spin(time);
                if self.dice.below(2) == 0 {
                    return;
                }
                match task.poll_if_woken() {
                    Poll::Ready(outcome) => outcome,
                    Poll::Pending => return,
                }
            }
        };
        if let Some(held) = self.note(semaphore, n, false, outcome) {
            self.use_up(held);
        }
    }

    fn release(&mut self, semaphore: usize, n: u32, time: Duration) {
        let guard = self.number();
        let request = self.semaphores[semaphore].release_many_owned(n);
        self.write(Kind::Releasing, semaphore, n, guard);
        let outcome = match self.dice.below(3) {
            0 => Some(request.wait_timeout(time)),
            // A task whose time is over is dropped.
            1 => Polled::new(request).outcome(time),
            _ => Some(request.try_now()),
        };
        match outcome {
            Some(Ok(())) => self.write(Kind::Released, semaphore, n, guard),
            Some(Err(error)) => {
                let kinds = [ErrorKind::TimedOut, ErrorKind::NotNow, ErrorKind::TooMany];
                assert!(kinds.contains(&error.kind()), "nothing else can go wrong: {error}");
                self.write(Kind::NotReleased, semaphore, n, guard);
            }
            None => self.write(Kind::NotReleased, semaphore, n, guard),
        }
    }

    /// What is superseded takes no notice: it is asked, and that is all.
    fn supersede(&mut self, semaphore: usize) {
        let whom = [Supersede::Waiters, Supersede::WaitersAndHolders][self.dice.below(2) as usize];
        let key = ["one", "other"][self.dice.below(2) as usize];
        self.semaphores[semaphore].supersede(key, whom).expect("it is sound");
    }

    fn revoke(&mut self, semaphore: usize) {
        let status = self.semaphores[semaphore].status().expect("it is sound");
        let Some(holder) = status.holders.first() else { return };
        // It may have gone by now.
        let _ = self.semaphores[semaphore].revoke(holder.who.id);
    }
}

/// Uses the processor: a holder that sleeps leaves it to others, who do nothing but wait.
fn spin(time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        std::hint::spin_loop();
    }
}
