//! Rewriting a few lines of a terminal in place.

use std::io::Write;

const HIDE_CURSOR: &str = "\x1b[?25l";
const SHOW_CURSOR: &str = "\x1b[?25h";
const ERASE_REST_OF_LINE: &str = "\x1b[K";
const ERASE_BELOW: &str = "\x1b[J";

/// What stands on the terminal. The cursor is below it, at the start of a line, and not shown.
#[derive(Default)]
pub struct Painter {
    lines: Vec<String>,
    /// The columns that the terminal had.
    width: usize,
}

impl Painter {
    /// Puts lines in the place of those that stand there, all in one piece.
    pub fn paint(&mut self, lines: Vec<String>, width: usize, to: &mut dyn Write) {
        if lines.is_empty() {
            return self.clear(width, to);
        }
        let is_as_wide = width == self.width;
        if is_as_wide && lines == self.lines {
            return;
        }
        let mut text = self.back_to_the_top(width);
        if self.lines.is_empty() {
            text += HIDE_CURSOR;
        }
        for (index, line) in lines.iter().enumerate() {
            if !is_as_wide || self.lines.get(index) != Some(line) {
                text += line;
                text += ERASE_REST_OF_LINE;
            }
            text.push('\n');
        }
        text += ERASE_BELOW;
        put(&text, to);
        (self.lines, self.width) = (lines, width);
    }

    /// Leaves nothing behind.
    pub fn clear(&mut self, width: usize, to: &mut dyn Write) {
        if !self.lines.is_empty() {
            put(&format!("{}{ERASE_BELOW}{SHOW_CURSOR}", self.back_to_the_top(width)), to);
            self.lines.clear();
        }
    }

    /// Of a terminal that has become narrower each line may take several now.
    fn back_to_the_top(&self, width: usize) -> String {
        let rows = |line: &String| line.chars().count().div_ceil(width.max(1)).max(1);
        match self.lines.iter().map(rows).sum::<usize>() {
            0 => String::new(),
            // Ctrl-C may have left its mark at the start of the line.
            rows => format!("\r\x1b[{rows}A"),
        }
    }
}

/// Where that fails there is nobody left to look at it.
fn put(text: &str, to: &mut dyn Write) {
    let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn painted(painter: &mut Painter, lines: &[&str], width: usize) -> String {
        let mut written = Vec::new();
        painter.paint(lines.iter().map(|line| (*line).to_owned()).collect(), width, &mut written);
        String::from_utf8(written).expect("UTF-8")
    }

    #[test]
    fn only_what_changed_is_written() {
        let mut painter = Painter::default();
        assert_eq!(painted(&mut painter, &["one", "two"], 80), "\x1b[?25lone\x1b[K\ntwo\x1b[K\n\x1b[J");
        assert_eq!(painted(&mut painter, &["one", "2"], 80), "\r\x1b[2A\n2\x1b[K\n\x1b[J");
        assert_eq!(painted(&mut painter, &["one", "2"], 80), "");
        assert_eq!(painted(&mut painter, &["1"], 80), "\r\x1b[2A1\x1b[K\n\x1b[J");
    }

    #[test]
    fn nothing_is_left_and_the_cursor_is_shown_again() {
        let mut painter = Painter::default();
        painted(&mut painter, &["one", "two"], 80);
        assert_eq!(painted(&mut painter, &[], 80), "\r\x1b[2A\x1b[J\x1b[?25h");
        assert_eq!(painted(&mut painter, &[], 80), "");
    }

    #[test]
    fn a_terminal_that_became_narrower_has_more_lines() {
        let mut painter = Painter::default();
        painted(&mut painter, &["0123456789", "two"], 80);
        assert_eq!(painted(&mut painter, &["0123", "two"], 5), "\r\x1b[3A0123\x1b[K\ntwo\x1b[K\n\x1b[J");
    }
}
