//! The rules of the protocol, each of which can be taken out.

/// A rule: what holds while it is in force. [`mutants`](crate::mutants) tells what goes wrong without it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Rule {
    /// An acquire is refused unless `version(s)` is the epoch that it carries.
    AcquireEpoch,
    /// So is a sweep.
    SweepEpoch,
    /// So is putting a key of a blocked release.
    QueueEpoch,
    /// A repeated request carries the epoch of the first.
    SameEpoch,
    /// A sweep without a reply is followed by a new epoch, never by the same sweep again.
    SweepAnew,
    /// What a late acquire may still create is swept before its name is used again.
    SweepNames,
    /// A bump is refused unless `version(s)` is the epoch that it ends.
    BumpOnce,
    /// A reply counts for the call that it answers, and for no other.
    OwnReply,
    /// A name is not used again after a delete that had to be repeated.
    BurnName,
    /// A permit whose acquire had to be repeated is made loose only in a later epoch than that acquire's.
    FenceLoose,
    /// A permit is made loose only if its key is still the one that was granted.
    LooseToken,
    /// The name of a permit that was made loose is not used again.
    BurnLoose,
    /// A range that is older than the newest revision known is ignored.
    NoOldRange,
    /// So is an event.
    NoOldEvent,
    /// After an event may have been lost, all keys are read again.
    ListAgain,
    /// The limit and the keys that it is compared with are of one revision.
    OneRevision,
    /// A group is granted when all of it fits.
    WholeGroup,
    /// Nothing is granted behind what does not fit.
    Prefix,
    /// A group that is larger than the limit is refused.
    TooMany,
    /// Nothing is granted by a revision in which the semaphore is closed.
    Closed,
    /// The limit is changed only if it is still as it was read.
    ResizeOnce,
    /// Only the first in the queue of blocked releases takes a loose permit.
    HeadOnly,
    /// It does so only while its own key is there,
    TakeOwn,
    /// and the loose permit.
    TakeLoose,
    /// Every release puts a key first, which is gone when it has taken a loose permit.
    ReleaseByKey,
    /// Not ours, but the network's: what was sent once does not arrive twice.
    ArrivesOnce,
    /// Not ours, but etcd's: a lease does not end before the client's own deadline.
    LeaseHolds,
    /// Not ours, but etcd's: a watch loses no event that changes the limit.
    LimitArrives,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    without: u32,
}

impl Rules {
    pub(crate) const ALL: Rules = Rules { without: 0 };

    pub(crate) const fn without(rule: Rule) -> Rules {
        Rules { without: 1 << rule as u8 }
    }

    pub(crate) const fn has(self, rule: Rule) -> bool {
        self.without & 1 << rule as u8 == 0
    }

    pub(crate) const fn are_all(self) -> bool {
        self.without == 0
    }
}
