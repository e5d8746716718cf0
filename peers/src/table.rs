//! The results as markdown: a row a cell, with the best peer, ours, and what lies between them.

use std::io::{self, Write};
use std::path::Path;

use crate::record::{self, Row};

pub fn print(from: &Path) -> Result<(), String> {
    match io::stdout().write_all(tables(&record::read(from)?).as_bytes()) {
        // Whoever reads has seen enough.
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|e| format!("cannot print: {e}")),
    }
}

fn tables(rows: &[Row]) -> String {
    let key = |r: &Row| (r.workload.clone(), r.metric.clone(), r.unit.clone());
    let mut keys = Vec::new();
    for row in rows {
        if !keys.contains(&key(row)) {
            keys.push(key(row));
        }
    }
    let of_key = |wanted| rows.iter().filter(|r| key(r) == wanted).collect::<Vec<_>>();
    keys.into_iter().map(|k| one(&of_key(k)) + "\n").collect()
}

fn is_ours(row: &Row) -> bool {
    row.peer.starts_with("permits")
}

fn is_floor(row: &Row) -> bool {
    row.peer.starts_with("floor")
}

/// Between processes, on machines and in Python: hardly two peers promise the same there, so each has its row.
fn names_all(row: &Row) -> bool {
    row.workload.starts_with(['h', 'm', 'p'])
}

fn one(rows: &[&Row]) -> String {
    let first = rows[0];
    let mut text = format!(
        "### {}: {} ({}, {} is better)\n\n",
        first.workload,
        first.metric,
        shown(&first.unit),
        if first.higher_is_better { "higher" } else { "lower" }
    );
    if first.workload == "w2b" || names_all(first) {
        return text + &every_peer(rows);
    }
    let ours = distinct(rows.iter().filter(|r| is_ours(r)).map(|r| r.peer.as_str()));
    let has_floor = rows.iter().any(|r| is_floor(r));
    let has_shares = rows.iter().any(|r| r.jain.is_some() || r.share.is_some() || r.longest_wait_us.is_some());

    let mut head = vec!["cell".to_string()];
    head.extend(has_floor.then(|| "floor".into()));
    head.extend(["best peer".into(), "best fifo peer".into()]);
    head.extend(ours.iter().map(|name| format!("`{name}`")));
    head.extend(["`permits` / best".into(), "`permits-fair` / best fifo".into()]);
    head.extend(has_shares.then(|| "best peer; ours; fair".into()));
    text += &table_head(&head);
    for cell in distinct(rows.iter().map(|r| r.parameters.as_str())) {
        let of_cell: Vec<&Row> = rows.iter().copied().filter(|r| r.parameters == cell).collect();
        text += &line(&shown(cell), &of_cell, &ours, has_floor, has_shares);
    }
    text
}

/// A text of the record, which is in ASCII, with the sign for micro.
pub fn shown(text: &str) -> String {
    let words = text.split(' ').map(|word| if word == "us" { "µs" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

fn table_head(columns: &[String]) -> String {
    format!("| {} |\n|{}\n", columns.join(" | "), "---|".repeat(columns.len()))
}

fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen
}

fn line(cell: &str, rows: &[&Row], ours: &[&str], has_floor: bool, has_shares: bool) -> String {
    let best = |keep: &dyn Fn(&Row) -> bool| {
        let sign = if rows[0].higher_is_better { 1.0 } else { -1.0 };
        rows.iter()
            .copied()
            .filter(|r| keep(r) && r.median.is_finite())
            .max_by(|a, b| (sign * a.median).total_cmp(&(sign * b.median)))
    };
    let named = |name: &str| rows.iter().copied().find(|r| r.peer == name);
    let floor = best(&is_floor);
    let is_peer = |r: &Row| !is_ours(r) && !is_floor(r);
    let peer = best(&is_peer);
    let fifo = best(&|r| is_peer(r) && r.order == "fifo");
    let (default, fair) = (named("permits"), named("permits-fair"));

    let value = |row: Option<&Row>| row.map_or(NOTHING.into(), |r| figure(r.median));
    let with_name = |row: Option<&Row>| row.map_or(NOTHING.into(), |r| format!("{} {}", r.peer, figure(r.median)));
    let mut columns = vec![cell.to_string()];
    columns.extend(has_floor.then(|| value(floor)));
    columns.extend([with_name(peer), with_name(fifo)]);
    columns.extend(ours.iter().map(|name| value(named(name))));
    columns.extend([against(default, peer), against(fair, fifo)]);
    columns.extend(has_shares.then(|| format!("{}; {}; {}", evenness(peer), evenness(default), evenness(fair))));
    format!("| {} |\n", columns.join(" | "))
}

const NOTHING: &str = "–";

/// How the first stands to the second: through their common reference, so that medians of ratios within rounds are
/// compared and not figures of different minutes.
fn against(ours: Option<&Row>, peer: Option<&Row>) -> String {
    let (Some(ours), Some(peer)) = (ours, peer) else { return NOTHING.into() };
    let ratio = match (ours.ratio, peer.ratio) {
        (Some(ours), Some(peer)) => ours / peer,
        _ => ours.median / peer.median,
    };
    format!("{ratio:.2}")
}

/// A row a peer: for a workload in which they are all ours, or all different.
fn every_peer(rows: &[&Row]) -> String {
    let cells = distinct(rows.iter().map(|r| r.parameters.as_str()));
    let with_order = names_all(rows[0]);
    let mut head = vec!["peer".to_string()];
    head.extend(with_order.then(|| "order".into()));
    head.extend(cells.iter().map(|cell| cell.to_string()));
    let mut text = table_head(&head);
    for peer in distinct(rows.iter().map(|r| r.peer.as_str())) {
        let mut columns = vec![format!("`{peer}`")];
        let of_peer = rows.iter().find(|r| r.peer == peer);
        columns.extend(of_peer.filter(|_| with_order).map(|r| r.order.clone()));
        for cell in &cells {
            let row = rows.iter().copied().find(|r| r.peer == peer && r.parameters == *cell);
            columns.push(row.map_or(NOTHING.into(), |r| with_notes(r, with_order)));
        }
        text += &format!("| {} |\n", columns.join(" | "));
    }
    text
}

/// The figure, and in brackets what else was seen; first of all how many times ours it is, if asked for.
fn with_notes(row: &Row, with_ratio: bool) -> String {
    let ratio = row.ratio.filter(|r| with_ratio && r.is_finite()).map(|r| format!("×{}", figure(r)));
    let notes: Vec<String> = ratio.into_iter().chain([evenness(Some(row))]).filter(|n| !n.is_empty()).collect();
    if notes.is_empty() { figure(row.median) } else { format!("{} ({})", figure(row.median), notes.join(", ")) }
}

fn evenness(row: Option<&Row>) -> String {
    let Some(row) = row else { return NOTHING.into() };
    let mut parts = Vec::new();
    if let Some(jain) = row.jain {
        parts.push(format!("J {jain:.2}"));
    }
    if let Some(share) = row.share {
        parts.push(format!("share {share:.2}"));
    }
    if let Some(longest) = row.longest_wait_us {
        parts.push(format!("{} ms", figure(longest / 1e3)));
    }
    parts.join(", ")
}

/// Three figures, with M and k for large numbers.
pub fn figure(value: f64) -> String {
    let (scaled, unit) = match value.abs() {
        v if v >= 1e6 => (value / 1e6, " M"),
        v if v >= 1e4 => (value / 1e3, " k"),
        _ => (value, ""),
    };
    let digits = match scaled.abs() {
        v if v >= 100.0 || v == v.trunc() => 0,
        v if v >= 10.0 => 1,
        v if v >= 1.0 => 2,
        _ => 3,
    };
    format!("{scaled:.digits$}{unit}")
}
