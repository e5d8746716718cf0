//! The commands, one file or folder each.
//!
//! A command uses the modules beside this folder, and another command only if it does the same act (`release --grant` revokes).

mod acquire;
mod completions;
mod doctor;
mod list;
mod man;
mod release;
mod repair;
mod revoke;
mod run;
mod set;
mod status;
mod top;
mod wait;

use crate::args::{Act, Args};
use crate::end::End;
use crate::failure::Failure;
use crate::out::Notes;

/// Does what the arguments ask for.
pub(crate) fn run(args: &Args, notes: &Notes) -> Result<End, Failure> {
    let common = &args.common;
    match &args.act {
        Act::Run(run) => run::run(common, run, notes),
        Act::Acquire(acquire) => acquire::run(common, acquire, notes),
        Act::Release(release) => release::run(common, release, notes),
        Act::Status(status) => status::run(common, status, notes),
        Act::List(list) => list::run(common, list, notes),
        Act::Top(top) => top::run(common, top),
        Act::Set(set) => set::run(common, set, notes),
        Act::Wait(wait) => wait::run(common, wait, notes),
        Act::Revoke(revoke) => revoke::run(common, revoke, notes),
        Act::Repair(repair) => repair::run(common, repair),
        Act::Doctor(doctor) => doctor::run(common, doctor),
        Act::Completions(completions) => completions::run(completions),
        Act::Man(man) => man::run(man),
    }
}
