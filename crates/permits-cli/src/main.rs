//! The program `permits`: counting semaphores between the processes of a host, for the shell.
//!
//! One file an act; `args` says what there is. What the acts share: `place` (which semaphore), `queue` (waiting that can be
//! interrupted, stopped and revoked), `events` (signals and wake-ups as things to poll for), `failure` (exit codes), `out`.

mod acquire;
mod args;
mod completions;
mod doctor;
mod events;
mod failure;
mod json;
mod keeper;
mod list;
mod man;
mod out;
mod place;
mod queue;
mod release;
mod repair;
mod report;
mod revoke;
mod run;
mod set;
mod status;
mod sys;
mod table;
mod top;
mod wait;

use args::{Act, Args};
use clap::error::ErrorKind;
use failure::{Failure, code};
use out::Notes;

/// How the program ends when nothing failed.
pub(crate) enum End {
    /// With an exit code.
    Code(u8),
    /// By a signal, as its command did, or as it was told to while it waited.
    Signal(i32),
}

fn main() {
    let args = match Args::of_process() {
        Ok(args) => args,
        Err(error) => {
            // Help that cannot be printed is no help; there is nobody left to tell.
            let _ = error.print();
            let stray = matches!(error.kind(), ErrorKind::UnknownArgument | ErrorKind::TooManyValues);
            if stray && std::env::args_os().any(|arg| arg == "run") {
                eprintln!("\nThe command comes after `--`: permits run --max 2 build -- make -j4");
            }
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            std::process::exit(if asked { 0 } else { code::USAGE.into() });
        }
    };
    let notes = Notes::new(&args.common);
    match act(&args, &notes) {
        Ok(End::Code(code)) => std::process::exit(code.into()),
        Ok(End::Signal(signal)) => sys::die_by(signal),
        Err(failure) => {
            notes.error(&failure);
            std::process::exit(failure.code.into());
        }
    }
}

fn act(args: &Args, notes: &Notes) -> Result<End, Failure> {
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
