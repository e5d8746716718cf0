//! JSON for programs: one object a line, each with the number of the schema. All of the program's JSON is written here.
//!
//! Fields may be added under the same number; a field that is removed or means something else raises it.

use std::time::SystemTime;

use permits_host::{SemaphoreFile, Status};
use serde::Serialize;

use crate::people::{Who, age, is_hidden, side};

/// Number of the schema.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Line<T> {
    schema: u32,
    #[serde(flatten)]
    what: T,
}

/// An object with the number of the schema in front, and a line end.
///
/// Names, paths and errors are exact, as a program may use them again; so their [hidden](is_hidden)
/// characters are written as `\u202e`, which is the same to a program and nothing to a terminal. What a
/// holder says about itself is tame already, see [`Who`].
pub(crate) fn line(what: impl Serialize) -> String {
    let text =
        serde_json::to_string(&Line { schema: SCHEMA, what }).expect("strings and numbers only, all keys are names");
    // What has to be written so can only stand inside of a string: the rest of JSON is ASCII.
    let mut line = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        if is_hidden(c) {
            line.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            line.push(c);
        }
    }
    line.push('\n');
    line
}

/// What `acquire` took.
#[derive(Serialize)]
pub(crate) struct Taken<'a> {
    pub(crate) name: &'a str,
    pub(crate) permits: u32,
    /// Their numbers, lowest first.
    pub(crate) slots: Vec<u32>,
    pub(crate) grant: Option<String>,
    pub(crate) keeper_pid: Option<u32>,
}

/// What `remove` took away.
#[derive(Serialize)]
pub(crate) struct Removed<'a> {
    pub(crate) name: &'a str,
    pub(crate) held: u32,
    pub(crate) loose: u32,
    pub(crate) waiting_acquirers: u32,
    pub(crate) waiting_releasers: u32,
}

/// What `check` found.
#[derive(Serialize)]
pub(crate) struct Checked<'a> {
    pub(crate) name: &'a str,
    pub(crate) grant: &'a str,
    /// The fencing token that was compared; `null` if none was.
    pub(crate) token: Option<u64>,
    pub(crate) held: bool,
}

/// What became of a `revoke`.
#[derive(Serialize)]
pub(crate) struct Revoked<'a> {
    pub(crate) name: &'a str,
    pub(crate) grant: &'a str,
    /// `asked`, `gone`, `stays` or `unreachable`.
    pub(crate) outcome: &'a str,
}

/// What `repair` did.
#[derive(Serialize)]
pub(crate) struct Repaired<'a> {
    pub(crate) name: &'a str,
    pub(crate) outcome: &'a str,
    pub(crate) set_aside: Option<String>,
}

/// What `doctor` found.
#[derive(Serialize)]
pub(crate) struct Examined<'a> {
    pub(crate) dir: String,
    pub(crate) good: bool,
    pub(crate) findings: Vec<FindingLine<'a>>,
}

#[derive(Serialize)]
pub(crate) struct FindingLine<'a> {
    pub(crate) level: &'static str,
    pub(crate) about: &'a str,
    pub(crate) text: &'a str,
}

/// What `list` shows.
#[derive(Serialize)]
pub(crate) struct Listed<'a> {
    pub(crate) dir: String,
    pub(crate) semaphores: Vec<Named<'a, UsedCounts>>,
}

/// One reading of `top`.
#[derive(Serialize)]
pub(crate) struct Tick<'a> {
    pub(crate) time: String,
    pub(crate) dir: &'a str,
    /// Why the directory cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<&'a str>,
    pub(crate) semaphores: Vec<Named<'a, Ticked>>,
}

/// A semaphore among others: what was read of it, or why it cannot be read.
#[derive(Serialize)]
pub(crate) struct Named<'a, T> {
    name: &'a str,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    read: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

impl<'a, T> Named<'a, T> {
    pub(crate) fn of(name: &'a str, read: Result<T, &'a str>) -> Self {
        match read {
            Ok(read) => Named { name, read: Some(read), error: None },
            Err(error) => Named { name, read: None, error: Some(error) },
        }
    }
}

/// Everything about one semaphore, for `status`.
#[derive(Serialize)]
pub(crate) struct StatusLine<'a> {
    name: &'a str,
    #[serde(flatten)]
    file: Option<FileLine>,
    #[serde(flatten)]
    counts: Counts,
    holders: Vec<HolderLine>,
    waiters: Vec<WaiterLine>,
}

impl<'a> StatusLine<'a> {
    pub(crate) fn of(status: &'a Status) -> Self {
        let holders = status.holders.iter().map(|holder| HolderLine {
            who: Who::from(&holder.who),
            permits: holder.permits,
            token: holder.token.map(permits::Token::get),
            slots: holder.slots.clone(),
            since: time(holder.since),
            held_seconds: Some(age(holder.since).as_secs_f64()),
        });
        let waiters = status.waiters.iter().map(|waiter| WaiterLine {
            position: waiter.position,
            side: side(waiter.side),
            who: Who::from(&waiter.who),
            permits: waiter.permits,
            since: time(waiter.since),
            waiting_seconds: Some(age(waiter.since).as_secs_f64()),
        });
        let file = status.file.as_ref().map(|file| FileLine {
            path: file.path.display().to_string(),
            format: format!("{}.{}", file.format.0, file.format.1),
            created: time(file.created),
            last_used: time(file.last_used),
            mode: format!("{:04o}", file.mode & 0o7777),
            owner_uid: file.owner_uid,
        });
        StatusLine {
            name: &status.name,
            file,
            counts: Counts::of(status),
            holders: holders.collect(),
            waiters: waiters.collect(),
        }
    }
}

/// The file of a semaphore of this host.
#[derive(Serialize)]
struct FileLine {
    path: String,
    format: String,
    created: String,
    last_used: String,
    mode: String,
    owner_uid: u32,
}

/// One semaphore in a reading of `top`.
#[derive(Serialize)]
pub(crate) struct Ticked {
    #[serde(flatten)]
    pub(crate) counts: Counts,
    pub(crate) holders: Vec<HolderLine>,
    pub(crate) waiters: Vec<WaiterLine>,
    /// `null` in the first reading: a rate needs two.
    pub(crate) grants_per_second: Option<f64>,
}

/// The numbers of a semaphore.
#[derive(Serialize)]
pub(crate) struct Counts {
    pub(crate) max_permits: u32,
    pub(crate) free: u32,
    pub(crate) given_out: u32,
    pub(crate) held: u32,
    pub(crate) loose: u32,
    pub(crate) waiting_acquirers: u32,
    pub(crate) waiting_releasers: u32,
    pub(crate) closed: bool,
    /// `null` on machines, where they are not counted.
    pub(crate) granted_total: Option<u64>,
    pub(crate) recovered_total: Option<u64>,
    /// `null` if starts are not spaced.
    pub(crate) interval_seconds: Option<f64>,
    /// `null` if the next one may be now.
    pub(crate) next_start_seconds: Option<f64>,
}

impl Counts {
    pub(crate) fn of(status: &Status) -> Self {
        let state = &status.state;
        Counts {
            max_permits: state.max_permits,
            free: state.available_permits,
            given_out: state.given_out,
            held: state.given_out.saturating_sub(state.loose),
            loose: state.loose,
            waiting_acquirers: state.waiting_acquirers,
            waiting_releasers: state.waiting_releasers,
            closed: state.closed,
            granted_total: status.file.as_ref().map(|_| status.granted_total),
            recovered_total: status.file.as_ref().map(|_| status.recovered_total),
            interval_seconds: status.interval.map(|time| time.as_secs_f64()),
            next_start_seconds: status.next_start.map(|time| time.as_secs_f64()),
        }
    }
}

/// The same, and when it was last used.
#[derive(Serialize)]
pub(crate) struct UsedCounts {
    #[serde(flatten)]
    counts: Counts,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used: Option<String>,
}

impl UsedCounts {
    pub(crate) fn of(status: &Status) -> Self {
        UsedCounts { counts: Counts::of(status), last_used: status.file.as_ref().map(|file| time(file.last_used)) }
    }
}

#[derive(Serialize)]
pub(crate) struct HolderLine {
    #[serde(flatten)]
    pub(crate) who: Who,
    pub(crate) permits: u32,
    /// The fencing token, on machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<u64>,
    /// Their numbers, lowest first; those of them that have one.
    pub(crate) slots: Vec<u32>,
    pub(crate) since: String,
    /// Left out in `top`, where `time` is the time of the reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) held_seconds: Option<f64>,
}

#[derive(Serialize)]
pub(crate) struct WaiterLine {
    pub(crate) position: u32,
    pub(crate) side: &'static str,
    #[serde(flatten)]
    pub(crate) who: Who,
    pub(crate) permits: u32,
    pub(crate) since: String,
    /// Left out in `top`, where `time` is the time of the reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) waiting_seconds: Option<f64>,
}

/// RFC 3339 in UTC.
pub(crate) fn time(at: SystemTime) -> String {
    humantime::format_rfc3339_millis(at).to_string()
}

/// The file of a semaphore, which those of a host are kept in.
pub(crate) fn file_of(status: &Status) -> &SemaphoreFile {
    status.file.as_ref().expect("a semaphore of a host has a file")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_are_escaped_and_stay_the_same() {
        let name = "a\u{202e}b\u{7f}\u{e0041}\n建";

        let line = line(Named::<Counts> { name, read: None, error: None });

        assert_eq!(line, "{\"schema\":1,\"name\":\"a\\u202eb\\u007f\\udb40\\udc41\\n建\"}\n");
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["name"], name);
    }
}
