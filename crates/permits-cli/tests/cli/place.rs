//! A directory of semaphores for one test, and processes that do not outlive it.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::ops::{Deref, DerefMut};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use permits_testbed::{Limit, signal_group, start, with_default_signals};
use serde_json::Value;
use tempfile::TempDir;

/// No test waits longer for what must come. It is long, as machines can be busy; tests that pass never reach it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) const PERMITS: &str = env!("CARGO_BIN_EXE_permits");

/// A directory of semaphores of its own.
pub(crate) struct Place {
    dir: TempDir,
    _limit: Limit,
}

impl Place {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        Place { dir, _limit: Limit::start() }
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Any program, with this place in its environment, and as a login starts it: tests may run under nohup.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        for variable in [
            "PERMITS_NAME",
            "PERMITS_GRANT",
            "PERMITS_UNITS",
            "PERMITS_SLOT",
            "PERMITS_SLOTS",
            "MAKEFLAGS",
            "CARGO_MAKEFLAGS",
            "MFLAGS",
        ] {
            command.env_remove(variable);
        }
        command.env("PERMITS_DIR", self.dir()).env("PERMITS", PERMITS).env("HOME", self.dir()).env("SHELL", "/bin/sh");
        command.stdin(Stdio::null());
        with_default_signals(&mut command);
        command
    }

    /// `permits` with these arguments.
    pub(crate) fn permits<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.command(PERMITS);
        command.args(args);
        command
    }

    /// Runs `permits` with these arguments to its end.
    pub(crate) fn output(&self, args: &[&str]) -> Output {
        output(&mut self.permits(args))
    }

    /// Exit code of `permits` with these arguments, as a shell has it.
    pub(crate) fn code(&self, args: &[&str]) -> i32 {
        shell_code(self.output(args).status)
    }

    /// `permits status NAME --json`.
    pub(crate) fn status(&self, name: &str) -> Value {
        let output = self.output(&["status", name, "--json"]);
        assert!(output.status.success(), "status of {name}: {}", stderr(&output));
        serde_json::from_slice(&output.stdout).expect("status prints JSON")
    }

    /// A number of the status.
    pub(crate) fn number(&self, name: &str, field: &str) -> u64 {
        self.status(name)[field].as_u64().unwrap_or_else(|| panic!("no number {field} in the status of {name}"))
    }

    /// Starts `permits run NAME` with a command that holds until it is told to end, and waits until it holds.
    pub(crate) fn hold(&self, name: &str) -> Running {
        let mut holder = Running::start(self.permits(["run", name, "--", "sh", "-c", "echo held; read line"]));
        assert_eq!(holder.line(), "held");
        holder
    }

    /// Waits until so many wait to acquire.
    pub(crate) fn until_waiting(&self, name: &str, number: u64) {
        until(&format!("{number} wait for {name}"), || self.number(name, "waiting_acquirers") == number);
    }
}

/// A process in a group of its own, which job control can stop, as its parent is of another one.
///
/// It is killed with its group when the test ends. Its output is read line by line.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = start(command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()));
        let stdout = child.stdout.take().expect("stdout is a pipe");
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Running { child, lines }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line of its output.
    pub(crate) fn line(&mut self) -> String {
        self.lines.recv_timeout(DEADLINE).expect("a line of output comes")
    }

    /// Reads until a line contains the text, and returns it.
    pub(crate) fn line_with(&mut self, text: &str) -> String {
        let end = Instant::now() + DEADLINE;
        while Instant::now() < end {
            let line = self.line();
            if line.contains(text) {
                return line;
            }
        }
        panic!("no line with {text:?} came in time")
    }

    /// Types into its standard input.
    pub(crate) fn write(&mut self, text: &str) {
        let stdin = self.child.stdin.as_mut().expect("stdin is a pipe");
        stdin.write_all(text.as_bytes()).and_then(|()| stdin.flush()).expect("the program reads");
    }

    /// Lets a command that reads a line go on.
    pub(crate) fn let_go(&mut self) {
        self.write("\n");
    }

    pub(crate) fn signal(&self, signal: &str) {
        kill(self.pid(), signal);
    }

    /// Waits for the end.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let mut status = None;
        until("the program ends", || {
            status = self.child.try_wait().expect("it is our child");
            status.is_some()
        });
        status.expect("it has ended")
    }

    /// Lines that it printed until it ended.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        let end = Instant::now() + DEADLINE;
        let mut rest = Vec::new();
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => rest.push(line),
                Err(RecvTimeoutError::Disconnected) => return rest,
                Err(RecvTimeoutError::Timeout) => panic!("the output does not end; so far: {rest:?}"),
            }
        }
    }
}

impl Deref for Running {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.child
    }
}

impl DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.child
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The group may be gone; what matters is that nothing is left, commands without their wrapper included.
        let _ = signal_group(self.pid(), Signal::SIGKILL as i32);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for a condition.
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < DEADLINE, "it did not happen in time: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Runs a command to its end, within the deadline.
pub(crate) fn output(command: &mut Command) -> Output {
    finish(start(command.stdout(Stdio::piped()).stderr(Stdio::piped())))
}

/// Waits for the end of a child whose output is piped.
pub(crate) fn finish(mut child: Child) -> Output {
    let stdout = reader(child.stdout.take().expect("stdout is a pipe"));
    let stderr = reader(child.stderr.take().expect("stderr is a pipe"));
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("it is our child") {
            break status;
        }
        if began.elapsed() > DEADLINE {
            let _ = child.kill();
            panic!("a command did not end in time");
        }
        thread::sleep(Duration::from_millis(1));
    };
    let text = |reader: Receiver<Vec<u8>>| reader.recv_timeout(DEADLINE).expect("the output ends");
    Output { status, stdout: text(stdout), stderr: text(stderr) }
}

fn reader(mut from: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        let _ = sender.send(bytes);
    });
    receiver
}

/// The exit code that a shell shows: 128+N for a death by signal N.
pub(crate) fn shell_code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().expect("it exited or died"))
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Sends a signal, by name or number.
pub(crate) fn kill(pid: u32, signal: &str) {
    send(pid, signal).unwrap_or_else(|error| panic!("cannot send {signal} to {pid}: {error}"));
}

fn send(pid: u32, signal: &str) -> io::Result<()> {
    let number = signal.parse().unwrap_or_else(|_| {
        format!("SIG{signal}").parse::<Signal>().unwrap_or_else(|_| panic!("there is no signal {signal}")) as i32
    });
    permits_testbed::signal(pid, number)
}

/// A process that the test did not start itself. It is killed when the test ends.
pub(crate) struct Guarded(pub(crate) u32);

impl Drop for Guarded {
    fn drop(&mut self) {
        // It may be gone. A panic here would hide that of the test.
        let _ = send(self.0, "KILL");
    }
}

/// State letter of a process as ps shows it; `None` if there is none, or only its zombie.
pub(crate) fn process_state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let state = stat.rsplit_once(") ")?.1.chars().next()?;
    (!matches!(state, 'Z' | 'X')).then_some(state)
}

pub(crate) fn is_alive(pid: u32) -> bool {
    process_state(pid).is_some()
}
