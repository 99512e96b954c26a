//! Progress for programs: the job as a line of JSON, at most once a second and when its state or phase changes.

use std::time::Duration;

use selvedge_proto::v1::{Job, JobPhase, JobState};

use crate::{json, words};

const INTERVAL: Duration = Duration::from_secs(1);

#[derive(Default)]
pub struct Statuses {
    shown: Option<(JobState, JobPhase, Duration)>,
}

impl Statuses {
    /// The line that is due at this time, if one is. The end is not a status; the summary follows.
    pub fn next(&mut self, job: &Job, at: Duration) -> Option<String> {
        let (state, phase) = (job.state(), job.phase());
        let due = self.shown.is_none_or(|(shown_state, shown_phase, when)| {
            (shown_state, shown_phase) != (state, phase) || at >= when + INTERVAL
        });
        if !due || words::has_ended(state) {
            return None;
        }
        self.shown = Some((state, phase, at));
        Some(json::line(&json::Message::Status(json::Job::from(job))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::example;

    #[test]
    fn at_most_one_a_second() {
        let mut statuses = Statuses::default();
        let mut shown = |job: &Job, millis| statuses.next(job, Duration::from_millis(millis)).is_some();
        assert!(shown(&example::running(), 0));
        assert!(!shown(&example::running(), 999));
        assert!(shown(&example::running(), 1000));
        assert!(shown(&Job { phase: JobPhase::Committing.into(), ..example::running() }, 1001));
        assert!(!shown(&example::succeeded(), 5000));
    }
}
