//! What a run has of its permits: how the command learns of them, what can take them away, and how they come back.

use std::process::Command;
use std::time::Instant;

use permits_host::{CommandLock, HostSemaphore, OwnedPermit};

#[cfg(feature = "etcd")]
use super::leased::Leased;
use super::loss::Loss;
use super::report::Reason;
use crate::events::Events;
use crate::failure::Failure;
use crate::out::Notes;
use crate::people;

/// Permits, by their reach.
pub(super) enum Grip<'a> {
    /// The run around this one keeps them.
    Outer,
    /// Of this host.
    Host { semaphore: &'a HostSemaphore, permit: OwnedPermit },
    /// Of machines, under a lease.
    #[cfg(feature = "etcd")]
    Leased(Box<Leased>),
}

impl Grip<'_> {
    /// Tells the command. One that shares what a run around it has finds all of that already.
    pub(super) fn tell(&self, command: &mut Command) {
        match self {
            Grip::Outer => {}
            Grip::Host { permit, .. } => {
                let slots: Vec<String> = permit.slots().iter().map(u32::to_string).collect();
                match slots.first() {
                    Some(first) => command.env("PERMITS_SLOT", first).env("PERMITS_SLOTS", slots.join(",")),
                    // Not those of a run around this one.
                    None => command.env_remove("PERMITS_SLOT").env_remove("PERMITS_SLOTS"),
                };
                // Nor the lease of one on machines.
                for variable in ["PERMITS_TOKEN", "PERMITS_TOKEN_OLDEST", "PERMITS_VALID_UNTIL"] {
                    command.env_remove(variable);
                }
            }
            #[cfg(feature = "etcd")]
            Grip::Leased(leased) => leased.tell(command),
        }
    }

    /// What the command itself keeps permits by, if it does.
    pub(super) fn command_lock(&self) -> Result<Option<CommandLock>, Failure> {
        match self {
            Grip::Host { semaphore, .. } => Ok(Some(semaphore.command_lock()?)),
            _ => Ok(None),
        }
    }

    /// What the command gets when this program is killed, unless the user has said it: a command that cannot keep
    /// permits by itself must not outlive what holds them.
    pub(super) fn pdeathsig(&self) -> Option<i32> {
        match self {
            Grip::Outer | Grip::Host { .. } => None,
            #[cfg(feature = "etcd")]
            Grip::Leased(_) => Some(libc::SIGKILL),
        }
    }

    /// Whether a loss is noticed by [`watch`](Self::watch) alone.
    pub(super) fn needs_a_watch(&self) -> bool {
        matches!(self, Grip::Host { .. })
    }

    pub(super) fn watch(&self, events: &mut Events) {
        if let Grip::Host { semaphore, .. } = self {
            events.watch_revocation(semaphore);
        }
    }

    /// When to look again whether they are lost, if no event says so. To be asked before each wait for events.
    pub(super) fn next_look(&mut self, events: &Events) -> Option<Instant> {
        match self {
            #[cfg(feature = "etcd")]
            Grip::Leased(leased) => leased.next_look(events),
            _ => {
                let _ = events;
                None
            }
        }
    }

    /// Why the command has to end, if it has.
    pub(super) fn loss(&mut self) -> Option<Loss> {
        match self {
            Grip::Outer => None,
            Grip::Host { semaphore, .. } => semaphore
                .is_revoked()
                .then(|| Loss { why: format!("was {}", people::revocation(semaphore)), left: None }),
            #[cfg(feature = "etcd")]
            Grip::Leased(leased) => leased.loss(),
        }
    }

    /// Returns the permits. That they were lost before is the reason for the end of the run.
    pub(super) fn give_back(self, notes: &Notes, name: &str) -> Option<Reason> {
        match self {
            #[cfg(feature = "etcd")]
            Grip::Leased(leased) => leased.give_back(notes, name),
            _ => {
                let _ = (notes, name);
                None
            }
        }
    }
}
