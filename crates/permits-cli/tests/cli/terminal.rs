//! On a terminal: Ctrl-C, Ctrl-Z, and the line that is shown while it waits. script(1) makes the terminal.

use std::collections::HashMap;

use crate::place::{Place, Running, is_alive, kill, process_state, until};

const CTRL_C: &str = "\x03";
const CTRL_Z: &str = "\x1a";

/// Runs a command line on a terminal of its own; its exit code is that of script.
fn on_terminal(place: &Place, line: &str) -> Running {
    let mut command = place.command("script");
    command.args(["-qec", line, "/dev/null"]).env("TERM", "xterm");
    Running::start(command)
}

#[test]
fn interrupt_reaches_the_command_once() {
    let place = Place::new();
    let script = r#"trap 'echo interrupted' INT; trap 'echo ended; exit 9' TERM; echo ready $PPID; while read -t 5 line || [ $? -gt 128 ]; do :; done"#;
    let mut terminal =
        on_terminal(&place, &format!(r#"exec "$PERMITS" run a -- bash -c "{}""#, script.replace('$', "\\$")));
    let ready = terminal.line_with("ready");
    let wrapper: u32 = ready.split_whitespace().last().and_then(|pid| pid.parse().ok()).expect("a process id");

    terminal.write(CTRL_C);
    terminal.line_with("interrupted");
    kill(wrapper, "TERM");

    // A second interrupt would have been sent before the TERM.
    let next = terminal.line();
    assert!(next.ends_with("ended"), "{next}");
    assert_eq!(terminal.end().code(), Some(9));
}

#[test]
fn interrupt_ends_the_wait() {
    let place = Place::new();
    let _holder = place.hold("a");
    let mut terminal = on_terminal(&place, r#""$PERMITS" run a -- echo never; echo code $?"#);
    place.until_waiting("a", 1);

    terminal.write(CTRL_C);

    // The shell gets the interrupt as well, and ends by it or goes on, as it likes.
    terminal.end();
    assert!(!terminal.rest().iter().any(|line| line.contains("never")));
    assert_eq!(place.number("a", "waiting_acquirers"), 0);
}

#[test]
fn waiting_line_tells_position_and_holders() {
    let place = Place::new();
    let mut holder = place.hold("a");
    let copy = tempfile::tempdir().expect("a temporary directory");
    let shown = copy.path().join("shown");
    let line = r#"stty cols 120; "$PERMITS" run a -- echo '
got it'"#;
    let mut command = place.command("script");
    // The line has no end before it is wiped, so it is looked for in what script writes down at once.
    command.args(["-qefc", line]).arg(&shown).env("TERM", "xterm");
    let mut terminal = Running::start(command);
    place.until_waiting("a", 1);
    // It is shown after a while; the command may not come before that.
    until("the line is shown", || std::fs::read_to_string(&shown).is_ok_and(|text| text.contains("position 1")));

    holder.let_go();

    let lines = [terminal.line_with("waiting for `a`"), terminal.line_with("got it")];
    assert!(
        lines[0].contains("position 1") && lines[0].contains("held by") && lines[0].contains("read line"),
        "{lines:?}"
    );
    assert!(lines[0].contains("\r\x1b[K"), "it is wiped: {lines:?}");
}

#[test]
fn stop_while_waiting_gives_up_the_place() {
    let place = Place::new();
    let mut holder = place.hold("a");
    let mut terminal = on_terminal(&place, "PS1= exec bash --norc --noprofile --noediting -i");
    terminal.write("\"$PERMITS\" -q run a -- echo got it\n");
    place.until_waiting("a", 1);

    terminal.write(CTRL_Z);
    place.until_waiting("a", 0);
    terminal.line_with("Stopped");
    terminal.write("echo shell $((40+2))\n");
    terminal.line_with("shell 42");
    terminal.write("fg\n");
    place.until_waiting("a", 1);
    holder.let_go();

    until("the command runs", || terminal.line().ends_with("got it"));
    terminal.write("exit\n");
    terminal.end();
}

#[test]
fn stop_while_running_stops_the_job_and_fg_goes_on() {
    let place = Place::new();
    let mut terminal = on_terminal(&place, "PS1= exec bash --norc --noprofile --noediting -i");
    terminal.write("\"$PERMITS\" run a -- sh -c 'echo re\"\"ady; read line; echo \"<$line>\"'\n");
    terminal.line_with("ready");

    terminal.write(CTRL_Z);
    // What is typed before the command has stopped may be read by it.
    terminal.line_with("Stopped");
    terminal.write("echo shell $((40+2))\n");
    terminal.line_with("shell 42");
    assert_eq!(place.number("a", "held"), 1);
    terminal.write("fg\n");
    terminal.write("text\n");

    terminal.line_with("<text>");
    terminal.write("exit\n");
    terminal.end();
}

#[test]
fn job_in_the_background_stops_when_it_reads_and_fg_lets_it_read() {
    let place = Place::new();
    let mut terminal = on_terminal(&place, "PS1= exec bash --norc --noprofile --noediting -ib");
    // Job control stops who reads in the background: the command by its read, this program with it.
    terminal.write("\"$PERMITS\" run a -- sh -c 'echo $$ re\"\"ady; read line; echo \"<$line>\"' &\n");
    let ready = terminal.line_with("ready");
    let command: u32 = ready.split_whitespace().next().and_then(|pid| pid.parse().ok()).expect("a process id");
    until("it stops", || process_state(command) == Some('T'));
    // The shell says so (`-b`) when it knows that this program has stopped as well. It continues no job that it takes
    // to be running.
    terminal.line_with("Stopped");

    terminal.write("fg\n");
    until("it goes on", || process_state(command) != Some('T'));
    terminal.write("text\n");

    terminal.line_with("<text>");
    terminal.write("exit\n");
    terminal.end();
}

#[test]
fn next_program_of_a_pipeline_reads_from_the_terminal() {
    let place = Place::new();
    let mut terminal = on_terminal(&place, "PS1= exec bash --norc --noprofile --noediting -i");
    terminal
        .write("\"$PERMITS\" run a -- echo one | sh -c 'read a; echo re\"\"ady; read b </dev/tty; echo \"<$a $b>\"'\n");
    terminal.line_with("ready");

    terminal.write("two\n");

    terminal.line_with("<one two>");
    terminal.write("exit\n");
    terminal.end();
}

#[test]
fn interrupt_reaches_what_has_left_the_group() {
    let place = Place::new();
    // timeout(1) makes a group of its own, which the terminal does not tell.
    let line = r#""$PERMITS" run a -- timeout 1000 sh -c 'trap "echo interrupted; exit 0" INT; echo ready; while :; do sleep 0.05; done'"#;
    let mut terminal = on_terminal(&place, line);
    terminal.line_with("ready");

    terminal.write(CTRL_C);

    terminal.line_with("interrupted");
    terminal.end();
}

/// A shell on a terminal of its own, with job control.
fn shell(place: &Place) -> Running {
    on_terminal(place, "cd \"$PERMITS_DIR\"; PS1= exec bash --norc --noprofile --noediting -i")
}

/// `permits run --tree` in a shell, by the process ids of what it has started. If the test fails, the terminal hangs up
/// on those in the job.
///
/// No script starts anything when it may be stopped: dash(1) does so by vfork(2), and a child that stops before it
/// executes its program leaves its parent unstopped, in the state `D`.
fn tree(place: &Place, terminal: &mut Running, scripts: &[(&str, &str)]) -> HashMap<String, u32> {
    for (name, text) in scripts {
        std::fs::write(place.dir().join(name), text).expect("it can be written");
    }
    terminal.write("\"$PERMITS\" run --tree a -- sh ./command\n");
    let mut pids = HashMap::new();
    while pids.len() < scripts.len() {
        let line = terminal.line();
        if let Some((pid, name)) = line.split_once(" is the ") {
            pids.insert(name.to_owned(), pid.parse().expect("a process id"));
        }
    }
    pids
}

/// In the job, and left behind by the command.
const JOB: (&str, &str) = ("job", "trap '' INT; echo $$ is the job; exec sleep 1000");

/// The run that holds.
fn holder(place: &Place) -> u32 {
    place.status("a")["holders"][0]["pid"].as_u64().and_then(|pid| pid.try_into().ok()).expect("one holds")
}

/// Whether a process has yet to see a signal that was sent to it.
fn is_pending(pid: u32, signal: i32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    let pending = status.lines().find_map(|line| line.strip_prefix("ShdPnd:")).expect("the kernel tells");
    u64::from_str_radix(pending.trim(), 16).expect("it is a number") >> (signal - 1) & 1 == 1
}

/// A tree whose command was stopped, and then its job: the command has yet to stop by what the terminal sends.
fn job_stopped_beside_its_command(place: &Place) -> (Running, HashMap<String, u32>) {
    let mut terminal = shell(place);
    let command = "(sh ./job &); echo $$ is the command; exec sleep 1000";
    let pids = tree(place, &mut terminal, &[JOB, ("command", command)]);
    kill(pids["command"], "STOP");
    until("the command stops", || process_state(pids["command"]) == Some('T'));
    terminal.write(CTRL_Z);
    until("the job stops", || process_state(pids["job"]) == Some('T'));
    (terminal, pids)
}

/// Ends what is left of the tree, and sees that the run ends with it, and that the shell goes on.
fn end_with_the_job(place: &Place, mut terminal: Running, job: u32) {
    kill(job, "KILL");
    until("the permit is back", || place.number("a", "given_out") == 0);
    terminal.write("echo shell $((40+2))\n");
    terminal.line_with("shell 42");
    terminal.write("exit\n");
    terminal.end();
}

#[test]
fn tree_whose_command_has_ended_is_interrupted_and_stopped_as_a_job() {
    let place = Place::new();
    let mut terminal = shell(&place);
    let daemon =
        "trap 'echo interrupted; exit' INT; echo $$ is the daemon; while [ $((i += 1)) -lt 2000 ]; do sleep 0.05; done";
    // A shell has what it starts in the background ignore interrupts.
    let command = "(sh ./job &); (setsid env --default-signal=INT sh ./daemon &); echo $$ is the command";
    let pids = tree(&place, &mut terminal, &[JOB, ("daemon", daemon), ("command", command)]);
    let job = pids["job"];
    until("the command ends", || !is_alive(pids["command"]));

    terminal.write(CTRL_Z);
    terminal.line_with("Stopped");
    until("what is left in the job stops", || process_state(job) == Some('T'));
    assert_eq!(place.number("a", "held"), 1);
    terminal.write("fg\n");
    until("it goes on", || process_state(job).is_some_and(|state| state != 'T'));
    terminal.write(CTRL_C);
    terminal.line_with("interrupted");

    end_with_the_job(&place, terminal, job);
}

#[test]
fn tree_whose_command_ends_while_the_job_is_stopped_stops_with_it() {
    let place = Place::new();
    let (mut terminal, pids) = job_stopped_beside_its_command(&place);
    let (command, job) = (pids["command"], pids["job"]);

    kill(command, "KILL");

    terminal.line_with("Stopped");
    terminal.write("fg\n");
    until("it goes on", || process_state(job).is_some_and(|state| state != 'T'));
    end_with_the_job(&place, terminal, job);
}

#[test]
fn tree_whose_command_ends_after_the_job_was_continued_does_not_stop() {
    let place = Place::new();
    let (terminal, pids) = job_stopped_beside_its_command(&place);
    let (command, job) = (pids["command"], pids["job"]);

    // It is passed on to the command.
    kill(holder(&place), "CONT");
    until("the command goes on", || process_state(command) != Some('T'));
    kill(job, "CONT");
    kill(command, "KILL");
    until("the command has been waited for", || !std::fs::exists(format!("/proc/{command}")).expect("/proc is there"));

    end_with_the_job(&place, terminal, job);
}

#[test]
fn tree_whose_command_handles_the_stop_does_not_stop_when_it_ends() {
    let place = Place::new();
    let mut terminal = shell(&place);
    let command = "(sh ./job &); trap 'echo told; exit' TSTP; echo $$ is the command; read line";
    let pids = tree(&place, &mut terminal, &[JOB, ("command", command)]);
    let (command, job) = (pids["command"], pids["job"]);

    // It is passed on when it has been seen.
    kill(holder(&place), "TSTP");
    terminal.line_with("told");
    until("the command has been waited for", || !std::fs::exists(format!("/proc/{command}")).expect("/proc is there"));

    end_with_the_job(&place, terminal, job);
}

#[test]
fn tree_whose_command_is_in_a_group_of_its_own_does_not_stop_when_it_ends() {
    let place = Place::new();
    let mut terminal = shell(&place);
    // The kernel stops no process of a session that has no shell.
    let command = "(sh ./job &); exec setsid sh -c 'echo $$ is the command; exec sleep 1000'";
    let pids = tree(&place, &mut terminal, &[JOB, ("command", command)]);
    let (command, job, run) = (pids["command"], pids["job"], holder(&place));

    kill(run, "TSTP");
    until("the stop has been seen", || !is_pending(run, libc::SIGTSTP));
    kill(command, "KILL");
    until("the command has been waited for", || !std::fs::exists(format!("/proc/{command}")).expect("/proc is there"));

    end_with_the_job(&place, terminal, job);
}
