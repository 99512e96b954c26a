//! Progress on a terminal. What the lines say is decided in [`text`]; this only redraws them.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use selvedge_proto::v1::Job;

use super::text;

pub struct Bars {
    multi: MultiProgress,
    lines: Vec<ProgressBar>,
    width: usize,
}

impl Bars {
    /// Draws on the process's stderr.
    pub fn new(width: usize) -> Self {
        Self {
            multi: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()),
            lines: Vec::new(),
            width,
        }
    }

    pub fn show(&mut self, job: &Job) {
        // The last column stays free: some terminals wrap when it is written.
        let texts = text::screen(job, self.width.saturating_sub(1));
        while self.lines.len() > texts.len() {
            if let Some(line) = self.lines.pop() {
                self.multi.remove(&line);
            }
        }
        while self.lines.len() < texts.len() {
            self.lines.push(self.multi.add(new_line()));
        }
        for (line, text) in self.lines.iter().zip(texts) {
            line.set_message(text);
        }
    }

    /// Runs `write`, which may write to stderr, while nothing is drawn.
    pub fn suspended(&self, write: impl FnOnce()) {
        self.multi.suspend(write);
    }

    pub fn clear(&mut self) {
        for line in self.lines.drain(..) {
            line.finish_and_clear();
        }
    }
}

fn new_line() -> ProgressBar {
    let style =
        ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::new_spinner().with_style(style)
}
