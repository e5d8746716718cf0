//! The same without a terminal: one table, or one JSON object a line.
use std::io::{self, Write};
use std::time::SystemTime;

use serde::Serialize;

use super::history::{History, Past};
use super::lists::{SEMAPHORE_COLUMNS, semaphore_row};
use super::sample::{Reading, Sample, Semaphore, Side};
use super::table;
use crate::people::Who;

/// One table; what could not be read is said on `err`.
pub(crate) fn table(out: &mut impl Write, err: &mut impl Write, sample: &Sample, history: &History) -> io::Result<()> {
    let rows: Vec<_> = sample.semaphores.iter().map(|s| semaphore_row(s, history.of(&s.name))).collect();
    for line in table::lines(SEMAPHORE_COLUMNS, &rows, usize::MAX) {
        writeln!(out, "{line}")?;
    }
    out.flush()?;
    for semaphore in &sample.semaphores {
        if let Err(why) = &semaphore.reading {
            writeln!(err, "permits: {why}")?;
        }
    }
    if let Some(why) = &sample.trouble {
        writeln!(err, "permits: {why}")?;
    }
    Ok(())
}

/// One JSON object on one line; the fields are called as in `permits status --json`.
pub(crate) fn json(out: &mut impl Write, sample: &Sample, history: &History) -> io::Result<()> {
    let semaphores = sample.semaphores.iter().map(|s| one(s, history.of(&s.name))).collect();
    let tick = Tick {
        schema: 1,
        time: time(sample.taken),
        dir: &sample.directory,
        error: sample.trouble.as_deref(),
        semaphores,
    };
    serde_json::to_writer(&mut *out, &tick)?;
    writeln!(out)?;
    out.flush()
}

#[derive(Serialize)]
struct Tick<'a> {
    schema: u32,
    time: String,
    dir: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    semaphores: Vec<One<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum One<'a> {
    Read(Box<Read<'a>>),
    Unreadable { name: &'a str, error: &'a str },
}

#[derive(Serialize)]
struct Read<'a> {
    name: &'a str,
    max_permits: u32,
    free: u32,
    given_out: u32,
    held: u32,
    loose: u32,
    waiting_acquirers: usize,
    waiting_releasers: usize,
    closed: bool,
    holders: Vec<Held<'a>>,
    waiters: Vec<Waiting<'a>>,
    granted_total: u64,
    recovered_total: u64,
    /// `null` on the first line: a rate needs two readings.
    grants_per_second: Option<f64>,
}

#[derive(Serialize)]
struct Held<'a> {
    #[serde(flatten)]
    who: &'a Who,
    permits: u32,
    since: String,
}

#[derive(Serialize)]
struct Waiting<'a> {
    side: &'static str,
    position: u32,
    #[serde(flatten)]
    who: &'a Who,
    permits: u32,
    since: String,
}

fn one<'a>(semaphore: &'a Semaphore, past: Option<&Past>) -> One<'a> {
    let name = &semaphore.name;
    match &semaphore.reading {
        Ok(reading) => One::Read(Box::new(read(name, reading, past))),
        Err(error) => One::Unreadable { name, error },
    }
}

fn read<'a>(name: &'a str, reading: &'a Reading, past: Option<&Past>) -> Read<'a> {
    let holders = reading.holders.iter();
    let waiters = reading.waiters.iter();
    Read {
        name,
        max_permits: reading.max,
        free: reading.free,
        given_out: reading.given_out(),
        held: reading.held,
        loose: reading.loose,
        waiting_acquirers: reading.waiting(Side::Acquire),
        waiting_releasers: reading.waiting(Side::Release),
        closed: reading.closed,
        holders: holders.map(|h| Held { who: &h.who, permits: h.permits, since: time(h.since) }).collect(),
        waiters: waiters
            .map(|w| Waiting {
                side: w.side.word(),
                position: w.position,
                who: &w.who,
                permits: w.permits,
                since: time(w.since),
            })
            .collect(),
        granted_total: reading.granted,
        recovered_total: reading.recovered,
        grants_per_second: past.and_then(Past::rate),
    }
}

fn time(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}
