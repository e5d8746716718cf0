//! A permit comes back once.
use permits::Semaphore;

fn main() {
    let sem = Semaphore::new(1);
    let permit = sem.try_acquire().unwrap();
    permit.forget();
    drop(permit);
}
