//! Keeping a lease: it is asked for when it is first needed, renewed as long as the connection is there, and
//! lost when no server could renew it in time.

use crate::engine::base::Base;
use crate::engine::clock;
use crate::engine::rpc::{Failure, Until};
use crate::engine::session::{Session, valid_until};
use permits::lease::{BootTime, Lease};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// The lease that is held, or a new one.
pub(crate) async fn session(base: &Rc<Base>, until: Until<'_>) -> Result<Rc<Session>, Failure> {
    if let Some(session) = base.held() {
        return Ok(session);
    }
    let _one = base.opening.lock().await;
    if let Some(session) = base.held() {
        return Ok(session);
    }
    if base.is_ending() {
        return Err(Failure::Unanswered { in_doubt: false, last: None });
    }
    let session = open(base, until).await?;
    base.has(&session);
    Ok(session)
}

/// Asks for a lease, and has it renewed.
async fn open(base: &Rc<Base>, until: Until<'_>) -> Result<Rc<Session>, Failure> {
    let seconds = i64::try_from(base.settings.ttl.as_secs()).unwrap_or(i64::MAX);
    loop {
        let asked = clock::now();
        let granted = base.rpc.grant(seconds, until).await?;
        // More than was asked for, if the server's least is more.
        let ttl = Duration::from_secs(u64::try_from(granted.ttl).unwrap_or(0));
        let valid_until = valid_until(asked, ttl);
        if valid_until <= clock::now() {
            // The answer took so long that it is over.
            continue;
        }
        let lease = Arc::new(Lease::new(clock::now, valid_until));
        let session = Rc::new(Session { id: granted.id, lease, ttl, unburnt: Cell::new(0) });
        tokio::task::spawn_local(keep(Rc::clone(base), Rc::clone(&session), asked));
        return Ok(session);
    }
}

/// Renews the lease until it is lost.
async fn keep(base: Rc<Base>, session: Rc<Session>, mut asked: BootTime) {
    let every = session.ttl / 5;
    while let Some(deadline) = session.lease.check() {
        let now = clock::now();
        let due = asked + every;
        if now < due {
            sleep(due.min(deadline).saturating_duration_since(now)).await;
            continue;
        }
        // The look at the deadline is not late because of a server that does not answer.
        let left = deadline.saturating_duration_since(now);
        let attempt = every.clamp(Duration::from_millis(100), Duration::from_millis(700));
        let Ok(answer) = timeout(left, base.rpc.renew(session.id, attempt)).await else { continue };
        match answer {
            Ok(seconds) => match u64::try_from(seconds) {
                Ok(seconds @ 1..) => {
                    // Lost in between: the next look says so.
                    _ = session.lease.renew(valid_until(now, Duration::from_secs(seconds)));
                    asked = now;
                }
                _ => session.lease.revoke(),
            },
            Err(_) => sleep(Duration::from_millis(50).min(left)).await,
        }
    }
    base.lost(&session);
    // What was waiting or held under it need not wait for the server to notice.
    let soon = Until::Time(Instant::now() + session.ttl);
    _ = base.rpc.revoke(session.id, soon).await;
}
