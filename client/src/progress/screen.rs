//! Progress on a terminal: one drawing of the whole job for each of its states.

use std::time::Duration;

use selvedge_proto::v1::Job;

use super::drawing;
use super::movement::Movement;
use super::painter::Painter;
use crate::Terminal;

#[derive(Default)]
pub struct Screen {
    movement: Movement,
    painter: Painter,
}

impl Screen {
    pub fn show(&mut self, job: &Job, at: Duration, terminal: &mut Terminal<'_>) {
        let (height, width) = (terminal.size)();
        let rows = self.movement.rows(job, at);
        // The last column stays free: some terminals wrap when it is written.
        let mut lines = drawing::lines(job, &rows, width.saturating_sub(1));
        // The cursor stands below, and what has left the screen cannot be rewritten.
        lines.truncate(height.saturating_sub(1));
        self.painter.paint(lines, width, &mut *terminal.err);
    }

    /// Takes away what is drawn.
    pub fn clear(&mut self, terminal: &mut Terminal<'_>) {
        let (_, width) = (terminal.size)();
        self.painter.clear(width, &mut *terminal.err);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::example;

    #[test]
    fn the_width_is_that_of_the_moment_and_the_end_leaves_nothing() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut terminal = Terminal::new(&mut out, &mut err);
        let mut screen = Screen::default();
        terminal.size = || (24, 80);
        screen.show(&example::running(), Duration::ZERO, &mut terminal);
        terminal.size = || (3, 40);
        screen.show(&example::running(), Duration::from_secs(1), &mut terminal);
        screen.show(&example::succeeded(), Duration::from_secs(2), &mut terminal);
        let drawn = String::from_utf8(err).expect("UTF-8");
        assert!(drawn.starts_with("\x1b[?25l"), "{drawn}");
        assert!(drawn.ends_with("\r\x1b[2A\x1b[J\x1b[?25h"), "{drawn}");
    }
}
