//! The command and all that it has started: found in `/proc`, and told by pidfd.
//!
//! timeout(1) makes a process group for this. A group of its own would take the command out of the job that
//! the shell controls: it could not read from the terminal, and a KILL for the whole job would miss it. So
//! the command stays in its caller's group, and its descendants are found by who is whose parent. As this
//! program adopts orphans, none of them gets lost.
//!
//! Nor is it put into a cgroup: programs read their limits from the one they are in, and some look at no
//! other, so they would miss those of the container or unit; and below what systemd has not delegated no
//! other process may make any.
//!
//! Not all descendants of this process are the command's. A shell that becomes this program by `exec` leaves
//! it the children that it had, and the hook of `--on-lost` starts processes of its own. These strangers, and
//! what they start, are remembered at each look, so that they are known when their parent has ended and they
//! become children of this process. Two kinds cannot be told apart from the command's orphans: what an
//! earlier child has started and left since the last look, and, where this program is the init of a
//! container, the orphans of others in it. What the hook has started is known even then, by a variable in its
//! environment, unless that was cleared.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs;

use crate::sys::{self, Changed};

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
    strangers: Strangers,
}

/// Descendants of this process that are none of the command's.
#[derive(Default)]
pub(super) struct Strangers {
    known: HashSet<Id>,
    /// `NAME=VALUE`, in the environment of strangers alone.
    mark: Option<String>,
}

/// A process id, and when it was given out: so one that was given to another process is found out.
type Id = (i32, u64);

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
    /// Since the boot.
    started: u64,
    alive: bool,
}

impl Strangers {
    /// All that this process has below it now. To be called before the command is started.
    pub(super) fn now() -> Self {
        // Most often there are none, and /proc need not be read.
        if matches!(sys::wait_any(), Ok(Changed::Childless)) {
            return Strangers::default();
        }
        let (found, _) = below(&processes(), us(), |_| false);
        Strangers { known: found.iter().map(Process::id).collect(), mark: None }
    }

    fn is_one(&self, process: &Process) -> bool {
        self.known.contains(&process.id()) || self.mark.as_ref().is_some_and(|mark| process.has_in_environment(mark))
    }
}

impl Family {
    /// Of a command that was started by this process. A daemon, which has a session of its own, belongs to it
    /// only if `daemons`.
    pub(super) fn new(command: u32, daemons: bool, strangers: Strangers) -> Self {
        Family { command: command.cast_signed(), runs: true, daemons, strangers }
    }

    /// The command has been waited for.
    pub(super) fn command_has_ended(&mut self) {
        self.runs = false;
    }

    /// Leaves a child of this process out, with all that it starts. They are marked by this `NAME=VALUE` in
    /// their environment.
    pub(super) fn leave_out(&mut self, child: u32, mark: String) {
        self.strangers.known.extend(Process::read(child.cast_signed()).as_ref().map(Process::id));
        self.strangers.mark = Some(mark);
    }

    /// Whether this process has descendants that are known to be none of it.
    pub(super) fn has_strangers(&self) -> bool {
        !self.strangers.known.is_empty()
    }

    /// Sees what strangers have started, before their end makes it look like the command's.
    pub(super) fn look(&mut self) {
        if self.has_strangers() || self.strangers.mark.is_some() {
            self.members();
        }
    }

    /// Whether any of them lives.
    ///
    /// A child of this process that has ended counts until it has been waited for: what it left behind while
    /// `/proc` was read may have been missed, and is found at the next look, which its SIGCHLD brings.
    pub(super) fn is_alive(&mut self) -> bool {
        self.runs || self.members().iter().any(|process| process.alive || process.parent == us())
    }

    /// Sends a signal to each once, parents first: a shell must not go on to its next line because the
    /// command in this one died.
    ///
    /// Without `/proc` it reaches the command alone.
    pub(super) fn tell(&mut self, signal: i32, whom: Whom) {
        if self.runs && (whom == Whom::All || !sys::in_our_group(self.command.cast_unsigned())) {
            sys::kill(self.command.cast_unsigned(), signal);
        }
        let group = nix::unistd::getpgrp().as_raw();
        let mut told = HashSet::new();
        for _ in 0..LOOKS {
            let mut new = self.members();
            new.retain(|process| {
                process.alive
                    && !(self.runs && process.pid == self.command)
                    && (whom == Whom::All || process.group != group)
                    && told.insert((process.pid, process.started))
            });
            if new.is_empty() {
                break;
            }
            for process in &new {
                self.send(process, signal);
            }
        }
    }

    /// Sends a signal to a member, unless it has ended since it was found, and its number is another's.
    fn send(&self, member: &Process, signal: i32) {
        member.send(signal, || self.is_still_ours(member));
    }

    /// Whether a member is there still, and no other process has its number by now.
    fn is_still_ours(&self, member: &Process) -> bool {
        is_still_below(member, us(), Process::read, |process| self.strangers.is_one(process))
    }

    /// Those that live, or have not been waited for, parents first.
    fn members(&mut self) -> Vec<Process> {
        let processes = processes();
        let Some(ours) = processes.iter().find(|process| process.pid == us()).copied() else { return Vec::new() };
        let (mut members, strangers) = below(&processes, us(), |process| self.strangers.is_one(process));
        let present: HashSet<_> = processes.iter().map(Process::id).collect();
        self.strangers.known.retain(|stranger| present.contains(stranger));
        self.strangers.known.extend(strangers.iter().map(Process::id));
        members.retain(|process| {
            // A command that makes a session of its own is no daemon for it.
            let near = process.session == ours.session || process.session == self.command;
            self.daemons || near
        });
        members
    }
}

fn us() -> i32 {
    std::process::id().cast_signed()
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

    fn id(&self) -> Id {
        (self.pid, self.started)
    }

    /// As it was when its program was executed. That of another user's cannot be read.
    fn has_in_environment(&self, variable: &str) -> bool {
        let environment = fs::read(format!("/proc/{}/environ", self.pid)).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|found| found == variable.as_bytes())
    }

    /// A process that ends meanwhile, or belongs to another user, gets no signal. Nor does one for which
    /// there is no descriptor left: its number alone could be another process's by the time the signal is
    /// sent.
    ///
    /// `is_still_ours` reads `/proc` after the descriptor is open. If another process has the number by then,
    /// that process is what it judges; if another has it later, the descriptor's process has ended, and the
    /// kernel sends nothing.
    fn send(&self, signal: i32, is_still_ours: impl Fn() -> bool) {
        match sys::pidfd(self.pid) {
            Ok(pidfd) if is_still_ours() => drop(sys::signal_by(&pidfd, signal)),
            // Before Linux 5.3, and where a container's filter does not know the call: there a number that
            // is given out again between the check and the signal goes unnoticed.
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) && is_still_ours() => {
                sys::kill(self.pid.cast_unsigned(), signal);
            }
            Ok(_) | Err(_) => {}
        }
    }
}

/// All processes; none without a `/proc`, or with one of another PID namespace, where the numbers mean
/// others.
fn processes() -> Vec<Process> {
    let ours = fs::read_link("/proc/self").is_ok_and(|link| link.as_os_str() == us().to_string().as_str());
    let Some(entries) = ours.then(|| fs::read_dir("/proc").ok()).flatten() else { return Vec::new() };
    let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter_map(Process::read).collect()
}

/// The descendants of a process, parents first: those that are no strangers and have none above them, and the
/// others.
fn below(processes: &[Process], root: i32, is_stranger: impl Fn(&Process) -> bool) -> (Vec<Process>, Vec<Process>) {
    let mut children: HashMap<i32, Vec<Process>> = HashMap::new();
    for process in processes {
        children.entry(process.parent).or_default().push(*process);
    }
    let (mut members, mut strangers) = (Vec::new(), Vec::new());
    let mut next = VecDeque::from([(root, false)]);
    while let Some((parent, below_stranger)) = next.pop_front() {
        for child in children.remove(&parent).unwrap_or_default() {
            let stranger = below_stranger || is_stranger(&child);
            next.push_back((child.pid, stranger));
            if stranger { &mut strangers } else { &mut members }.push(child);
        }
    }
    (members, strangers)
}

/// Whether a process that was found below `root` is the one that now has its number, and below `root` still,
/// with no stranger between them. `read` tells what a number stands for at that moment.
///
/// The time of the start alone does not tell two processes of one number apart: it is counted in ticks of
/// 10 ms, and where few numbers are left one is given out again within a tick.
fn is_still_below(
    found: &Process,
    root: i32,
    read: impl Fn(i32) -> Option<Process>,
    is_stranger: impl Fn(&Process) -> bool,
) -> bool {
    'look: for _ in 0..LOOKS {
        let Some(mut child) = read(found.pid).filter(|now| now.id() == found.id()) else { return false };
        let mut seen = HashSet::new();
        while seen.insert(child.pid) {
            if is_stranger(&child) {
                return false;
            }
            if child.parent == root {
                return true;
            }
            let parent = read(child.parent);
            // What was read is the parent if the child has the same one after it. Else that has ended, the
            // child was adopted, and its number may be another's already.
            let same = |now: Process| (now.id(), now.parent) == (child.id(), child.parent);
            if !read(child.pid).is_some_and(same) {
                continue 'look;
            }
            match parent {
                Some(parent) => child = parent,
                None => return false,
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Child, Command, Stdio};

    use super::*;

    #[test]
    fn name_of_a_process_may_contain_anything() {
        let stat = b"7 (a) Z 1 (\xff) S 3 4 5 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 99 1 1";

        let process = Process::parse(7, stat).expect("it is one");

        let expected = Process { pid: 7, parent: 3, group: 4, session: 5, started: 99, alive: true };
        assert_eq!(process, expected);
    }

    fn process(pid: i32, parent: i32) -> Process {
        Process { pid, parent, group: 1, session: 1, started: 0, alive: true }
    }

    #[test]
    fn descendants_come_parents_first_and_strangers_with_theirs_apart() {
        let all = [(5, 4), (4, 2), (2, 1), (3, 1), (6, 3), (8, 7)].map(|(pid, parent)| process(pid, parent));

        let pids = |stranger| {
            let (members, strangers) = below(&all, 1, |process| process.pid == stranger);
            [members, strangers].map(|found| found.iter().map(|process| process.pid).collect::<Vec<_>>())
        };

        assert_eq!(pids(0), [vec![2, 3, 4, 6, 5], vec![]]);
        assert_eq!(pids(2), [vec![3, 6], vec![2, 4, 5]]);
    }

    /// Whether 5 is found below 2 still, which has started 4, which has started 5. Each reading of a number
    /// comes from the table that `when` picks by how many were read before.
    fn five_is_still_below_two(when: impl Fn(usize) -> Vec<Process>, stranger: i32) -> bool {
        let readings = Cell::new(0);
        let read = |pid| {
            let table = when(readings.replace(readings.get() + 1));
            table.into_iter().find(|process| process.pid == pid)
        };
        is_still_below(&process(5, 4), 2, read, |process| process.pid == stranger)
    }

    fn chain() -> Vec<Process> {
        vec![process(5, 4), process(4, 2), process(2, 1), process(1, 0)]
    }

    #[test]
    fn descendant_is_told_from_another_with_its_number() {
        let adopted = vec![process(5, 2), process(2, 1)];
        let ended = vec![process(4, 2), process(2, 1)];
        let later = vec![Process { started: 1, ..process(5, 4) }, process(4, 2), process(2, 1)];
        let another = vec![process(5, 1), process(4, 2), process(2, 1), process(1, 0)];
        let below_another = vec![process(5, 7), process(7, 1), process(2, 1), process(1, 0)];
        let circle = vec![process(5, 4), process(4, 5)];

        assert!(five_is_still_below_two(|_| chain(), 0));
        assert!(five_is_still_below_two(|_| adopted.clone(), 0));
        for table in [ended, later, another, below_another, circle] {
            assert!(!five_is_still_below_two(|_| table.clone(), 0), "{table:?}");
        }
        assert!(!five_is_still_below_two(|_| chain(), 4), "a stranger has started it");
    }

    #[test]
    fn descendant_whose_parent_ends_while_it_is_looked_at_is_told_from_another() {
        // The second reading is that of the parent: 4 has ended, and is another process's number.
        let reused = |five_has: i32| {
            move |reading| match reading {
                0 => chain(),
                _ => vec![process(5, five_has), process(4, 1), process(2, 1), process(1, 0)],
            }
        };
        let stranger = |reading| match reading {
            0 => vec![process(5, 4)],
            _ => vec![process(5, 1), process(4, 2), process(2, 1), process(1, 0)],
        };

        assert!(five_is_still_below_two(reused(2), 0), "it was adopted");
        assert!(!five_is_still_below_two(reused(1), 0), "it was adopted by another");
        assert!(!five_is_still_below_two(stranger, 0), "4 is below 2, and has not started it");
    }

    #[test]
    fn number_that_never_comes_to_rest_is_not_told() {
        let changing = |reading: usize| vec![process(5, if reading.is_multiple_of(2) { 4 } else { 6 })];

        assert!(!five_is_still_below_two(changing, 0));
    }

    /// A process that runs until its input ends.
    fn reader() -> Child {
        let mut cat = Command::new("cat");
        cat.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("cat can be started")
    }

    #[test]
    fn real_child_is_still_below_until_it_has_been_waited_for() {
        let mut child = reader();
        let found = Process::read(child.id().cast_signed()).expect("it runs");
        let is_still = |found: &Process| is_still_below(found, us(), Process::read, |_| false);

        assert!(is_still(&found));
        assert!(!is_still(&Process { started: found.started - 1, ..found }), "an earlier one of its number");
        let parent = std::os::unix::process::parent_id().cast_signed();
        assert!(!is_still(&Process::read(parent).expect("it runs")), "it is above");
        drop(child.stdin.take());
        child.wait().expect("it ends");
        assert!(!is_still(&found));
    }

    #[test]
    fn family_sends_to_its_members_and_to_no_other_with_their_number() {
        let [mut other, mut stranger, mut member] = [reader(), reader(), reader()];
        let found = |child: &Child| Process::read(child.id().cast_signed()).expect("it runs");
        let strangers = Strangers { known: HashSet::from([found(&stranger).id()]), mark: None };
        let family = Family::new(0, false, strangers);

        // One that ended, whose number the other one has now.
        family.send(&Process { started: found(&other).started - 1, ..found(&other) }, libc::SIGKILL);
        family.send(&found(&stranger), libc::SIGKILL);
        family.send(&found(&member), libc::SIGKILL);

        let mut ends = |child: &mut Child| {
            drop(child.stdin.take());
            child.wait().expect("it ends").signal()
        };
        assert_eq!([&mut other, &mut stranger, &mut member].map(&mut ends), [None, None, Some(libc::SIGKILL)]);
    }

    #[test]
    fn signal_is_sent_to_whom_the_check_passes_alone() {
        let mut child = reader();
        let found = Process::read(child.id().cast_signed()).expect("it runs");

        found.send(libc::SIGKILL, || false);

        drop(child.stdin.take());
        assert!(child.wait().expect("it ends").success(), "by the end of its input, and no signal");
    }
}
