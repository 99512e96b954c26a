//! Having the user say yes to what is destroyed.

use std::time::Duration;

use selvedge_proto::v1::{FailureReason, Job, JobKind, Plan};

use crate::failure::Failure;
use crate::follow::Call;
use crate::placed::Showing;
use crate::session::Session;
use crate::{ExitCode, placed, plan, report};

/// What the request has to confirm, when the user has done so. `call` is unconfirmed, and so only plans if something would be
/// destroyed. None if the job had nothing to ask and has ended.
pub async fn confirmed(
    call: &Call,
    wait: Option<Duration>,
    showing: Showing,
    session: &mut Session<'_, '_>,
) -> Result<Option<Vec<String>>, Failure> {
    let job = placed::to_the_end(call, wait, showing, session).await?;
    let Some(plan) = unconfirmed(&job) else { return report::ended(&job, session).map(|()| None) };
    confirm(plan, &job, session).await?;
    Ok(Some(plan.confirmation.clone()))
}

/// As [`confirmed`], by a user who has said yes beforehand.
pub async fn meant(
    call: &Call,
    wait: Option<Duration>,
    showing: Showing,
    session: &mut Session<'_, '_>,
) -> Result<Option<Vec<String>>, Failure> {
    let job = placed::to_the_end(call, wait, showing, session).await?;
    match unconfirmed(&job) {
        Some(plan) => Ok(Some(plan.confirmation.clone())),
        None => report::ended(&job, session).map(|()| None),
    }
}

/// The plan, if all that the job lacks is the user's word.
fn unconfirmed(job: &Job) -> Option<&Plan> {
    let reason = job.failure.as_ref()?.reason();
    (reason == FailureReason::ConfirmationRequired).then_some(job.plan.as_ref()?)
}

/// Shows what will be destroyed and has its name typed.
async fn confirm(plan: &Plan, job: &Job, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let room = session.terminal.err_width();
    session.terminal.say(&plan::render(plan, room));
    if !session.terminal.interactive {
        // Here the hint names our option, not the field of the request.
        let hint = "repeat the command with the names and --yes if that is what you want";
        report::summary_line(job, session)?;
        return Err(Failure::of_job(job).hint(hint));
    }
    let names = plan.confirmation.join(" ");
    let what = if plan.confirmation.len() == 1 { "the collection's name" } else { "the collections' names" };
    let undone = match job.kind() {
        JobKind::Repair => "`selvedge undo` can put it back.",
        _ => "This cannot be undone.",
    };
    let question = format!("{undone} Type {what} to go on ({names}):");
    let answer = session.terminal.ask(&question).await?.unwrap_or_default();
    if names_match(&answer, &plan.confirmation) {
        return Ok(());
    }
    Err(Failure::new(ExitCode::Refused, format!("that is not {names:?}; nothing was changed")))
}

/// Compares names in any order, separated by commas or white space.
fn names_match(answer: &str, expected: &[String]) -> bool {
    let mut answered: Vec<&str> =
        answer.split(|c: char| c == ',' || c.is_whitespace()).filter(|name| !name.is_empty()).collect();
    let mut expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    answered.sort_unstable();
    answered.dedup();
    expected.sort_unstable();
    expected.dedup();
    !expected.is_empty() && answered == expected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_names_confirm() {
        let expected = ["Article".to_owned(), "Author".to_owned()];
        for answer in ["Article Author", "Author, Article", " Article,Author ", "Article Author Article"] {
            assert!(names_match(answer, &expected), "{answer}");
        }
        for answer in ["", "yes", "Article", "article author", "Article Author Book"] {
            assert!(!names_match(answer, &expected), "{answer}");
        }
        assert!(!names_match("", &[]));
    }
}
