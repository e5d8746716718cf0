//! The rules of the protocol, each of which can be taken out.

/// A rule: what holds while it is in force. [`mutants`](crate::mutants) tells what goes wrong without it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Rule {
    /// An acquire is refused unless `version(s)` is the epoch that it carries,
    AcquireEpoch,
    /// and `cfg` the one that its client knows.
    AcquireLimit,
    /// Putting a key of a blocked release is refused unless `version(s)` is the epoch that it carries.
    QueueEpoch,
    /// What a late request may have put is swept in the next epoch,
    SweepNames,
    /// but not what is in use then.
    SweepUnused,
    /// What is in use then is swept when it is given back.
    SweepLater,
    /// A name is not used again after an acquire or a queueing that had to be repeated.
    BurnAsked,
    /// A bump is refused unless `version(s)` is the epoch that it ends.
    BumpOnce,
    /// A name is not used again after a delete that had to be repeated.
    BurnName,
    /// A permit is made loose only when no request of its process may still arrive.
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
    /// The second write of a shrink or a close finds the first one,
    SettleOnce,
    /// and says what the first one has found.
    SettleSame,
    /// A removal finds that nothing is out and nothing waits,
    RemoveIdle,
    /// and `cfg` as it was read.
    RemoveSame,
    /// One that was refused, but is in doubt, puts `cfg` again.
    RemoveKeep,
    /// A blocked release looks whether `cfg` is there.
    Gone,
    /// A blocked release takes a loose permit only if there are enough for those before it.
    OwnPart,
    /// One that is not blocked takes one only if none is.
    NoneBlocked,
    /// A release takes a loose permit only while it is there.
    TakeLoose,
    /// With it, it puts a receipt, which says what became of it when its reply is lost.
    Receipt,
    /// When it was refused, but is in doubt, the receipt is read again in the next epoch.
    ReceiptAgain,
    /// It does so only in the epoch that it carries.
    TakeEpoch,
    /// After one in doubt, the next one waits for the next epoch.
    DoubtEpoch,
    /// A process takes one loose permit at a time.
    OneAtATime,
    /// A release in doubt is not tried again under another lease.
    EndInDoubt,
    /// Not ours, but the network's: what was sent once does not arrive twice.
    ArrivesOnce,
    /// Not ours, but etcd's: a lease does not end before the client's own deadline.
    LeaseHolds,
    /// Not ours, but etcd's: a watch loses no event that changes the limit.
    LimitArrives,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    without: u64,
}

impl Rules {
    pub(crate) const ALL: Rules = Rules { without: 0 };

    pub(crate) const fn without(rule: Rule) -> Rules {
        Rules { without: 1 << rule as u64 }
    }

    pub(crate) const fn has(self, rule: Rule) -> bool {
        self.without & 1 << rule as u64 == 0
    }

    pub(crate) const fn are_all(self) -> bool {
        self.without == 0
    }
}
