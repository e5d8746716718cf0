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
/// The number of an attempt to take a loose permit, as its receipt has it; 0 is none.
pub(crate) type Act = u8;

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
    /// `version(s/<lease>)` of each process; 0 when the lease has ended, and `s` with it.
    pub(crate) epochs: Vec<u8>,
    /// `o/<lease>` of each process: its act that took a loose permit last.
    pub(crate) receipts: Vec<Act>,
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
    /// No part of the protocol: there were enough loose permits once for it and those before it.
    pub(crate) fitted: bool,
}

/// The value of `cfg`. `was` is not in it: only readings look at that. While `cfg` is not there, all is 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub(crate) struct Limit {
    pub(crate) max: u8,
    pub(crate) closed: bool,
    /// Keys up to this one were granted before the limit became what it is.
    pub(crate) upto: Revision,
    /// When it was written.
    pub(crate) since: Revision,
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
    /// The same, for a name that is swept.
    Sweep {
        process: u8,
        name: Name,
    },
    /// Who changes the limit, and closes. `act` is which of its acts.
    Admin {
        act: u8,
    },
}

impl Caller {
    pub(crate) fn process(self) -> Option<u8> {
        match self {
            Caller::Slot { process, .. } | Caller::Session { process } | Caller::Sweep { process, .. } => Some(process),
            Caller::Admin { .. } => None,
        }
    }
}

/// Requests and replies. docs/decisions has the table of the transactions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub(crate) enum What {
    Acquire {
        name: Name,
        units: u8,
        epoch: u8,
        limit: Limit,
    },
    Delete {
        name: Name,
    },
    MakeLoose {
        name: Name,
        token: Revision,
        epoch: u8,
    },
    Queue {
        name: Name,
        epoch: u8,
    },
    /// `create` is that of the own key, or 0 if it is not blocked. `job` is no part of the protocol: which
    /// release it is for.
    Take {
        name: Name,
        create: Revision,
        loose: Revision,
        epoch: u8,
        act: Act,
        job: u8,
    },
    Unqueue {
        name: Name,
    },
    Bump {
        epoch: u8,
    },
    Sweep {
        name: Name,
    },
    /// `settles`: the second write.
    Configure {
        limit: Limit,
        settles: bool,
    },

    /// `before` is how many keys are older.
    Acquired {
        name: Name,
        create: Revision,
        before: u8,
        limit: Limit,
    },
    /// `found`: the create revision of its key, which an earlier attempt put, or 0. An epoch of 0: no lease.
    NotAcquired {
        name: Name,
        found: Revision,
        epoch: u8,
        limit: Limit,
    },
    /// `some`: there was something to delete.
    Deleted {
        name: Name,
        some: bool,
    },
    MadeLoose {
        name: Name,
    },
    /// `held`: its key is as it was.
    NotMadeLoose {
        name: Name,
        held: bool,
        epoch: u8,
    },
    Queued {
        name: Name,
        create: Revision,
    },
    NotQueued {
        name: Name,
        found: Revision,
        epoch: u8,
    },
    Taken {
        act: Act,
    },
    NotTaken {
        act: Act,
        receipt: Act,
        epoch: u8,
    },
    Epoch {
        epoch: u8,
    },
    Swept {
        name: Name,
    },
    /// What was written, or is there.
    Configured {
        done: bool,
        limit: Limit,
    },
}

// ---- clients

#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub(crate) struct Process {
    pub(crate) slots: Vec<Slot>,
    /// The epoch as far as it knows.
    pub(crate) epoch: u8,
    /// `cfg` as far as it knows.
    pub(crate) limit: Limit,
    pub(crate) fence: Fence,
    /// Names that a late request may put a key of,
    pub(crate) ghosts: Names,
    /// those of them that it cannot any more when the new epoch is known that is under way,
    pub(crate) fenced: Names,
    /// those that were in use then,
    pub(crate) later: Names,
    /// and those that a sweep is under way for.
    pub(crate) swept: Names,
    /// Names that are not used again.
    pub(crate) burnt: Names,
    /// A release without a name may still arrive.
    pub(crate) doubt: bool,
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
    Bumping {
        /// The one that ends.
        epoch: u8,
    },
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
    /// No part of the protocol: which of its jobs took a loose permit, a bit each,
    pub(crate) took: u8,
    /// and which are told that they took none.
    pub(crate) took_none: u8,
}

/// `repeated`: there was a timeout, and an earlier attempt may arrive later.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub(crate) enum Stage {
    Idle,
    Acquire {
        name: Name,
        epoch: u8,
        limit: Limit,
        repeated: bool,
    },
    /// `max` is the limit when it came into the queue, which only a mutant looks at.
    Wait {
        name: Name,
        create: Revision,
        max: u8,
    },
    Held {
        name: Name,
        create: Revision,
        fitted: u8,
    },
    /// Of a held permit, or of a place in the queue.
    Release {
        name: Name,
        repeated: bool,
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
        epoch: u8,
        repeated: bool,
    },
    Queue {
        name: Name,
        epoch: u8,
        repeated: bool,
    },
    Blocked {
        name: Name,
        create: Revision,
    },
    /// `create` is 0 if it is not blocked.
    Take {
        name: Name,
        create: Revision,
        loose: Revision,
        epoch: u8,
        act: Act,
        repeated: bool,
    },
    /// One that is in doubt waits for the next epoch, to look at its receipt.
    Settling {
        name: Name,
        create: Revision,
        act: Act,
    },
    Unqueue {
        name: Name,
        repeated: bool,
    },
    Lost,
}

/// Who changes the limit, one act after another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Admin {
    pub(crate) act: u8,
    /// What it has sent, while that is under way.
    pub(crate) asked: Option<Asked>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Asked {
    pub(crate) limit: Limit,
    pub(crate) settles: bool,
    pub(crate) repeated: bool,
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
    /// The semaphore was removed only while nothing was out and nothing waited.
    pub(crate) removed_idle: bool,
    /// Permits made loose less those returned: how many loose ones there have to be.
    pub(crate) loose: u8,
    pub(crate) one_for_each_release: bool,
    /// No name is used for a new key while there is an old one.
    pub(crate) names_are_free: bool,
}

impl State {
    /// Puts a message among those under way.
    pub(crate) fn send(&mut self, caller: Caller, what: What) {
        let message = Message { caller, awaited: true, what };
        let at = self.messages.partition_point(|other| *other < message);
        self.messages.insert(at, message);
    }
}

impl Process {
    pub(crate) fn new(slots: Vec<Slot>, limit: Limit) -> Process {
        Process {
            slots,
            epoch: 1,
            limit,
            fence: Fence::Clean,
            ghosts: 0,
            fenced: 0,
            later: 0,
            swept: 0,
            burnt: 0,
            doubt: false,
            view: None,
            late: None,
            lost: false,
        }
    }

    /// Nothing that was sent before may still arrive.
    pub(crate) fn is_settled(&self) -> bool {
        self.fence == Fence::Clean
    }

    pub(crate) fn uses(&self, name: Name) -> bool {
        self.slots.iter().any(|slot| slot.stage.name() == Some(name))
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
            | What::Sweep { name }
            | What::Acquired { name, .. }
            | What::NotAcquired { name, .. }
            | What::Deleted { name, .. }
            | What::MadeLoose { name }
            | What::NotMadeLoose { name, .. }
            | What::Queued { name, .. }
            | What::NotQueued { name, .. }
            | What::Swept { name } => Some(name),
            What::Taken { .. } | What::NotTaken { .. } | What::Bump { .. } | What::Epoch { .. } => None,
            What::Configure { .. } | What::Configured { .. } => None,
        }
    }

    pub(crate) fn is_request(self) -> bool {
        let of_keys =
            matches!(self, What::Acquire { .. } | What::Delete { .. } | What::MakeLoose { .. } | What::Queue { .. });
        let of_returns = matches!(self, What::Take { .. } | What::Unqueue { .. } | What::Sweep { .. });
        of_keys || of_returns || matches!(self, What::Bump { .. } | What::Configure { .. })
    }
}

impl Stage {
    /// The name that it uses.
    pub(crate) fn name(self) -> Option<Name> {
        match self {
            Stage::Idle | Stage::Lost | Stage::Take { create: 0, .. } | Stage::Settling { create: 0, .. } => None,
            Stage::Acquire { name, .. }
            | Stage::Wait { name, .. }
            | Stage::Held { name, .. }
            | Stage::Release { name, .. }
            | Stage::Fencing { name, .. }
            | Stage::Loosen { name, .. }
            | Stage::Queue { name, .. }
            | Stage::Blocked { name, .. }
            | Stage::Take { name, .. }
            | Stage::Settling { name, .. }
            | Stage::Unqueue { name, .. } => Some(name),
        }
    }

    /// Whether it looks at the view of its process.
    pub(crate) fn waits(self) -> bool {
        matches!(self, Stage::Wait { .. } | Stage::Blocked { .. })
    }

    /// Whether a request of it is under way.
    pub(crate) fn awaits_reply(self) -> bool {
        let is_deleting = matches!(self, Stage::Release { .. } | Stage::Unqueue { .. });
        self.enters() || is_deleting || matches!(self, Stage::Loosen { .. } | Stage::Take { .. })
    }

    /// Whether it is about to look at the view.
    pub(crate) fn enters(self) -> bool {
        matches!(self, Stage::Acquire { .. } | Stage::Queue { .. })
    }

    /// Whether no other slot of its process may take a loose permit.
    pub(crate) fn takes(self) -> bool {
        matches!(self, Stage::Take { .. } | Stage::Settling { .. })
    }

    /// Whether it may fail before there is a reply.
    pub(crate) fn may_be_abandoned(self) -> bool {
        self.enters() || matches!(self, Stage::Take { create: 0, .. })
    }

    /// The revision of its key.
    pub(crate) fn create(self) -> Option<Revision> {
        match self {
            Stage::Wait { create, .. }
            | Stage::Held { create, .. }
            | Stage::Fencing { create, .. }
            | Stage::Loosen { create, .. }
            | Stage::Blocked { create, .. }
            | Stage::Take { create, .. }
            | Stage::Settling { create, .. } => Some(create),
            _ => None,
        }
    }
}
