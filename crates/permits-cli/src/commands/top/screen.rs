//! The terminal: taken at the start, given back on every way out.
//!
//! Ways out: a key; an error; a panic (ratatui's hook restores the terminal before the message is printed); a
//! signal, which is only noted when it comes, so that the terminal is restored first and the program then
//! dies by that signal; and the end of the terminal itself.
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use ratatui::DefaultTerminal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH};
use signal_hook::{flag, low_level};

use super::app::{Act, App, Next};
use super::draw::draw;
use super::keys::keys;
use super::sample::Sample;

/// A signal is seen at the latest after this time.
const LOOK: Duration = Duration::from_millis(100);

/// Shows samples until the user quits. `act` does what the user asked for, and says what happened.
pub(crate) fn run(
    app: &mut App,
    mut sample: impl FnMut() -> Sample,
    mut act: impl FnMut(&Act) -> Result<String, String>,
) -> io::Result<()> {
    let signals = Signals::note()?;
    app.show(sample());
    let mut terminal = take_terminal()?;
    let end = show(app, &signals, &mut terminal, &mut sample, &mut act);
    give_back();
    if let Some(number) = end? {
        low_level::emulate_default_handler(number)?;
    }
    Ok(())
}

/// Until the end; tells the signal by which to die.
fn show(
    app: &mut App,
    signals: &Signals,
    terminal: &mut DefaultTerminal,
    sample: &mut impl FnMut() -> Sample,
    act: &mut impl FnMut(&Act) -> Result<String, String>,
) -> io::Result<Option<i32>> {
    let mut read_at = Instant::now();
    loop {
        terminal.draw(|frame| draw(frame, app))?;
        let mut read = false;
        match wait(app, read_at + app.interval, signals)? {
            Woken::Signal(number) => return Ok(Some(number)),
            // As if its HUP had come, which it may not, by nohup(1).
            Woken::Gone => return Ok(Some(SIGHUP)),
            Woken::Stop => {
                stop(terminal)?;
                read = true;
            }
            Woken::Time => read = true,
            Woken::Size => {}
            Woken::Keys(bytes) => {
                for key in keys(&bytes) {
                    match app.on_key(key) {
                        Next::Draw => {}
                        Next::Refresh => read = true,
                        Next::Quit => return Ok(None),
                        Next::Stop => {
                            stop(terminal)?;
                            read = true;
                        }
                        Next::Do(wanted) => {
                            app.message = Some(act(&wanted));
                            read = true;
                        }
                    }
                }
            }
        }
        if read {
            app.show(sample());
            read_at = Instant::now();
        }
    }
}

/// Stops as a job of the shell; comes back when it is continued.
fn stop(terminal: &mut DefaultTerminal) -> io::Result<()> {
    give_back();
    low_level::emulate_default_handler(SIGTSTP)?;
    *terminal = take_terminal()?;
    Ok(())
}

/// What was half taken is given back.
fn take_terminal() -> io::Result<DefaultTerminal> {
    ratatui::try_init().inspect_err(|_| give_back())
}

fn give_back() {
    // It fails where there is no terminal any more, and then there is no place to say so.
    let _ = ratatui::try_restore();
}

/// Signals that have come. One that ends the program is not overwritten by one that does not.
struct Signals {
    /// The last that ends it; 0: none.
    end: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    size: Arc<AtomicBool>,
}

impl Signals {
    fn note() -> io::Result<Self> {
        let signals = Signals { end: Arc::default(), stop: Arc::default(), size: Arc::default() };
        for number in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
            flag::register_usize(number, Arc::clone(&signals.end), number as usize)?;
        }
        flag::register(SIGTSTP, Arc::clone(&signals.stop))?;
        flag::register(SIGWINCH, Arc::clone(&signals.size))?;
        Ok(signals)
    }

    fn take(&self) -> Option<Woken> {
        // Relaxed: what is stored is all there is to know.
        match self.end.swap(0, Ordering::Relaxed) {
            0 if self.stop.swap(false, Ordering::Relaxed) => Some(Woken::Stop),
            0 if self.size.swap(false, Ordering::Relaxed) => Some(Woken::Size),
            0 => None,
            number => Some(Woken::Signal(number as i32)),
        }
    }
}

enum Woken {
    Keys(Vec<u8>),
    /// One that ends the program.
    Signal(i32),
    Stop,
    /// The window has another size.
    Size,
    Time,
    /// The terminal is no more.
    Gone,
}

fn wait(app: &App, until: Instant, signals: &Signals) -> io::Result<Woken> {
    loop {
        if let Some(woken) = signals.take() {
            return Ok(woken);
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() && !app.paused {
            return Ok(Woken::Time);
        }
        if let Some(woken) = input(if app.paused { LOOK } else { left.min(LOOK) })? {
            return Ok(woken);
        }
    }
}

/// Waits for input, at most so long.
fn input(time: Duration) -> io::Result<Option<Woken>> {
    let stdin = io::stdin();
    let mut fds = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
    // Rounded up: a timeout of 0 just before the time has come would be a busy loop.
    let millis = u16::try_from(time.as_micros().div_ceil(1000)).unwrap_or(u16::MAX);
    match poll(&mut fds, PollTimeout::from(millis)) {
        Ok(0) | Err(Errno::EINTR) => return Ok(None),
        Ok(_) => {}
        Err(errno) => return Err(errno.into()),
    }
    if !fds[0].revents().is_some_and(|seen| seen.contains(PollFlags::POLLIN)) {
        return Ok(Some(Woken::Gone));
    }
    let mut bytes = vec![0; 1024];
    match nix::unistd::read(&stdin, &mut bytes) {
        // A raw terminal has no end of file but its own.
        Ok(0) | Err(Errno::EIO) => Ok(Some(Woken::Gone)),
        Ok(length) => {
            bytes.truncate(length);
            Ok(Some(Woken::Keys(bytes)))
        }
        Err(Errno::EINTR | Errno::EAGAIN) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}
