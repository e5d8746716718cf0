//! The same without a terminal: one table, or one JSON object a line.
use std::io::{self, Write};

use super::history::{History, Past};
use super::lists::{SEMAPHORE_COLUMNS, semaphore_row};
use super::sample::{Reading, Sample};
use super::table;
use crate::json::{self, Counts, HolderLine, Named, Tick, Ticked, WaiterLine};
use crate::people;
use permits_host::Side;

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
    let semaphores = sample.semaphores.iter().map(|semaphore| {
        let past = history.of(&semaphore.name);
        Named::of(&semaphore.name, semaphore.reading.as_ref().map(|it| ticked(it, past)).map_err(String::as_str))
    });
    let tick = Tick {
        time: json::time(sample.taken),
        dir: &sample.directory,
        error: sample.trouble.as_deref(),
        semaphores: semaphores.collect(),
    };
    out.write_all(json::line(tick).as_bytes())?;
    out.flush()
}

fn ticked(reading: &Reading, past: Option<&Past>) -> Ticked {
    let waiting = |side| u32::try_from(reading.waiting(side)).unwrap_or(u32::MAX);
    let holders = reading.holders.iter().map(|holder| HolderLine {
        who: holder.who.clone(),
        permits: holder.permits,
        token: holder.token,
        slots: holder.slots.clone(),
        since: json::time(holder.since),
        held_seconds: None,
    });
    let waiters = reading.waiters.iter().map(|waiter| WaiterLine {
        position: waiter.position,
        side: people::side(waiter.side),
        who: waiter.who.clone(),
        permits: waiter.permits,
        since: json::time(waiter.since),
        waiting_seconds: None,
    });
    Ticked {
        counts: Counts {
            max_permits: reading.max,
            free: reading.free,
            given_out: reading.given_out(),
            held: reading.held,
            loose: reading.loose,
            waiting_acquirers: waiting(Side::Acquire),
            waiting_releasers: waiting(Side::Release),
            closed: reading.closed,
            granted_total: (!reading.is_of_machines).then_some(reading.granted),
            recovered_total: (!reading.is_of_machines).then_some(reading.recovered),
            interval_seconds: reading.interval.map(|time| time.as_secs_f64()),
            next_start_seconds: reading.next_start.map(|time| time.as_secs_f64()),
        },
        holders: holders.collect(),
        waiters: waiters.collect(),
        grants_per_second: past.and_then(Past::rate).filter(|_| !reading.is_of_machines),
    }
}
