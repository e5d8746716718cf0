//! A request borrows its semaphore, waiting or not.
use permits::Semaphore;

fn main() {
    let waiting;
    {
        let sem = Semaphore::new(1);
        waiting = Box::pin(sem.release());
    }
    drop(waiting);
}
