//! What the keys do: the state of the screen, without a terminal.
use std::time::Duration;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::history::History;
use super::sample::{Reading, Sample, Semaphore};
use super::text;
use super::theme::Theme;
use crate::people;
use crate::people::tame;

#[derive(Clone, Debug)]
pub(crate) struct App {
    /// The last sample, with the semaphores that are shown, in the order in which they are.
    pub(crate) sample: Sample,
    /// Those of the sample, by name.
    pub(crate) all: Vec<Semaphore>,
    pub(crate) order: Order,
    /// Part of the names that are shown, in any case; empty: all.
    pub(crate) filter: String,
    /// Keys are letters of the filter.
    pub(crate) is_typing: bool,
    /// Nothing is changed, whatever keys come.
    pub(crate) read_only: bool,
    pub(crate) history: History,
    pub(crate) theme: Theme,
    pub(crate) interval: Duration,
    pub(crate) paused: bool,
    pub(crate) focus: Focus,
    pub(crate) semaphores: Cursor,
    pub(crate) holders: Cursor,
    pub(crate) queue: Cursor,
    pub(crate) dialog: Option<Dialog>,
    /// Outcome of the last act, until the next key.
    pub(crate) message: Option<Result<String, String>>,
}

/// The list that has the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Focus {
    Semaphores,
    Holders,
    Queue,
}

/// How the semaphores are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Those with waiters, those with permits out, those that cannot be read, the idle; by name among these. Not by how
    /// many, lest rows change places with each reading.
    Activity,
    Name,
}

/// The row a list stands on. It stays with what it stands on when rows come and go above it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cursor {
    pub(crate) row: usize,
    /// First row that is drawn; kept so that the list does not jump.
    pub(crate) top: usize,
    key: String,
}

#[derive(Clone, Debug)]
pub(crate) enum Dialog {
    Help,
    Confirm(Act),
}

/// What is done to a semaphore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    SetMax { name: String, from: u32, to: u32, given_out: u32 },
    Revoke { name: String, grant: String, who: String },
}

/// What the loop has to do after a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Draw,
    Refresh,
    Do(Act),
    /// Ctrl-Z.
    Stop,
    Quit,
}

impl App {
    pub(crate) fn new(theme: Theme, interval: Duration) -> Self {
        let nothing = Sample {
            taken: std::time::SystemTime::UNIX_EPOCH,
            directory: String::new(),
            semaphores: Vec::new(),
            trouble: None,
            code: 0,
        };
        App {
            sample: nothing,
            all: Vec::new(),
            order: Order::Activity,
            filter: String::new(),
            is_typing: false,
            read_only: false,
            history: History::default(),
            theme,
            interval,
            paused: false,
            focus: Focus::Semaphores,
            semaphores: Cursor::default(),
            holders: Cursor::default(),
            queue: Cursor::default(),
            dialog: None,
            message: None,
        }
    }

    pub(crate) fn show(&mut self, mut sample: Sample) {
        self.history.observe(&sample);
        self.all = std::mem::take(&mut sample.semaphores);
        self.sample = sample;
        self.arrange();
    }

    /// Chooses and sorts the rows.
    fn arrange(&mut self) {
        let part = self.filter.to_lowercase();
        let shown = self.all.iter().filter(|semaphore| semaphore.name.to_lowercase().contains(&part));
        self.sample.semaphores = shown.cloned().collect();
        if self.order == Order::Activity {
            // Stable, so by name among those of a kind.
            self.sample.semaphores.sort_by_key(activity);
        }
        self.settle();
    }

    pub(crate) fn chosen(&self) -> Option<&Semaphore> {
        self.sample.semaphores.get(self.semaphores.row)
    }

    pub(crate) fn reading(&self) -> Option<&Reading> {
        self.chosen().and_then(|semaphore| semaphore.reading.as_ref().ok())
    }

    pub(crate) fn on_key(&mut self, key: KeyEvent) -> Next {
        if key.kind == KeyEventKind::Release {
            return Next::Draw;
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('c' | 'd') if control => return Next::Quit,
            KeyCode::Char('z') if control => return Next::Stop,
            KeyCode::Char('l') if control => return Next::Refresh,
            _ => {}
        }
        self.message = None;
        if self.is_typing {
            self.type_filter(key.code, control);
            return Next::Draw;
        }
        match self.dialog.take() {
            Some(Dialog::Help) => Next::Draw,
            // Only `y`: typing ahead, or leaning on Enter, must not revoke a permit.
            Some(Dialog::Confirm(act)) if key.code == KeyCode::Char('y') => Next::Do(act),
            Some(Dialog::Confirm(_)) => {
                self.message = Some(Ok("nothing was changed".to_owned()));
                Next::Draw
            }
            None => self.on_plain_key(key.code),
        }
    }

    fn type_filter(&mut self, code: KeyCode, control: bool) {
        match code {
            // As a shell edits its line.
            KeyCode::Char('u') if control => self.filter.clear(),
            KeyCode::Char('h') if control => drop(self.filter.pop()),
            KeyCode::Char(_) if control => {}
            KeyCode::Char(letter) => self.filter.push(letter),
            KeyCode::Backspace => drop(self.filter.pop()),
            KeyCode::Esc => {
                self.filter.clear();
                self.is_typing = false;
            }
            KeyCode::Up => self.go(-1),
            KeyCode::Down => self.go(1),
            _ => self.is_typing = false,
        }
        self.arrange();
    }

    fn on_plain_key(&mut self, code: KeyCode) -> Next {
        match code {
            KeyCode::Esc if !self.filter.is_empty() => {
                self.filter.clear();
                self.arrange();
            }
            KeyCode::Char('q') | KeyCode::Esc => return Next::Quit,
            KeyCode::Char('/') => {
                self.focus = Focus::Semaphores;
                self.is_typing = true;
            }
            KeyCode::Char('s') => {
                self.order = self.order.other();
                self.message = Some(Ok(format!("sorted by {}", self.order.word())));
                self.arrange();
            }
            KeyCode::Char('+' | '=' | '-' | 'r') if self.read_only => {
                self.message = Some(Err("read-only: start it without --read-only to resize and revoke".to_owned()));
            }
            KeyCode::Char('?') | KeyCode::F(1) => self.dialog = Some(Dialog::Help),
            KeyCode::Char(' ') => return Next::Refresh,
            KeyCode::Char('p') => {
                self.paused = !self.paused;
                return if self.paused { Next::Draw } else { Next::Refresh };
            }
            KeyCode::Tab | KeyCode::Char('l') | KeyCode::Right => self.focus = self.focus.next(),
            KeyCode::BackTab | KeyCode::Char('h') | KeyCode::Left => self.focus = self.focus.next().next(),
            KeyCode::Up | KeyCode::Char('k') => self.go(-1),
            KeyCode::Down | KeyCode::Char('j') => self.go(1),
            KeyCode::PageUp => self.go(-10),
            KeyCode::PageDown => self.go(10),
            KeyCode::Home | KeyCode::Char('g') => self.go(isize::MIN),
            KeyCode::End | KeyCode::Char('G') => self.go(isize::MAX),
            KeyCode::Char('+' | '=') => return self.ask_for_max(1),
            KeyCode::Char('-') => return self.ask_for_max(-1),
            KeyCode::Char('r') => return self.ask_to_revoke(),
            _ => {}
        }
        Next::Draw
    }

    fn ask_for_max(&mut self, by: i64) -> Next {
        let Some(Semaphore { name, reading: Ok(reading) }) = self.chosen() else { return Next::Draw };
        let (from, given_out) = (reading.max, reading.given_out());
        let Ok(to @ 1..) = u32::try_from(i64::from(from) + by) else {
            self.message = Some(Err(format!("`{}` has `{from}` permit, which is the minimum", tame(name))));
            return Next::Draw;
        };
        let act = Act::SetMax { name: name.clone(), from, to, given_out };
        if to < from && to < given_out {
            self.dialog = Some(Dialog::Confirm(act));
            return Next::Draw;
        }
        Next::Do(act)
    }

    fn ask_to_revoke(&mut self) -> Next {
        let Some(Semaphore { name, reading: Ok(reading) }) = self.chosen() else { return Next::Draw };
        let found = match self.focus {
            Focus::Queue => reading.waiters.get(self.queue.row).map(|w| (&w.who, "waits for", w.permits)),
            _ => reading.holders.get(self.holders.row).map(|h| (&h.who, "holds", h.permits)),
        };
        let Some((who, does, permits)) = found else {
            self.message = Some(Err("there is no holder or waiter to revoke".to_owned()));
            return Next::Draw;
        };
        if let Some(why) = who.unreachable() {
            self.message = Some(Err(format!("not revoked: {why}")));
            return Next::Draw;
        }
        let permits = text::count(permits.into(), "permit");
        let who_text = format!("pid {} of {}, which {does} {permits}: {}", who.pid_text(), who.user, who.command);
        let act = Act::Revoke { name: name.clone(), grant: who.grant.clone(), who: who_text };
        self.dialog = Some(Dialog::Confirm(act));
        Next::Draw
    }

    fn go(&mut self, by: isize) {
        let cursor = match self.focus {
            Focus::Semaphores => &mut self.semaphores,
            Focus::Holders => &mut self.holders,
            Focus::Queue => &mut self.queue,
        };
        cursor.row = cursor.row.saturating_add_signed(by);
        cursor.key.clear();
        if self.focus == Focus::Semaphores {
            self.holders = Cursor::default();
            self.queue = Cursor::default();
        }
        self.settle();
    }

    /// Keeps every cursor on its row, or inside of its list.
    fn settle(&mut self) {
        let names = self.sample.semaphores.iter().map(|s| s.name.clone());
        self.semaphores.settle(names);
        let Some(Semaphore { reading: Ok(reading), .. }) = self.sample.semaphores.get(self.semaphores.row) else {
            self.holders = Cursor::default();
            self.queue = Cursor::default();
            return;
        };
        self.holders.settle(reading.holders.iter().map(|h| h.who.grant.clone()));
        self.queue.settle(reading.waiters.iter().map(|w| format!("{} {}", people::side(w.side), w.who.grant)));
    }
}

impl Focus {
    pub(crate) fn next(self) -> Focus {
        match self {
            Focus::Semaphores => Focus::Holders,
            Focus::Holders => Focus::Queue,
            Focus::Queue => Focus::Semaphores,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Focus::Semaphores => "semaphores",
            Focus::Holders => "holders",
            Focus::Queue => "queue",
        }
    }
}

impl Order {
    fn other(self) -> Order {
        match self {
            Order::Activity => Order::Name,
            Order::Name => Order::Activity,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Order::Activity => "activity",
            Order::Name => "name",
        }
    }
}

/// Where a semaphore stands in [`Order::Activity`].
fn activity(semaphore: &Semaphore) -> u8 {
    match &semaphore.reading {
        Ok(reading) if !reading.waiters.is_empty() => 0,
        Ok(reading) if reading.given_out() > 0 => 1,
        Err(_) => 2,
        Ok(_) => 3,
    }
}

impl Cursor {
    fn settle(&mut self, mut keys: impl ExactSizeIterator<Item = String> + Clone) {
        let count = keys.len();
        self.row = match keys.clone().position(|key| key == self.key) {
            Some(row) => row,
            None => self.row.min(count.saturating_sub(1)),
        };
        self.key = keys.nth(self.row).unwrap_or_default();
    }

    /// The rows that are drawn where there is room for `height` of `count`.
    pub(crate) fn window(&mut self, count: usize, height: usize) -> std::ops::Range<usize> {
        self.top = self.top.min(count.saturating_sub(height)).min(self.row);
        if self.row >= self.top + height {
            self.top = self.row + 1 - height.max(1);
        }
        self.top..(self.top + height).min(count)
    }
}

impl Act {
    /// The name of its semaphore, as it is shown.
    fn shown(&self) -> String {
        let (Act::SetMax { name, .. } | Act::Revoke { name, .. }) = self;
        tame(name)
    }

    /// What is asked before it is done.
    pub(crate) fn question(&self) -> String {
        let name = self.shown();
        match self {
            Act::SetMax { from, to, given_out, .. } => format!(
                "Shrink `{name}` from {from} to {to}?\n\n{given_out} are out. None is taken from its holder; nothing is \
                 granted until no more than {to} are out."
            ),
            Act::Revoke { grant, who, .. } => format!(
                "Revoke {grant} of `{name}`?\n\n{who}\n\nIt is asked to give up: a `permits run` ends its command as its \
                 --on-lost says. Until then it keeps its permits."
            ),
        }
    }

    /// What is said when it was done.
    pub(crate) fn outcome(&self) -> String {
        let name = self.shown();
        match self {
            Act::SetMax { from, to, .. } => {
                format!("`{name}` has {} now, it had {from}", text::count((*to).into(), "permit"))
            }
            Act::Revoke { grant, .. } => format!("{grant} of `{name}` was asked to give up"),
        }
    }
}
