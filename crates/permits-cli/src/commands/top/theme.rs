//! Colours, from the sixteen that every terminal lets its user choose. Each only repeats what a word or a
//! sign says already.
use ratatui::style::{Color, Modifier, Style};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Theme {
    pub(crate) colour: bool,
}

impl Theme {
    /// <https://no-color.org>: set and not empty means no colours.
    pub(crate) fn from_environment() -> Self {
        Theme { colour: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) }
    }

    fn paint(self, colour: Color) -> Style {
        if self.colour { Style::new().fg(colour) } else { Style::new() }
    }

    pub(crate) fn held(self) -> Style {
        self.paint(Color::Blue)
    }

    pub(crate) fn loose(self) -> Style {
        self.paint(Color::Magenta)
    }

    pub(crate) fn free(self) -> Style {
        self.paint(Color::Green)
    }

    pub(crate) fn wait(self) -> Style {
        self.paint(Color::Yellow)
    }

    pub(crate) fn bad(self) -> Style {
        self.paint(Color::Red).add_modifier(Modifier::BOLD)
    }

    pub(crate) fn faint(self) -> Style {
        if self.colour { Style::new().fg(Color::DarkGray) } else { Style::new() }
    }

    pub(crate) fn title(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// Row under the cursor, in the list that has the keys.
    pub(crate) fn cursor(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }
}
