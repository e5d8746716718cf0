//! Texts that several errors share.

use crate::state::MAX_PERMITS;
use std::fmt::{self, Write};

/// Writes text as one line that a terminal does not obey: what an error names was written by others, be it a
/// name, a path, or the cause.
///
/// Control characters, ends of lines and marks that turn the direction of writing become escapes such as
/// `\u{1b}`; all else stays as it is.
pub(super) struct OneLine<'a, 'f>(pub(super) &'a mut fmt::Formatter<'f>);

impl Write for OneLine<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some((at, c)) = rest.char_indices().find(|&(_, c)| is_obeyed(c)) {
            self.0.write_str(&rest[..at])?;
            write!(self.0, "{}", c.escape_debug())?;
            rest = &rest[at + c.len_utf8()..];
        }
        self.0.write_str(rest)
    }
}

fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

pub(super) fn closed(f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("the semaphore is closed")
}

pub(super) fn too_many(f: &mut fmt::Formatter<'_>, requested: u32, max: u32) -> fmt::Result {
    write!(f, "asked for `{requested}` permits at once, the semaphore has `{max}`")
}

pub(super) fn no_permits(f: &mut fmt::Formatter<'_>, requested: u32, available: u32) -> fmt::Result {
    if available >= requested {
        return write!(f, "asked for `{requested}` permits: `{available}` are free, but others wait for them");
    }
    write!(f, "asked for `{requested}` permits, `{available}` are free")
}

pub(super) const BY_ITS_GUARD: &str = "drop a guard to return its permits, or `forget` it to make them loose";

pub(super) fn too_many_back(f: &mut fmt::Formatter<'_>, requested: u32, max: u32) -> fmt::Result {
    write!(f, "asked to return `{requested}` permits at once, the semaphore has `{max}`")
}

pub(super) fn not_loose(f: &mut fmt::Formatter<'_>, requested: u32, loose: u32) -> fmt::Result {
    if loose >= requested {
        return write!(f, "asked to return `{requested}` permits: `{loose}` are loose, but others wait to return them");
    }
    write!(f, "asked to return `{requested}` permits, `{loose}` are loose; {BY_ITS_GUARD}")
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
