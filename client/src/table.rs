//! Tables of plain text.

use crate::format::{self, shorten_middle};

/// A longer cell is cut: nobody reads it, and it would push all others off the screen.
const WIDEST: usize = 300;
/// Spaces between columns.
const GAP: usize = 2;
/// Where nothing else helps, cells that may be cut keep at least so many characters.
const LEAST: usize = 8;

#[derive(Clone, Copy, Debug)]
pub enum Align {
    Left,
    Right,
}

struct Column {
    heading: &'static str,
    align: Align,
    /// Cells may be cut in the middle, at first not below so many characters.
    readable: Option<usize>,
    /// What says the same in fewer characters.
    short: Option<fn(&str) -> String>,
}

/// Columns under headings, two spaces apart, as wide as their widest cell; on a narrow terminal narrower, or fewer.
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
    /// Columns that can be done without, by their headings, the first one first.
    leaving: Vec<&'static str>,
}

impl Table {
    pub fn new(columns: impl IntoIterator<Item = (&'static str, Align)>) -> Self {
        let column = |(heading, align)| Column { heading, align, readable: None, short: None };
        Self { columns: columns.into_iter().map(column).collect(), rows: Vec::new(), leaving: Vec::new() }
    }

    /// Where there is no room, cells of this column are cut in the middle: to `readable` characters as long as columns can leave
    /// instead.
    pub fn cut(mut self, heading: &str, readable: usize) -> Self {
        for column in self.columns.iter_mut().filter(|column| column.heading == heading) {
            column.readable = Some(readable);
        }
        self
    }

    /// Where there is no room, the cells of this column are said shorter.
    pub fn shorten(mut self, heading: &str, short: fn(&str) -> String) -> Self {
        for column in self.columns.iter_mut().filter(|column| column.heading == heading) {
            column.short = Some(short);
        }
        self
    }

    /// Where there is no room, these columns leave, the first one first.
    pub fn leave(mut self, headings: impl IntoIterator<Item = &'static str>) -> Self {
        self.leaving.extend(headings);
        self
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        // A line break in a cell would break the table.
        let clean = |cell: String| format::shorten(&format::clean(&cell).replace('\n', " "), WIDEST);
        self.rows.push(cells.into_iter().map(clean).collect());
    }

    /// The lines without the last line break, if possible in so many characters; None if there is no end to a line.
    pub fn render(&self, room: Option<usize>) -> String {
        let all: Vec<usize> = (0..self.columns.len()).collect();
        let whole = self.texts(&all, false);
        let natural = widths(&whole);
        match room {
            Some(room) if total(&natural) > room => self.narrow(all, room),
            _ => self.lines(&all, &whole, &natural),
        }
    }

    /// With short forms; then with cells cut, as long as they can be read, and then without what can be done without.
    fn narrow(&self, mut shown: Vec<usize>, room: usize) -> String {
        let mut leaving = self.leaving.iter();
        loop {
            let texts = self.texts(&shown, true);
            let mut widths = widths(&texts);
            self.squeeze(&shown, &mut widths, room, |readable| readable);
            let next = if total(&widths) > room { leaving.next() } else { None };
            let Some(heading) = next else {
                self.squeeze(&shown, &mut widths, room, |readable| readable.min(LEAST));
                return self.lines(&shown, &texts, &widths);
            };
            shown.retain(|&column| self.columns[column].heading != *heading);
        }
    }

    /// Takes room from the columns that can be cut, always from the widest.
    fn squeeze(&self, shown: &[usize], widths: &mut [usize], room: usize, least: fn(usize) -> usize) {
        while total(widths) > room {
            let cuttable = shown.iter().enumerate().filter_map(|(place, &column)| {
                let least = least(self.columns[column].readable?);
                (widths[place] > least).then_some(place)
            });
            let Some(widest) = cuttable.max_by_key(|&place| widths[place]) else { return };
            widths[widest] -= 1;
        }
    }

    /// The headings and all rows, of the columns that are shown.
    fn texts(&self, shown: &[usize], is_short: bool) -> Vec<Vec<String>> {
        let headings: Vec<String> =
            shown.iter().map(|&column| self.columns[column].heading.to_owned()).collect();
        let rows = self.rows.iter().map(|cells| {
            let cell = |&column: &usize| {
                let cell = cells.get(column).map_or("", String::as_str);
                match self.columns[column].short {
                    Some(short) if is_short => short(cell),
                    _ => cell.to_owned(),
                }
            };
            shown.iter().map(cell).collect::<Vec<String>>()
        });
        std::iter::once(headings).chain(rows).collect()
    }

    fn lines(&self, shown: &[usize], texts: &[Vec<String>], widths: &[usize]) -> String {
        let line = |cells: &Vec<String>| {
            let cells = cells.iter().zip(widths).zip(shown).map(|((cell, &wide), &column)| {
                let cell = shorten_middle(cell, wide);
                // Not by a format string: what is wider than 65,535 characters would make it panic.
                let room = " ".repeat(wide.saturating_sub(width(&cell)));
                match self.columns[column].align {
                    Align::Left => format!("{cell}{room}"),
                    Align::Right => format!("{room}{cell}"),
                }
            });
            cells.collect::<Vec<_>>().join(&" ".repeat(GAP)).trim_end().to_owned()
        };
        texts.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// Of each column.
fn widths(texts: &[Vec<String>]) -> Vec<usize> {
    let columns = texts.first().map_or(0, Vec::len);
    let widest = |column: usize| {
        let cells = texts.iter().filter_map(|cells| cells.get(column));
        cells.map(|cell| width(cell)).max().unwrap_or(0)
    };
    (0..columns).map(widest).collect()
}

/// Of a line.
fn total(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
}

fn width(cell: &str) -> usize {
    cell.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_of_any_length_is_shown_as_far_as_it_helps() {
        let mut table = Table::new([("NAME", Align::Left), ("NOTE", Align::Right)]);
        table.row(["N".repeat(100_000), "x".to_owned()]);
        assert!(table.render(None).lines().all(|line| line.chars().count() < 400));
    }

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new([("NAME", Align::Left), ("OBJECTS", Align::Right), ("NOTE", Align::Left)]);
        table.row(["Article".to_owned(), "12,345,678".to_owned(), "a\nb".to_owned()]);
        table.row(["A".to_owned(), "1".to_owned(), String::new()]);
        insta::assert_snapshot!(table.render(None), @r"
        NAME        OBJECTS  NOTE
        Article  12,345,678  a b
        A                 1
        ");
    }

    /// 43 characters wide.
    fn wide() -> Table {
        let mut table = Table::new([("NAME", Align::Left), ("TIME", Align::Left), ("FILES", Align::Right)])
            .cut("NAME", 10)
            .shorten("TIME", |time| time.replace(" UTC", "Z"))
            .leave(["FILES"]);
        table.row(["ArticlesOf2026".to_owned(), "2026-11-23 16:00 UTC".to_owned(), "3".to_owned()]);
        table
    }

    #[test]
    fn a_table_that_fits_is_whole() {
        let whole = wide().render(None);
        assert_eq!(wide().render(Some(43)), whole);
        assert!(whole.contains("ArticlesOf2026  2026-11-23 16:00 UTC"), "{whole}");
    }

    #[test]
    fn a_narrow_table_says_it_shorter_then_cuts_then_leaves_out() {
        let last = |room| wide().render(Some(room)).lines().last().unwrap_or_default().to_owned();
        assert_eq!(last(40), "ArticlesOf2026  2026-11-23 16:00Z      3");
        assert_eq!(last(36), "Artic…2026  2026-11-23 16:00Z      3");
        assert_eq!(last(34), "ArticlesOf2026  2026-11-23 16:00Z");
        assert_eq!(last(27), "Arti…026  2026-11-23 16:00Z");
        // There is a limit to what can be done.
        assert_eq!(last(5), last(27));
    }
}
