//! A thread may outlive the semaphore; `acquire_owned` and scoped threads are the two ways out.
use permits::Semaphore;

/// As `std::thread::spawn` asks for it.
fn spawn(act: impl FnOnce() + Send + 'static) {
    act();
}

fn main() {
    let sem = Semaphore::new(1);
    let permit = sem.try_acquire().unwrap();
    spawn(move || drop(permit));
}
