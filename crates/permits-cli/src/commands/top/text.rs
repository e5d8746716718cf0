//! Texts that fit: widths in columns, times in few letters, and nothing that a stranger could do to the terminal.
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Columns that `text` takes on a terminal.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// At most `columns` wide; what was cut is shown by `…`. Never cuts inside of what is drawn as one character.
pub(crate) fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let Some(room) = columns.checked_sub(1) else { return Cow::Borrowed("") };
    let mut kept = String::new();
    let mut used = 0;
    for part in text.graphemes(true) {
        used += width(part);
        if used > room {
            break;
        }
        kept.push_str(part);
    }
    kept.push('…');
    Cow::Owned(kept)
}

/// Commands and labels come from other users: control characters could move the cursor or set the title of the window, and
/// the marks for the direction of writing could make one command look like another.
pub(crate) fn tame(text: &str) -> String {
    let mut tamed = String::with_capacity(text.len());
    for c in text.trim_end_matches(['\0', ' ', '\n']).chars() {
        match c {
            '\0' | '\t' | '\n' | '\r' => tamed.push(' '),
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            c if c.is_control() => tamed.push('\u{fffd}'),
            c => tamed.push(c),
        }
    }
    tamed
}

/// `0.3s`, `42s`, `5m03s`, `2h07m`, `3d04h`: at most six columns up to 99 days.
pub(crate) fn age(time: Duration) -> String {
    let s = time.as_secs();
    match s {
        0..10 => format!("{}.{}s", s, time.subsec_millis() / 100),
        10..60 => format!("{s}s"),
        60..3600 => format!("{}m{:02}s", s / 60, s % 60),
        3600..86400 => format!("{}h{:02}m", s / 3600, s / 60 % 60),
        _ => format!("{}d{:02}h", s / 86400, s / 3600 % 24),
    }
}

/// `0`, `0.25`, `3.1`, `412`, `12k`.
pub(crate) fn rate(per_second: f64) -> String {
    match per_second {
        r if r < 0.005 => "0".to_owned(),
        r if r < 1.0 => format!("{r:.2}"),
        r if r < 99.95 => format!("{r:.1}"),
        r if r < 9999.5 => format!("{r:.0}"),
        r => format!("{:.0}k", r / 1000.0),
    }
}

/// `1 permit`, `2 permits`.
pub(crate) fn count(n: u64, word: &str) -> String {
    if n == 1 { format!("1 {word}") } else { format!("{n} {word}s") }
}

/// Name of a user, or the number where nobody knows a name. Asked once for each: the answer may come over the network.
pub(crate) fn user_name(uid: u32) -> String {
    thread_local! {
        static KNOWN: RefCell<HashMap<u32, String>> = RefCell::default();
    }
    KNOWN.with_borrow_mut(|known| {
        let look_up = || match nix::unistd::User::from_uid(uid.into()) {
            Ok(Some(user)) => tame(&user.name),
            _ => uid.to_string(),
        };
        known.entry(uid).or_insert_with(look_up).clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_keeps_width_and_shows_the_cut() {
        assert_eq!(cut("cargo test", 10), "cargo test");
        assert_eq!(cut("cargo test", 9), "cargo te…");
        assert_eq!(cut("cargo test", 1), "…");
        assert_eq!(cut("cargo test", 0), "");
    }

    #[test]
    fn cut_counts_columns_not_characters() {
        assert_eq!(cut("建てる全部", 7), "建てる…");
        assert_eq!(cut("建てる全部", 6), "建て…");
        assert_eq!(cut("e\u{301}te\u{301}", 2), "e\u{301}…");
        assert_eq!(cut("👩‍👩‍👧 make", 4), "👩‍👩‍👧 …");
        for columns in 0..12 {
            assert!(width(&cut("a建b👩‍👩‍👧cé", columns)) <= columns);
        }
    }

    #[test]
    fn tame_leaves_nothing_that_a_terminal_obeys() {
        assert_eq!(tame("make\0-j\0all\0"), "make -j all");
        assert_eq!(tame("\u{1b}]0;owned\u{7}ls"), "\u{fffd}]0;owned\u{fffd}ls");
        assert_eq!(tame("rm \u{202e}txt.a"), "rm txt.a");
        assert_eq!(tame("\u{9b}2J"), "\u{fffd}2J");
    }

    #[test]
    fn age_is_short() {
        let cases =
            [(0, "0.0s"), (340, "0.3s"), (9_999, "9.9s"), (42_000, "42s"), (303_000, "5m03s"), (7_620_000, "2h07m")];
        for (ms, text) in cases {
            assert_eq!(age(Duration::from_millis(ms)), text);
        }
        assert_eq!(age(Duration::from_secs(86400 * 3 + 4 * 3600)), "3d04h");
    }

    #[test]
    fn rate_is_short() {
        for (r, text) in [(0.0, "0"), (0.25, "0.25"), (3.12, "3.1"), (99.97, "100"), (412.3, "412"), (12_345.0, "12k")]
        {
            assert_eq!(rate(r), text);
        }
    }
}
