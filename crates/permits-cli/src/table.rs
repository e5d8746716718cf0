//! Tables for people. Colour only repeats what words say.

use std::time::{Duration, SystemTime};

use anstyle::Style;
use comfy_table::{Cell, CellAlignment, Table, TableStyle};
use permits_host::{Holder, Participant, Side, Status, Waiter};

use crate::failure::{Failure, code};

const HEADING: Style = Style::new().bold();

/// The semaphores of a directory, a row each.
pub(crate) fn list(read: &[(String, Result<Status, Failure>)]) -> String {
    if read.is_empty() {
        return "no semaphores\n".to_owned();
    }
    let mut rows =
        Rows::new(&["NAME", ">PERMITS", ">FREE", ">HELD", ">LOOSE", ">WAITING", ">GRANTED", ">RECOVERED", "STATE"]);
    for (name, status) in read {
        match status {
            Ok(status) => {
                let state = &status.state;
                let numbers = [
                    u64::from(state.max_permits),
                    u64::from(state.available_permits),
                    u64::from(state.given_out.saturating_sub(state.loose)),
                    u64::from(state.loose),
                    u64::from(state.waiting_acquirers) + u64::from(state.waiting_releasers),
                    status.granted_total,
                    status.recovered_total,
                ];
                let word = if state.closed { "closed" } else { "open" };
                rows.add([name.clone()].into_iter().chain(numbers.map(|n| n.to_string())).chain([word.to_owned()]));
            }
            Err(failure) => {
                let word = match failure.code {
                    code::DENIED => "not yours",
                    code::CONFIG => "refused",
                    _ => "unreadable",
                };
                rows.add([name.clone()].into_iter().chain([(); 7].map(|()| "-".to_owned())).chain([word.to_owned()]));
            }
        }
    }
    rows.text()
}

/// One semaphore with its holders and waiters.
pub(crate) fn status(status: &Status) -> String {
    let closed = if status.state.closed { ", closed" } else { "" };
    let mut text = format!("{HEADING}{}{HEADING:#}: {}{closed}\n", status.name, status.state);
    text += &format!(
        "{} granted since {}, {} recovered from the dead\n",
        status.granted_total,
        humantime::format_rfc3339_seconds(crate::json::file_of(status).created),
        status.recovered_total
    );
    if !status.holders.is_empty() {
        text += "\n";
        text += &holders(&status.holders);
    }
    if !status.waiters.is_empty() {
        text += "\n";
        text += &waiters(&status.waiters);
    }
    text
}

fn holders(holders: &[Holder]) -> String {
    let mut rows = Rows::new(&["HOLDER", ">PERMITS", ">PID", "USER", ">SINCE", "LABEL", "COMMAND"]);
    for Holder { who, permits, since, .. } in holders {
        rows.add([
            who.id.to_string(),
            permits.to_string(),
            pid(who),
            user(who.uid),
            ago(*since),
            one_line(&who.label),
            command(who),
        ]);
    }
    rows.text()
}

fn waiters(waiters: &[Waiter]) -> String {
    let mut rows = Rows::new(&["WAITER", ">PLACE", "TO", ">PERMITS", ">PID", "USER", ">SINCE", "LABEL", "COMMAND"]);
    for Waiter { who, side, position, permits, since, .. } in waiters {
        let side = match side {
            Side::Acquire => "acquire",
            Side::Release => "release",
        };
        let (position, permits) = (position.to_string(), permits.to_string());
        let (label, id) = (one_line(&who.label), who.id.to_string());
        rows.add([id, position, side.to_owned(), permits, pid(who), user(who.uid), ago(*since), label, command(who)]);
    }
    rows.text()
}

/// The process that does the work: the command, or else the participant itself.
fn pid(who: &Participant) -> String {
    let pid = who.command_pid.unwrap_or(who.pid);
    match who.foreign_pid_namespace {
        Some(namespace) => format!("{pid}@{namespace}"),
        None => pid.to_string(),
    }
}

/// The command, with what is unusual about its process.
fn command(who: &Participant) -> String {
    let mut text = one_line(&who.command);
    if who.revoked {
        text += " (revoked)";
    }
    if !who.alive {
        text += " (dead)";
    }
    text
}

/// The name of a user, or its number if it has none here.
pub(crate) fn user(uid: u32) -> String {
    let known = nix::unistd::User::from_uid(uid.into()).ok().flatten();
    known.map_or_else(|| uid.to_string(), |user| user.name)
}

/// `3m 12s`
fn ago(since: SystemTime) -> String {
    let seconds = since.elapsed().unwrap_or_default().as_secs();
    humantime::format_duration(Duration::from_secs(seconds)).to_string()
}

/// What others told about themselves, without what could move the cursor or break the row.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim_end().to_owned()
}

/// A table without lines: columns are aligned, headings bold; a heading with `>` in front is that of a column of numbers.
struct Rows(Table);

impl Rows {
    fn new(headings: &[&str]) -> Self {
        let mut table = Table::new();
        table.load_style(TableStyle::new());
        table.set_header(headings.iter().map(|heading| Cell::new(heading.trim_start_matches('>'))));
        for (column, heading) in table.column_iter_mut().zip(headings) {
            column.set_padding((0, 2));
            if heading.starts_with('>') {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        Rows(table)
    }

    fn add(&mut self, cells: impl IntoIterator<Item = String>) {
        self.0.add_row(cells);
    }

    fn text(&self) -> String {
        let text = self.0.trim_fmt();
        let (heading, rest) = text.split_once('\n').unwrap_or((&text, ""));
        format!("{HEADING}{heading}{HEADING:#}\n{rest}\n")
    }
}
