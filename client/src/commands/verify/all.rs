//! `selvedge verify --all`

use std::time::Duration;

use selvedge_proto::v1::{ListBackupsRequest, VerifyBackupRequest};

use crate::commands::{Session, list};
use crate::failure::Failure;
use crate::follow::{Call, request_id};
use crate::progress::Progress;
use crate::{ExitCode, format, placed, report, telling};

/// Verifies one backup after the other; what is wrong with one is no reason not to look at the others.
pub async fn run(
    request: VerifyBackupRequest,
    wait: Option<Duration>,
    session: &mut Session<'_, '_>,
) -> Result<(), Failure> {
    let wanted =
        ListBackupsRequest { repository: request.repository.clone(), ..ListBackupsRequest::default() };
    let (mut sound, mut failed) = (0, Vec::new());
    for page in list::pages(wanted, false, session).await? {
        for backup in page.backups {
            match verify(&backup.id, &request, wait, session).await {
                Ok(()) => sound += 1,
                // Of the others nothing would be heard either.
                Err(failure) if matches!(failure.exit, ExitCode::Interrupted | ExitCode::Unreachable) => {
                    return Err(failure);
                }
                Err(failure) => {
                    telling::tell(&failure, session.terminal);
                    failed.push((backup.id, failure.exit));
                }
            }
        }
        for (id, why) in page.unreadable {
            telling::tell(&Failure::new(ExitCode::Integrity, why), session.terminal);
            failed.push((id, ExitCode::Integrity));
        }
    }
    verdict(sound, &failed, session)
}

async fn verify(
    id: &str,
    request: &VerifyBackupRequest,
    wait: Option<Duration>,
    session: &mut Session<'_, '_>,
) -> Result<(), Failure> {
    let request =
        VerifyBackupRequest { backup_id: id.to_owned(), request_id: request_id(), ..request.clone() };
    let job = placed::to_the_end(&Call::Verify(request), wait, Progress::choose, session).await?;
    report::ended(&job, session)
}

fn verdict(sound: u64, failed: &[(String, ExitCode)], session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let all = format::quantity(sound + failed.len() as u64, "backup");
    if failed.is_empty() {
        session.talk(&format!("{all} verified"));
        return Ok(());
    }
    let ids: Vec<_> = failed.iter().map(|(id, _)| id.as_str()).collect();
    let damaged = failed.iter().any(|(_, exit)| *exit == ExitCode::Integrity);
    let exit = if damaged { ExitCode::Integrity } else { failed[0].1 };
    let text = format!("{} of {all} could not be shown to be intact: {}", failed.len(), ids.join(", "));
    Err(Failure::new(exit, text).hint("what is said above of each tells what to do"))
}

#[cfg(test)]
mod tests {
    use selvedge_proto::v1::Job;

    use super::*;
    use crate::scripted::{Step, User, example, run};

    #[tokio::test]
    async fn one_that_is_damaged_is_no_reason_not_to_look_at_the_others() {
        let damaged = Job { failure: example::differing().failure, ..example::differing() };
        let answers = [vec![Step::Job(damaged)], vec![Step::Job(example::verified())]];
        let ran = run("verify --all --level rows", answers, User::default()).await;
        assert_eq!(ran.exit, ExitCode::Integrity, "{}", ran.err);
        let asked: Vec<_> = ran.requests.verifies.iter().map(|one| one.backup_id.as_str()).collect();
        assert_eq!(asked, ["newer", "older"]);
        assert_ne!(ran.requests.verifies[0].request_id, ran.requests.verifies[1].request_id);
        assert!(ran.err.contains("1 of 2 backups could not be shown to be intact: newer"), "{}", ran.err);
        assert!(ran.out.contains("is intact"), "{}", ran.out);
    }
}
