//! The commands, one file or folder each.
//!
//! A command uses the modules beside this folder, and another command only if it does the same act (`release --grant`
//! revokes).

mod acquire;
mod check;
mod completions;
mod doctor;
mod list;
#[cfg(feature = "etcd")]
mod machines;
mod man;
mod release;
mod remove;
mod repair;
mod revoke;
mod run;
mod set;
mod status;
mod top;
mod wait;

use crate::args::Act;
use crate::end::End;
use crate::failure::Failure;
use crate::place::Scene;
use crate::reach;

/// Does what the arguments ask for.
pub(crate) fn run(act: &Act, scene: Scene<'_>) -> Result<End, Failure> {
    reach::check(act, scene.common)?;
    #[cfg(feature = "etcd")]
    if let Some(done) = machines::run(act, scene) {
        return done;
    }
    match act {
        Act::Run(run) => run::run(scene, run),
        Act::Acquire(acquire) => acquire::run(scene, acquire),
        Act::Release(release) => release::run(scene, release),
        Act::Status(status) => status::run(scene, status),
        Act::List(list) => list::run(scene, list),
        Act::Top(top) => top::run(scene, top),
        Act::Set(set) => set::run(scene, set),
        Act::Wait(wait) => wait::run(scene, wait),
        Act::Check(check) => check::run(scene, check),
        Act::Revoke(revoke) => revoke::run(scene, revoke),
        Act::Remove(remove) => remove::run(scene, remove),
        Act::Repair(repair) => repair::run(scene, repair),
        Act::Doctor(doctor) => doctor::run(scene, doctor),
        Act::Completions(completions) => completions::run(scene, completions),
        Act::Man(man) => man::run(man),
    }
}
