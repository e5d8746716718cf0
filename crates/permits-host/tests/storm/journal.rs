//! What processes say that they have, in a file of its own: the oracle, which knows nothing of the
//! semaphore's file, its locks or its seats.
//!
//! Each process appends a line when permits are surely its own, and one when they are still its own for the
//! last time; both outlive it. What a process has when it dies it had until its last line for sure, and if
//! nobody but its parent can have killed it, until right before that. So if the journal says that more was
//! held at some instant than there is, it was.

use crate::sys;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The process has permits, by a guard of that number.
    Granted,
    /// It is about to return them.
    Returning,
    /// It is about to leave them as loose ones.
    Forgetting,
    /// They are loose.
    Forgotten,
    /// It is about to return loose ones.
    Releasing,
    /// They are back.
    Released,
    /// They could not be had.
    NotReleased,
    /// A wait was over after so many nanoseconds (in the place of the number of the guard).
    Waited,
    /// A wait that nothing but a fault of the semaphore can make so long was given up.
    Stuck,
    /// The process lives, and is killed now: written by its parent, unless it may have killed itself.
    Killed,
}

const KINDS: [Kind; 10] = [
    Kind::Granted,
    Kind::Returning,
    Kind::Forgetting,
    Kind::Forgotten,
    Kind::Releasing,
    Kind::Released,
    Kind::NotReleased,
    Kind::Waited,
    Kind::Stuck,
    Kind::Killed,
];

/// So long that a line never crosses a page: a process killed while it appends has written all of it or nothing.
const LINE: usize = 32;

/// One line.
#[derive(Clone, Copy, Debug)]
struct Entry {
    time: u64,
    process: u32,
    kind: Kind,
    semaphore: u8,
    n: u16,
    guard: u64,
    /// The numbers of the permits, a bit each.
    slots: u64,
}

/// The journal, for one process.
pub(crate) struct Journal {
    file: File,
    process: u32,
}

impl Journal {
    pub(crate) fn open(path: &Path, process: u32) -> Journal {
        let file = File::options().append(true).create(true).open(path).expect("a journal can be opened");
        Journal { file, process }
    }

    pub(crate) fn write(&self, kind: Kind, semaphore: usize, n: u32, guard: u64) {
        self.write_for(self.process, kind, semaphore, n, guard);
    }

    pub(crate) fn write_for(&self, process: u32, kind: Kind, semaphore: usize, n: u32, guard: u64) {
        self.write_line(process, kind, semaphore, n, guard, 0);
    }

    pub(crate) fn write_grant(&self, semaphore: usize, n: u32, guard: u64, slots: &[u32]) {
        let slots = slots.iter().fold(0, |bits, slot| bits | 1 << slot);
        self.write_line(self.process, Kind::Granted, semaphore, n, guard, slots);
    }

    fn write_line(&self, process: u32, kind: Kind, semaphore: usize, n: u32, guard: u64, slots: u64) {
        let mut line = [0; LINE];
        line[0..8].copy_from_slice(&sys::clock().to_ne_bytes());
        line[8..12].copy_from_slice(&process.to_ne_bytes());
        line[12] = kind as u8;
        line[13] = u8::try_from(semaphore).expect("there are few");
        line[14..16].copy_from_slice(&u16::try_from(n).expect("there are few").to_ne_bytes());
        line[16..24].copy_from_slice(&guard.to_ne_bytes());
        line[24..32].copy_from_slice(&slots.to_ne_bytes());
        (&self.file).write_all(&line).expect("a journal can be written");
    }
}

/// What a journal comes to.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// Of each semaphore.
    pub(crate) grants: Vec<u64>,
    /// The longest wait of one that was never stopped or killed.
    pub(crate) longest_wait: u64,
    pub(crate) stuck: u64,
    /// Of each semaphore: the most that guards held at one instant for sure; the most that was out, loose
    /// ones included; and the least and the most that can be loose at the end.
    pub(crate) most_held: Vec<i64>,
    pub(crate) most_out: Vec<i64>,
    /// How many had the same number at one instant for sure, at most.
    pub(crate) most_of_a_slot: Vec<i64>,
    pub(crate) loose: Vec<(i64, i64)>,
}

fn read(path: &Path) -> Vec<Entry> {
    let mut bytes = Vec::new();
    File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)).expect("a journal can be read");
    assert!(bytes.len().is_multiple_of(LINE), "lines are written whole");
    let entry = |line: &[u8]| Entry {
        time: u64::from_ne_bytes(line[0..8].try_into().expect("eight bytes")),
        process: u32::from_ne_bytes(line[8..12].try_into().expect("four bytes")),
        kind: KINDS[usize::from(line[12])],
        semaphore: line[13],
        n: u16::from_ne_bytes(line[14..16].try_into().expect("two bytes")),
        guard: u64::from_ne_bytes(line[16..24].try_into().expect("eight bytes")),
        slots: u64::from_ne_bytes(line[24..32].try_into().expect("eight bytes")),
    };
    bytes.chunks_exact(LINE).map(entry).collect()
}

/// Adds up a journal about so many semaphores, whose processes are all dead.
pub(crate) fn account(path: &Path, semaphores: usize) -> Account {
    let entries = read(path);
    let mut account = Account { grants: vec![0; semaphores], loose: vec![(0, 0); semaphores], ..Account::default() };
    // When each process surely had what it has not given back: at its last line, or right before it was killed.
    let mut ends: HashMap<u32, u64> = HashMap::new();
    for entry in &entries {
        let end = ends.entry(entry.process).or_default();
        *end = entry.time.max(*end);
    }
    let mut held: Vec<Vec<(u64, i64)>> = vec![Vec::new(); semaphores];
    let mut loose: Vec<Vec<(u64, i64)>> = vec![Vec::new(); semaphores];
    // By semaphore and number.
    let mut slots: HashMap<(usize, u32), Vec<(u64, i64)>> = HashMap::new();
    let mut had = |entry: &Entry, until: u64| {
        for slot in (0..u64::BITS).filter(|slot| entry.slots >> slot & 1 == 1) {
            let changes = slots.entry((usize::from(entry.semaphore), slot)).or_default();
            changes.extend([(entry.time, 1), (until, -1)]);
        }
    };
    let mut open: HashMap<(u32, u64), Entry> = HashMap::new();
    for entry in entries {
        let (semaphore, n, key) = (usize::from(entry.semaphore), i64::from(entry.n), (entry.process, entry.guard));
        match entry.kind {
            Kind::Granted => {
                account.grants[semaphore] += 1;
                held[semaphore].push((entry.time, n));
                open.insert(key, entry);
            }
            Kind::Returning | Kind::Forgetting => {
                had(&open.remove(&key).expect("what ends was granted"), entry.time);
                held[semaphore].push((entry.time, -n));
                if entry.kind == Kind::Forgetting {
                    account.loose[semaphore].1 += n;
                }
            }
            Kind::Forgotten => {
                loose[semaphore].push((entry.time, n));
                account.loose[semaphore].0 += n;
            }
            // It may have returned them at any time from now on, unless it says that it has not.
            Kind::Releasing => {
                account.loose[semaphore].0 -= n;
                open.insert(key, entry);
            }
            Kind::Released => {
                account.loose[semaphore].1 -= n;
                let start = open.remove(&key).expect("what ends was begun");
                loose[semaphore].push((start.time, -n));
            }
            Kind::NotReleased => {
                account.loose[semaphore].0 += n;
                open.remove(&key);
            }
            Kind::Waited => account.longest_wait = account.longest_wait.max(entry.guard),
            Kind::Stuck => account.stuck += 1,
            Kind::Killed => {}
        }
    }
    for entry in open.into_values() {
        let (semaphore, n) = (usize::from(entry.semaphore), i64::from(entry.n));
        if entry.kind == Kind::Releasing {
            loose[semaphore].push((entry.time, -n));
        } else {
            held[semaphore].push((ends[&entry.process], -n));
            had(&entry, ends[&entry.process]);
        }
    }
    account.most_of_a_slot = vec![0; semaphores];
    for ((semaphore, _), changes) in slots {
        account.most_of_a_slot[semaphore] = account.most_of_a_slot[semaphore].max(most(changes));
    }
    for (held, loose) in held.into_iter().zip(loose) {
        account.most_held.push(most(held.clone()));
        account.most_out.push(most([held, loose].concat()));
    }
    account
}

/// The highest sum of changes; of those at the same time, the ones that take away come first.
fn most(mut changes: Vec<(u64, i64)>) -> i64 {
    changes.sort_unstable();
    let sums = changes.into_iter().scan(0, |sum, (_, change)| {
        *sum += change;
        Some(*sum)
    });
    sums.max().unwrap_or(0)
}
