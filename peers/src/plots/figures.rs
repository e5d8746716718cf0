//! Which rows go into which panel.

use super::draw::{Dot, Series};
use super::figure::{Figure, Panel, parameter};
use crate::record::Row;
use crate::table::shown;

pub fn all(rows: &[Row]) -> Vec<Figure> {
    vec![
        uncontended(rows),
        crowd(rows, "0ns", "w2-crowd-0ns"),
        crowd(rows, "50ns", "w2-crowd-50ns"),
        longest_waits(rows),
        bound(rows),
        hand_over(rows),
        tasks(rows),
        queues(rows),
        large_request(rows),
        buffers(rows),
        not_getting_it(rows),
        host_alone(rows),
        host_hand_over(rows),
        host_crowd(rows),
        host_death(rows),
        host_queue(rows),
        machines_alone(rows),
        machines_hand_over(rows),
        machines_history(rows),
        python_alone(rows),
        python_crowd(rows),
        python_hand_over(rows),
    ]
}

/// A panel of dots from the rows that `keep` names, best first; floors stay at the top.
fn dots(rows: &[Row], title: &str, axis: &'static str, value: Value, keep: impl Fn(&Row) -> bool) -> Panel {
    let mut chosen: Vec<&Row> = rows.iter().filter(|r| keep(r) && value.of(r).is_some()).collect();
    let up = chosen.first().is_some_and(|r| value == Value::Median && r.higher_is_better) || value == Value::Share;
    chosen.sort_by(|a, b| {
        let (x, y) = (value.of(a).unwrap_or(f64::NAN), value.of(b).unwrap_or(f64::NAN));
        let by_value = if up { y.total_cmp(&x) } else { x.total_cmp(&y) };
        is_floor(b).cmp(&is_floor(a)).then(by_value)
    });
    let dots = chosen
        .into_iter()
        .filter_map(|r| {
            let median = value.of(r)?;
            let (min, max) = if value == Value::Median { (r.min, r.max) } else { (median, median) };
            Some(Dot { label: r.peer.clone(), median, min, max })
        })
        .collect();
    Panel::Dots { title: title.into(), axis, dots }
}

/// A panel of lines: a series a peer, `x` from a parameter.
fn lines(
    rows: &[Row],
    title: &str,
    axes: (&'static str, &'static str),
    x: &str,
    value: Value,
    keep: impl Fn(&Row) -> bool,
) -> Panel {
    let mut series: Vec<Series> = Vec::new();
    for row in rows.iter().filter(|r| keep(r)) {
        let (Some(x), Some(y)) = (parameter(row, x).and_then(|v| v.parse().ok()), value.of(row)) else { continue };
        match series.iter_mut().find(|s| s.peer == row.peer) {
            Some(s) => s.points.push((x, y)),
            None => series.push(Series { peer: row.peer.clone(), points: vec![(x, y)] }),
        }
    }
    for s in &mut series {
        s.points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    Panel::Lines { title: title.into(), axes, series, names: Vec::new() }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Value {
    Median,
    Longest,
    Share,
}

impl Value {
    /// What lies on a logarithmic axis cannot be zero.
    fn of(self, row: &Row) -> Option<f64> {
        match self {
            Value::Median => Some(row.median),
            Value::Longest => row.longest_wait_us,
            Value::Share => row.share.map(|s| s.max(0.001)),
        }
        .filter(|v| *v > 0.0)
    }
}

fn is_floor(row: &Row) -> bool {
    row.peer.starts_with("floor")
}

fn of(row: &Row, workload: &str, pairs: &[(&str, &str)]) -> bool {
    row.workload == workload && pairs.iter().all(|(key, value)| parameter(row, key) == Some(value))
}

fn uncontended(rows: &[Row]) -> Figure {
    let panel = |door: &'static str| {
        let title = format!("acquire by {door}, and release");
        dots(rows, &title, "ns a pair, one thread (log)", Value::Median, |r| of(r, "w1", &[("door", door)]))
    };
    Figure { name: "w1-uncontended", columns: 2, panels: vec![panel("try"), panel("wait"), panel("await")] }
}

fn threads_of(row: &Row) -> u32 {
    parameter(row, "threads").and_then(|t| t.parse().ok()).unwrap_or(0)
}

/// Two columns of panels by what is promised, since order costs most of the throughput: those that promise it
/// are compared with each other.
fn crowd(rows: &[Row], section: &'static str, name: &'static str) -> Figure {
    let mut panels = Vec::new();
    for permits in ["1", "2", "half"] {
        for in_order in [false, true] {
            let crowd = match permits {
                "1" => "1 permit".into(),
                "half" => "a permit for two threads".into(),
                n => format!("{n} permits"),
            };
            let kind = if in_order { "first come, first served" } else { "overtaking allowed" };
            let title = format!("{crowd}, {kind}");
            panels.push(lines(rows, &title, ("threads", "operations a second"), "threads", Value::Median, |r| {
                let half = (threads_of(r) / 2).to_string();
                let wanted = if permits == "half" { &half } else { permits };
                let kind = is_floor(r) || (r.order == "fifo") == in_order;
                kind && of(r, "w2", &[("section", section), ("permits", wanted)])
            }));
        }
    }
    Figure { name, columns: 2, panels }
}

fn longest_waits(rows: &[Row]) -> Figure {
    let panel = |threads: &'static str, permits: &'static str| {
        let keep = move |r: &Row| of(r, "w2", &[("threads", threads), ("permits", permits), ("section", "50ns")]);
        let title = format!("{threads} threads, {}, 50 ns inside", counted(permits));
        [
            dots(rows, &title, "operations a second (log)", Value::Median, keep),
            dots(rows, &title, "longest wait of a thread, µs (log)", Value::Longest, keep),
        ]
    };
    let panels = [panel("8", "1"), panel("32", "2")].into_iter().flatten().collect();
    Figure { name: "w2-longest-wait", columns: 2, panels }
}

fn counted(permits: &str) -> String {
    if permits == "1" { "1 permit".into() } else { format!("{permits} permits") }
}

/// Where strictly fair and unbounded stand on an axis that has no place for them.
const FAIR_AT: f64 = 0.25;
const UNBOUNDED_AT: f64 = 4_194_304.0;

const BOUND_NAMES: [(f64, &str); 7] = [
    (FAIR_AT, "0 (fair)"),
    (4_096.0, "4 Ki"),
    (16_384.0, "16 Ki"),
    (65_536.0, "64 Ki"),
    (262_144.0, "256 Ki"),
    (1_048_576.0, "1 Mi"),
    (UNBOUNDED_AT, "none"),
];

fn bound(rows: &[Row]) -> Figure {
    let panel = |title: &str, unit: &'static str, value: Value| {
        let mut series: Vec<Series> = Vec::new();
        for row in rows.iter().filter(|r| r.workload == "w2b") {
            let at = match row.peer.strip_prefix("permits bound=") {
                Some("0") => FAIR_AT,
                Some("none") => UNBOUNDED_AT,
                Some(bound) => bound.parse().unwrap_or(f64::NAN),
                None => continue,
            };
            let (Some(threads), Some(permits), Some(y)) =
                (parameter(row, "threads"), parameter(row, "permits"), value.of(row))
            else {
                continue;
            };
            let name = format!("{threads} threads, {}", counted(permits));
            match series.iter_mut().find(|s| s.peer == name) {
                Some(s) => s.points.push((at, y)),
                None => series.push(Series { peer: name, points: vec![(at, y)] }),
            }
        }
        Panel::Lines {
            title: title.into(),
            axes: ("how often a waiter may be overtaken", unit),
            series,
            names: BOUND_NAMES.to_vec(),
        }
    };
    Figure {
        name: "w2b-bound",
        columns: 1,

        panels: vec![
            panel("throughput by the bound on overtaking", "operations a second", Value::Median),
            panel("longest wait by the bound on overtaking", "longest wait, µs", Value::Longest),
        ],
    }
}

fn hand_over(rows: &[Row]) -> Figure {
    let mut panels = Vec::new();
    for on in ["two cores", "one core", "unpinned"] {
        for sides in ["threads", "thread+task"] {
            let title = match sides {
                "threads" => format!("two threads, {on}"),
                _ => format!("a thread and a task, {on}"),
            };
            panels.push(dots(rows, &title, "µs a round trip (log)", Value::Median, |r| {
                of(r, "w3", &[("sides", sides), ("on", on)])
            }));
        }
    }
    Figure { name: "w3-hand-over", columns: 2, panels }
}

fn tasks(rows: &[Row]) -> Figure {
    let panel = |tasks: &'static str| {
        let title = format!("{tasks} tasks, two workers");
        lines(rows, &title, ("permits", "operations a second"), "permits", Value::Median, |r| {
            of(r, "w4", &[("tasks", tasks)])
        })
    };
    Figure { name: "w4-tasks", columns: 2, panels: vec![panel("100"), panel("1000"), panel("10000")] }
}

fn queues(rows: &[Row]) -> Figure {
    let panel = |metric: &'static str| {
        lines(rows, metric, ("futures in the queue", "ns a waiter"), "waiters", Value::Median, |r| {
            of(r, "w6", &[]) && r.metric == metric
        })
    };
    let panels = vec![panel("enqueue"), panel("serve"), panel("cancel at random")];
    Figure { name: "w6-queues", columns: 2, panels }
}

fn large_request(rows: &[Row]) -> Figure {
    let mut panels = Vec::new();
    for (kind, many, permits) in [("tasks", "16+large", "4"), ("tasks", "64+large", "16"), ("threads", "8+large", "4")]
    {
        for (value, axis) in
            [(Value::Median, "operations a second (log)"), (Value::Share, "turns of the large one, others 1 (log)")]
        {
            let title = format!("{} {kind} for 1, one for all {permits}", many.trim_end_matches("+large"));
            panels.push(dots(rows, &title, axis, value, |r| of(r, "w7", &[(kind, many), ("permits", permits)])));
        }
    }
    Figure { name: "w7-large-request", columns: 2, panels }
}

fn buffers(rows: &[Row]) -> Figure {
    let mut panels = Vec::new();
    for (kind, sides, on) in [
        ("threads", "1:1", "two cores"),
        ("threads", "1:1", "one core"),
        ("tasks", "1:1", "two workers"),
        ("tasks", "1:1", "one thread"),
        ("threads", "4:4", "unpinned"),
        ("tasks", "4:4", "two workers"),
    ] {
        let title = format!("{sides} {kind}, {on}");
        panels.push(lines(rows, &title, ("capacity", "ns a unit"), "capacity", Value::Median, |r| {
            of(r, "w9", &[(kind, sides), ("on", on)])
        }));
    }
    Figure { name: "w9-producers-consumers", columns: 2, panels }
}

fn not_getting_it(rows: &[Row]) -> Figure {
    let panel = |parameters: &'static str, axis: &'static str| {
        dots(rows, &shown(parameters), axis, Value::Median, |r| r.workload == "w10" && r.parameters == parameters)
    };
    Figure {
        name: "w10-not-getting-it",
        columns: 2,

        panels: vec![
            panel("try that fails", "ns a call (log)"),
            panel("future that waits and is dropped", "ns a call (log)"),
            panel("wait of 100 us", "µs late (log)"),
            panel("wait of 1000 us", "µs late (log)"),
        ],
    }
}

fn host_alone(rows: &[Row]) -> Figure {
    let panel = |workload: &'static str, title: &str, axis: &'static str| {
        dots(rows, title, axis, Value::Median, |r| r.workload == workload)
    };
    Figure {
        name: "host-alone",
        columns: 2,

        panels: vec![
            panel("h1", "acquire and release in one process", "ns a pair (log)"),
            panel("h6", "a command that does nothing, run under a permit", "ms from start to end (log)"),
        ],
    }
}

fn host_hand_over(rows: &[Row]) -> Figure {
    let panel = |way: &'static str, on: &'static str, title: &str, axis: &'static str| {
        dots(rows, &format!("{title}, {on}"), axis, Value::Median, |r| of(r, "h2", &[("way", way), ("on", on)]))
    };
    let once = "to one that slept for 3 ms";
    Figure {
        name: "host-hand-over",
        columns: 2,

        panels: vec![
            panel("to and fro", "two cores", "two processes, to and fro", "µs a round trip (log)"),
            panel("to and fro", "one core", "two processes, to and fro", "µs a round trip (log)"),
            panel("once", "two cores", once, "µs from release to acquire (log)"),
            panel("once", "one core", once, "µs from release to acquire (log)"),
        ],
    }
}

fn host_crowd(rows: &[Row]) -> Figure {
    let panel = |permits: &'static str, in_order: bool| {
        let kind = if in_order { "first come, first served" } else { "no order promised, and ours" };
        let title = format!("{}, {kind}", counted(permits));
        lines(rows, &title, ("processes", "pairs a second"), "processes", Value::Median, |r| {
            // Ours is the one to be compared in both.
            let kind = (r.order == "fifo") == in_order || r.peer.starts_with("permits");
            kind && of(r, "h3", &[("permits", permits)])
        })
    };
    Figure {
        name: "host-crowd",
        columns: 2,

        panels: vec![panel("1", true), panel("1", false), panel("4", true), panel("4", false)],
    }
}

fn host_death(rows: &[Row]) -> Figure {
    let panel = |title: &str, slept: &'static str, memory: &'static str| {
        let keep = move |r: &Row| of(r, "h4", &[("slept", slept), ("memory", memory)]);
        dots(rows, title, "µs from the kill until the waiter runs (log)", Value::Median, keep)
    };
    Figure {
        name: "host-death",
        columns: 2,

        panels: vec![
            panel("the waiter slept for 3 ms", "3ms", "0MB"),
            panel("the waiter slept for 30 ms", "30ms", "0MB"),
            panel("the holder has 1 GB of memory", "30ms", "1024MB"),
        ],
    }
}

fn host_queue(rows: &[Row]) -> Figure {
    let panel = |metric: &'static str, unit: &'static str| {
        lines(rows, metric, ("processes in the queue", unit), "waiting", Value::Median, |r| {
            r.workload == "h5" && r.metric == metric
        })
    };
    Figure {
        name: "host-queue",
        columns: 2,

        panels: vec![
            panel("grant", "µs a grant"),
            panel("context switches of the waiters", "context switches a grant"),
        ],
    }
}

fn machines_alone(rows: &[Row]) -> Figure {
    let panel = |workload: &'static str, nodes: Option<&'static str>, metric: &'static str, title: &str, axis| {
        dots(rows, title, axis, Value::Median, |r| {
            r.workload == workload && r.metric == metric && nodes.is_none_or(|n| parameter(r, "nodes") == Some(n))
        })
    };
    let command = "a command that does nothing, run under a permit";
    Figure {
        name: "machines-alone",
        columns: 2,

        panels: vec![
            panel("m1", Some("1"), "pair", "acquire and release, one server", "µs a pair (log)"),
            panel("m1", Some("3"), "pair", "acquire and release, three servers", "µs a pair (log)"),
            panel("m2", None, "pairs", "many at once, one server", "pairs a second (log)"),
            panel("m6", None, "from start to end", command, "ms from start to end (log)"),
        ],
    }
}

fn machines_hand_over(rows: &[Row]) -> Figure {
    let axis = "µs from release to acquire (log)";
    let panel = |workload: &'static str, of_cell: &'static [(&'static str, &'static str)], title: &str| {
        dots(rows, title, axis, Value::Median, |r| of(r, workload, of_cell) && r.metric == "hand-over")
    };
    Figure {
        name: "machines-hand-over",
        columns: 2,

        panels: vec![
            panel("m3", &[("nodes", "1"), ("waited", "3ms")], "to one that waited for 3 ms, one server"),
            panel("m3", &[("nodes", "3"), ("waited", "3ms")], "to one that waited for 3 ms, three servers"),
            panel("m3", &[("nodes", "1"), ("waited", "150ms")], "to one that waited for 150 ms, one server"),
            panel("m4", &[("hold", "10ms")], "among 64 processes, held for 10 ms"),
        ],
    }
}

fn machines_history(rows: &[Row]) -> Figure {
    let panel = |metric: &'static str, title: &str| {
        let axes = ("tenths of 100,000 pairs", "µs a pair");
        let keep = |r: &Row| r.workload == "m5" && r.metric == metric;
        let mut panel = lines(rows, title, axes, "tenth", Value::Median, keep);
        if let Panel::Lines { names, .. } = &mut panel {
            // On a logarithmic axis there is room for some of them.
            names.extend([(7.0, ""), (9.0, "")]);
        }
        panel
    };
    Figure {
        name: "machines-history",
        columns: 2,

        panels: vec![panel("pair", "median of each tenth"), panel("pair p99", "p99 of each tenth")],
    }
}

/// The versions of Python that were recorded: each has a column.
const PYTHONS: [&str; 2] = ["3.11", "3.13"];

/// Rows of panels with a column a version: workload, parameters, metric, title, axis.
fn python(rows: &[Row], name: &'static str, of: &[[&'static str; 5]]) -> Figure {
    let mut panels = Vec::new();
    for [workload, parameters, metric, title, axis] in of {
        for version in PYTHONS {
            let wanted = format!("python={version} {parameters}");
            panels.push(dots(rows, &format!("{title}, Python {version}"), axis, Value::Median, |r| {
                r.workload == *workload && r.parameters == wanted && r.metric == *metric
            }));
        }
    }
    Figure { name, columns: PYTHONS.len(), panels }
}

fn python_alone(rows: &[Row]) -> Figure {
    let axis = "ns a pair (log)";
    python(
        rows,
        "py-alone",
        &[
            ["p1", "door=acquire and release", "pair", "acquire and release", axis],
            ["p1", "door=with", "pair", "with", axis],
            ["p3", "door=async with", "pair", "async with", axis],
        ],
    )
}

fn python_crowd(rows: &[Row]) -> Figure {
    let axis = "turns a second (log)";
    let metric = "throughput";
    python(
        rows,
        "py-crowd",
        &[
            ["p5", "threads=8 permits=2 inside=nothing", metric, "8 threads, 2 permits, nothing inside", axis],
            ["p5", "threads=8 permits=2 inside=a hash", metric, "8 threads, 2 permits, a hash inside", axis],
            ["p6", "tasks=1000 permits=10 inside=a yield", metric, "1,000 tasks, 10 permits, a yield inside", axis],
        ],
    )
}

fn python_hand_over(rows: &[Row]) -> Figure {
    let (trip, late) = ("µs a round trip (log)", "µs from the signal to the exception (log)");
    python(
        rows,
        "py-hand-over",
        &[
            ["p4", "on=one core", "round trip", "two threads, one core", trip],
            ["p4", "on=two cores", "round trip", "two threads, two cores", trip],
            ["p7", "hand-over on=one core", "round trip", "two loops in two threads, one core", trip],
            ["p11", "main thread in acquire", "until KeyboardInterrupt", "Ctrl-C in acquire", late],
        ],
    )
}
