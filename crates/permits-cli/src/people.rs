//! Who holds or waits, as it is shown, and how text that others wrote is made harmless.
//!
//! Commands, labels, names of users and names of semaphores are written by others. A terminal that obeys them
//! could move its cursor or show another command than the one that runs, and a program that reads JSON hands
//! them on to a terminal. Whatever is shown of them goes through [`tame`]; [`Who`] has been through it, and
//! all outputs are made from `Who`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use permits_host::{HostSemaphore, Participant, Side};
use serde::Serialize;
use unicode_segmentation::UnicodeSegmentation;

/// A holder or a waiter, as it told of itself: a claim, not evidence. The texts are tame.
///
/// The names of the fields are those of the JSON; see `json`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Who {
    /// As `permits revoke` takes it.
    pub(crate) grant: String,
    /// Its machine, if that may be another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) host: Option<String>,
    /// Of the process that takes part.
    pub(crate) pid: u32,
    /// Inode of the PID namespace in which `pid` and `command_pid` have their meaning, if it is not the reader's.
    pub(crate) pid_namespace: Option<u64>,
    /// Of the command that it runs.
    pub(crate) command_pid: Option<u32>,
    pub(crate) uid: u32,
    pub(crate) user: String,
    pub(crate) command: String,
    pub(crate) label: String,
    /// The key of its `--supersede`.
    pub(crate) supersede_key: Option<String>,
    pub(crate) alive: bool,
    /// Its own process lives, so that a revocation reaches it.
    pub(crate) revocable: bool,
    /// Was asked to give up.
    pub(crate) revoked: bool,
}

impl Who {
    /// The process that does the work: the command, or else the participant itself.
    ///
    /// With the inode of its PID namespace if the number means nothing in ours, and behind the name of its machine
    /// if that may be another one.
    pub(crate) fn pid_text(&self) -> String {
        self.in_its_namespace(self.command_pid.unwrap_or(self.pid))
    }

    /// The same of the participant, whatever it runs.
    pub(crate) fn own_pid_text(&self) -> String {
        self.in_its_namespace(self.pid)
    }

    /// Whether it lives in its command alone, which was to be watched by a `permits run` that was killed. One that
    /// has executed its command is meant to be like that.
    pub(crate) fn is_unwatched(&self) -> bool {
        self.alive && !self.revocable && self.command_pid != Some(self.pid)
    }

    /// Why a revocation does nothing, and what ends the holder; nothing if a process is there to act on it.
    pub(crate) fn unreachable(&self) -> Option<String> {
        if self.revocable || !self.alive {
            return None;
        }
        let why = if self.is_unwatched() {
            "its `permits run` was killed"
        } else {
            "it runs with --exec, without a `permits run` beside it"
        };
        let ending = match (self.command_pid, self.pid_namespace) {
            (Some(pid), None) => format!("end the command with `kill {pid}`"),
            (Some(_), Some(_)) => format!("end the command, `{}` in another PID namespace", self.pid_text()),
            (None, _) => "end the command, whose process id is not known".to_owned(),
        };
        Some(format!(
            "{why}, so no process acts on a revocation, and its command ({}) keeps its permits; {ending}",
            self.command
        ))
    }

    fn in_its_namespace(&self, pid: u32) -> String {
        match (&self.host, self.pid_namespace) {
            (Some(host), _) => format!("{host}:{pid}"),
            (None, Some(inode)) => format!("{pid}@{inode}"),
            (None, None) => pid.to_string(),
        }
    }
}

impl From<&Participant> for Who {
    fn from(who: &Participant) -> Self {
        Who {
            grant: who.id.to_string(),
            host: who.host.as_deref().map(tame),
            pid: who.pid,
            pid_namespace: who.foreign_pid_namespace,
            command_pid: who.command_pid,
            uid: who.uid,
            user: user(who.uid),
            command: tame(&who.command),
            label: tame(&who.label),
            supersede_key: who.supersede_key.as_deref().map(tame),
            alive: who.alive,
            revocable: who.revocable,
            revoked: who.revoked,
        }
    }
}

/// What became of a grant or a wait that this process was asked to give up: `revoked`, or
/// `superseded by 4711 (nightly)`, with the command if there is no label.
pub(crate) fn revocation(semaphore: &HostSemaphore) -> String {
    if !semaphore.is_superseded() {
        return "revoked".to_owned();
    }
    let Some(by) = semaphore.superseded_by() else { return "superseded by a newer run, which has ended".to_owned() };
    let by = Who::from(&by);
    format!("superseded by {} ({})", by.pid_text(), if by.label.is_empty() { &by.command } else { &by.label })
}

/// Name of a user, or its number if it has no name here. Looked up once for each: the answer may come over the network.
pub(crate) fn user(uid: u32) -> String {
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

/// The queue in which a waiter stands, in a word.
pub(crate) fn side(side: Side) -> &'static str {
    match side {
        Side::Acquire => "acquire",
        Side::Release => "release",
    }
}

/// Time since then; 0 for a time in the future, as a clock can be set back.
pub(crate) fn age(since: SystemTime) -> Duration {
    since.elapsed().unwrap_or_default()
}

/// Stands for a character that is not shown.
const REPLACED: char = '\u{fffd}';
/// Joins emoji to one picture, and shapes letters of some scripts.
const JOINER: char = '\u{200d}';
/// The base that Unicode gives to a combining mark that has none.
const DOTTED_CIRCLE: char = '\u{25cc}';

/// Text of others as one line that a terminal neither obeys nor shows in another order or as something else.
///
/// Line ends become spaces, and each [hidden](is_hidden) character becomes U+FFFD. It is replaced and not dropped, lest
/// `build` and `build` with a hidden character read alike.
///
/// A joiner is kept inside of what is drawn as one character (an emoji of a family): there it is not hidden, since the
/// picture would be another one without it. Elsewhere it is replaced, so that it cannot make two labels differ unseen.
///
/// A text that starts with a combining mark gets a dotted circle in front: the mark would change the
/// character of ours that stands before the text.
pub(crate) fn tame(text: &str) -> String {
    let mut tamed = String::with_capacity(text.len());
    for part in text.graphemes(true) {
        for (at, c) in part.char_indices() {
            let joins = c == JOINER && at > 0 && at + c.len_utf8() < part.len();
            tamed.push(match c {
                '\0' | '\t' | '\n' | '\r' | '\u{2028}' | '\u{2029}' => ' ',
                c if is_hidden(c) && !joins => REPLACED,
                c => c,
            });
        }
    }
    tamed.truncate(tamed.trim_end().len());
    if tamed.chars().next().is_some_and(combines) {
        tamed.insert(0, DOTTED_CIRCLE);
    }
    tamed
}

/// Whether a terminal does something other than draw the character.
///
/// They are the control characters, the separators of lines and paragraphs, the marks of interlinear
/// annotations, and what Unicode calls
/// [Default_Ignorable_Code_Point](https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point): the
/// marks and overrides of the direction of writing, characters of no width, blanks that count as letters, and
/// tags. Variation selectors 1 to 16 are not among them: they choose how the character before them is drawn,
/// as many emoji need it.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether the character is drawn on the one before it.
fn combines(c: char) -> bool {
    let after_a_letter: String = ['a', c].iter().collect();
    after_a_letter.graphemes(true).count() == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tame_leaves_nothing_that_a_terminal_obeys() {
        assert_eq!(tame("make\0-j\0all\0"), "make -j all");
        assert_eq!(tame("one\r\ntwo\u{2028}three\n"), "one  two three");
        assert_eq!(tame("\u{1b}]0;owned\u{7}ls"), "\u{fffd}]0;owned\u{fffd}ls");
        assert_eq!(tame("\u{9b}2J\u{7f}"), "\u{fffd}2J\u{fffd}");
    }

    #[test]
    fn tame_leaves_nothing_that_turns_the_direction() {
        for c in ['\u{61c}', '\u{200e}', '\u{200f}']
            .into_iter()
            .chain('\u{202a}'..='\u{202e}')
            .chain('\u{2066}'..='\u{2069}')
        {
            assert_eq!(tame(&format!("rm {c}txt.a")), "rm \u{fffd}txt.a", "{c:?}");
        }
    }

    #[test]
    fn tame_shows_that_something_was_hidden() {
        for c in
            ['\u{ad}', '\u{200b}', '\u{200c}', '\u{200d}', '\u{2060}', '\u{3164}', '\u{feff}', '\u{fff9}', '\u{e0041}']
        {
            assert_eq!(tame(&format!("bui{c}ld")), "bui\u{fffd}ld", "{c:?}");
            assert_eq!(tame(&format!("build{c}")), "build\u{fffd}", "{c:?}");
        }
    }

    #[test]
    fn tame_keeps_words_and_pictures() {
        for text in ["建てる", "שלום", "e\u{301}te\u{301}", "👩‍👩‍👧 make", "❤\u{fe0f}", "क्\u{200d}ष", "\u{600}12"]
        {
            assert_eq!(tame(text), text);
        }
    }

    #[test]
    fn mark_at_the_start_gets_a_base() {
        assert_eq!(tame("\u{301}a"), "\u{25cc}\u{301}a");
        assert_eq!(tame("\u{20e3}a"), "\u{25cc}\u{20e3}a");
        assert_eq!(tame("\u{200d}\u{301}"), "\u{fffd}\u{301}");
    }

    #[test]
    fn tame_of_the_tame_is_the_same() {
        for text in ["\u{301}a\u{200d}", "\u{200d}👩‍👧\u{202e}", "a\u{200d}\u{301} \n\t\u{200b}", "\u{fe0f}\u{e0041}"]
        {
            assert_eq!(tame(&tame(text)), tame(text));
        }
    }
}
