//! A file of `permits-host` that somebody writes nonsense to, before it is opened and while it is used.
//!
//! # What must be true whatever is written
//!
//! - **F1** Nothing panics, and every call returns.
//! - **F2** Nobody is granted more at once than the file says that there are.
//! - **F3** Once a handle has found damage, no handle is granted anything until a repair, unless more nonsense
//!   was written since.
//! - **F4** If nothing was written: what is held and what is free never come to more than there are.
//!
//! F3 speaks of damage that was found, and some never is: if a book calls free what a dead process holds, and
//! that is acquired before the death is found, what the dead held comes back as well.

use permits_host::{ErrorKind, HostSemaphore, Options, OwnedPermit, Repair};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::future::Future;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

const NAME: &str = "fuzzed";
const MAX: u32 = 3;
/// More operations than this find nothing that fewer do not.
const MOST_STEPS: usize = 48;
/// Each may sleep for a millisecond.
const MOST_SLEEPS: usize = 4;

/// Where things are in a file of format 4.0, in words; the crate's own `layout.rs` is private.
mod layout {
    pub const ROOT: usize = 64;
    pub const SEATS_AT: usize = 512;
    pub const SEAT_WORDS: usize = 128;
    pub const RECORDS: usize = 64;
    pub const BOOK_WORDS: usize = 8;
    pub const RECORD_WORDS: usize = 32;
    pub const SEATS: usize = 4096;
    pub const WAITERS_AT: usize = SEATS_AT + SEATS * SEAT_WORDS;
    pub const WAITER_WORDS: usize = 8;
    pub const TOTAL: usize = WAITERS_AT + 65_536 * WAITER_WORDS;
    pub const PAGE: usize = 512;
}

/// A file as it may be found: its pages that are not all zero.
struct Template(Vec<(u64, Vec<u8>)>);

impl Template {
    fn of(path: &std::path::Path) -> Template {
        let bytes = std::fs::read(path).expect("the file was just made");
        assert_eq!(bytes.len(), 8 * layout::TOTAL, "the constants are those of the format");
        let pages = bytes.chunks(8 * layout::PAGE).enumerate().filter(|(_, page)| page.iter().any(|&byte| byte != 0));
        Template(pages.map(|(number, page)| ((number * 8 * layout::PAGE) as u64, page.to_vec())).collect())
    }

    fn write(&self, place: &Place) -> File {
        // Another inode each time: threads of the last turn may be about to let go of the one before.
        let _ = std::fs::remove_file(place.file());
        let file =
            File::options().read(true).write(true).create_new(true).open(place.file()).expect("the directory is ours");
        file.set_len(8 * layout::TOTAL as u64).expect("a file of holes takes no room");
        for (at, page) in &self.0 {
            file.write_all_at(page, *at).expect("there is room for some pages");
        }
        file
    }
}

/// A directory of this thread of this process.
struct Place(PathBuf);

impl Place {
    fn new() -> Place {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let parent =
            if std::path::Path::new("/dev/shm").is_dir() { PathBuf::from("/dev/shm") } else { std::env::temp_dir() };
        let path = parent.join(format!("permits-fuzz-{}-{number}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).expect("a directory for the fuzzed file can be made");
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("it is ours");
        Place(path)
    }

    fn options(&self) -> Options {
        HostSemaphore::options().directory(&self.0).command("fuzzed").label("fuzzed")
    }

    fn file(&self) -> PathBuf {
        self.0.join(format!("{NAME}.sem"))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A fresh file; one in the middle of its life, whose users are all dead; one whose permits are all loose,
/// with a dead queue.
static TEMPLATES: LazyLock<[Template; 3]> = LazyLock::new(|| {
    let place = Place::new();
    let open = |name: &str| place.options().open(name, MAX).expect("a sound file opens");
    let template = |name: &str| Template::of(&place.0.join(format!("{name}.sem")));
    let fresh = {
        drop(open("fresh"));
        template("fresh")
    };
    let busy = {
        let (holder, other) = (open("busy"), open("busy"));
        let held = holder.try_acquire_many_owned(2).expect("they are free");
        other.try_acquire_owned().expect("it is free").forget();
        let mut waiting = [other.acquire_many_owned(2), holder.acquire_owned(), other.acquire_many_owned(3)];
        let mut returning = other.release_many_owned(2);
        waiting.iter_mut().for_each(|request| assert!(poll(request).is_pending()));
        assert!(poll(&mut returning).is_pending());
        // As if all of them were killed now: the copy has none of their locks.
        let template = template("busy");
        drop((held, waiting, returning));
        template
    };
    let loose = {
        let semaphore = open("loose");
        semaphore.try_acquire_many_owned(3).expect("they are free").forget();
        let mut waiting = [
            semaphore.acquire_owned(),
            semaphore.acquire_many_owned(2),
            semaphore.acquire_owned(),
            semaphore.acquire_owned(),
        ];
        waiting.iter_mut().for_each(|request| assert!(poll(request).is_pending()));
        let template = template("loose");
        drop(waiting);
        template
    };
    [fresh, busy, loose]
});

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// The fuzzer's bytes as decisions; zeros when there are no more.
struct Choices<'b>(&'b [u8]);

impl Choices<'_> {
    fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((&first, rest)) => {
                self.0 = rest;
                first
            }
            None => 0,
        }
    }

    fn small(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    fn word(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    fn are_over(&self) -> bool {
        self.0.is_empty()
    }
}

/// Writes nonsense somewhere.
fn spoil(file: &File, choices: &mut Choices<'_>) {
    use layout::{
        BOOK_WORDS, PAGE, RECORD_WORDS, RECORDS, ROOT, SEAT_WORDS, SEATS_AT, TOTAL, WAITER_WORDS, WAITERS_AT,
    };
    let (region, number, word) = (choices.byte(), usize::from(choices.byte()), usize::from(choices.byte()));
    let seat = SEATS_AT + (number % 4) * SEAT_WORDS;
    let at = match region % 8 {
        // The words that say what the file is.
        0 => word % 8,
        1 => ROOT,
        // The book of one of the first records.
        2 | 3 => SEATS_AT + (number / 2 % 4) * SEAT_WORDS + RECORDS + (number % 2) * RECORD_WORDS + word % BOOK_WORDS,
        // Its changes.
        4 => seat + RECORDS + word % (2 * RECORD_WORDS),
        // Status and counts of a seat, and what it tells.
        5 => seat + word % RECORDS,
        6 => WAITERS_AT + (number % 8) * WAITER_WORDS + word % WAITER_WORDS,
        _ => (number * PAGE + 2 * word) % TOTAL,
    };
    let mut bytes = [0; 8];
    // What cannot be read any more counts as zero.
    let _ = file.read_exact_at(&mut bytes, 8 * at as u64);
    let before = u64::from_le_bytes(bytes);
    let after = match choices.byte() % 5 {
        0 => choices.word(),
        1 => before & !0xffff_ffff | u64::from(choices.byte()),
        2 => before ^ 1 << (choices.byte() % 64),
        3 => before.wrapping_add(1 << (choices.byte() % 64)),
        // One of the halves or quarters of the word.
        _ => {
            let shift = 16 * (choices.byte() % 4);
            before & !(0xffff << shift) | u64::from(choices.small() % 12) << shift
        }
    };
    file.write_all_at(&after.to_le_bytes(), 8 * at as u64).expect("the file is as long as it was");
}

/// What this process has of the semaphore.
#[derive(Default)]
struct Hands {
    handles: Vec<HostSemaphore>,
    permits: Vec<OwnedPermit>,
    requests: Vec<permits_host::AcquireOwned>,
    returns: Vec<permits_host::ReleaseOwned>,
    /// Nonsense was written while the file was open here.
    written_to: bool,
    /// A handle has found damage, and nothing was repaired or written since (F3).
    found_damage: bool,
}

impl Hands {
    fn held(&self) -> u64 {
        self.permits.iter().map(|permit| u64::from(permit.count())).sum()
    }

    /// Remembers if this says that the file is damaged.
    fn heard<T>(&mut self, outcome: Result<T, permits_host::Error>) -> Option<T> {
        self.found_damage |=
            outcome.as_ref().is_err_and(|error| error.kind() == ErrorKind::Damaged) && !self.written_to;
        outcome.ok()
    }

    /// Nothing of the file is used any more.
    fn are_empty(&self) -> bool {
        self.handles.is_empty() && self.permits.is_empty() && self.requests.is_empty() && self.returns.is_empty()
    }

    fn keep(&mut self, handle: &HostSemaphore, granted: Result<OwnedPermit, permits_host::Error>) {
        let found_damage = self.found_damage;
        let Some(permit) = self.heard(granted) else { return };
        assert!(!found_damage || permit.count() == 0, "{} granted of what was found damaged", permit.count());
        // F2, unless the number that the grant was made by may have been written over meanwhile.
        if !self.written_to
            && let Ok(max) = handle.max_permits()
        {
            assert!(permit.count() <= max, "{} granted of {max}", permit.count());
        }
        self.permits.push(permit);
    }
}

/// Nobody asks for more at once.
const MAX_ASKED: u32 = 4;

/// The threads of this process.
#[must_use]
pub fn threads() -> BTreeSet<OsString> {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    tasks.map(|task| task.file_name()).collect()
}

/// Waits until there are no more threads than those `before`: a fuzzer that looks for leaks right after a run finds
/// what the others are about to free. Not by their names: a thread that has just begun has none yet.
pub fn wait_for_threads(before: &BTreeSet<OsString>) {
    // The fuzzer may start one of its own in its first run.
    let end = Instant::now() + Duration::from_secs(20);
    while !threads().is_subset(before) && Instant::now() < end {
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Opens a file that the bytes were written over, and does what they say.
///
/// # Panics
///
/// If anything is not as it must be.
pub fn run(bytes: &[u8]) {
    thread_local! {
        static PLACE: Place = Place::new();
    }
    PLACE.with(|place| run_at(place, bytes));
}

fn run_at(place: &Place, bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let first = choices.byte();
    let file = TEMPLATES[usize::from(first) % TEMPLATES.len()].write(place);
    let mut untouched = first / 3 % 8 == 0;
    for _ in 0..first / 3 % 8 {
        spoil(&file, &mut choices);
    }
    // The way in: with the right number, with another one, or with none.
    let opened = match choices.byte() % 4 {
        0 => place.options().open(NAME, MAX + 1),
        1 => place.options().resize(true).open(NAME, MAX + 1),
        2 => place.options().open(NAME, MAX),
        _ => place.options().open_existing(NAME),
    };
    let mut hands = Hands::default();
    hands.handles.extend(opened.ok());
    let mut sleeps = 0;
    for _ in 0..MOST_STEPS {
        if choices.are_over() {
            break;
        }
        let act = choices.byte();
        if act < 32 {
            (untouched, hands.written_to, hands.found_damage) = (false, true, false);
            spoil(&file, &mut choices);
            continue;
        }
        untouched &= step(place, &mut hands, act, &mut choices, &mut sleeps);
        if !hands.written_to
            && let Some(handle) = hands.handles.first().cloned()
            && let Some(state) = hands.heard(handle.state())
        {
            let free = u64::from(state.available_permits);
            assert!(!hands.found_damage, "{state} is shown of what was found damaged");
            assert!(
                !untouched || free == 0 || hands.held() + free <= u64::from(state.max_permits),
                "{} held, and {state}",
                hands.held()
            );
        }
    }
    drop(hands);
    // Whatever it has come to, it can be repaired or set aside, or says why not.
    let _ = place.options().repair(NAME);
    for entry in std::fs::read_dir(&place.0).into_iter().flatten().flatten() {
        let _ = std::fs::remove_file(entry.path());
    }
}

/// Does one thing. `false` if what is out and what is free may disagree from now on, as a repair has declared
/// what it found for true.
fn step(place: &Place, hands: &mut Hands, act: u8, choices: &mut Choices<'_>, sleeps: &mut usize) -> bool {
    let n = u32::from(choices.byte());
    let few = n % (MAX_ASKED + 1);
    match act % 18 {
        0 if hands.handles.len() < 4 => {
            // What nobody uses may be made anew.
            hands.found_damage &= !hands.are_empty();
            hands.handles.extend(place.options().open_existing(NAME).ok());
        }
        1 if hands.handles.len() > 1 => drop(hands.handles.remove(n as usize % hands.handles.len())),
        2 => drop(place.options().read(NAME)),
        3 => match place.options().repair(NAME) {
            Err(error) => assert_ne!(error.kind(), ErrorKind::NotNow, "{error}"),
            Ok(found) => {
                hands.found_damage = false;
                return matches!(found, Repair::Sound);
            }
        },
        4 if !hands.permits.is_empty() => drop(hands.permits.swap_remove(n as usize % hands.permits.len())),
        5 if !hands.permits.is_empty() => hands.permits.swap_remove(n as usize % hands.permits.len()).forget(),
        6 if hands.permits.len() > 1 => {
            let other = hands.permits.pop().expect("there are two");
            let into = n as usize % hands.permits.len();
            if let Err(other) = hands.permits[into].merge(other) {
                hands.permits.push(other.into_permit());
            }
        }
        7 if !hands.requests.is_empty() => drop(hands.requests.swap_remove(n as usize % hands.requests.len())),
        8 if !hands.requests.is_empty() => {
            let mut request = hands.requests.swap_remove(n as usize % hands.requests.len());
            match poll(&mut request) {
                Poll::Pending => hands.requests.push(request),
                // It may have been granted before a shrink.
                Poll::Ready(granted) => hands.permits.extend(granted.ok()),
            }
        }
        _ => {
            let Some(handle) = hands.handles.get(n as usize % hands.handles.len().max(1)).cloned() else { return true };
            return step_with(hands, &handle, act, few, sleeps);
        }
    }
    true
}

fn step_with(hands: &mut Hands, handle: &HostSemaphore, act: u8, few: u32, sleeps: &mut usize) -> bool {
    match act % 18 {
        9 => {
            let granted = handle.acquire_many_owned(few).wait_timeout(Duration::ZERO);
            hands.keep(handle, granted);
        }
        10 | 11 if *sleeps < MOST_SLEEPS => {
            *sleeps += 1;
            if act.is_multiple_of(2) {
                let granted = handle.acquire_many_owned(few).wait_timeout(Duration::from_millis(1));
                hands.keep(handle, granted);
            } else {
                drop(handle.release_many_owned(few).wait_timeout(Duration::from_millis(1)));
            }
        }
        12 => drop(hands.heard(handle.try_release_many(few))),
        13 => drop(hands.heard(handle.set_max_permits(few.max(1)))),
        14 => drop(hands.heard(handle.status())),
        15 if hands.requests.len() < 4 => {
            let mut request = handle.acquire_many_owned(few);
            match poll(&mut request) {
                Poll::Pending => hands.requests.push(request),
                Poll::Ready(granted) => hands.keep(handle, granted),
            }
        }
        16 if hands.returns.len() < 2 => {
            let mut request = handle.release_many_owned(few);
            if poll(&mut request).is_pending() {
                hands.returns.push(request);
            }
        }
        17 => {
            let _ = handle.is_closed();
            if few == MAX_ASKED {
                let _ = handle.close();
            } else {
                let _ = handle.revoke(handle.id());
                let _ = handle.is_revoked();
            }
        }
        _ => {
            let granted = handle.try_acquire_many_owned(few);
            hands.keep(handle, granted);
        }
    }
    true
}
