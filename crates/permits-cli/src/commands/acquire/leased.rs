//! The keeper of permits of machines: it renews their lease in the background.

use std::fs::File;
use std::future::Future;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::pin;
use std::task::Context;

use super::background::{detach, is_ending};
use crate::args::Acquire;
use crate::commands::machines::{self, Asking, unless_removed};
use crate::end::End;
use crate::events::Events;
use crate::failure::Failure;
use crate::place::{self, Scene};
use crate::reach::Machines;

pub(super) fn keep(
    scene: Scene<'_>,
    args: &Acquire,
    pid: i32,
    process: &OwnedFd,
    answer: File,
) -> Result<End, Failure> {
    let units = place::count(args.units);
    let mut events = Events::open()?;
    let label = args.label.as_ref().map(|label| label.to_string_lossy().into_owned());
    let machines = Machines::connect_as(&args.name, &args.machines, label.as_deref(), None)?;
    let asked = unless_removed(|| {
        let semaphore = machines::open(&machines, &args.terms)?;
        let asking = Asking::new(scene, &args.name, &semaphore, units, &args.patience).on_engine_loss(&args.machines);
        asking.while_alive(pid, process.as_fd()).acquire(&mut events, |_| ())
    });
    let permit = match asked {
        Ok(permit) => permit,
        Err(ungranted) => {
            let _ = machines.etcd.disconnect().wait();
            return ungranted.end();
        }
    };
    let grant = permit.holder().map(|id| id.to_string()).unwrap_or_default();
    detach(args, units, Vec::new(), grant, answer)
        .map_err(|error| Failure::system("cannot move to the background", &error))?;
    let waker = events.waker();
    let mut lost = pin!(permit.lost());
    // Nobody is there to be told of a loss: the process looks by `permits status`, or by the token.
    while lost.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
        let seen = events.wait(None, Some(process.as_fd()))?;
        if seen.extra || seen.signals.iter().any(|received| is_ending(received.signal)) {
            // Its outcome interests no process any more.
            let _ = permit.release().wait();
            break;
        }
    }
    let _ = machines.etcd.disconnect().wait();
    Ok(End::Code(0))
}
