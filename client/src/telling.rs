//! How a failure is told.

use crate::failure::Failure;
use crate::terminal::{Label, Terminal};
use crate::{ExitCode, Options, json};

/// What ends a command: on stderr, and with `--json` also as the last line of the result.
pub fn end(failure: &Failure, options: &Options, terminal: &mut Terminal<'_>) {
    tell(failure, terminal);
    if options.json {
        // If this cannot be written either, the exit code still says it.
        let _ = terminal.print_verbatim(&json::line(&json::Message::Error(json::Error::from(failure))));
    }
}

/// What went wrong, for people.
pub fn tell(failure: &Failure, terminal: &mut Terminal<'_>) {
    terminal.say_labelled(label(failure.exit), &failure.message);
    if !failure.hint.is_empty() {
        terminal.say_labelled(Label::Next, &failure.hint);
    }
}

fn label(exit: ExitCode) -> Label {
    match exit {
        ExitCode::Partial => Label::Partial,
        ExitCode::Interrupted => Label::Interrupted,
        ExitCode::Done => Label::Note,
        ExitCode::Failed
        | ExitCode::Usage
        | ExitCode::Unreachable
        | ExitCode::Refused
        | ExitCode::Integrity
        | ExitCode::NotFound
        | ExitCode::Unavailable
        | ExitCode::Full => Label::Error,
    }
}
