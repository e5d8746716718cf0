//! The command and all that it has started: found in `/proc`, and told by pidfd.
//!
//! timeout(1) makes a process group for this. A group of its own would take the command out of the job that
//! the shell controls: it could not read from the terminal, and a KILL for the whole job would miss it. So
//! the command stays in its caller's group, and its descendants are found by who is whose parent. As this
//! program adopts orphans, none of them gets lost.
//!
//! Nor is it put into a cgroup: programs read their limits from the one they are in, and some look at no
//! other, so they would miss those of the container or unit; and below what systemd has not delegated nobody
//! else may make any.

use std::collections::{HashMap, HashSet};
use std::fs;

use crate::sys;

/// How often `/proc` is read for processes that were started while it was read before. Not without end: a
/// shell that ignores the signal goes on to its next line.
const LOOKS: usize = 4;

/// The command and its descendants.
pub(super) struct Family {
    command: i32,
    /// The command has not been waited for yet, so its number is its own.
    runs: bool,
    /// Daemons belong to it.
    daemons: bool,
    /// A child of this process that is none of it.
    stranger: Option<i32>,
}

/// Whom a signal is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Whom {
    /// All.
    All,
    /// Those whom the terminal has not told: it tells its foreground group, and we are in it.
    OutsideGroup,
}

/// A process, by `/proc/PID/stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Process {
    pid: i32,
    parent: i32,
    group: i32,
    session: i32,
    /// Since the boot. With it a number that was given to another process is found out.
    started: u64,
    alive: bool,
}

impl Family {
    /// Of a command that was started by this process. A daemon, which has a session of its own, belongs to it
    /// only if `daemons`.
    pub(super) fn new(command: u32, daemons: bool) -> Self {
        Family { command: command.cast_signed(), runs: true, daemons, stranger: None }
    }

    /// The command has been waited for.
    pub(super) fn command_has_ended(&mut self) {
        self.runs = false;
    }

    /// Leaves a child of this process out, with all that it starts.
    pub(super) fn leave_out(&mut self, child: u32) {
        self.stranger = Some(child.cast_signed());
    }

    /// Whether any of them lives.
    pub(super) fn is_alive(&self) -> bool {
        self.runs || !self.members().is_empty()
    }

    /// Sends a signal to each once, parents first: a shell must not go on to its next line because the
    /// command in this one died.
    ///
    /// Without `/proc` it reaches the command alone.
    pub(super) fn tell(&self, signal: i32, whom: Whom) {
        if self.runs && (whom == Whom::All || !sys::in_our_group(self.command.cast_unsigned())) {
            sys::kill(self.command.cast_unsigned(), signal);
        }
        let group = nix::unistd::getpgrp().as_raw();
        let mut told = HashSet::new();
        for _ in 0..LOOKS {
            let mut new = self.members();
            new.retain(|process| {
                !(self.runs && process.pid == self.command)
                    && (whom == Whom::All || process.group != group)
                    && told.insert((process.pid, process.started))
            });
            if new.is_empty() {
                break;
            }
            new.iter().for_each(|process| process.send(signal));
        }
    }

    /// Those that live, parents first.
    fn members(&self) -> Vec<Process> {
        let processes = processes();
        let us = std::process::id().cast_signed();
        let Some(ours) = processes.iter().find(|process| process.pid == us).copied() else { return Vec::new() };
        let mut found = descendants(&processes, us, self.stranger);
        found.retain(|process| {
            // A command that makes a session of its own is no daemon for it.
            let near = process.session == ours.session || process.session == self.command;
            process.alive && (self.daemons || near)
        });
        found
    }
}

impl Process {
    fn read(pid: i32) -> Option<Process> {
        Process::parse(pid, &fs::read(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The fields are those of proc(5). The name, in parentheses, may contain anything.
    fn parse(pid: i32, stat: &[u8]) -> Option<Process> {
        let end = stat.iter().rposition(|byte| *byte == b')')?;
        let text = std::str::from_utf8(&stat[end + 1..]).ok()?;
        let fields: Vec<_> = text.split_ascii_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<i32>().ok();
        // One whose main thread has ended while others go on shows as a zombie.
        let alive = !matches!(*fields.first()?, "Z" | "X") || number(17)? > 1;
        let started = fields.get(19)?.parse().ok()?;
        Some(Process { pid, parent: number(1)?, group: number(2)?, session: number(3)?, started, alive })
    }

    /// What ends meanwhile, or belongs to somebody else, is not told.
    fn send(&self, signal: i32) {
        let Ok(pidfd) = sys::pidfd(self.pid) else {
            if Process::read(self.pid).is_some_and(|now| now.started == self.started) {
                sys::kill(self.pid.cast_unsigned(), signal);
            }
            return;
        };
        // From here on the number cannot be somebody else's.
        if Process::read(self.pid).is_some_and(|now| now.started == self.started) {
            let _ = sys::signal_by(&pidfd, signal);
        }
    }
}

/// All processes; none without a `/proc`, or with one of another PID namespace, where the numbers mean
/// others.
fn processes() -> Vec<Process> {
    let ours =
        fs::read_link("/proc/self").is_ok_and(|link| link.as_os_str() == std::process::id().to_string().as_str());
    let Some(entries) = ours.then(|| fs::read_dir("/proc").ok()).flatten() else { return Vec::new() };
    let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter_map(Process::read).collect()
}

/// The descendants of a process, parents first; not `but`, nor its own.
fn descendants(processes: &[Process], root: i32, but: Option<i32>) -> Vec<Process> {
    let mut children: HashMap<i32, Vec<Process>> = HashMap::new();
    for process in processes {
        children.entry(process.parent).or_default().push(*process);
    }
    let mut found = Vec::new();
    let mut next = children.remove(&root).unwrap_or_default();
    while !next.is_empty() {
        next.retain(|process| Some(process.pid) != but);
        let below = next.iter().flat_map(|process| children.remove(&process.pid).unwrap_or_default()).collect();
        found.append(&mut next);
        next = below;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_of_a_process_may_contain_anything() {
        let stat = b"7 (a) Z 1 (\xff) S 3 4 5 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 99 1 1";

        let process = Process::parse(7, stat).expect("it is one");

        let expected = Process { pid: 7, parent: 3, group: 4, session: 5, started: 99, alive: true };
        assert_eq!(process, expected);
    }

    #[test]
    fn descendants_come_parents_first_and_without_the_one_that_is_left_out() {
        let process = |pid, parent| Process { pid, parent, group: 1, session: 1, started: 0, alive: true };
        let all = [(5, 4), (4, 2), (2, 1), (3, 1), (6, 3), (8, 7)].map(|(pid, parent)| process(pid, parent));

        let pids = |but| descendants(&all, 1, but).iter().map(|process| process.pid).collect::<Vec<_>>();

        assert_eq!(pids(None), [2, 3, 4, 6, 5]);
        assert_eq!(pids(Some(2)), [3, 6]);
    }
}
