//! The contract as a trait, for code that is handed a limit.

use permits::blocking::block_on;
use permits::limit::{Held, Limit, Local, Safety, WaitBlocking};
use permits::{Error, ErrorKind, Semaphore};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// What a library would write: generic, and spawned by its caller.
async fn polite<L: Limit>(limit: L) -> Result<u32, Error> {
    let permit = limit.acquire_many(2).await?;
    let _lost = permit.lost();
    let count = permit.count();
    permit.release().await?;
    Ok(count)
}

fn blocking<L: Limit<Acquire: WaitBlocking>>(limit: &L) -> Result<L::Permit, Error> {
    limit.acquire().wait_timeout(Duration::from_millis(1))
}

fn spawnable<T>(future: impl Future<Output = T> + Send + 'static) -> impl Future<Output = T> + Send + 'static {
    future
}

#[test]
fn library_is_handed_a_limit_as_a_future_and_as_a_blocking_one() {
    let limit = Local::new(2);

    assert_eq!(block_on(spawnable(polite(limit.clone()))).unwrap(), 2);
    let permit = blocking(&limit).unwrap();
    let other = blocking(&limit).unwrap();

    assert_eq!(blocking(&limit).unwrap_err().kind(), ErrorKind::TimedOut);
    drop((permit, other));
    assert_eq!(limit.semaphore().available_permits(), 2);
}

#[test]
fn close_of_an_arc_closes_with_the_trait_in_scope() {
    let sem = Arc::new(Semaphore::new(1));

    sem.close();

    assert!(sem.is_closed());
    assert_eq!(Local::from(sem).acquire().try_now().unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn local_limit_says_what_it_is() {
    let traits = Local::new(1).traits();
    let fair = Local::from(Semaphore::fair(1)).traits();

    assert_eq!((traits.leased, traits.fenced, traits.safety), (false, false, Safety::Process));
    assert!(traits.overtaking && !fair.overtaking);
}

#[test]
fn two_who_grow_at_once_both_count() {
    let limit = Local::new(1);

    block_on(async {
        limit.grow(2).await?;
        limit.grow(3).await?;
        limit.shrink(1).await
    })
    .unwrap();

    assert_eq!(limit.semaphore().max_permits(), 5);
    assert_eq!(block_on(limit.shrink(5)).unwrap_err().kind(), ErrorKind::BadMax);
}

#[test]
fn forgotten_permit_is_loose_and_a_released_one_is_free() {
    let limit = Local::new(2);
    let [kept, back] = [limit.acquire().wait().unwrap(), limit.acquire().wait().unwrap()];

    block_on(async {
        Held::forget(kept).await?;
        back.release().await
    })
    .unwrap();

    assert_eq!((limit.semaphore().loose(), limit.semaphore().available_permits()), (1, 1));
    limit.release().wait().unwrap();
    assert_eq!(limit.semaphore().available_permits(), 2);
}

#[test]
fn local_permit_has_no_token_and_no_lease() {
    let limit = Local::new(1);
    let permit = limit.acquire().wait().unwrap();

    assert_eq!((permit.token(), permit.remaining(), permit.is_lost()), (None, None, false));
}
