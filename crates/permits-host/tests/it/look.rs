//! What can be seen of a semaphore and of processes, and for how long a test looks.

use permits_conformance::wait::{Running, always, eventually};
use permits_host::{Error, ErrorKind, HostSemaphore, OwnedPermit};
use std::time::Duration;

/// How long anything may take that has to happen.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
/// For how long something is looked at that must not happen.
pub(crate) const WHILE: Duration = Duration::from_millis(300);
/// How soon a death has to be noticed, wherever it happened.
pub(crate) const BOUND: Duration = Duration::from_millis(250);

/// Why something failed, if it did.
pub(crate) fn kind<T>(outcome: Result<T, Error>) -> Option<ErrorKind> {
    outcome.err().map(|error| error.kind())
}

/// What the kernel says that a process does: `R`, `S`, `T`, `Z`; nothing if there is no such process.
pub(crate) fn state_of(pid: u32) -> Option<char> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    text.rsplit_once(')')?.1.trim_start().chars().next()
}

/// Whether a process lives: a zombie does not.
pub(crate) fn lives(pid: u32) -> bool {
    state_of(pid).is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

/// How many wait on both sides. Looks at the file alone, so that it helps nobody.
pub(crate) fn waiting(semaphore: &HostSemaphore) -> u32 {
    let directory = semaphore.path().parent().expect("a file is in a directory");
    let status = HostSemaphore::options().directory(directory).read(semaphore.name()).expect("it can be read");
    status.state.waiting_acquirers + status.state.waiting_releasers
}

/// The number of the seat that an id names.
pub(crate) fn seat_in(id: &str) -> i64 {
    id.split_once('-').and_then(|(seat, _)| seat.parse().ok()).expect("an id starts with a number")
}

/// Whether the only permit is held, and stays it.
pub(crate) fn stays_held(semaphore: &HostSemaphore) -> bool {
    always(WHILE, || kind(semaphore.try_acquire_owned()) == Some(ErrorKind::NotNow))
}

/// A thread of this process that waits for `n`, and is queued.
pub(crate) fn waiter(semaphore: &HostSemaphore, n: u32) -> Running<Result<OwnedPermit, Error>> {
    let before = waiting(semaphore);
    let request = semaphore.acquire_many_owned(n);
    let running = Running::start(move || request.wait());
    assert!(eventually(DEADLINE, || waiting(semaphore) == before + 1), "it queues");
    running
}

/// How often the threads of a process, by its number or `self`, have gone to sleep.
pub(crate) fn switches_of(pid: &str) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("it lives");
    let status = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("status")).unwrap_or_default();
    let count = |text: String| {
        let line = text.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap_or("0");
        line.trim().parse::<u64>().expect("it is a number")
    };
    tasks.flatten().map(status).map(count).sum()
}

/// How many threads of a process look after those who wait there.
pub(crate) fn watches(pid: u32) -> usize {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("it lives");
    let name = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
    tasks.flatten().map(name).filter(|name| name.trim_end() == "permits-watch").count()
}
