//! What errors say, where more than one of them says it.

use crate::state::MAX_PERMITS;
use std::fmt;

pub(super) fn closed(f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("the semaphore is closed")
}

pub(super) fn too_many(f: &mut fmt::Formatter<'_>, requested: u32, max: u32) -> fmt::Result {
    write!(f, "asked for `{requested}` permits at once, the semaphore has `{max}`: ask for fewer, or grow it")
}

pub(super) fn no_permits(f: &mut fmt::Formatter<'_>, requested: u32, available: u32) -> fmt::Result {
    if available >= requested {
        return write!(f, "asked for `{requested}` permits: `{available}` are free, but others wait for them");
    }
    write!(f, "asked for `{requested}` permits, `{available}` are free: wait for them, or ask for fewer")
}

pub(super) const BY_ITS_GUARD: &str = "what a guard holds returns by its guard, or is let go by `forget`";

pub(super) fn too_many_back(f: &mut fmt::Formatter<'_>, requested: u32, max: u32) -> fmt::Result {
    write!(f, "asked to return `{requested}` permits at once, the semaphore has `{max}`: return fewer at a time")
}

pub(super) fn not_loose(f: &mut fmt::Formatter<'_>, requested: u32, loose: u32) -> fmt::Result {
    if loose >= requested {
        return write!(f, "asked to return `{requested}` permits: `{loose}` are loose, but others wait to return them");
    }
    write!(
        f,
        "asked to return `{requested}` permits, `{loose}` are loose: wait for them, or return fewer; {BY_ITS_GUARD}"
    )
}

/// Panics with both numbers in the text, which a const fn may not format by the usual means.
#[track_caller]
pub(crate) const fn refuse_max(max_permits: u32) -> ! {
    const BEFORE: &[u8] = b"max_permits cannot be `";
    const AFTER: &[u8] = b"`: it ranges from `1` to `4194303`";
    const _: () = assert!(MAX_PERMITS == 4_194_303);
    const DIGITS: usize = 10;

    let mut text = [0; BEFORE.len() + DIGITS + AFTER.len()];
    let mut digits = 1;
    while digits < DIGITS && max_permits >= 10u32.pow(digits as u32) {
        digits += 1;
    }
    let mut at = 0;
    while at < BEFORE.len() {
        text[at] = BEFORE[at];
        at += 1;
    }
    let mut digit = digits;
    let mut rest = max_permits;
    while digit > 0 {
        digit -= 1;
        text[at + digit] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    at += digits;
    let mut after = 0;
    while after < AFTER.len() {
        text[at] = AFTER[after];
        after += 1;
        at += 1;
    }
    let (text, _) = text.split_at(at);
    match std::str::from_utf8(text) {
        Ok(text) => panic!("{}", text),
        Err(_) => panic!("max_permits is out of range"),
    }
}
