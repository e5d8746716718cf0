//! Requests are not `Unpin`: they are pinned by `.await`, `pin!` or `Box::pin`, and not by a plain reference.
use permits::Semaphore;

/// As `Pin::new` asks for it.
fn pin<T: Unpin>(_: &mut T) {}

fn main() {
    let sem = Semaphore::new(1);
    let mut waiting = sem.acquire();
    pin(&mut waiting);
}
