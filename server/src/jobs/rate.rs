//! How fast a job is, from samples that its watchers take: the job itself never computes it.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use selvedge_ops::{Passage, Phase};

/// The rate is the mean over this time.
const WINDOW: Duration = Duration::from_secs(10);
/// A rate of less than this is none to reckon the time left by.
const MEASURED: Duration = Duration::from_secs(3);
/// Watchers that look more often than this see the same sample, and so the same rate.
const SAMPLE_EVERY: Duration = Duration::from_millis(200);

/// Objects per second, and the seconds that what is left takes at that rate.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rate {
    /// 0 while unknown.
    pub objects_per_second: f64,
    pub seconds_remaining: Option<f64>,
}

/// The last few samples of a job's counters, oldest first.
#[derive(Debug, Default)]
pub(super) struct RateWindow {
    samples: VecDeque<(Instant, u64)>,
    /// Which objects these are.
    phase: Option<Phase>,
}

impl RateWindow {
    pub fn sample(&mut self, now: Instant, passage: Passage) -> Rate {
        if passage.phase != self.phase {
            self.phase = passage.phase;
            self.samples.clear();
        }
        if self.samples.back().is_none_or(|(at, _)| now.duration_since(*at) >= SAMPLE_EVERY) {
            if passage.done == 0 {
                // Planning is no measure of how fast objects go: count from where they start to move.
                self.samples.clear();
            }
            self.samples.push_back((now, passage.done));
        }
        // One sample from before the window stays, so that rare looks still see a rate.
        while self.samples.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= WINDOW) {
            self.samples.pop_front();
        }
        self.rate(passage)
    }

    fn rate(&self, passage: Passage) -> Rate {
        let (Some((start, first)), Some((end, last))) = (self.samples.front(), self.samples.back()) else {
            return Rate::default();
        };
        let seconds = end.duration_since(*start).as_secs_f64();
        if seconds == 0.0 || last <= first {
            return Rate::default();
        }
        let objects_per_second = (last - first) as f64 / seconds;
        // From the last sample and not from `passage`, so that watchers agree.
        let left = passage.expected.checked_sub(*last).filter(|left| *left > 0);
        let left = left.filter(|_| seconds >= MEASURED.as_secs_f64());
        Rate { objects_per_second, seconds_remaining: left.map(|left| left as f64 / objects_per_second) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passage(done: u64) -> Passage {
        Passage { phase: None, done, expected: 1000 }
    }

    #[tokio::test]
    async fn the_rate_is_of_the_last_seconds_and_the_same_for_all_watchers() {
        let start = Instant::now();
        let at = |seconds: f64| start + Duration::from_secs_f64(seconds);
        let mut window = RateWindow::default();
        assert_eq!(window.sample(at(0.0), passage(0)), Rate::default());
        assert_eq!(window.sample(at(60.0), passage(0)), Rate::default(), "planning does not count");
        let rate = window.sample(at(62.0), passage(200));
        assert_eq!(
            rate,
            Rate { objects_per_second: 100.0, seconds_remaining: None },
            "it is too early to say"
        );
        assert_eq!(window.sample(at(62.1), passage(290)), rate, "a second watcher sees the same");
        let rate = window.sample(at(63.0), passage(300));
        assert_eq!(rate, Rate { objects_per_second: 100.0, seconds_remaining: Some(7.0) });

        for second in 64..=80 {
            window.sample(at(f64::from(second)), passage(300));
        }
        assert_eq!(
            window.sample(at(81.0), passage(300)),
            Rate::default(),
            "a job that stands still has no rate"
        );
    }

    #[tokio::test]
    async fn what_is_gone_through_once_more_has_a_rate_of_its_own() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let checked = |done| Passage { phase: Some(Phase::Checking), ..passage(done) };
        let mut window = RateWindow::default();
        window.sample(at(0), passage(0));
        assert_eq!(window.sample(at(1), passage(900)).objects_per_second, 900.0);
        assert_eq!(window.sample(at(2), checked(0)), Rate::default());
        assert_eq!(window.sample(at(4), checked(20)).objects_per_second, 10.0);
        assert_eq!(window.sample(at(5), passage(1000)), Rate::default(), "that is no leap");
    }
}
