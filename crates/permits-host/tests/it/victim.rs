//! A semaphore's file that a test spoils, and what it is worth then.

use crate::actor::{Actor, Order};
use crate::format::{CHANGES, DAMAGED, ROOT, record};
use crate::look::DEADLINE;
use crate::place::{Directory, NAME};
use permits_conformance::wait::{Polled, Running, eventually};
use permits_host::{Error, ErrorKind, HostSemaphore, OwnedPermit, Repair};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::Duration;

pub(crate) const MAX: u32 = 4;

/// A semaphore's file, opened to be spoiled.
pub(crate) struct Victim {
    pub(crate) directory: Directory,
    pub(crate) file: File,
}

impl Victim {
    /// Fresh, and used by nobody.
    pub(crate) fn new() -> Victim {
        let directory = Directory::new();
        let semaphore = directory.options().open(NAME, MAX).expect("it can be made");
        let file = File::options().read(true).write(true).open(semaphore.path()).expect("it is ours");
        Victim { directory, file }
    }

    /// Left by two who were killed: one held 2 of 4, one permit is loose, and two wait for 3 and 1.
    pub(crate) fn after_deaths() -> Victim {
        let victim = Victim::new();
        let watcher = victim.open().expect("it is sound");
        let mut holder = Actor::start(&victim.directory);
        holder.holds(1);
        assert_eq!(holder.asked(Order::Forget), "forgotten");
        holder.holds(2);
        let mut waiters = Actor::start(&victim.directory);
        waiters.waits(3, &watcher);
        waiters.waits(1, &watcher);
        // Whoever is left would clear up after the others.
        drop(watcher);
        waiters.kill_and_reap();
        holder.kill_and_reap();
        victim
    }

    pub(crate) fn open(&self) -> Result<HostSemaphore, Error> {
        self.directory.options().open_existing(NAME)
    }

    pub(crate) fn repair(&self) -> Result<Repair, Error> {
        self.directory.options().repair(NAME)
    }

    /// A repair when nobody uses it any more. Another test may be starting a process, which has this one's
    /// descriptors for the moment before it executes its program, and with them the locks of handles that
    /// were opened in that moment.
    pub(crate) fn repair_unused(&self) -> Result<Repair, Error> {
        let mut outcome = self.repair();
        let in_use =
            |outcome: &Result<Repair, Error>| outcome.as_ref().is_err_and(|error| error.to_string().contains("in use"));
        eventually(DEADLINE, || {
            if in_use(&outcome) {
                outcome = self.repair();
            }
            !in_use(&outcome)
        });
        outcome
    }

    pub(crate) fn get(&self, word: u64) -> u64 {
        let mut bytes = [0; 8];
        self.file.read_exact_at(&mut bytes, 8 * word).expect("the file has the word");
        u64::from_ne_bytes(bytes)
    }

    pub(crate) fn put(&self, word: u64, value: u64) {
        self.file.write_all_at(&value.to_ne_bytes(), 8 * word).expect("it is ours");
    }

    /// Changes the value of a tagged word, and not its tag.
    pub(crate) fn put_low(&self, word: u64, value: u32) {
        self.put(word, self.get(word) & !0xffff_ffff | u64::from(value));
    }

    /// A word of the record that the root names.
    pub(crate) fn present(&self, word: u64) -> u64 {
        record(self.get(ROOT) & 0xffff, word)
    }

    /// Does what one does with a semaphore, on a thread of its own, which comes to an end; the errors that it met.
    pub(crate) fn use_it(&self) -> Vec<ErrorKind> {
        let (options, again) = (self.directory.options(), self.directory.options());
        let mut running = Running::start(move || {
            let mut errors = Vec::new();
            match options.open_existing(NAME) {
                Ok(handle) => use_handle(&handle, &mut errors),
                Err(error) => errors.push(error.kind()),
            }
            errors.extend(again.read(NAME).err().map(|error| error.kind()));
            errors
        });
        running.outcome(DEADLINE).expect("it ends, whatever was written")
    }

    /// What it is worth after a repair: all permits that are not loose can be had, and given back, by whoever comes.
    pub(crate) fn assert_sound(&self) {
        assert!(matches!(self.repair(), Ok(Repair::Sound)), "a repaired file is sound");
        let semaphore = self.directory.options().open(NAME, MAX).expect("it opens");
        let loose = semaphore.loose().expect("it can be read");
        let permit = semaphore.try_acquire_many_owned(MAX - loose).expect("all the others are free");
        assert!(semaphore.try_acquire_owned().is_err(), "and no more");
        drop(permit);
        semaphore.release_many_owned(loose).wait_timeout(DEADLINE).expect("they are loose");
        assert_eq!(semaphore.available_permits().expect("it can be read"), MAX);
    }

    pub(crate) fn assert_sound_after_being_made_anew(&self) {
        let semaphore = self.directory.options().open(NAME, MAX).expect("it is made anew");
        assert_eq!(semaphore.try_acquire_many_owned(MAX).expect("all are free").count(), MAX);
    }

    /// Changes words of the book as a commit would, so that no process takes the record for its own.
    pub(crate) fn commit(&self, changes: &[(u64, u64)]) {
        let root = self.get(ROOT);
        let (present, next) = (root & 0xffff, (root & 0xffff) ^ 1);
        for word in 0..CHANGES {
            self.put(record(next, word), self.get(record(present, word)));
        }
        for &(word, value) in changes {
            self.put(record(next, word), value);
        }
        self.put(record(next, CHANGES), 0);
        self.put(ROOT, ((root >> 16) + 1) << 16 | next);
    }

    /// Has the book say that the file was found damaged, which a repair takes back.
    pub(crate) fn condemn(&self) {
        self.commit(&[(1, self.get(self.present(1)) | DAMAGED)]);
    }
}

/// Acquires all that it gets, waits a little, and leaves. Never more than there are can be held at once.
fn use_handle(handle: &HostSemaphore, errors: &mut Vec<ErrorKind>) {
    let mut permits = Vec::new();
    let mut keep = |outcome: Result<OwnedPermit, Error>| match outcome {
        Ok(permit) => permits.push(permit),
        Err(error) => errors.push(error.kind()),
    };
    for _ in 0..=MAX {
        keep(handle.try_acquire_owned());
    }
    keep(handle.acquire_many_owned(2).wait_timeout(Duration::from_millis(5)));
    let mut task = Polled::new(handle.acquire_owned());
    if let std::task::Poll::Ready(outcome) = task.poll() {
        keep(outcome);
    }
    errors.extend(handle.release_owned().wait_timeout(Duration::from_millis(5)).err().map(|error| error.kind()));
    errors.extend(handle.status().err().map(|error| error.kind()));
    let held = permits.iter().map(OwnedPermit::count).sum::<u32>();
    assert!(held <= MAX, "{held} of {MAX} are held");
}
