//! `permits top`: a live screen with holders, queues and waits.
//!
//! A sample (`sample`) is one reading of all semaphores in plain values. What only several samples tell, such
//! as rates and waits that ended, is kept in `history`. `app` is the state of the screen and knows the keys;
//! `draw`, `lists` and `pictures` make the picture; `screen` owns the terminal. None but `sample` and this
//! file know `permits-host`, so that everything else can be tried with made-up samples. Without a terminal
//! `plain` prints a table, or JSON.
pub(crate) mod app;
pub(crate) mod draw;
pub(crate) mod history;
pub(crate) mod keys;
pub(crate) mod lists;
#[cfg(test)]
mod made_up;
pub(crate) mod pictures;
pub(crate) mod plain;
pub(crate) mod sample;
pub(crate) mod screen;
pub(crate) mod table;
#[cfg(test)]
mod tests;
pub(crate) mod text;
pub(crate) mod theme;

use std::io::{self, IsTerminal};
use std::path::Path;

use permits_host::{HolderId, Options};

use crate::args::Top;
use crate::end::End;
use crate::failure::{Failure, code};
use crate::people::tame;
use crate::place::Scene;
use crate::reach;

pub(crate) fn run(scene: Scene<'_>, args: &Top) -> Result<End, Failure> {
    let shown = show(args, &scene.options(), &scene.directory());
    // What it was that could not be read, stands on the screen or on stderr already.
    let failed = |error| Failure::new(code::FAILED, format!("cannot show the semaphores: {error}"));
    shown.map(End::Code).map_err(failed)
}

/// Until the user quits. What goes wrong with a semaphore is shown, and ends nothing. The exit code tells a
/// script what could not be read.
fn show(args: &Top, options: &Options, directory: &Path) -> io::Result<u8> {
    let mut handles = sample::Handles::new();
    let sample = || sample::sample(options, &mut handles, directory, &args.names);
    if args.json || args.watch || !is_screen() {
        return print(args, sample);
    }
    let mut app = app::App::new(theme::Theme::from_environment(), args.interval);
    app.read_only = args.read_only;
    screen::run(&mut app, sample, |act| match perform(options, act) {
        Ok(()) => Ok(act.outcome()),
        Err(failure) => Err(tame(&failure.text)),
    })?;
    Ok(0)
}

/// A pipe, a file, and a terminal that cannot move its cursor get plain text.
fn is_screen() -> bool {
    io::stdout().is_terminal()
        && io::stdin().is_terminal()
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

fn print(args: &Top, mut sample: impl FnMut() -> sample::Sample) -> io::Result<u8> {
    let mut history = history::History::default();
    let mut out = io::BufWriter::new(io::stdout().lock());
    loop {
        let sample = sample();
        history.observe(&sample);
        let printed = match args.json {
            true => plain::json(&mut out, &sample, &history),
            false => plain::table(&mut out, &mut io::stderr().lock(), &sample, &history),
        };
        match printed {
            // `permits top --watch | head -1` is no failure.
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => return Ok(0),
            other => other?,
        }
        if !args.watch {
            return Ok(sample.code);
        }
        std::thread::sleep(args.interval);
    }
}

fn perform(options: &Options, act: &app::Act) -> Result<(), Failure> {
    let (app::Act::SetMax { name, .. } | app::Act::Revoke { name, .. }) = act;
    if reach::is_of_machines(name) {
        return perform_on_machines(name, act);
    }
    let open = |name: &str| options.clone().open_existing(name);
    let performed = match act {
        app::Act::SetMax { name, to, .. } => open(name)?.set_max_permits(*to),
        app::Act::Revoke { name, grant, .. } => open(name)?.revoke(grant.parse::<HolderId>()?),
    };
    Ok(performed?)
}

#[cfg(feature = "etcd")]
fn perform_on_machines(name: &str, act: &app::Act) -> Result<(), Failure> {
    let semaphore = reach::Machines::connect(name)?.existing()?;
    let performed = match act {
        app::Act::SetMax { to, .. } => semaphore.set_max_permits(*to),
        app::Act::Revoke { grant, .. } => semaphore.revoke(grant.parse::<HolderId>()?),
    };
    performed.wait().map_err(|error| Failure::of_machines(error, name))
}

#[cfg(not(feature = "etcd"))]
fn perform_on_machines(name: &str, _: &app::Act) -> Result<(), Failure> {
    Err(reach::left_out(name))
}
