//! What a state of the model consists of: etcd, the messages that are under way, and the clients.
//!
//! A *process* has a session with etcd: one lease, one epoch. A *slot* is something in it that acquires or
//! releases; slots of one process run at the same time. Small numbers stand for everything, since a state is
//! copied for each of its successors.

/// A revision of etcd. All that matters of it is what is older and what is newer.
pub(crate) type Revision = u8;
/// Which of a process's names: `n` in `q/<lease>.<n>` and `r/<lease>.<n>`.
pub(crate) type Name = u8;
/// A set of names, a bit each.
pub(crate) type Names = u8;

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct State {
    pub(crate) engine: Engine,
    /// Requests and replies that may still arrive, in any order. Sorted, so that their order is no difference.
    pub(crate) messages: Vec<Message>,
    pub(crate) processes: Vec<Process>,
    pub(crate) admin: Admin,
    /// How many timeouts, doubled messages, lost leases, stale replies and lost events there may still be.
    pub(crate) faults: u8,
    pub(crate) record: Record,
}

// ---- etcd

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Engine {
    pub(crate) revision: Revision,
    /// The keys below `q/`, by create revision.
    pub(crate) keys: Vec<Key>,
    /// The keys below `r/`, by create revision.
    pub(crate) returns: Vec<Return>,
    pub(crate) limit: Limit,
    /// When `cfg` was written last.
    pub(crate) limit_since: Revision,
    /// `version(s/<lease>)` of each process; 0 when the lease has ended, and `s` with it.
    pub(crate) epochs: Vec<u8>,
    /// What a watch may still deliver, by revision.
    pub(crate) log: Vec<Change>,
}

/// The keys of a group, which one transaction put.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub(crate) struct Key {
    /// The create revision, which is the token as well.
    pub(crate) create: Revision,
    pub(crate) process: u8,
    pub(crate) name: Name,
    /// How many keys the group has.
    pub(crate) units: u8,
    /// It has no lease.
    pub(crate) loose: bool,
    /// No part of the protocol: the limit in force at the revision at which the group first fitted; 0 if it
    /// has not fitted yet. See [`Engine::grant`](crate::engine).
    pub(crate) fitted: u8,
}

/// The key of a release that waits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub(crate) struct Return {
    pub(crate) create: Revision,
    pub(crate) process: u8,
    pub(crate) name: Name,
}

/// The value of `cfg`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub(crate) struct Limit {
    pub(crate) max: u8,
    pub(crate) closed: bool,
}

/// All that one revision changed.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Change {
    pub(crate) revision: Revision,
    pub(crate) events: Vec<Event>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Event {
    Put(Key),
    Deleted { process: u8, name: Name },
    Limit(Limit),
    ReturnPut(Return),
    ReturnDeleted { process: u8, name: Name },
}

// ---- messages

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub(crate) struct Message {
    pub(crate) caller: Caller,
    /// Whether the call that it belongs to is still under way. If not, a request takes effect, and its reply
    /// is of no interest.
    pub(crate) awaited: bool,
    pub(crate) what: What,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub(crate) enum Caller {
    Slot {
        process: u8,
        slot: u8,
    },
    /// The process itself, for its epoch.
    Session {
        process: u8,
    },
    /// Who changes the limit, and closes. `act` is which of its acts.
    Admin {
        act: u8,
    },
}

/// Requests and replies. docs/decisions has the table of the transactions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub(crate) enum What {
    Acquire {
        name: Name,
        units: u8,
        epoch: u8,
    },
    Delete {
        name: Name,
    },
    MakeLoose {
        name: Name,
        token: Revision,
    },
    Queue {
        name: Name,
        epoch: u8,
    },
    Take {
        name: Name,
        create: Revision,
        loose: Revision,
    },
    Unqueue {
        name: Name,
    },
    Bump {
        epoch: u8,
    },
    Sweep {
        names: Names,
        epoch: u8,
    },
    Configure {
        since: Revision,
        limit: Limit,
    },

    /// `before` is how many keys are older.
    Acquired {
        name: Name,
        create: Revision,
        before: u8,
        limit: Limit,
    },
    /// An earlier attempt put the key.
    Found {
        name: Name,
        create: Revision,
        max: u8,
    },
    /// Another epoch, or no lease.
    Refused {
        name: Name,
    },
    /// `some`: there was something to delete.
    Deleted {
        name: Name,
        some: bool,
    },
    MadeLoose {
        name: Name,
    },
    Queued {
        name: Name,
        create: Revision,
    },
    /// The loose permit is returned, and the own key gone.
    Taken {
        name: Name,
    },
    /// The loose permit is not there any more.
    NotTaken {
        name: Name,
    },
    Epoch {
        epoch: u8,
    },
    /// `done`: not refused.
    Swept {
        done: bool,
    },
    Configured {
        done: bool,
    },
}

// ---- clients

#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub(crate) struct Process {
    pub(crate) slots: Vec<Slot>,
    /// The epoch as far as it knows.
    pub(crate) epoch: u8,
    pub(crate) fence: Fence,
    /// Names that an acquire may still create, though the process has done with it.
    pub(crate) dirty: Names,
    /// Those of them that a sweep is under way for.
    pub(crate) swept: Names,
    /// Names that a delete may still delete, and those of loose permits: not used again.
    pub(crate) burnt: Names,
    /// What it has seen by its watch, while a slot waits.
    pub(crate) view: Option<View>,
    /// The reply to a range that etcd has answered long ago, or a member that was behind.
    pub(crate) late: Option<View>,
    /// It has told its slots that the lease is lost.
    pub(crate) lost: bool,
}

/// The way to a new epoch.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub(crate) enum Fence {
    Clean,
    Bumping,
    Sweeping,
}

/// What a process knows of the semaphore.
#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub(crate) struct View {
    pub(crate) revision: Revision,
    /// An event may be missing, and all keys will be read again.
    pub(crate) is_doubtful: bool,
    /// `fitted` is 0 in all of them.
    pub(crate) keys: Vec<Key>,
    pub(crate) returns: Vec<Return>,
    pub(crate) limit: Limit,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub(crate) struct Slot {
    /// What it has still to do, as [`Job`](crate::configuration::Job)s of a script.
    pub(crate) script: u8,
    pub(crate) job: u8,
    /// How many permits its present job wants; 1 between jobs.
    pub(crate) units: u8,
    pub(crate) stage: Stage,
}

/// `repeated`: there was a timeout, and an earlier attempt may arrive later. `ambiguous`: so it was for the
/// request that put the key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub(crate) enum Stage {
    Idle,
    /// `refused`: it is sent anew when the process knows its epoch.
    Acquire {
        name: Name,
        epoch: u8,
        repeated: bool,
        refused: bool,
    },
    /// `max` is the limit when it came into the queue, which only a mutant looks at.
    Wait {
        name: Name,
        create: Revision,
        ambiguous: bool,
        max: u8,
    },
    Held {
        name: Name,
        create: Revision,
        ambiguous: bool,
        fitted: u8,
    },
    /// Of a held permit, or of a place in the queue.
    Release {
        name: Name,
        repeated: bool,
        ambiguous: bool,
    },
    /// A permit that is to become loose waits for a new epoch.
    Fencing {
        name: Name,
        create: Revision,
        fitted: u8,
    },
    Loosen {
        name: Name,
        create: Revision,
        fitted: u8,
        repeated: bool,
    },
    Queue {
        name: Name,
        epoch: u8,
        repeated: bool,
        refused: bool,
    },
    Blocked {
        name: Name,
        create: Revision,
        ambiguous: bool,
    },
    Take {
        name: Name,
        create: Revision,
        loose: Revision,
        ambiguous: bool,
        repeated: bool,
    },
    Unqueue {
        name: Name,
        repeated: bool,
        ambiguous: bool,
    },
    Lost,
}

/// Who changes the limit, one act after another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Admin {
    pub(crate) act: u8,
    /// The `cfg` that it has read, while its request is under way, and whether that was repeated.
    pub(crate) asked: Option<(Revision, Limit, bool)>,
}

// ---- what the properties remember

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Record {
    /// The largest token of a group that fitted, and of a permit that a client was told of.
    pub(crate) newest_fitted: Revision,
    pub(crate) newest_told: Revision,
    pub(crate) tokens_grow: bool,
    pub(crate) first_returns_first: bool,
    /// Acts of the admin that took effect, a bit each.
    pub(crate) configured: u8,
    pub(crate) configured_once: bool,
    pub(crate) stays_closed: bool,
    /// Permits made loose less those returned: how many loose ones there have to be.
    pub(crate) loose: u8,
    /// Loose permits returned for which no release has been told so yet; below 0 is wrong.
    pub(crate) untold: i8,
}

impl State {
    /// Puts a message among those under way.
    pub(crate) fn send(&mut self, caller: Caller, what: What) {
        let message = Message { caller, awaited: true, what };
        let at = self.messages.partition_point(|other| *other < message);
        self.messages.insert(at, message);
    }
}

impl What {
    /// The one name that it is about.
    pub(crate) fn name(self) -> Option<Name> {
        match self {
            What::Acquire { name, .. }
            | What::Delete { name }
            | What::MakeLoose { name, .. }
            | What::Queue { name, .. }
            | What::Take { name, .. }
            | What::Unqueue { name }
            | What::Acquired { name, .. }
            | What::Found { name, .. }
            | What::Refused { name }
            | What::Deleted { name, .. }
            | What::MadeLoose { name }
            | What::Queued { name, .. }
            | What::Taken { name }
            | What::NotTaken { name } => Some(name),
            What::Bump { .. } | What::Sweep { .. } | What::Configure { .. } => None,
            What::Epoch { .. } | What::Swept { .. } | What::Configured { .. } => None,
        }
    }

    pub(crate) fn is_request(self) -> bool {
        // In the order of the type: requests come first.
        self < What::Acquired { name: 0, create: 0, before: 0, limit: Limit { max: 0, closed: false } }
    }
}

impl Stage {
    /// The name that it uses.
    pub(crate) fn name(self) -> Option<Name> {
        match self {
            Stage::Idle | Stage::Lost => None,
            Stage::Acquire { name, .. }
            | Stage::Wait { name, .. }
            | Stage::Held { name, .. }
            | Stage::Release { name, .. }
            | Stage::Fencing { name, .. }
            | Stage::Loosen { name, .. }
            | Stage::Queue { name, .. }
            | Stage::Blocked { name, .. }
            | Stage::Take { name, .. }
            | Stage::Unqueue { name, .. } => Some(name),
        }
    }

    /// Whether it looks at the view of its process.
    pub(crate) fn waits(self) -> bool {
        matches!(self, Stage::Wait { .. } | Stage::Blocked { .. })
    }

    /// Whether a request of it is under way.
    pub(crate) fn awaits_reply(self) -> bool {
        match self {
            Stage::Acquire { refused, .. } | Stage::Queue { refused, .. } => !refused,
            Stage::Release { .. } | Stage::Loosen { .. } | Stage::Take { .. } | Stage::Unqueue { .. } => true,
            _ => false,
        }
    }

    /// Whether it is about to look at the view.
    pub(crate) fn enters(self) -> bool {
        matches!(self, Stage::Acquire { .. } | Stage::Queue { .. })
    }

    /// The revision of its key.
    pub(crate) fn create(self) -> Option<Revision> {
        match self {
            Stage::Wait { create, .. }
            | Stage::Held { create, .. }
            | Stage::Fencing { create, .. }
            | Stage::Loosen { create, .. }
            | Stage::Blocked { create, .. }
            | Stage::Take { create, .. } => Some(create),
            _ => None,
        }
    }
}
