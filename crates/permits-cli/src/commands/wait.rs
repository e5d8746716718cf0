//! `permits wait`: until no permit is out and no process waits.

use std::time::Duration;

use crate::args::Wait;
use crate::end::End;
use crate::failure::{Failure, code};
use crate::place::Scene;

pub(crate) fn run(scene: Scene<'_>, args: &Wait) -> Result<End, Failure> {
    let semaphore = scene.options().open_existing(&args.name)?;
    let time = if args.patience.try_now { Some(Duration::ZERO) } else { args.patience.wait };
    if semaphore.wait_idle(time)? {
        scene.notes.verbose(|| format!("`{}` is idle", args.name));
        return Ok(End::Code(0));
    }
    Err(Failure::new(code::BUSY, format!("`{}` is not idle: {}", args.name, semaphore.state()?)))
}
