//! Tables of plain text.

use crate::format;

/// A longer cell is cut: nobody reads it, and it would push all others off the screen.
const WIDEST: usize = 300;

#[derive(Clone, Copy, Debug)]
pub enum Align {
    Left,
    Right,
}

/// Columns under headings, two spaces apart, as wide as their widest cell.
pub struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(columns: impl IntoIterator<Item = (&'static str, Align)>) -> Self {
        Self { columns: columns.into_iter().collect(), rows: Vec::new() }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        // A line break in a cell would break the table.
        let clean = |cell: String| format::shorten(&format::clean(&cell).replace('\n', " "), WIDEST);
        self.rows.push(cells.into_iter().map(clean).collect());
    }

    /// The lines without the last line break.
    pub fn render(&self) -> String {
        let headings: Vec<String> = self.columns.iter().map(|(heading, _)| (*heading).to_owned()).collect();
        let lines: Vec<&Vec<String>> = std::iter::once(&headings).chain(&self.rows).collect();
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|column| {
                lines.iter().filter_map(|cells| cells.get(column)).map(|cell| width(cell)).max().unwrap_or(0)
            })
            .collect();
        let render = |cells: &Vec<String>| {
            let cells = cells.iter().zip(&widths).zip(&self.columns).map(|((cell, &wide), (_, align))| {
                // Not by a format string: what is wider than 65,535 characters would make it panic.
                let room = " ".repeat(wide - width(cell));
                match align {
                    Align::Left => format!("{cell}{room}"),
                    Align::Right => format!("{room}{cell}"),
                }
            });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        lines.into_iter().map(render).collect::<Vec<_>>().join("\n")
    }
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
        assert!(table.render().lines().all(|line| line.chars().count() < 400));
    }

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new([("NAME", Align::Left), ("OBJECTS", Align::Right), ("NOTE", Align::Left)]);
        table.row(["Article".to_owned(), "12,345,678".to_owned(), "a\nb".to_owned()]);
        table.row(["A".to_owned(), "1".to_owned(), String::new()]);
        insta::assert_snapshot!(table.render(), @r"
        NAME        OBJECTS  NOTE
        Article  12,345,678  a b
        A                 1
        ");
    }
}
