//! What all commands that start a job have in common: to wait for a place, to start it, to say how it ended.

use std::time::Duration;

use selvedge_proto::v1::Job;

use super::Session;
use crate::failure::Failure;
use crate::follow::{Call, Followed};
use crate::progress::Progress;
use crate::{json, placed, report};

/// How a job is started.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Starting {
    /// Wait up to this long (30m, 2h) for collections that another job holds, and for a place on the server.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub wait: Option<Duration>,
    /// Return as soon as the job has started.
    #[arg(long)]
    pub detach: bool,
}

impl Starting {
    /// As requests carry it.
    pub fn lock_timeout(&self) -> Option<prost_types::Duration> {
        self.wait.and_then(|wait| wait.try_into().ok())
    }
}

/// Starts a job and reports how it ended; if that is not to be waited for, only that it was started.
pub async fn run_job(call: Call, starting: &Starting, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let Starting { wait, detach } = *starting;
    match placed::follow(&call, wait, detach, Progress::choose, session).await? {
        Followed::Ended(job) => report::ended(&job, session),
        Followed::Started(job) => started(&job, session),
    }
}

fn started(job: &Job, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    if session.options.json {
        return session.print_json(&json::Message::Status(json::Job::from(job)));
    }
    let id = &job.id;
    session.talk(&format!("started; watch it with `selvedge jobs watch {id}`"));
    // Nothing but the id: a script wants to keep it.
    session.terminal.print(id)
}

#[cfg(test)]
mod tests {
    use selvedge_proto::v1::FailureReason;
    use tonic::Code;

    use crate::ExitCode;
    use crate::scripted::{Step, User, example, run, status};

    #[tokio::test(start_paused = true)]
    async fn a_place_is_waited_for() {
        let full = || {
            let text = "4 jobs run and 100 wait";
            vec![Step::Status(status(Code::ResourceExhausted, FailureReason::TooManyJobs, text))]
        };
        let answers = [full(), full(), vec![Step::Job(example::succeeded())]];
        let ran = run("backup --wait 1m", answers, User::default()).await;
        assert_eq!(ran.exit, ExitCode::Done, "{}", ran.err);
        assert_eq!(ran.err.matches("waiting for a place: 4 jobs run").count(), 1, "{}", ran.err);
        assert_eq!(ran.requests.backups[0].lock_timeout.map(|timeout| timeout.seconds), Some(60));

        let ran = run("backup", [full()], User::default()).await;
        assert_eq!(ran.exit, ExitCode::Refused, "{}", ran.err);
    }
}
