//! Progress for logs: a line when the phase changes, and one now and then; of what is soon over, none.

use std::time::Duration;

use selvedge_proto::v1::{Job, JobPhase, JobState};

use super::text;
use crate::words;

const INTERVAL: Duration = Duration::from_secs(10);
/// What ends sooner is told by its result, or by its error.
const HELD_BACK: Duration = Duration::from_secs(2);

#[derive(Default)]
pub struct Lines {
    shown: Option<(JobState, JobPhase, Duration)>,
}

impl Lines {
    /// The line that is due at this time, if one is.
    pub fn next(&mut self, job: &Job, at: Duration) -> Option<String> {
        let (state, phase) = (job.state(), job.phase());
        let due = match self.shown {
            None => at >= HELD_BACK && !words::has_ended(state),
            // Any other end is told by its error.
            Some((shown, _, _)) if words::has_ended(state) => state == JobState::Succeeded && shown != state,
            Some((shown_state, shown_phase, when)) => {
                (shown_state, shown_phase) != (state, phase) || at >= when + INTERVAL
            }
        };
        let first = self.shown.is_none();
        if !due {
            return None;
        }
        self.shown = Some((state, phase, at));
        let head = if first { format!("job {}: {}\n", job.id, job.summary) } else { String::new() };
        Some(head + &text::plain(job))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::{example, snapshot};

    #[test]
    fn a_line_for_each_phase_each_interval_and_the_end() {
        let at = |seconds| Duration::from_secs(seconds);
        let planning = Job { phase: JobPhase::Planning.into(), progress: None, ..example::running() };
        let waiting = example::waiting();
        let mut lines = Lines::default();
        let shown: Vec<String> = [
            lines.next(&planning, at(0)),
            lines.next(&planning, at(2)),
            lines.next(&planning, at(3)),
            lines.next(&example::running(), at(4)),
            lines.next(&example::running(), at(13)),
            lines.next(&waiting, at(14)),
            lines.next(&example::succeeded(), at(15)),
            lines.next(&example::succeeded(), at(99)),
        ]
        .map(|line| line.unwrap_or_else(|| "(none)".to_owned()))
        .into();
        snapshot("progress_log", shown.join("\n"));
    }

    #[test]
    fn what_is_soon_over_and_what_fails_has_no_line_for_its_end() {
        let mut lines = Lines::default();
        assert_eq!(lines.next(&example::running(), Duration::from_millis(1_999)), None);
        assert_eq!(lines.next(&example::succeeded(), Duration::from_secs(2)), None);
        assert!(lines.next(&example::running(), Duration::from_secs(3)).is_some());
        assert_eq!(lines.next(&example::partial(), Duration::from_secs(4)), None);
    }
}
