//! The same scenarios with flock(1), GNU sem(1), timeout(1) and permits: what each does is stated, and asserted.
//!
//! Debian packages: util-linux, parallel, coreutils. The facts are those of util-linux 2.38, parallel
//! 20221122, coreutils 9.1.

use std::path::PathBuf;
use std::process::Command;

use permits_testbed::program;

use crate::place::{Place, Running, is_alive, kill, output, process_state, shell_code, stdout, until};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tool {
    Flock,
    Sem,
    Timeout,
    Permits,
}

use Tool::{Flock, Permits, Sem, Timeout};

impl Tool {
    /// The command under the tool, waiting for its turn if need be.
    fn run(self, place: &Place, command: &[&str]) -> Command {
        self.with(place, &[], command)
    }

    /// The command under the tool, if it is its turn.
    fn try_run(self, place: &Place, command: &[&str]) -> Command {
        match self {
            Flock => self.with(place, &["-n"], command),
            Sem => self.with(place, &["--st", "-1"], command),
            Permits => self.with(place, &["-n"], command),
            Timeout => unreachable!("it takes no turns"),
        }
    }

    fn with(self, place: &Place, options: &[&str], command: &[&str]) -> Command {
        let lock: PathBuf = place.dir().join("lock");
        let mut line = match self {
            Flock => place.command("flock"),
            Sem => place.command("sem"),
            Timeout => place.command("timeout"),
            Permits => place.permits(["run"]),
        };
        line.args(options);
        match self {
            Flock => line.arg(lock),
            // -u passes output on as it comes; otherwise it would be held back until the end.
            Sem => line.args(["--fg", "-u", "--id", "lock"]),
            Timeout => line.arg("1h"),
            Permits => line.args(["lock", "--"]),
        };
        if self == Sem {
            // It gives one string to a shell; without its own quoting (-q) the words would be split again.
            line.arg("-q");
        }
        line.args(command);
        line
    }

    fn code(self, place: &Place, command: &[&str]) -> i32 {
        shell_code(output(&mut self.run(place, command)).status)
    }
}

/// Whether the tool is on this machine.
fn is_there(tool: Tool) -> bool {
    match tool {
        Flock => program("flock", "util-linux"),
        Sem => program("sem", "parallel"),
        Timeout | Permits => true,
    }
}

/// Asserts for each tool what the table says.
fn each<T: PartialEq + std::fmt::Debug>(table: &[(Tool, T)], mut observe: impl FnMut(Tool, &Place) -> T) {
    for (tool, expected) in table.iter().filter(|(tool, _)| is_there(*tool)) {
        let place = Place::new();
        assert_eq!(observe(*tool, &place), *expected, "{tool:?}");
    }
}

/// A command that tells its process id and stays.
const STAY: [&str; 3] = ["sh", "-c", "echo $$; exec sleep 100"];

fn start(tool: Tool, place: &Place) -> (Running, u32) {
    let mut wrapper = Running::start(tool.run(place, &STAY));
    let pid = wrapper.line().parse().expect("a process id");
    (wrapper, pid)
}

#[test]
fn exit_code_of_the_command() {
    each(&[(Flock, 3), (Sem, 3), (Timeout, 3), (Permits, 3)], |tool, place| tool.code(place, &["sh", "-c", "exit 3"]));
}

#[test]
fn command_killed_by_a_signal() {
    each(&[(Flock, 143), (Sem, 143), (Timeout, 143), (Permits, 143)], |tool, place| {
        tool.code(place, &["sh", "-c", "kill -s TERM $$"])
    });
}

#[test]
fn command_not_found() {
    each(&[(Flock, 69), (Sem, 127), (Timeout, 127), (Permits, 127)], |tool, place| {
        tool.code(place, &["no-such-command"])
    });
}

#[test]
fn command_not_executable() {
    each(&[(Flock, 69), (Sem, 126), (Timeout, 126), (Permits, 126)], |tool, place| tool.code(place, &["/etc/passwd"]));
}

#[test]
fn busy() {
    each(&[(Flock, 1), (Sem, 1), (Permits, 75)], |tool, place| {
        let (_holder, command) = start(tool, place);
        let code = shell_code(output(&mut tool.try_run(place, &["true"])).status);
        kill(command, "KILL");
        code
    });
}

#[test]
fn time_limit() {
    let place = Place::new();

    assert_eq!(shell_code(output(place.command("timeout").args(["0.1", "sleep", "100"])).status), 124);
    assert_eq!(place.code(&["run", "--max-hold", "0.1", "a", "--", "sleep", "100"]), 124);
}

#[test]
fn command_is_orphaned_by_term_to_the_wrapper() {
    each(&[(Flock, true), (Timeout, false), (Permits, false)], |tool, place| {
        let (mut wrapper, command) = start(tool, place);
        // timeout(1) of coreutils 9.1 forwards nothing before it has returned from its fork.
        until("the wrapper waits", || process_state(wrapper.pid()) == Some('S'));
        wrapper.signal("TERM");
        wrapper.end();
        let orphaned = is_alive(command);
        if orphaned {
            kill(command, "KILL");
        }
        orphaned
    });
}

#[test]
fn another_runs_beside_the_command_of_a_killed_wrapper() {
    each(&[(Flock, false), (Sem, true), (Permits, false)], |tool, place| {
        let (mut wrapper, command) = start(tool, place);
        wrapper.signal("KILL");
        wrapper.end();
        assert!(is_alive(command));
        let overlap = output(&mut tool.try_run(place, &["true"])).status.success();
        kill(command, "KILL");
        overlap
    });
}

#[test]
fn daemon_that_the_command_leaves_keeps_the_turn() {
    each(&[(Flock, true), (Sem, false), (Permits, false)], |tool, place| {
        let output_of_it =
            output(&mut tool.run(place, &["sh", "-c", "sleep 100 >/dev/null 2>&1 </dev/null & echo $!"]));
        let daemon: u32 = stdout(&output_of_it).trim().parse().expect("a process id");
        let kept = !output(&mut tool.try_run(place, &["true"])).status.success();
        kill(daemon, "KILL");
        kept
    });
}

#[test]
fn two_at_a_time() {
    if !is_there(Sem) {
        return;
    }
    let place = Place::new();
    let sem = ["--fg", "-u", "--id", "two", "-j", "2", "-q", "sh", "-c", "echo $$; exec sleep 100"];
    let mut command = place.command("sem");
    command.args(sem);
    let mut again = place.command("sem");
    again.args(sem);
    let mut sems = [Running::start(command), Running::start(again)];
    let permits = ["run", "--max", "2", "two", "--", "sh", "-c", "echo $$; exec sleep 100"];
    let mut runs = [Running::start(place.permits(permits)), Running::start(place.permits(permits))];

    for running in sems.iter_mut().chain(&mut runs) {
        let pid: u32 = running.line().parse().expect("a process id");
        assert!(is_alive(pid));
    }
    // sem believes the number of whoever comes; permits keeps the one that is stored.
    let more = output(place.command("sem").args(["--fg", "--id", "two", "-j", "3", "--st", "-1", "true"]));
    assert_eq!(more.status.code(), Some(0));
    assert_eq!(place.code(&["run", "--max", "3", "--try", "two", "--", "true"]), 78);
    let children: Vec<u32> = place.status("two")["holders"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|holder| holder["command_pid"].as_u64().expect("a process id") as u32)
        .collect();
    assert_eq!(children.len(), 2);
    for child in children {
        kill(child, "KILL");
        until("it dies", || !is_alive(child));
    }
}

#[test]
fn input_of_the_command() {
    each(&[(Flock, "text\n"), (Timeout, "text\n"), (Permits, "text\n")], |tool, place| {
        let mut running = Running::start(tool.run(place, &["head", "-n", "1"]));
        running.write("text\n");
        match running.line().as_str() {
            "text" => "text\n",
            _ => "something else",
        }
    });
}

#[test]
fn words_of_the_command_stay_words() {
    each(&[(Flock, "[a b][*]"), (Sem, "[a b][*]"), (Timeout, "[a b][*]"), (Permits, "[a b][*]")], |tool, place| {
        let printed = stdout(&output(&mut tool.run(place, &["printf", "[%s]", "a b", "*"])));
        if printed == "[a b][*]" { "[a b][*]" } else { "something else" }
    });
}
