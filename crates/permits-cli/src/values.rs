//! The values of arguments: how each is written, and what is said of one that is written otherwise.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use nix::sys::signal::Signal;

/// The most permits that a semaphore has. A copy, since `args` and this file stand alone; the tests of `place` compare
/// it.
pub(crate) const MOST: u32 = 4_194_303;

/// The most bytes of a key of `--supersede`. A copy likewise.
pub(crate) const LONGEST_KEY: usize = 64;

/// A number of permits, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Number {
    /// That number.
    Exactly(u32),
    /// Percent of processors, rounded down, at least one permit.
    Percent(u32),
}

impl FromStr for Number {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "nproc" {
            return Ok(Number::Percent(100));
        }
        let (digits, percent) = text.strip_suffix('%').map_or((text, false), |digits| (digits, true));
        let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        match digits.parse::<u32>() {
            Ok(0) => Err(format!("`{text}` is not a number of permits: give at least `1`")),
            Ok(number) if percent => Ok(Number::Percent(number)),
            Ok(number) if number <= MOST => Ok(Number::Exactly(number)),
            Err(_) if !all_digits => Err(format!(
                "`{text}` is not a number of permits: give a number from 1, `nproc`, or a percentage of the processors, such as `50%` or `150%`"
            )),
            _ => Err(format!("`{text}` is too large: the maximum is `{MOST}`")),
        }
    }
}

/// Another number of permits, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// That number.
    To(Number),
    /// More by that number.
    Grow(u32),
    /// Fewer by that number.
    Shrink(u32),
}

impl FromStr for Change {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let exactly = |digits: &str| match digits.parse()? {
            Number::Exactly(number) => Ok(number),
            Number::Percent(_) => Err(format!("`{text}` cannot be relative: give a number from 1 after `+` or `-`")),
        };
        let is_number = |text: &str| text == "nproc" || text.strip_suffix('%').unwrap_or(text).parse::<u64>().is_ok();
        match text.strip_prefix(['+', '-']) {
            digits if !is_number(digits.unwrap_or(text)) => Err(format!(
                "`{text}` is not a number of permits: give a number from 1, `nproc`, a percentage of the processors, such as \
                 `50%`, or a change, such as `+1` or `-1`"
            )),
            Some(digits) if text.starts_with('+') => exactly(digits).map(Change::Grow),
            Some(digits) => exactly(digits).map(Change::Shrink),
            None => text.parse().map(Change::To),
        }
    }
}

/// What to do when the grant is revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OnLost {
    /// TERM, and KILL after the grace.
    Term,
    /// KILL.
    Kill,
    /// Nothing.
    Ignore,
    /// A command for sh.
    Command(OsString),
}

pub(crate) fn on_lost(text: OsString) -> Result<OnLost, String> {
    match text.to_str() {
        Some("term") => Ok(OnLost::Term),
        Some("kill") => Ok(OnLost::Kill),
        Some("ignore") => Ok(OnLost::Ignore),
        Some("") => Err("the value is empty: give `term`, `kill`, `ignore` or a command".to_owned()),
        _ => Ok(OnLost::Command(text)),
    }
}

/// What the library takes for a key, with the way out at the shell.
pub(crate) fn supersede_key(text: &str) -> Result<String, String> {
    match text.len() {
        0 => Err("the key is empty: give a text that the runs share of which only the newest counts".to_owned()),
        1..=LONGEST_KEY if text.chars().any(char::is_control) => {
            Err(format!("{text:?} has a control character in it: give a key without"))
        }
        1..=LONGEST_KEY => Ok(text.to_owned()),
        long => Err(format!(
            "`{text}` has `{long}` bytes, at most `{LONGEST_KEY}` are allowed: give a shorter key, such as the first field of \
             `printf %s KEY | md5sum`"
        )),
    }
}

/// A longer time than ten years is a slip, in a unit or in a digit.
const LONGEST: Duration = Duration::from_secs(3650 * 86_400);

/// Seconds with or without a fraction, or numbers with units.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let none = || format!("`{text}` is not a duration: give seconds from 0, or `90s`, `5m`, `1h30m`, `30d`");
    let too_long = || format!("`{text}` is too long: the maximum is `3650d`");
    if let Ok(seconds) = text.strip_suffix('s').unwrap_or(text).parse::<f64>() {
        return match seconds {
            seconds if seconds.is_finite() && seconds > LONGEST.as_secs_f64() => Err(too_long()),
            seconds => Duration::try_from_secs_f64(seconds).map_err(|_| none()),
        };
    }
    if text.contains('M') {
        // To humantime it is a month. In a limit on a wait that is never meant.
        return Err(format!("`{text}` would be in months: give minutes as `{}`", text.replace('M', "m")));
    }
    match humantime::parse_duration(text) {
        Ok(time) if time > LONGEST => Err(too_long()),
        Ok(time) => Ok(time),
        Err(humantime::DurationError::NumberOverflow) => Err(too_long()),
        Err(_) => Err(none()),
    }
}

/// The shortest time between two starts.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);
const LONGEST_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// A time between two starts. Copies of the library's limits, since `args` and this file stand alone; the tests of
/// `place` compare them.
pub(crate) fn interval(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        time if !time.is_zero() && time < SHORTEST_INTERVAL => {
            Err(format!("`{text}` is too short: the minimum is `1ms`, and `0` means no spacing"))
        }
        time if time > LONGEST_INTERVAL => Err(format!("`{text}` is too long: the maximum is `24h`")),
        time => Ok(time),
    }
}

/// A time that a lease lasts: what etcd counts in, and `permits-etcd` takes.
pub(crate) fn lease(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        time if time.subsec_nanos() == 0 && (1..=600).contains(&time.as_secs()) => Ok(time),
        _ => Err(format!("a lease of `{text}` cannot be had: give whole seconds, from `1s` to `10m`")),
    }
}

/// Each reading costs the holders a little, so not without a pause.
pub(crate) fn top_interval(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        time if time < Duration::from_millis(100) => Err(format!("`{text}` is too short: the minimum is `100ms`")),
        time => Ok(time),
    }
}

pub(crate) fn positive_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err(format!("`{text}` is too short: give more than `0`")),
        time => Ok(time),
    }
}

/// `TERM`, `SIGTERM`, `term` or `15`.
pub(crate) fn signal(text: &str) -> Result<i32, String> {
    let upper = text.to_ascii_uppercase();
    let by_name = Signal::from_str(&if upper.starts_with("SIG") { upper } else { format!("SIG{upper}") });
    let by_number = || text.parse().ok().filter(|number| (1..=64).contains(number));
    by_name
        .ok()
        .map(|signal| signal as i32)
        .or_else(by_number)
        .ok_or_else(|| format!("`{text}` is not a signal: give a name like `TERM` or a number from 1 to 64"))
}

pub(crate) fn mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        // The class of users is shifted over itself: may read, and not write.
        Ok(mode) if mode & 0o044 & !((mode & 0o022) << 1) != 0 => Err(format!(
            "`{text}` lets other users read and not write, and a user who can read a semaphore can lock it and keep all \
             others out: give `600`, `660` or `666`"
        )),
        Ok(mode) if mode & !0o666 == 0 && mode & 0o600 == 0o600 => Ok(mode),
        _ => Err(format!("`{text}` is not a mode for a semaphore: give octal digits from 600 to 666, such as `660`")),
    }
}

/// A process id.
pub(crate) fn process(text: &str) -> Result<i32, String> {
    match text.parse() {
        Ok(pid @ 1..) => Ok(pid),
        _ => Err(format!("`{text}` is not a process id: give a number from 1, such as `$$` of this shell")),
    }
}

pub(crate) fn directory(text: OsString) -> Result<PathBuf, String> {
    if text.is_empty() {
        Err("the path is empty: omit --dir to use the default directory".to_owned())
    } else {
        Ok(text.into())
    }
}

pub(crate) fn exit_code(text: &str) -> Result<u8, String> {
    text.parse().map_err(|_| format!("`{text}` is not an exit code: give a number from 0 to 255"))
}

/// An open descriptor that is not stdin.
pub(crate) fn descriptor(text: &str) -> Result<i32, String> {
    match text.parse() {
        Ok(number @ 1..) => Ok(number),
        _ => Err(format!("`{text}` is not a descriptor: give a number from 1, such as `3` with `3>events`")),
    }
}
