//! The commands on semaphores of machines, where they differ from those of this host: `run` and `acquire` keep theirs
//! in their own folders.

mod asking;
mod doctor;

use std::time::{Duration, Instant};

use permits_etcd::{Call, ErrorKind, EtcdSemaphore, HolderId};

pub(crate) use self::asking::Asking;
use super::list;
use crate::args::{Act, List, Release, Revoke, Set, Size, Terms, Wait};
use crate::end::End;
use crate::events::Events;
use crate::failure::{Failure, code};
use crate::json::{self, Revoked};
use crate::out;
use crate::place::{self, Scene};
use crate::reach::{self, Machines};
use crate::values::{Change, Number};
use crate::waiting::Ungranted;

/// How long `wait` sleeps between two looks.
const LOOK: Duration = Duration::from_millis(200);

/// Does what is done in another way than on this host; nothing of the rest.
pub(super) fn run(act: &Act, scene: Scene<'_>) -> Option<Result<End, Failure>> {
    Some(match act {
        Act::Release(args) if reach::is_of_machines(&args.name) => release(scene, args),
        Act::Set(args) if reach::is_of_machines(&args.name) => set(scene, args),
        Act::Wait(args) if reach::is_of_machines(&args.name) => wait(scene, args),
        Act::Revoke(args) if reach::is_of_machines(&args.name) => revoke(scene, args),
        Act::List(args) => show_all(scene, args, args.namespace.as_deref()?),
        Act::Doctor(args) => doctor::run(scene, args, args.address.as_deref()?),
        _ => return None,
    })
}

/// Opens a semaphore to take permits, as [`place::open`] does.
pub(super) fn open(machines: &Machines, terms: &Terms) -> Result<EtcdSemaphore, Failure> {
    if terms.existing {
        return machines.existing();
    }
    open_with(machines, &terms.size, Some(1))
}

/// Opens and asks again while the semaphore is removed in between.
pub(super) fn unless_removed<T>(mut ask: impl FnMut() -> Result<T, Ungranted>) -> Result<T, Ungranted> {
    loop {
        match ask() {
            Err(Ungranted::Gone(_)) => {}
            asked => return asked,
        }
    }
}

fn open_with(machines: &Machines, size: &Size, default: Option<u32>) -> Result<EtcdSemaphore, Failure> {
    let (etcd, name) = (&machines.etcd, machines.name()?);
    let failed = |error| Failure::of_machines(error, &machines.address);
    let number = |number: Number| place::total(number);
    if let Some(max) = size.max.map(number) {
        let opened = if size.resize { etcd.open_resized(name, max) } else { etcd.open(name, max) };
        return opened.wait().map_err(failed);
    }
    let Some(new) = size.create.map(number).or(default) else { return machines.existing() };
    loop {
        match etcd.open_existing(name).wait() {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            opened => return opened.map_err(failed),
        }
        match etcd.open(name, new).wait() {
            // Another client created it in between, with another number: that number holds.
            Err(error) if error.kind() == ErrorKind::MaxDiffers => {}
            opened => return opened.map_err(failed),
        }
    }
}

fn release(scene: Scene<'_>, args: &Release) -> Result<End, Failure> {
    if let Some(grant) = &args.grant {
        return take_away(&Machines::connect(&args.name)?, grant);
    }
    let units = place::count(args.units);
    let mut events = Events::open()?;
    let machines = Machines::connect(&args.name)?;
    let semaphore = open_with(&machines, &args.size, None)?;
    let released = Asking::new(scene, &args.name, &semaphore, units, &args.patience).release(&mut events);
    let _ = machines.etcd.disconnect().wait();
    if let Err(ungranted) = released {
        return ungranted.end();
    }
    scene.notes.verbose(|| format!("released `{units}` of `{}`", args.name));
    Ok(End::Code(0))
}

fn set(scene: Scene<'_>, args: &Set) -> Result<End, Failure> {
    let machines = Machines::connect(&args.name)?;
    let failed = |error| Failure::of_machines(error, &args.name);
    let semaphore = match args.max {
        Some(Change::To(max)) if args.create => {
            machines.etcd.open_resized(machines.name()?, place::total(max)).wait().map_err(failed)?
        }
        _ if args.create => return Err(Failure::new(code::USAGE, super::set::CREATE_WITH_A_SIGN)),
        change => {
            let semaphore = machines.existing()?;
            let changed: Option<Call<()>> = change.map(|change| match change {
                Change::To(max) => semaphore.set_max_permits(place::total(max)),
                Change::Grow(by) => semaphore.grow(by),
                Change::Shrink(by) => semaphore.shrink(by),
            });
            changed.map(Call::wait).transpose().map_err(failed)?;
            semaphore
        }
    };
    scene.notes.verbose(|| match semaphore.state().wait() {
        Ok(state) => format!("`{}` has {state}", args.name),
        Err(error) => error.to_string(),
    });
    Ok(End::Code(0))
}

/// Looks again and again: what is idle for less than that time may be missed.
fn wait(scene: Scene<'_>, args: &Wait) -> Result<End, Failure> {
    let machines = Machines::connect(&args.name)?;
    let semaphore = machines.existing()?;
    let time = if args.patience.try_now { Some(Duration::ZERO) } else { args.patience.wait };
    let deadline = time.and_then(|time| Instant::now().checked_add(time));
    loop {
        let state = semaphore.state().wait().map_err(|error| Failure::of_machines(error, &args.name))?;
        if state.is_idle() {
            scene.notes.verbose(|| format!("`{}` is idle", args.name));
            return Ok(End::Code(0));
        }
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            return Err(Failure::new(code::BUSY, format!("`{}` is not idle: {state}", args.name)));
        }
        std::thread::sleep(left.map_or(LOOK, |left| left.min(LOOK)));
    }
}

fn revoke(scene: Scene<'_>, args: &Revoke) -> Result<End, Failure> {
    let end = take_away(&Machines::connect(&args.name)?, &args.grant)?;
    scene.notes.verbose(|| format!("took the permits of {} of `{}` away", args.grant, args.name));
    if args.json {
        out::print(&json::line(Revoked { name: &args.name, grant: &args.grant, outcome: "gone" }))?;
    }
    Ok(end)
}

/// The holder learns of it, and others may have the permits at once.
fn take_away(machines: &Machines, grant: &str) -> Result<End, Failure> {
    let id: HolderId =
        grant.parse().map_err(|error: permits_etcd::Error| Failure::from(error).with_code(code::USAGE))?;
    let revoked = machines.existing()?.revoke(id).wait();
    revoked.map_err(|error| Failure::of_machines(error, &machines.address))?;
    Ok(End::Code(0))
}

/// The semaphores of a namespace.
fn show_all(scene: Scene<'_>, args: &List, address: &str) -> Result<End, Failure> {
    // Without the slash its last part would be a name.
    let namespace = match address.split_once('?') {
        Some((path, query)) => format!("{}/?{query}", path.trim_end_matches('/')),
        None if address == "@" => "@".to_owned(),
        None => format!("{}/", address.trim_end_matches('/')),
    };
    let machines = Machines::connect(&namespace)?;
    let failed = |error| Failure::of_machines(error, address);
    let names = machines.etcd.list().wait().map_err(failed)?;
    let read = names.into_iter().map(|name| {
        let status = machines.etcd.open_existing(&name).wait().and_then(|semaphore| semaphore.status().wait());
        (name, status.map_err(failed))
    });
    list::show(scene, args, machines.cluster.to_string().as_ref(), read.collect())
}
