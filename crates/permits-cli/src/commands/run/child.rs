//! The command as it runs: signals go to it, the clock and revocations are watched, its end becomes ours.
//!
//! A signal that ends programs goes to the [family](super::family): to the command and to what it has
//! started. Any other is for the command alone, since who does not expect it would die of it.

use std::ffi::OsString;
use std::mem::ManuallyDrop;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::command::{Job, cannot_start, command};
use super::family::{Family, Strangers, Whom};
use super::grip::Grip;
use super::jobserver::Jobserver;
use super::loss::Loss;
use super::report::{Event, Reason, Report};
use crate::end::End;
use crate::events::Events;
use crate::failure::{Failure, code};
use crate::sys::{self, BeforeExec, Changed, Received};
use crate::values::OnLost;

/// Commands that last longer than this are worth a thread that watches for revocations.
const SHORT_COMMAND: Duration = Duration::from_millis(50);
/// KILL is sent again after this time, to processes that were started while it was sent.
const KILL_AGAIN: Duration = Duration::from_millis(100);

/// What the hook of `--on-lost` finds in its environment, and the command does not: its process id.
const COMMAND_PID: &str = "PERMITS_COMMAND_PID";

/// Starts the command and waits for its end.
pub(super) fn supervise(
    job: &Job<'_>,
    events: &mut Events,
    report: &mut Report,
    grip: Grip<'_>,
    grant: &str,
) -> Result<(End, Reason), Failure> {
    let args = job.args;
    let mut command = command(job, grant, &grip);
    let mut before = BeforeExec { pdeathsig: args.pdeathsig.or(grip.pdeathsig()), inherited: Vec::new() };
    let program = args.command.first().map(OsString::as_os_str);
    let jobserver = args.jobserver.map(|kind| Jobserver::start(kind, job.units, program)).transpose()?;
    if let Some(jobserver) = &jobserver {
        jobserver.announce(&mut command);
        before.inherited.extend(jobserver.inherited());
    }
    let lock = grip.command_lock()?.map(Arc::new);
    sys::prepare(&mut command, lock.clone(), before);
    sys::adopt_orphans()
        .map_err(|error| Failure::system("cannot adopt the processes that the command starts", &error))?;
    let strangers = Strangers::now();
    let child = command.spawn().map_err(|error| cannot_start(args, &error))?;
    // From here on the command runs. If anything fails below, it keeps what it has: this program's end leaves
    // the permits to the command's lock, as its death would, and the tokens to the jobs that have them open.
    let mut given = ManuallyDrop::new((grip, jobserver));
    let pid = child.id();
    if let Some(lock) = &lock {
        lock.set_command_pid(pid);
    }
    report.tell(Event::Started { pid });

    let running = Running {
        job,
        pid,
        family: Family::new(pid, args.tree, strangers),
        began: Instant::now(),
        ended: None,
        childless: false,
        stopping: None,
        told_to_end: false,
        stop_expected: false,
        next: None,
    };
    let (status, stopped) = running.wait(events, report, grant, &mut given.0)?;
    // First the permits, then our end: see the head of `run`.
    let (grip, jobserver) = ManuallyDrop::into_inner(given);
    let lost = grip.give_back(job.scene.notes, &args.name);
    drop(jobserver);
    Ok(end(status, stopped.or(lost)))
}

/// A command that runs.
struct Running<'a> {
    job: &'a Job<'a>,
    pid: u32,
    family: Family,
    began: Instant,
    /// How the command has ended.
    ended: Option<ExitStatus>,
    /// No child is left: nothing of the command, daemons included.
    childless: bool,
    /// Why this program is ending the command, if it is.
    stopping: Option<Reason>,
    /// This program has told the family to end.
    told_to_end: bool,
    /// The job was told to stop, and the command has yet to: it stops, and this program with it, or it ends first.
    stop_expected: bool,
    /// A signal that the family gets if any of it lives at that time.
    next: Option<(Instant, i32)>,
}

impl Running<'_> {
    /// Waits for the end of the command, and tells why this program ended it, if it did.
    fn wait(
        mut self,
        events: &mut Events,
        report: &mut Report,
        grant: &str,
        grip: &mut Grip<'_>,
    ) -> Result<(ExitStatus, Option<Reason>), Failure> {
        let args = self.job.args;
        // A time too far away to be written down as an instant is no limit.
        let mut max_hold = args.max_hold.and_then(|time| self.began.checked_add(time));
        let mut revocable = true;
        let mut watch = grip.needs_a_watch().then(|| self.began + SHORT_COMMAND);
        loop {
            let step = self.next.map(|(at, _)| at);
            let end = if revocable { grip.next_look(events) } else { None };
            let seen = events.wait([max_hold, watch, step, end].into_iter().flatten().min(), None)?;
            for received in seen.signals {
                self.forward(received);
            }
            self.look()?;
            if let Some(status) = self.ended {
                if self.is_over() {
                    return Ok((status, self.stopping));
                }
                if std::mem::take(&mut self.stop_expected) {
                    // What is left of the job has stopped. The shell must see that, and be able to continue it.
                    sys::stop_by(libc::SIGTSTP);
                }
            }
            let now = Instant::now();
            if watch.take_if(|at| now >= *at).is_some() {
                grip.watch(events);
            }
            if max_hold.take_if(|at| now >= *at).is_some() {
                self.job.scene.notes.warn(&format!(
                    "`{}` was held for {:?}: stopping the command",
                    args.name,
                    args.max_hold.unwrap_or_default()
                ));
                self.stop(Reason::MaxHold, args.signal, args.kill_after);
            }
            if let Some((_, signal)) = self.next.take_if(|(at, _)| now >= *at) {
                self.end_family(signal);
            }
            if revocable && let Some(loss) = grip.loss() {
                revocable = false;
                report.tell(Event::Lost { grant: grant.to_owned() });
                self.lost(grant, &loss);
            }
        }
    }

    /// Whether the permits may be returned, once the command has ended: no process works on that should not.
    fn is_over(&mut self) -> bool {
        if self.job.args.tree {
            // Without strangers the kernel knows best: it also counts whom this program may not see in /proc.
            self.childless || (self.family.has_strangers() && !self.family.is_alive())
        } else {
            !(self.told_to_end && self.family.is_alive())
        }
    }

    /// Passes a signal on, except to whom has got it already: what the terminal sends goes to its whole
    /// foreground group.
    fn forward(&mut self, received: Received) {
        let Received { signal, by_kernel } = received;
        let by_terminal = by_kernel && sys::is_sent_by_terminals(signal);
        let runs = self.ended.is_none();
        match signal {
            // In a group of its own, which no shell knows, a command may never stop: the terminal does not tell it, and
            // the kernel does not stop it.
            libc::SIGTSTP => {
                self.stop_expected = runs && sys::in_our_group(self.pid) && stops_or_has_ended(self.pid, signal);
            }
            libc::SIGCONT => self.stop_expected = false,
            _ => {}
        }
        if sys::ends_programs(signal) {
            self.family.tell(signal, if by_terminal { Whom::OutsideGroup } else { Whom::All });
        } else if signal == libc::SIGTSTP && !runs {
            // No command stops any more, for this program to stop with it.
            sys::stop_by(signal);
        } else if signal != libc::SIGCHLD && runs && !(by_terminal && sys::in_our_group(self.pid)) {
            sys::kill(self.pid, signal);
        }
    }

    /// Looks at what has become of the children. If the command was stopped by job control, this program
    /// stops with it, so that the shell sees the whole job stopped; the CONT that continues the job is
    /// forwarded like any signal.
    fn look(&mut self) -> Result<(), Failure> {
        self.family.look();
        loop {
            let changed = sys::wait_any().map_err(|error| Failure::system("cannot wait for the command", &error))?;
            let (pid, status) = match changed {
                Changed::Child(pid, status) => (pid, status),
                Changed::Nothing => return Ok(()),
                Changed::Childless => {
                    self.childless = true;
                    return Ok(());
                }
            };
            match status.stopped_signal() {
                // An orphan is nobody's job.
                Some(_) if pid != self.pid => {}
                // A STOP was meant for the command alone: one for the job would have come to this program,
                // too.
                Some(libc::SIGSTOP) => {}
                Some(signal) => {
                    self.stop_expected = false;
                    sys::stop_by(signal);
                }
                None if pid == self.pid => {
                    self.ended = Some(status);
                    self.family.command_has_ended();
                }
                None => {}
            }
        }
    }

    fn lost(&mut self, grant: &str, loss: &Loss) {
        let args = self.job.args;
        let warn = |what: &str| {
            self.job.scene.notes.warn(&format!("grant {grant} of `{}` {}: {what}", args.name, loss.why));
        };
        let grace = loss.left.map_or(args.grace, |left| left.min(args.grace));
        match &args.on_lost {
            OnLost::Ignore => warn("the command runs on, as --on-lost says"),
            OnLost::Term => {
                warn("stopping the command");
                self.stop(Reason::Lost, libc::SIGTERM, grace);
            }
            OnLost::Kill => {
                warn("killing the command");
                self.stop(Reason::Lost, libc::SIGKILL, Duration::ZERO);
            }
            OnLost::Command(text) => {
                warn("running the command of --on-lost");
                self.stopping.get_or_insert(Reason::Lost);
                let mut hook = Command::new("sh");
                hook.arg("-c").arg(text).env(COMMAND_PID, self.pid.to_string());
                hook.env("PERMITS_NAME", &args.name).env("PERMITS_GRANT", grant);
                sys::prepare(&mut hook, None, BeforeExec::default());
                match hook.spawn() {
                    Ok(hook) => self.family.leave_out(hook.id(), format!("{COMMAND_PID}={}", self.pid)),
                    Err(error) => {
                        self.job
                            .scene
                            .notes
                            .warn(&format!("cannot run sh for --on-lost ({error}): stopping the command"));
                        self.stop(Reason::Lost, libc::SIGTERM, grace);
                    }
                }
            }
        }
    }

    /// Sends the signal, and KILL some time later. The first reason to stop is the one that is reported.
    fn stop(&mut self, reason: Reason, signal: i32, then_kill: Duration) {
        self.stopping.get_or_insert(reason);
        self.told_to_end = true;
        let kill_at = Instant::now().checked_add(then_kill);
        self.next = kill_at.map(|at| (at, libc::SIGKILL));
        self.end_family(signal);
    }

    fn end_family(&mut self, signal: i32) {
        self.family.tell(signal, Whom::All);
        if signal == libc::SIGKILL {
            self.next = Instant::now().checked_add(KILL_AGAIN).map(|at| (at, signal));
        } else {
            // A stopped process does not act on a signal before it is continued.
            self.family.tell(libc::SIGCONT, Whom::All);
        }
    }
}

/// Whether a child that has not been waited for stops at the signal, or has ended and never will. Not known without
/// `/proc`.
fn stops_or_has_ended(pid: u32, signal: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/status")).is_ok_and(|status| is_unhandled(&status, signal))
}

/// Whether a process, by the fields that proc(5) has for it, is dead or does nothing about the signal itself.
fn is_unhandled(status: &str, signal: i32) -> bool {
    // The name of the program is escaped: no line begins in it.
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let is_in = |set: &str| match field(set).map(|digits| u64::from_str_radix(digits, 16)) {
        Some(Ok(set)) => set >> (signal - 1) & 1 == 1,
        _ => true,
    };
    field("State:").is_some_and(|state| state.starts_with('Z'))
        || !["SigBlk:", "SigIgn:", "SigCgt:"].into_iter().any(is_in)
}

fn end(status: ExitStatus, stopped: Option<Reason>) -> (End, Reason) {
    match (stopped, End::from(status)) {
        (Some(Reason::MaxHold), _) => (End::Code(code::HELD_TOO_LONG), Reason::MaxHold),
        (Some(reason), _) => (End::Code(code::LOST), reason),
        (None, end @ End::Code(_)) => (end, Reason::Exit),
        (None, end @ End::Signal(_)) => (end, Reason::Signal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_that_has_ended_or_leaves_the_signal_to_the_kernel_does_not_handle_it() {
        let status = |state: &str, [blocked, ignored, caught]: [u64; 3]| {
            format!(
                "Name:\tState: Z\nState:\t{state}\nSigBlk:\t{blocked:016x}\nSigIgn:\t{ignored:016x}\nSigCgt:\t{caught:016x}\n"
            )
        };
        let bit = 1 << (libc::SIGTSTP - 1);
        let is_unhandled = |status: &str| is_unhandled(status, libc::SIGTSTP);

        assert!(is_unhandled(&status("S (sleeping)", [!bit; 3])));
        for sets in [[bit, 0, 0], [0, bit, 0], [0, 0, bit]] {
            assert!(!is_unhandled(&status("S (sleeping)", sets)), "{sets:?}");
            assert!(is_unhandled(&status("Z (zombie)", sets)), "{sets:?}");
        }
        assert!(!is_unhandled("State:\tS (sleeping)\n"), "it is not known");
    }
}
