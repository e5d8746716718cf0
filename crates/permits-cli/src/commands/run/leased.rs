//! Permits that are held under a lease, while a command runs with them.

use std::future::Future;
use std::pin::Pin;
use std::process::Command;
use std::task::Context;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use permits::Token;
use permits_etcd::{ErrorKind, EtcdPermit, Lost};

use super::loss::Loss;
use super::report::Reason;
use crate::events::Events;
use crate::failure::Failure;
use crate::out::Notes;
use crate::reach::Machines;
use crate::values::OnLost;

/// KILL is sent so long before the end of the lease: what the kernel takes to end the processes.
const BEFORE_THE_END: Duration = Duration::from_millis(200);

/// Permits of machines, while the command runs.
pub(super) struct Leased {
    machines: Machines,
    permit: EtcdPermit,
    /// No permit that was out when these were granted has an older one.
    oldest: Token,
    lost: Lost,
    /// How much of the lease the command needs to end.
    needed: Duration,
    on_lost: OnLost,
    /// The user was told of a loss.
    is_told: bool,
}

impl Leased {
    pub(super) fn new(
        machines: Machines,
        permit: EtcdPermit,
        oldest: Token,
        on_lost: &OnLost,
        grace: Duration,
    ) -> Self {
        let needed = match on_lost {
            OnLost::Term | OnLost::Command(_) => grace + BEFORE_THE_END,
            OnLost::Kill => BEFORE_THE_END,
            OnLost::Ignore => Duration::ZERO,
        };
        Leased { machines, lost: permit.lost(), permit, oldest, needed, on_lost: on_lost.clone(), is_told: false }
    }

    pub(super) fn tell(&self, command: &mut Command) {
        let valid_until = since_boot().saturating_add(self.permit.remaining());
        command
            .env_remove("PERMITS_SLOT")
            .env_remove("PERMITS_SLOTS")
            .env("PERMITS_TOKEN", self.permit.token().to_string())
            .env("PERMITS_TOKEN_OLDEST", self.oldest.to_string())
            .env("PERMITS_VALID_UNTIL", valid_until.as_millis().to_string());
    }

    /// When so much of the lease is left as the command needs, if it is not renewed before. The waker of the events
    /// is left where a loss is told.
    pub(super) fn next_look(&mut self, events: &Events) -> Option<Instant> {
        let waker = events.waker();
        let is_lost = Pin::new(&mut self.lost).poll(&mut Context::from_waker(&waker)).is_ready();
        let left = if is_lost { Duration::ZERO } else { self.permit.remaining().saturating_sub(self.needed) };
        Instant::now().checked_add(left)
    }

    /// Once it is something, it is told.
    pub(super) fn loss(&mut self) -> Option<Loss> {
        let remaining = self.permit.remaining();
        if !self.permit.is_lost() && remaining > self.needed {
            return None;
        }
        self.is_told = true;
        Some(match remaining {
            Duration::ZERO => Loss { why: "was revoked, or its lease has ended".to_owned(), left: None },
            _ => Loss {
                why: format!("could not be renewed, and its lease ends in {:.1} s", remaining.as_secs_f64()),
                left: Some(remaining.saturating_sub(BEFORE_THE_END)),
            },
        })
    }

    pub(super) fn give_back(self, notes: &Notes, name: &str) -> Option<Reason> {
        // What is lost need not be returned, and a server that is gone need not be waited for.
        let is_lost = self.permit.is_lost();
        let returned = if is_lost { None } else { Some(self.permit.release().wait()) };
        match returned {
            Some(Ok(())) => {
                let _ = self.machines.etcd.disconnect().wait();
                None
            }
            Some(Err(error)) if error.kind() != ErrorKind::Lost => {
                let text = format!("{}; the permits come back when the lease ends", Failure::of_machines(error, name));
                notes.warn(&text);
                None
            }
            Some(Err(_)) | None => {
                if !self.is_told {
                    notes.warn(&format!("the permits of `{name}` were lost before the command had ended"));
                }
                (self.on_lost != OnLost::Ignore).then_some(Reason::Lost)
            }
        }
    }
}

/// The clock that goes on while the machine is suspended.
fn since_boot() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from)
}
