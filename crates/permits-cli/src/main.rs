//! The program `permits`: counting semaphores between the processes of a host, for the shell.
//!
//! `args` says what there is, `values` how the values of arguments are written, and `commands` has a file
//! for each command. What they share stands beside them: `reach` (names of this host, and addresses of
//! machines), `place` (which semaphore), `neighbours` (users who count apart), `sharing` (users who cannot
//! use what is made), `waiting` (a wait that signals, a stop and a revocation can end), `events` (signals
//! and wake-ups as things to poll for), `people` (who holds or waits, and taming what others wrote), `json`
//! and `table` (what is printed), `columns` (widths), `failure` and `end` (exit codes), `out` (stdout and
//! stderr), `slips` and `unknown` (what was probably meant), `leftovers` (of the killed), `similar` (names
//! that a slip turns into one another), `sys` (system calls). No module imports this one, and none imports
//! a module that imports it.

mod args;
mod columns;
mod commands;
mod end;
mod events;
mod failure;
mod json;
mod leftovers;
mod neighbours;
mod out;
mod people;
mod place;
mod reach;
mod sharing;
mod similar;
mod slips;
mod spacing;
mod sys;
mod table;
mod unknown;
mod values;
mod waiting;

use args::Args;
use clap::error::ErrorKind;
use end::End;
use failure::code;
use out::Notes;
use place::Scene;

fn main() {
    let words = std::env::args_os().collect::<Vec<_>>();
    let parsed = slips::misread(&words).map_or_else(Args::of_process, Err);
    let args = match parsed {
        Ok(args) => args,
        Err(mut error) => {
            unknown::leave_out_guesses(&mut error, &words);
            let way_out = unknown::way_out(&error, &words).or_else(|| slips::way_out(&error, &words));
            slips::say_the_value_once(&mut error);
            slips::print(&error, &words);
            if let Some(text) = way_out {
                eprintln!("\n{text}");
            }
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            std::process::exit(if asked { 0 } else { code::USAGE.into() });
        }
    };
    let notes = Notes::new(&args.common);
    let scene = Scene { common: &args.common, notes: &notes };
    let end = commands::run(&args.act, scene).unwrap_or_else(|failure| {
        let failure = failure.with_what_was_meant(&scene.options());
        notes.error(&failure);
        End::Code(failure.code)
    });
    if let End::Signal(signal) = end {
        sys::die_by(signal);
    }
    std::process::exit(end.code().into());
}
