//! When calls are only repeated.

use std::time::{Duration, Instant};

/// What is over sooner is no outage, and not worth two lines of a log.
const WORTH_TELLING: Duration = Duration::from_secs(1);

/// Where one call is answered and another is not, outages begin and end all the time: no more than one is told in this time.
const QUIET: Duration = Duration::from_secs(60);

/// A time in which calls are only repeated.
#[derive(Debug, Default)]
pub struct Outage {
    began: Option<Instant>,
    is_told: bool,
    /// When one was told last.
    told: Option<Instant>,
}

impl Outage {
    /// A call is repeated after `pause`. Whether that is to be told, which it is once.
    pub fn goes_on(&mut self, pause: Duration) -> bool {
        let began = *self.began.get_or_insert_with(Instant::now);
        let is_quiet = self.told.is_some_and(|told| told.elapsed() < QUIET);
        let is_new = !self.is_told && !is_quiet && began.elapsed() + pause >= WORTH_TELLING;
        if is_new {
            (self.is_told, self.told) = (true, Some(Instant::now()));
        }
        is_new
    }

    /// How long it took, if its beginning was told.
    pub fn end(&mut self) -> Option<Duration> {
        let (began, is_told) = (self.began.take(), std::mem::take(&mut self.is_told));
        began.filter(|_| is_told).map(|began| began.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_long_is_told_once() {
        let mut outage = Outage::default();
        let short = Duration::from_millis(1);
        assert!(!outage.goes_on(short) && outage.end().is_none());
        assert!(outage.goes_on(WORTH_TELLING) && !outage.goes_on(WORTH_TELLING));
        assert!(outage.end().is_some() && outage.end().is_none());
        assert!(!outage.goes_on(WORTH_TELLING) && outage.end().is_none(), "so soon after the last one");
    }
}
