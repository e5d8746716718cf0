//! Threads that start together, work inside a critical section, and stay on their cores.
#![allow(unsafe_code)] // Pinning has no door in std.

use std::hint::black_box;
use std::mem::{MaybeUninit, size_of};
use std::sync::OnceLock;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU8, AtomicUsize};
use std::thread;
use std::time::{Duration, Instant};

/// Pure arithmetic of a known length, for the inside of a critical section.
#[derive(Clone, Copy)]
pub struct Spin {
    steps_per_us: f64,
}

impl Spin {
    pub fn calibrate() -> Self {
        const STEPS: u32 = 1_000_000;
        let fastest = (0..20)
            .map(|_| {
                let start = Instant::now();
                Section { steps: STEPS }.work();
                start.elapsed()
            })
            .min()
            .expect("it was timed at least once");
        Self { steps_per_us: f64::from(STEPS) / (fastest.as_secs_f64() * 1e6) }
    }

    pub fn section(self, ns: u32) -> Section {
        Section { steps: (f64::from(ns) * self.steps_per_us / 1e3).round() as u32 }
    }
}

#[derive(Clone, Copy)]
pub struct Section {
    steps: u32,
}

impl Section {
    /// Each step needs the one before, so no compiler and no core can do them at once.
    pub fn work(self) {
        let mut x = black_box(1_u64);
        for _ in 0..self.steps {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        }
        black_box(x);
    }
}

/// What threads did in a window of time.
pub struct Outcome {
    pub turns: Vec<u64>,
    pub elapsed: Duration,
    pub longest: Duration,
}

impl Outcome {
    pub fn per_second(&self) -> f64 {
        self.turns.iter().sum::<u64>() as f64 / self.elapsed.as_secs_f64()
    }
}

/// How long threads run before anything counts: they start on one core, and the scheduler takes a while to spread them.
pub const SETTLE: Duration = Duration::from_millis(12);

const STARTING: u8 = 0;
pub const SETTLING: u8 = 1;
pub const COUNTING: u8 = 2;
pub const STOPPED: u8 = 3;

/// Lets `threads` threads take turns and counts those that fall into the window. `turn(i)` is one turn of thread `i`.
///
/// With `clocked`, each thread reads the clock after every turn to find the longest, a turn that began before the
/// window or ends after it included; without, the turns are not slowed by it, and the longest reads zero.
pub fn contend(threads: usize, window: Duration, clocked: bool, turn: impl Fn(usize) + Sync) -> Outcome {
    let arrived = AtomicUsize::new(0);
    let phase = AtomicU8::new(STARTING);
    // Relaxed: the phase carries nothing but itself.
    let in_phase = |which| phase.load(Relaxed) == which;
    let one = |i: usize| {
        let mut turns = 0_u64;
        let mut longest = Duration::ZERO;
        arrived.fetch_add(1, Relaxed);
        // Not std's barrier: there all must take one mutex on their way out, each waiting for a core among those who
        // are already at work. With 128 threads on two cores that lasts ten seconds.
        while in_phase(STARTING) {
            thread::yield_now();
        }
        if clocked {
            let mut before = Instant::now();
            while !in_phase(STOPPED) {
                turn(i);
                let after = Instant::now();
                if !in_phase(SETTLING) {
                    longest = longest.max(after - before);
                    turns += 1;
                }
                before = after;
            }
        } else {
            while in_phase(SETTLING) {
                turn(i);
            }
            while in_phase(COUNTING) {
                turn(i);
                turns += 1;
            }
        }
        (turns, longest)
    };
    let one = &one;

    thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|i| scope.spawn(move || one(i))).collect();
        while arrived.load(Relaxed) < threads {
            thread::yield_now();
        }
        phase.store(SETTLING, Relaxed);
        thread::sleep(SETTLE);
        let start = Instant::now();
        phase.store(COUNTING, Relaxed);
        thread::sleep(window);
        phase.store(STOPPED, Relaxed);
        let elapsed = start.elapsed();
        let done: Vec<_> = running.into_iter().map(|t| t.join().expect("a turn does not panic")).collect();
        Outcome {
            turns: done.iter().map(|d| d.0).collect(),
            elapsed,
            longest: done.iter().map(|d| d.1).max().unwrap_or_default(),
        }
    })
}

/// Where the threads of a run may be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Anywhere,
    OneCore,
    TwoCores,
}

impl Place {
    pub fn name(self) -> &'static str {
        match self {
            Place::Anywhere => "unpinned",
            Place::OneCore => "one core",
            Place::TwoCores => "two cores",
        }
    }

    pub fn is_possible(self) -> bool {
        self != Place::TwoCores || cores().len() >= 2
    }

    /// Pins the calling thread to the place's core for side `i`.
    pub fn pin(self, i: usize) {
        match self {
            Place::Anywhere => {}
            Place::OneCore => pin_to(cores()[0]),
            Place::TwoCores => pin_to(cores()[i % 2]),
        }
    }
}

/// The cores that this process may use. Read once, before anything is pinned.
pub fn cores() -> &'static [usize] {
    static CORES: OnceLock<Vec<usize>> = OnceLock::new();
    CORES.get_or_init(|| {
        let mut set = MaybeUninit::<libc::cpu_set_t>::zeroed();
        // SAFETY: all zeroes is an empty set, and the size given is that of the set.
        let set = unsafe {
            libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), set.as_mut_ptr());
            set.assume_init()
        };
        let all = 0..libc::CPU_SETSIZE as usize;
        // SAFETY: `core` is below CPU_SETSIZE.
        all.filter(|&core| unsafe { libc::CPU_ISSET(core, &set) }).collect()
    })
}

/// Pins the calling thread.
pub fn pin_to(core: usize) {
    let mut set = MaybeUninit::<libc::cpu_set_t>::zeroed();
    // SAFETY: all zeroes is an empty set, `core` came from a set of this size, and 0 means the calling thread.
    let refused = unsafe {
        libc::CPU_SET(core, &mut *set.as_mut_ptr());
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), set.as_ptr())
    };
    assert_eq!(refused, 0, "core {core} was allowed at the start");
}
