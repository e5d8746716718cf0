//! `permits acquire`: permits without an owner, or permits that a keeper in the background owns.

mod background;
mod keeper;
#[cfg(feature = "etcd")]
mod leased;

use crate::args::Acquire;
use crate::end::End;
use crate::events::Events;
use crate::failure::Failure;
use crate::json::{self, Taken};
use crate::out;
use crate::place::{self, Scene};
use crate::slips::quoted;
use crate::waiting::{Ungranted, Waiting};

pub(crate) fn run(scene: Scene<'_>, args: &Acquire) -> Result<End, Failure> {
    if let Some(pid) = args.while_pid {
        return keeper::start(scene, args, pid);
    }
    let units = place::count(args.units);
    let mut events = Events::open()?;
    loop {
        let semaphore = place::open(scene, &scene.labelled(args.label.as_ref()), &args.name, &args.terms)?;
        match Waiting::new(scene, &semaphore, units, &args.patience).acquire(&mut events, |_| ()) {
            Ok(permit) => break permit.forget(),
            Err(Ungranted::Gone(_)) => {}
            Err(ungranted) => return ungranted.end(),
        }
    }
    scene.notes.verbose(|| {
        format!("acquired `{}` of `{}`; to return: `permits release {}`", units, args.name, quoted(&args.name))
    });
    if args.json {
        out::print(&json::line(Taken {
            name: &args.name,
            permits: units,
            slots: Vec::new(),
            grant: None,
            keeper_pid: None,
        }))?;
    }
    Ok(End::Code(0))
}
