//! How a thread waits: it queues, and sleeps on the bell of its waiter.

use crate::crash::{Point, point};
use crate::error::{Error, ErrorKind};
use crate::process::attachment::Attachment;
use crate::process::attendants::GRACE;
use crate::process::enter::{Entry, enter, try_slowly};
use crate::process::sys;
use crate::protocol::acts::{Collected, GiveUp};
use crate::protocol::book::Side;
use crate::protocol::waiter::{Sleeper, Stage};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

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
        Entry::Queued(number) => match attachment.sleep(number, deadline)? {
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
    fn sleep(self: &Arc<Self>, number: u16, deadline: Option<Instant>) -> Result<Collected, Error> {
        let bell = self.waiter_bell(usize::from(number));
        let (mut watched, mut looks_itself) = (self.attendants.arrive(number), false);
        let mut was_short = !watched;
        point(Point::Waiting);
        let end = loop {
            // SeqCst: read before the stage; who changes the stage rings after it.
            let value = bell.load(Ordering::SeqCst);
            match self.stage_of(number) {
                Ok(Stage::Queued) => {}
                Ok(_) => break Ok(GiveUp::No),
                Err(error) => break Err(error),
            }
            let rest = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if rest.is_some_and(|rest| rest.is_zero()) {
                point(Point::TimedOut);
                break Ok(GiveUp::Unless);
            }
            let nap = match (watched, looks_itself) {
                (false, _) => Some(GRACE),
                (true, true) => Some(Duration::from_millis(50)),
                (true, false) => None,
            };
            let limit = [rest, nap].into_iter().flatten().min();
            sys::futex_wait(bell, value, limit);
            if watched {
                if bell.load(Ordering::SeqCst) != value
                    && self.stage_of(number).is_ok_and(|stage| stage == Stage::Queued)
                {
                    // Told that it is the first now, or that something is wrong.
                    if let Err(error) = self.look(|tx| tx.who(number)) {
                        break Err(error);
                    }
                    self.look_anew(number);
                }
                if looks_itself
                    && let Err(error) = self.look_after(number)
                    && matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Gone)
                {
                    break Err(error);
                }
            } else if bell.load(Ordering::SeqCst) == value {
                looks_itself = !self.watch_thread(number);
                (watched, was_short) = (true, false);
            }
        };
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
                // Nothing was taken or returned, and nobody waits here any more. A damaged file has no queue to leave.
                let _ = self.collect(number, GiveUp::Wholly);
                Err(error)
            }
        }
    }
}
