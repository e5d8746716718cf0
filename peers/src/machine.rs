//! What the figures were taken on: kept beside them, since a figure without its machine says nothing.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// The lock file that this program was built with, so the versions are those that run.
const LOCK: &str = include_str!("../Cargo.lock");

const PEERS: &[&str] = &[
    "permits",
    "permits-host",
    "permits-etcd",
    "async-channel",
    "async-lock",
    "crossbeam-channel",
    "event-listener",
    "flume",
    "futures-intrusive",
    "mea",
    "parking_lot",
    "pollster",
    "saa",
    "std-semaphore",
    "tokio",
    "tonic",
];

/// Appends a block for this run to the file beside `results`.
pub fn describe(results: &Path, rounds: usize, quick: bool) -> Result<(), String> {
    let path = results.with_extension("machine.txt");
    let told = |e: std::io::Error| format!("cannot write `{}`: {e}", path.display());
    let mut file = fs::OpenOptions::new().create(true).append(true).open(&path).map_err(told)?;
    file.write_all(block(rounds, quick).as_bytes()).map_err(told)
}

fn block(rounds: usize, quick: bool) -> String {
    let mut text = String::new();
    let mut say = |what: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{what}: {value}");
    };
    say("date", &today());
    say("cpu", &cpu().unwrap_or_else(unknown));
    say("cores", &crate::threads::cores().len().to_string());
    say("kernel", &read("/proc/sys/kernel/osrelease").unwrap_or_else(unknown));
    // Above about one the others' work is in the figures.
    say("load average at the start", &load().unwrap_or_else(unknown));
    say("rustc", env!("PEERS_RUSTC"));
    say("glibc", &first_line("ldd", &["--version"]).unwrap_or_else(unknown));
    say("java", &first_line("java", &["--version"]).unwrap_or_else(|| "none".into()));
    say("flock", &first_line("flock", &["--version"]).unwrap_or_else(|| "none".into()));
    say("sem", &first_line("sem", &["--version"]).unwrap_or_else(|| "none".into()));
    say("etcd", &crate::machines::version().unwrap_or_else(|| "none".into()));
    say("go", &crate::machines::go_version().unwrap_or_else(|| "none".into()));
    say("rounds", &rounds.to_string());
    say("quick", if quick { "yes" } else { "no" });
    for peer in PEERS {
        say(peer, version(peer).unwrap_or("not in the lock file"));
    }
    text.push('\n');
    text
}

fn unknown() -> String {
    "unknown".into()
}

fn read(path: &str) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_string())
}

fn cpu() -> Option<String> {
    let info = read("/proc/cpuinfo")?;
    let line = info.lines().find(|l| l.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_string())
}

fn load() -> Option<String> {
    Some(read("/proc/loadavg")?.split(' ').next()?.to_string())
}

fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).lines().next()?.to_string())
}

/// The version of a package in the lock file; of several the last, which is the newest.
fn version(package: &str) -> Option<&'static str> {
    let name = format!("name = \"{package}\"");
    let mut lines = LOCK.lines();
    let mut found = None;
    while let Some(line) = lines.next() {
        if line == name {
            found = lines.next().and_then(|l| l.strip_prefix("version = \"")?.strip_suffix('"'));
        }
    }
    found
}

/// The date of today in UTC, by the civil calendar's 400-year cycle of 146,097 days.
fn today() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    // Counted from a first of March, so that the leap day is the last of its year.
    let days = seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}
