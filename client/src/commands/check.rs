//! `selvedge check`

use selvedge_proto::v1::{CheckLine, CheckOutcome, CheckRequest};

use super::Session;
use crate::failure::Failure;
use crate::{ExitCode, json};

const EXAMPLES: &str = "\
Examples:
  selvedge check
  selvedge check --cluster default --json";

/// Try everything that jobs need: clusters, keys, repositories.
///
/// Each line is ok, warn (jobs work, and may not do all that is wanted) or fail (jobs will fail), with what to do about it.
/// Exits 1 if anything fails.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {}

pub async fn run(_: Args, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    // None named means all of them here.
    let request =
        CheckRequest { cluster: session.options.cluster(), repository: session.options.repository() };
    let mut service = session.server.server();
    let lines = session.answer(service.check(request)).await?.lines;
    if session.options.json {
        lines.iter().try_for_each(|line| session.print_json(&json::CheckLine::from(line)))?;
    } else {
        session.terminal.print(&render(&lines))?;
    }
    let failed = lines.iter().filter(|line| line.outcome() == CheckOutcome::Fail).count();
    match failed {
        0 => Ok(()),
        1 => Err(Failure::new(ExitCode::Failed, "one thing is not as jobs need it")),
        many => Err(Failure::new(ExitCode::Failed, format!("{many} things are not as jobs need them"))),
    }
}

/// A heading for each subject, and a line for each thing that was tried.
fn render(lines: &[CheckLine]) -> String {
    let mut out = Vec::new();
    let mut subject = "";
    for line in lines {
        if line.subject != subject {
            subject = &line.subject;
            out.push(subject.to_owned());
        }
        out.push(format!("  {:<4}  {}: {}", word(line.outcome()), line.name, line.text));
        if !line.hint.is_empty() {
            out.push(format!("        next: {}", line.hint));
        }
    }
    out.join("\n")
}

pub fn word(outcome: CheckOutcome) -> &'static str {
    match outcome {
        CheckOutcome::Ok => "ok",
        CheckOutcome::Warn => "warn",
        CheckOutcome::Fail => "fail",
        CheckOutcome::Unspecified => "?",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::snapshot;

    #[test]
    fn lines_below_their_subject() {
        let line = |subject: &str, name: &str, outcome: CheckOutcome, text: &str, hint: &str| CheckLine {
            subject: subject.to_owned(),
            name: name.to_owned(),
            outcome: outcome.into(),
            text: text.to_owned(),
            hint: hint.to_owned(),
        };
        let lines = [
            line("cluster \"eu\"", "connection", CheckOutcome::Ok, "Weaviate 1.39.0 answers", ""),
            line("cluster \"eu\"", "clock", CheckOutcome::Warn, "differs by 90 s", "set the clocks right"),
            line("repository \"default\"", "write", CheckOutcome::Fail, "the disk is full", "free space"),
        ];
        snapshot("check", render(&lines));
    }
}
