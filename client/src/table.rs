//! Tables of plain text.

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
        self.rows
            .push(cells.into_iter().map(|cell| crate::format::clean(&cell).replace('\n', " ")).collect());
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
            let cells =
                cells.iter().zip(&widths).zip(&self.columns).map(|((cell, &wide), (_, align))| match align {
                    Align::Left => format!("{cell:<wide$}"),
                    Align::Right => format!("{cell:>wide$}"),
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
