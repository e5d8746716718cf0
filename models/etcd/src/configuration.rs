//! What a run of the model starts with: how many permits, who wants what of them, and what may go wrong.

/// Something that a slot does, one after another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Job {
    /// Acquires some permits, and returns them.
    Use(u8),
    /// Acquires one, and makes it loose.
    Loose,
    /// Returns a loose one; waits until there is one.
    Return,
    /// The same, but what it has read before is old, and it found no loose permit there.
    ReturnLate,
}

/// Something that the admin does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Act {
    Resize(u8),
    Close,
    /// Removes the semaphore, if nothing is out and nothing waits.
    Remove,
    /// Creates it anew.
    Create(u8),
    /// Deletes a loose permit, as soon as there is one and past all queues, as with `permits revoke`.
    Revoke,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Configuration {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) max: u8,
    /// The slots of each process, and what each of them does.
    pub(crate) processes: &'static [&'static [Script]],
    pub(crate) acts: &'static [Act],
    /// How many permits are loose at first.
    pub(crate) loose: u8,
    pub(crate) faults: u8,
    pub(crate) may: May,
}

pub(crate) type Script = &'static [Job];

/// What may happen, apart from timeouts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct May {
    /// A slot gives up in the queue, or without a reply, which is a fault.
    pub(crate) cancel: bool,
    /// A process does not reach etcd until its lease ends. A fault.
    pub(crate) lose: bool,
    /// A watch loses an event. A fault.
    pub(crate) lose_event: bool,
    /// A process whose lease has ended goes on under a new one.
    pub(crate) renew: bool,
}

impl May {
    pub(crate) const NOTHING: May = May { cancel: false, lose: false, lose_event: false, renew: false };
    pub(crate) const CANCEL: May = May { cancel: true, ..May::NOTHING };
    pub(crate) const ALL: May = May { cancel: true, lose: true, lose_event: true, renew: false };
}

impl Configuration {
    /// All scripts, in the order of the slots; a slot names its own by its place here. Slots with the same
    /// script name the same place, so that processes that do the same are alike.
    pub(crate) fn scripts(&self) -> Vec<Script> {
        let mut scripts: Vec<Script> = Vec::new();
        for script in self.processes.iter().flat_map(|slots| slots.iter()) {
            if !scripts.contains(script) {
                scripts.push(script);
            }
        }
        scripts
    }

    /// The limit never changes and is 1: then tokens grow from one holder to the next.
    pub(crate) fn is_mutex(&self) -> bool {
        self.max == 1 && !self.acts.iter().any(|act| matches!(act, Act::Resize(_)))
    }
}
