//! Out of range at compile time is an error at compile time.
use permits::Semaphore;

static NONE: Semaphore = Semaphore::new(0);

fn main() {
    drop(NONE.try_acquire());
}
