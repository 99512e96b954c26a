//! Showing how far a job is.

mod drawing;
mod lines;
mod movement;
mod painter;
mod screen;
mod statuses;
pub mod text;
mod work;

use std::time::Duration;

use selvedge_proto::v1::Job;

use lines::Lines;
use screen::Screen;
use statuses::Statuses;

use crate::failure::Failure;
use crate::session::Session;
use crate::{Options, Terminal};

/// How progress looks.
pub enum Progress {
    /// Redrawn in place on a terminal.
    Screen(Screen),
    /// A line now and then.
    Lines(Lines),
    /// JSON Lines on stdout.
    Statuses(Statuses),
    Silent,
}

impl Progress {
    /// The one place that decides how progress looks.
    pub fn choose(options: &Options, terminal: &Terminal<'_>) -> Self {
        if options.quiet || options.no_progress {
            Self::Silent
        } else if options.json {
            Self::Statuses(Statuses::default())
        } else if terminal.err_is_terminal {
            Self::Screen(Screen::default())
        } else {
            Self::Lines(Lines::default())
        }
    }

    /// Shows a state of the job; `at` is the time since it is followed.
    pub fn show(&mut self, job: &Job, at: Duration, session: &mut Session<'_, '_>) -> Result<(), Failure> {
        match self {
            Self::Screen(screen) => screen.show(job, at, session.terminal),
            Self::Lines(lines) => {
                if let Some(line) = lines.next(job, at) {
                    session.terminal.say(&line);
                }
            }
            Self::Statuses(statuses) => {
                if let Some(line) = statuses.next(job, at) {
                    session.terminal.print_verbatim(&line)?;
                }
            }
            Self::Silent => {}
        }
        Ok(())
    }

    /// Tells something without disturbing what is drawn.
    pub fn note(&mut self, text: &str, session: &mut Session<'_, '_>) {
        self.end(session.terminal);
        session.talk(text);
    }

    /// Takes away what is drawn, so that what follows stands on clean lines.
    pub fn end(&mut self, terminal: &mut Terminal<'_>) {
        if let Self::Screen(screen) = self {
            screen.clear(terminal);
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::Args;

    fn chosen(flags: &str, err_is_terminal: bool) -> &'static str {
        let args = Args::parse_from(format!("selvedge list {flags}").split_whitespace());
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut terminal = Terminal::new(&mut out, &mut err);
        terminal.err_is_terminal = err_is_terminal;
        match Progress::choose(&args.options, &terminal) {
            Progress::Screen(_) => "screen",
            Progress::Lines(_) => "lines",
            Progress::Statuses(_) => "statuses",
            Progress::Silent => "silent",
        }
    }

    #[test]
    fn flags_and_terminal_decide() {
        assert_eq!(chosen("", true), "screen");
        assert_eq!(chosen("", false), "lines");
        assert_eq!(chosen("--json", true), "statuses");
        for flags in ["--quiet", "--no-progress", "--json --quiet"] {
            assert_eq!(chosen(flags, true), "silent");
        }
    }
}
