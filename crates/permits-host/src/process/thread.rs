//! How a thread waits: it queues, and sleeps on the bell of its waiter.

use crate::crash::{Point, point};
use crate::error::{Error, ErrorKind};
use crate::process::attachment::Attachment;
use crate::process::attendants::GRACE;
use crate::process::enter::{Entry, enter, try_slowly};
use crate::process::sys;
use crate::process::watch::patience;
use crate::protocol::acts::{Collected, GiveUp};
use crate::protocol::book::Side;
use crate::protocol::waiter::{Sleeper, Stage};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How often a thread looks after its own wait, if no watch can be started.
const LOOKS_ITSELF: Duration = Duration::from_millis(50);

/// When to do so again, with that time until the next start.
fn next_look(rest: Option<Duration>) -> Duration {
    rest.map_or(LOOKS_ITSELF, |rest| rest.min(LOOKS_ITSELF))
}

#[cold]
pub(crate) fn block_slowly(
    side: Side,
    attachment: &Arc<Attachment>,
    n: u32,
    deadline: Option<Instant>,
) -> Result<(), Error> {
    if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
        return match try_slowly(side, attachment, n) {
            Err(error) if error.kind() == ErrorKind::NotNow => Err(attachment.timed_out(side, n)),
            other => other,
        };
    }
    match enter(side, attachment, n, Some(Sleeper::Thread))? {
        Entry::Granted => Ok(()),
        Entry::Refused(refusal) => Err(attachment.refused(side, refusal)),
        Entry::Queued { number, spaced } => match attachment.sleep(number, spaced, deadline)? {
            Collected::Granted => {
                attachment.note_since(side, n);
                Ok(())
            }
            Collected::Refused(refusal) => Err(attachment.refused(side, refusal)),
            // A wait that was short may not have been looked after by anybody.
            Collected::GaveUp | Collected::Queued => match try_slowly(side, attachment, n) {
                Err(error) if error.kind() == ErrorKind::NotNow => Err(attachment.timed_out(side, n)),
                other => other,
            },
        },
    }
}

impl Attachment {
    /// Sleeps until a waiter of this thread is granted or refused, or its time is over.
    ///
    /// `spaced`: it may be the time alone that it waits for, which the watch counts.
    fn sleep(self: &Arc<Self>, number: u16, spaced: bool, deadline: Option<Instant>) -> Result<Collected, Error> {
        let bell = self.waiter_bell(usize::from(number));
        let (mut watched, mut looks_itself) = (!spaced && self.attendants.arrive(number), false);
        let on_patrol = watched;
        let grace_ends = Instant::now() + if spaced { Duration::ZERO } else { GRACE };
        let mut look_again = LOOKS_ITSELF;
        let mut failing = None;
        point(Point::Waiting);
        let end = loop {
            // SeqCst: read before the stage; who changes the stage rings after it.
            let value = bell.load(Ordering::SeqCst);
            match self.stage_of(number) {
                Ok(Stage::Queued) => {}
                Ok(_) => break Ok(GiveUp::No),
                Err(error) => break Err(error),
            }
            if let Some(error) = self.attendants.failure(number) {
                break Err(error);
            }
            let now = Instant::now();
            let rest = deadline.map(|deadline| deadline.saturating_duration_since(now));
            if rest.is_some_and(|rest| rest.is_zero()) {
                point(Point::TimedOut);
                break Ok(GiveUp::Unless);
            }
            if !watched && now >= grace_ends {
                looks_itself = !self.watch_thread(number);
                watched = true;
                continue;
            }
            let nap = match (watched, looks_itself) {
                (false, _) => Some(grace_ends - now),
                (true, true) => Some(look_again),
                (true, false) => None,
            };
            let limit = [rest, nap].into_iter().flatten().min();
            sys::futex_wait(bell, value, limit);
            if watched
                && bell.load(Ordering::SeqCst) != value
                && self.stage_of(number).is_ok_and(|stage| stage == Stage::Queued)
            {
                // Told that it is the first now, or that something is wrong.
                if let Err(error) = self.look(|tx| tx.who(number)) {
                    break Err(error);
                }
                self.look_anew(number);
            }
            if looks_itself {
                let looked = self.look_after(number);
                if patience(&mut failing, looked.as_ref().err()).is_some() {
                    break looked.map(|_| GiveUp::No);
                }
                look_again = next_look(looked.ok().flatten());
            }
        };
        // A wait that was cut short says nothing of how long the others take.
        let was_short = !watched && !on_patrol && matches!(end, Ok(GiveUp::No));
        if watched {
            self.unwatch(number);
        }
        if was_short {
            self.was_short();
        }
        point(Point::Granted);
        match end {
            Ok(give_up) => self.collect(number, give_up),
            Err(error) => {
                // Nothing was taken or returned, and nobody waits here any more. A damaged file has no queue
                // to leave.
                let _ = self.collect(number, GiveUp::Wholly);
                Err(error)
            }
        }
    }
}

#[cfg(all(test, not(permits_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_looks_itself_does_so_at_the_next_start() {
        let [soon, late] = [LOOKS_ITSELF / 50, LOOKS_ITSELF * 50];

        let looks = [Some(soon), Some(late), None].map(next_look);

        assert_eq!(looks, [soon, LOOKS_ITSELF, LOOKS_ITSELF]);
    }
}
