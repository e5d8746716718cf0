//! Columns that fit the room: the least needed ones are left out first, and the last one is cut.
use crate::columns::{cut, width};

/// Between two columns.
const GAP: usize = 2;
/// What the last column gets before any other is left out for it.
const REST: usize = 16;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) title: &'static str,
    pub(crate) align: Align,
    /// 0 stays; else the column with the highest number goes first where there is no room.
    pub(crate) rank: u8,
    /// Cells are cut to that many columns even if there is room.
    pub(crate) most: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
    /// Takes what the others leave; one of a table.
    Rest,
}

impl Column {
    pub(crate) const fn left(title: &'static str, rank: u8, most: usize) -> Self {
        Column { title, align: Align::Left, rank, most }
    }

    pub(crate) const fn right(title: &'static str, rank: u8) -> Self {
        Column { title, align: Align::Right, rank, most: 16 }
    }

    pub(crate) const fn rest(title: &'static str) -> Self {
        Column { title, align: Align::Rest, rank: 0, most: usize::MAX }
    }
}

/// The heading, then one line a row, each at most `room` wide.
pub(crate) fn lines<const N: usize>(columns: &[Column; N], rows: &[[String; N]], room: usize) -> Vec<String> {
    let widths = widths(columns, rows, room);
    let heading = line(columns, &widths, &columns.map(|c| c.title));
    let rows = rows.iter().map(|row| line(columns, &widths, &row.each_ref().map(String::as_str)));
    std::iter::once(heading).chain(rows).collect()
}

/// Width of each column; `None`: left out.
fn widths<const N: usize>(columns: &[Column; N], rows: &[[String; N]], room: usize) -> [Option<usize>; N] {
    let mut widths = std::array::from_fn(|i| {
        let widest = rows.iter().map(|row| width(&row[i])).max().unwrap_or(0);
        // A column that says nothing of any row is left out, even where there is room.
        let says = widest > 0 || rows.is_empty() || columns[i].rank == 0;
        says.then(|| widest.min(columns[i].most).max(width(columns[i].title)))
    });
    let needed = |widths: &[Option<usize>; N]| -> usize {
        let each = columns.iter().zip(widths).filter_map(|(c, w)| w.map(|w| (c, w)));
        let sum: usize = each.map(|(c, w)| GAP + if c.align == Align::Rest { w.min(REST) } else { w }).sum();
        sum.saturating_sub(GAP)
    };
    while needed(&widths) > room {
        let kept = (0..N).filter(|&i| widths[i].is_some() && columns[i].rank > 0);
        let Some(last) = kept.max_by_key(|&i| columns[i].rank) else { break };
        widths[last] = None;
    }
    if let Some(rest) = columns.iter().position(|c| c.align == Align::Rest)
        && let Some(wish) = widths[rest]
    {
        let others = needed(&widths) - wish.min(REST);
        widths[rest] = Some(wish.min(room.saturating_sub(others)));
    }
    widths
}

fn line<const N: usize>(columns: &[Column; N], widths: &[Option<usize>; N], cells: &[&str; N]) -> String {
    let mut line = String::new();
    for ((column, cell), room) in columns.iter().zip(cells).zip(widths) {
        let Some(room) = *room else { continue };
        if !line.is_empty() {
            line.push_str("  ");
        }
        let cell = cut(cell, room);
        let space = " ".repeat(room.saturating_sub(width(&cell)));
        match column.align {
            Align::Right => line.extend([&space, cell.as_ref()]),
            Align::Left | Align::Rest => line.extend([cell.as_ref(), &space]),
        }
    }
    line.truncate(line.trim_end().len());
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [Column::left("ID", 0, 6), Column::right("PID", 1), Column::rest("COMMAND")];

    fn rows() -> [[String; 3]; 2] {
        [["7-3", "42", "cargo test --workspace"], ["12-1", "4242", "make"]].map(|row| row.map(str::to_owned))
    }

    #[test]
    fn room_for_all_leaves_all() {
        let all = lines(&COLUMNS, &rows(), 80);
        assert_eq!(all, ["ID     PID  COMMAND", "7-3     42  cargo test --workspace", "12-1  4242  make"]);
    }

    #[test]
    fn too_little_room_cuts_the_rest() {
        assert_eq!(lines(&COLUMNS, &rows(), 30)[1], "7-3     42  cargo test --work…");
    }

    #[test]
    fn less_room_leaves_columns_out() {
        assert_eq!(lines(&COLUMNS, &rows(), 22)[1], "7-3   cargo test --wo…");
        assert_eq!(lines(&COLUMNS, &rows(), 10)[1], "7-3   car…");
    }

    #[test]
    fn column_that_says_nothing_is_left_out() {
        let rows = rows().map(|[id, _, command]| [id, String::new(), command]);

        assert_eq!(lines(&COLUMNS, &rows, 80)[0], "ID    COMMAND");
    }
}
