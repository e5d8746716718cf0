//! `permits acquire --while-pid`: a small process in the background that holds permits as long as another
//! process lives.
//!
//! It is forked before the semaphore is opened, as a participant is one process. While it waits it belongs to
//! the caller: the same process group, the same terminal, and it dies with it. Once it has the permits it
//! leaves the terminal, and its parent ends.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

use permits_host::{HostSemaphore, OwnedPermit};

use super::background::{detach, is_ending};
use crate::args::Acquire;
use crate::end::End;
use crate::events::Events;
use crate::failure::{Failure, code};
use crate::out;
use crate::place::{self, Scene};
use crate::sys::{self, Fork};
use crate::waiting::{Ungranted, Waiting};

pub(crate) fn start(scene: Scene<'_>, args: &Acquire, pid: i32) -> Result<End, Failure> {
    let process = sys::pidfd(pid).map_err(|error| match error.raw_os_error() {
        Some(libc::ESRCH) => Failure::new(code::USAGE, format!("there is no process `{pid}` to hold permits for")),
        _ => Failure::system(&format!("cannot watch process `{pid}`"), &error),
    })?;
    let failed = |error| Failure::system("cannot start the background process", &error);
    let (read, write) = sys::pipe().map_err(failed)?;
    let parent = std::process::id();
    match sys::fork().map_err(failed)? {
        Fork::Parent(keeper) => {
            drop(write);
            let taken = sys::read_to_end(read).map_err(failed)?;
            if !taken.is_empty() {
                out::print(&String::from_utf8_lossy(&taken))?;
                return Ok(End::Code(0));
            }
            // The keeper has ended, and has said why.
            Ok(sys::wait_for_end(keeper).map_err(failed)?.into())
        }
        Fork::Child => {
            drop(read);
            // What the caller has open is not for the keeper, which outlives it: a lock would stay locked, a
            // pipe would not end.
            sys::close_others(&[process.as_fd(), write.as_fd()]);
            sys::set_pdeathsig(libc::SIGTERM).map_err(failed)?;
            if std::os::unix::process::parent_id() != parent {
                return Ok(End::Signal(libc::SIGTERM));
            }
            keep(scene, args, pid, &process, write)
        }
    }
}

fn keep(scene: Scene<'_>, args: &Acquire, pid: i32, process: &OwnedFd, answer: File) -> Result<End, Failure> {
    #[cfg(feature = "etcd")]
    if crate::reach::is_of_machines(&args.name) {
        return super::leased::keep(scene, args, pid, process, answer);
    }
    let units = place::count(args.units);
    let mut events = Events::open()?;
    let options = scene.labelled(args.label.as_ref()).numbered(true);
    let (semaphore, permit) = loop {
        let semaphore = place::open(scene, &options, &args.name, &args.terms)?;
        let waiting = Waiting::new(scene, &semaphore, units, &args.patience).while_alive(pid, process.as_fd());
        match waiting.acquire(&mut events, |_| ()) {
            Ok(permit) => break (semaphore, permit),
            Err(Ungranted::Gone(_)) => {}
            Err(ungranted) => return ungranted.end(),
        }
    };
    let grant = semaphore.id().to_string();
    detach(args, permit.count(), permit.slots().to_vec(), grant, answer)
        .map_err(|error| Failure::system("cannot move to the background", &error))?;
    hold(&mut events, &semaphore, process, permit)
}

/// Until the process has ended, the grant is revoked, or a signal says so.
fn hold(
    events: &mut Events,
    semaphore: &HostSemaphore,
    process: &OwnedFd,
    permit: OwnedPermit,
) -> Result<End, Failure> {
    events.watch_revocation(semaphore);
    loop {
        let seen = events.wait(None, Some(process.as_fd()))?;
        if seen.extra || semaphore.is_revoked() || seen.signals.iter().any(|received| is_ending(received.signal)) {
            drop(permit);
            return Ok(End::Code(0));
        }
    }
}
