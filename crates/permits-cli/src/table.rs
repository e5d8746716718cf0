//! Tables for people. Colour only repeats what words say.

use std::io::IsTerminal;
use std::time::{Duration, SystemTime};

use anstyle::Style;
use comfy_table::{Cell, CellAlignment, Table, TableStyle};
use permits_host::{Holder, Status, Waiter};

use crate::columns::cut;
use crate::failure::{Failure, code};
use crate::people::{Who, age, side, tame};
use crate::spacing;

const HEADING: Style = Style::new().bold();

/// Instead of a table, if there is nothing to show.
pub(crate) const NONE: &str = "no semaphores\n";

/// The semaphores of a directory, a row each; if one spaces its starts, with that time, and on demand with the time
/// since they were used.
pub(crate) fn list(read: &[(String, Result<Status, Failure>)], with_use: bool) -> String {
    if read.is_empty() {
        return NONE.to_owned();
    }
    let mut headings =
        vec!["NAME", ">PERMITS", ">FREE", ">HELD", ">LOOSE", ">WAITING", ">GRANTED", ">RECOVERED", "STATE"];
    let is_spaced =
        |(_, status): &(String, Result<Status, Failure>)| status.as_ref().is_ok_and(|it| it.interval.is_some());
    let with_spacing = read.iter().any(is_spaced);
    headings.extend(with_spacing.then_some(">EVERY"));
    headings.extend(with_use.then_some(">IDLE"));
    let mut rows = Rows::new(&headings);
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
                ];
                // Machines do not count them.
                let counted = [status.granted_total, status.recovered_total]
                    .map(|n| if status.file.is_some() { n.to_string() } else { "-".to_owned() });
                let word = if state.closed { "closed" } else { "open" };
                let used = with_use.then(|| status.file.as_ref().map_or("-".to_owned(), |file| ago(file.last_used)));
                let numbers = numbers.map(|n| n.to_string()).into_iter().chain(counted);
                let every = status.interval.map_or("-".to_owned(), |time| humantime::format_duration(time).to_string());
                let every = with_spacing.then_some(every);
                rows.add([shown(name)].into_iter().chain(numbers).chain([word.to_owned()]).chain(every).chain(used));
            }
            Err(failure) => {
                let word = match failure.code {
                    code::DENIED => "no permission",
                    code::CONFIG => "refused",
                    _ => "unreadable",
                };
                rows.add([shown(name)].into_iter().chain([(); 7].map(|()| "-".to_owned())).chain([word.to_owned()]));
            }
        }
    }
    rows.text()
}

/// A name as a terminal shows it: one that is very long would push all numbers off the screen. A program gets all
/// of it.
fn shown(name: &str) -> String {
    const COLUMNS: usize = 48;
    let name = tame(name);
    if std::io::stdout().is_terminal() { cut(&name, COLUMNS).into_owned() } else { name }
}

/// One semaphore with its holders and waiters.
pub(crate) fn status(status: &Status) -> String {
    let closed = if status.state.closed { ", closed" } else { "" };
    let mut text = format!("{HEADING}{}{HEADING:#}: {}{closed}\n", tame(&status.name), status.state);
    if let Some(file) = &status.file {
        let created = humantime::format_rfc3339_seconds(file.created);
        text += &format!("{} granted since {created}, ", status.granted_total);
        text += &format!("{} recovered from dead holders", status.recovered_total);
        if status.state.is_idle() {
            text += &format!(", last used {} ago", ago(file.last_used));
        }
        text += "\n";
    }
    if let Some(spaced) = spacing::text(status.interval, status.next_start) {
        text += &format!("{spaced}\n");
    }
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
    // Permits of machines have tokens, those of a host may have numbers.
    let fenced = holders.iter().any(|holder| holder.token.is_some());
    let number = if fenced { ">TOKEN" } else { "SLOTS" };
    let mut rows = Rows::new(&["HOLDER", ">PERMITS", number, ">PID", "USER", ">SINCE", "LABEL", "COMMAND"]);
    for Holder { who, permits, slots, token, since, .. } in holders {
        let who = Who::from(who);
        rows.add([
            who.grant.clone(),
            permits.to_string(),
            token.map_or_else(|| ranges(slots), |token| token.to_string()),
            who.pid_text(),
            who.user.clone(),
            ago(*since),
            who.label.clone(),
            command(&who),
        ]);
    }
    rows.text()
}

fn waiters(waiters: &[Waiter]) -> String {
    let mut rows = Rows::new(&["WAITER", ">PLACE", "TO", ">PERMITS", ">PID", "USER", ">SINCE", "LABEL", "COMMAND"]);
    for Waiter { who, side: queue, position, permits, since, .. } in waiters {
        let who = Who::from(who);
        let (position, permits) = (position.to_string(), permits.to_string());
        let (side, command) = (side(*queue).to_owned(), command(&who));
        rows.add([
            who.grant.clone(),
            position,
            side,
            permits,
            who.pid_text(),
            who.user,
            ago(*since),
            who.label,
            command,
        ]);
    }
    rows.text()
}

/// The command, with what is unusual about its process.
fn command(who: &Who) -> String {
    let mut text = who.command.clone();
    if let Some(key) = &who.supersede_key {
        text += &format!(" (key `{key}`)");
    }
    if who.revoked {
        text += " (revoked)";
    }
    if who.is_unwatched() {
        text += " (its `permits run` was killed)";
    }
    if !who.alive {
        text += " (dead)";
    }
    text
}

/// `0,2-5`; `-` if there are none.
pub(crate) fn ranges(slots: &[u32]) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for &slot in slots {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == slot => *last = slot,
            _ => runs.push((slot, slot)),
        }
    }
    if runs.is_empty() {
        return "-".to_owned();
    }
    let shown = |(first, last)| if first == last { format!("{first}") } else { format!("{first}-{last}") };
    runs.into_iter().map(shown).collect::<Vec<_>>().join(",")
}

/// `3m 12s`
fn ago(since: SystemTime) -> String {
    let seconds = age(since).as_secs();
    humantime::format_duration(Duration::from_secs(seconds)).to_string()
}

/// A table without lines: columns are aligned, headings bold; a heading with `>` in front is that of a column
/// of numbers.
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
