//! Widths of texts, in columns of a terminal.

use std::borrow::Cow;

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
}
