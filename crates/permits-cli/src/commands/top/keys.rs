//! Keys, in the bytes that a terminal sends.
//!
//! crossterm has a reader, and it is not used: it reads a terminal that is gone without end, and one that
//! sent half a sequence until the other half comes, deaf to signals meanwhile. The few keys that are needed
//! here fit a page.
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

const ESCAPE: u8 = 0x1b;

/// Keys in what was read at once. A sequence that is not whole, or unknown, is no key; least of all Esc,
/// which would quit.
pub(crate) fn keys(mut bytes: &[u8]) -> Vec<KeyEvent> {
    let mut keys = Vec::new();
    while let [first, rest @ ..] = bytes {
        bytes = rest;
        match (*first, rest) {
            (ESCAPE, [b'[' | b'O', sequence @ ..]) => {
                let parameters = sequence.iter().take_while(|byte| (0x20..0x40).contains(*byte)).count();
                let Some(last) = sequence.get(parameters) else { return keys };
                keys.extend(named(&sequence[..parameters], *last).map(KeyEvent::from));
                bytes = &sequence[parameters + 1..];
            }
            (ESCAPE, [] | [ESCAPE, ..]) => keys.push(KeyCode::Esc.into()),
            // Alt and a key.
            (ESCAPE, [_, others @ ..]) => bytes = others,
            (b'\t', _) => keys.push(KeyCode::Tab.into()),
            (b'\r' | b'\n', _) => keys.push(KeyCode::Enter.into()),
            (control @ 0x01..=0x1a, _) => {
                let letter = KeyCode::Char(char::from(control - 1 + b'a'));
                keys.push(KeyEvent::new(letter, KeyModifiers::CONTROL));
            }
            (0x7f, _) => keys.push(KeyCode::Backspace.into()),
            (printed @ b' '..=b'~', _) => keys.push(KeyCode::Char(char::from(printed)).into()),
            _ => {}
        }
    }
    keys
}

/// The key of a sequence, by ECMA-48 as xterm and its kin use it; modifiers are ignored.
fn named(parameters: &[u8], last: u8) -> Option<KeyCode> {
    Some(match (last, parameters) {
        (b'A', _) => KeyCode::Up,
        (b'B', _) => KeyCode::Down,
        (b'C', _) => KeyCode::Right,
        (b'D', _) => KeyCode::Left,
        (b'H', _) | (b'~', b"1" | b"7") => KeyCode::Home,
        (b'F', _) | (b'~', b"4" | b"8") => KeyCode::End,
        (b'Z', _) => KeyCode::BackTab,
        (b'P', _) | (b'~', b"11") => KeyCode::F(1),
        (b'~', b"5") => KeyCode::PageUp,
        (b'~', b"6") => KeyCode::PageDown,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(bytes: &[u8]) -> Vec<KeyCode> {
        keys(bytes).into_iter().map(|key| key.code).collect()
    }

    #[test]
    fn letters_come_one_by_one() {
        assert_eq!(codes(b"jk+"), [KeyCode::Char('j'), KeyCode::Char('k'), KeyCode::Char('+')]);
    }

    #[test]
    fn backspace_is_a_key() {
        assert_eq!(codes(b"a\x7f"), [KeyCode::Char('a'), KeyCode::Backspace]);
    }

    #[test]
    fn control_letters_have_their_modifier() {
        assert_eq!(keys(b"\x03"), [KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)]);
    }

    #[test]
    fn sequences_of_both_kinds_are_keys() {
        assert_eq!(
            codes(b"\x1b[A\x1bOB\x1b[5~\x1b[1;5C\x1b[Z"),
            [KeyCode::Up, KeyCode::Down, KeyCode::PageUp, KeyCode::Right, KeyCode::BackTab]
        );
    }

    #[test]
    fn escape_is_a_key_only_by_itself() {
        assert_eq!(codes(b"\x1b"), [KeyCode::Esc]);
        for other in [b"\x1b[".as_slice(), b"\x1b[1;", b"\x1bx", b"\x1b[99~", b"\x1b[?62;c"] {
            assert_eq!(codes(other), [], "{other:?}");
        }
    }

    #[test]
    fn other_bytes_are_no_keys() {
        assert_eq!(codes("ü\0建q".as_bytes()), [KeyCode::Char('q')]);
    }
}
