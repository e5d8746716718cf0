//! What `run` tells a program: one line of JSON an event, on stderr or on a descriptor.

use std::fs::File;
use std::io::{self, Write};

use serde::Serialize;

use crate::args::Run;
use crate::failure::{Failure, code};
use crate::json;
use crate::sys;

/// Where events go; nowhere unless asked for.
pub(crate) struct Report(Option<Box<dyn Write>>);

/// What happened.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(crate) enum Event<'a> {
    /// It is inside another run of the same semaphore, and may wait for that one without end.
    Nested { name: &'a str, grant: String, pid: u32, pid_namespace: Option<u64> },
    /// No permit now: it queues.
    Waiting { name: &'a str, position: Option<u32> },
    /// The permits are there, and the command is about to start.
    Granted {
        name: &'a str,
        grant: String,
        units: u32,
        slots: Vec<u32>,
        /// The fencing token, on machines.
        #[serde(skip_serializing_if = "Option::is_none")]
        token: Option<u64>,
        /// No permit that is out has an older one.
        #[serde(skip_serializing_if = "Option::is_none")]
        oldest_token: Option<u64>,
        waited_seconds: f64,
    },
    /// The command was started.
    Started { pid: u32 },
    /// The grant was revoked.
    Lost { grant: String },
    /// The end: the code is what a shell sees, 128+N for a signal.
    Done { reason: Reason, code: u8 },
}

/// Why it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reason {
    /// The command exited.
    Exit,
    /// The command died by a signal.
    Signal,
    /// A signal ended the wait.
    Interrupted,
    /// No permit within the time.
    Timeout,
    /// `--max-hold` ran out.
    MaxHold,
    /// The grant was revoked.
    Lost,
    /// Anything else; stderr says what.
    Failed,
}

impl Report {
    pub(crate) fn open(args: &Run) -> Result<Self, Failure> {
        let to: Option<Box<dyn Write>> = match args.report_fd {
            Some(fd) => {
                let file: File = sys::inherited_file(fd).map_err(|error| {
                    Failure::new(
                        code::USAGE,
                        format!("descriptor `{fd}` of --report-fd is not open ({error}): open it with `{fd}>FILE`"),
                    )
                })?;
                Some(Box::new(file))
            }
            None if args.json => Some(Box::new(io::stderr())),
            None => None,
        };
        Ok(Report(to))
    }

    /// A reader that has gone away is no reason to stop the command: what cannot be told is dropped.
    pub(crate) fn tell(&mut self, event: Event<'_>) {
        let Some(to) = &mut self.0 else { return };
        let _ = to.write_all(json::line(event).as_bytes());
    }
}
