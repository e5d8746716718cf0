//! The keys of a semaphore, and their values.
//!
//! | key | value | lease | is |
//! |---|---|---|---|
//! | `cfg` | [`Config`] | none | how many permits there are, and whether it is closed |
//! | `s/LEASE` | [`Member`] | its own | a client that takes part. Its version is the *epoch* of that client |
//! | `q/LEASE.NUMBER` | [`Asked`] | that | one permit that a client asks for, waiting or granted |
//! | `q/LEASE.NUMBER` | [`Asked`] | none | the same, as a loose permit |
//! | `r/LEASE.NUMBER` | [`Asked`] | that | a release that waits for loose permits |
//! | `o/LEASE` | text | that | a receipt: the last release of loose permits by that client that took effect |
//!
//! All lie under `<root>v1/<name>/`, where the name is percent-encoded. `h/`, `w/`, `t/` and `a` are
//! reserved.

use crate::error::{self, Error};
use crate::sizes::MAX_PERMITS;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// What a name keeps as it is in a key.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The version of the protocol, as [`Config`] has it and as the keys have it.
pub(crate) const PROTOCOL: u32 = 1;

/// The only mode so far: each permit is a key.
pub(crate) const EXACT: &str = "exact";

/// A key of the queue, or of the releases that wait: who asked, and a number that is that client's own.
///
/// Its order is that of the keys' bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name {
    pub(crate) lease: i64,
    pub(crate) number: u32,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}.{:08x}", self.lease, self.number)
    }
}

/// From `start` up to `end`, without it.
#[derive(Clone, Debug)]
pub(crate) struct Range {
    pub(crate) start: Vec<u8>,
    pub(crate) end: Vec<u8>,
}

impl Range {
    /// All keys that begin with `prefix`, whose last byte is not 255.
    fn below(prefix: String) -> Range {
        let start = prefix.into_bytes();
        let mut end = start.clone();
        *end.last_mut().expect("no prefix is empty") += 1;
        Range { start, end }
    }
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Config,
    Member(i64),
    Place(Name),
    Return(Name),
    /// A receipt, or a key of a later version.
    Other,
}

/// Where the keys of one semaphore are.
#[derive(Clone, Debug)]
pub(crate) struct Space {
    prefix: String,
}

impl Space {
    /// `root` ends with a slash.
    pub(crate) fn new(root: &str, name: &str) -> Space {
        Space { prefix: format!("{root}v{PROTOCOL}/{}/", utf8_percent_encode(name, KEPT)) }
    }

    pub(crate) fn all(&self) -> Range {
        Range::below(self.prefix.clone())
    }

    pub(crate) fn queue(&self) -> Range {
        Range::below(format!("{}q/", self.prefix))
    }

    pub(crate) fn queue_of(&self, lease: i64) -> Range {
        Range::below(format!("{}q/{lease:016x}.", self.prefix))
    }

    pub(crate) fn returns(&self) -> Range {
        Range::below(format!("{}r/", self.prefix))
    }

    pub(crate) fn config(&self) -> Vec<u8> {
        format!("{}cfg", self.prefix).into_bytes()
    }

    pub(crate) fn member(&self, lease: i64) -> Vec<u8> {
        format!("{}s/{lease:016x}", self.prefix).into_bytes()
    }

    pub(crate) fn receipt(&self, lease: i64) -> Vec<u8> {
        format!("{}o/{lease:016x}", self.prefix).into_bytes()
    }

    pub(crate) fn place(&self, name: Name) -> Vec<u8> {
        format!("{}q/{name}", self.prefix).into_bytes()
    }

    pub(crate) fn returning(&self, name: Name) -> Vec<u8> {
        format!("{}r/{name}", self.prefix).into_bytes()
    }

    /// The keys of all semaphores below `root`.
    pub(crate) fn every(root: &str) -> Range {
        Range::below(format!("{root}v{PROTOCOL}/"))
    }

    /// The name of the semaphore that a key below `root` is of; `None` if it is of none that this version
    /// writes.
    pub(crate) fn name_of(root: &str, key: &[u8]) -> Option<String> {
        let rest = std::str::from_utf8(key).ok()?.strip_prefix(root)?.strip_prefix(&format!("v{PROTOCOL}/"))?;
        let (written, _) = rest.split_once('/')?;
        let name = percent_decode_str(written).decode_utf8().ok()?;
        (utf8_percent_encode(&name, KEPT).to_string() == written).then(|| name.into_owned())
    }

    /// What a key is for, which lies below the prefix.
    pub(crate) fn parse(&self, key: &[u8]) -> Key {
        let parse = || {
            let rest = std::str::from_utf8(key).ok()?.strip_prefix(&self.prefix)?;
            if rest == "cfg" {
                return Some(Key::Config);
            }
            let (kind, rest) = rest.split_once('/')?;
            match kind {
                "s" => Some(Key::Member(hex(rest, 16)?.cast_signed())),
                "q" => Some(Key::Place(name(rest)?)),
                "r" => Some(Key::Return(name(rest)?)),
                _ => None,
            }
        };
        parse().unwrap_or(Key::Other)
    }
}

fn name(text: &str) -> Option<Name> {
    let (lease, number) = text.split_once('.')?;
    Some(Name { lease: hex(lease, 16)?.cast_signed(), number: u32::try_from(hex(number, 8)?).ok()? })
}

/// A number of exactly that many digits, as it is written: a sign is none.
fn hex(text: &str, digits: usize) -> Option<u64> {
    let is_written_so = text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_written_so.then(|| u64::from_str_radix(text, 16).ok()).flatten()
}

/// How many permits there are, and what is known of grants that were made when there were more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Config {
    pub(crate) proto: u32,
    pub(crate) mode: String,
    pub(crate) max: u32,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) closed: bool,
    /// The number of permits until this was written; `upto` does not count yet what was granted then. Between
    /// the two steps of a shrink or a close.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) was: Option<u32>,
    /// All places up to this one were granted when there were more permits, or before it was closed: its
    /// revision and its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) upto: Option<(i64, i64, u32)>,
    /// By whose step it is as it is: so a client whose answer was lost knows its own.
    #[serde(default)]
    pub(crate) by: String,
}

impl Config {
    pub(crate) fn new(max: u32) -> Config {
        let mode = EXACT.to_owned();
        Config { proto: PROTOCOL, mode, max, closed: false, was: None, upto: None, by: String::new() }
    }

    /// # Errors
    ///
    /// If it is none, or of a protocol or mode that this version does not speak.
    pub(crate) fn parse(value: &[u8], name: &str) -> Result<Config, Error> {
        #[derive(Deserialize)]
        struct Version {
            proto: u32,
            #[serde(default)]
            mode: String,
        }
        let version: Version = serde_json::from_slice(value).map_err(|why| error::damaged(name, &why))?;
        if version.proto != PROTOCOL || version.mode != EXACT {
            return Err(error::foreign(name, version.proto, &version.mode));
        }
        let config: Config = serde_json::from_slice(value).map_err(|why| error::damaged(name, &why))?;
        if config.max == 0 || config.max > MAX_PERMITS {
            return Err(error::damaged(name, &format!("`max` is `{}`", config.max)));
        }
        Ok(config)
    }

    pub(crate) fn written(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("it has nothing that JSON has not")
    }

    /// Whether this place was granted before the limit was what it is now.
    pub(crate) fn was_granted(&self, create: i64, name: Name) -> bool {
        self.upto.is_some_and(|(revision, lease, number)| (create, name) <= (revision, Name { lease, number }))
    }
}

/// A client that takes part: what it says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    #[serde(default)]
    pub(crate) host: String,
    #[serde(default)]
    pub(crate) pid: u32,
    #[serde(default)]
    pub(crate) uid: u32,
    #[serde(default)]
    pub(crate) command: String,
    #[serde(default)]
    pub(crate) label: String,
}

impl Member {
    pub(crate) fn written(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("it has nothing that JSON has not")
    }
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked {
    /// How many permits together.
    pub(crate) k: u32,
    /// The number of the first of their keys: those of one revision and one lease that have the same are of
    /// one request.
    pub(crate) first: u32,
    /// When, in milliseconds since 1970 by the clock of the one who asked. For people.
    pub(crate) at: u64,
}

impl Asked {
    /// Asked for now, with the first of its keys.
    pub(crate) fn now(k: u32, first: Name) -> Asked {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Asked { k, first: first.number, at: u64::try_from(at.as_millis()).unwrap_or(u64::MAX) }
    }

    pub(crate) fn written(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("it has nothing that JSON has not")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_parsed_as_it_is_written() {
        let space = Space::new("/permits/", "a/b c");
        let name = Name { lease: 0x7587_0000_0000_00ff, number: 17 };

        assert_eq!(space.config(), b"/permits/v1/a%2Fb%20c/cfg");
        assert_eq!(space.place(name), b"/permits/v1/a%2Fb%20c/q/75870000000000ff.00000011");
        assert_eq!(space.parse(&space.place(name)), Key::Place(name));
        assert_eq!(space.parse(&space.returning(name)), Key::Return(name));
        assert_eq!(space.parse(&space.member(name.lease)), Key::Member(name.lease));
        assert_eq!(space.parse(&space.config()), Key::Config);
        assert_eq!(space.parse(&space.receipt(name.lease)), Key::Other);
    }

    #[test]
    fn key_that_is_written_in_another_way_is_no_place() {
        let space = Space::new("/p/", "x");
        let others =
            ["q/+5870000000000ff.00000011", "q/75870000000000FF.00000011", "q/1.1", "q/", "q", "r/x", "h/1", ""];
        for other in others {
            assert_eq!(space.parse(format!("/p/v1/x/{other}").as_bytes()), Key::Other, "{other}");
        }
        assert_eq!(space.parse(b"/p/v1/x/\xff"), Key::Other);
    }

    #[test]
    fn name_of_a_key_is_that_of_its_semaphore() {
        for name in ["build", "a/b c", "%2F", "建"] {
            let space = Space::new("/p/", name);
            assert_eq!(Space::name_of("/p/", &space.config()).as_deref(), Some(name));
            assert!(Space::every("/p/").start < space.config() && space.config() < Space::every("/p/").end);
        }
        let others: [&[u8]; 5] = [b"/p/v2/x/cfg", b"/q/v1/x/cfg", b"/p/v1/x", b"/p/v1/%2f/cfg", b"/p/v1/\xff/cfg"];
        for other in others {
            assert_eq!(Space::name_of("/p/", other), None, "{}", other.escape_ascii());
        }
    }

    #[test]
    fn names_are_ordered_as_their_keys() {
        let space = Space::new("/p/", "x");
        let mut names =
            [(2, 1), (1, 300), (1, 2), (i64::MAX, 0), (16, 16)].map(|(lease, number)| Name { lease, number });
        names.sort_unstable();
        let keys = names.map(|name| space.place(name));
        assert!(keys.is_sorted(), "{keys:?}");
    }
}
