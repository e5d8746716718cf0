//! Ends the program when a run hangs, and says which. Semaphores do lose wakeups; a benchmark that waits for one for
//! ever tells nobody.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Far above the slowest run, even on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

#[derive(Clone, Default)]
pub struct Watchdog(Arc<Mutex<Option<(String, Instant)>>>);

impl Watchdog {
    pub fn start() -> Self {
        let dog = Self::default();
        let watched = dog.clone();
        thread::spawn(move || {
            loop {
                thread::sleep(Duration::from_secs(1));
                let now = watched.0.lock().expect("nothing panics under the lock");
                if let Some((what, since)) = &*now
                    && since.elapsed() > LIMIT
                {
                    eprintln!("peers: {what} did not end within {LIMIT:?}: a lost wakeup or a deadlock in that peer");
                    std::process::exit(1);
                }
            }
        });
        dog
    }

    pub fn watch<T>(&self, what: String, run: impl FnOnce() -> T) -> T {
        self.set(Some((what, Instant::now())));
        let result = run();
        self.set(None);
        result
    }

    fn set(&self, to: Option<(String, Instant)>) {
        *self.0.lock().expect("nothing panics under the lock") = to;
    }
}
