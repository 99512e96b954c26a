//! How far a job has gone through objects: those that it is about, or once more in a phase that counts by itself.

use super::{Counts, Phase, ProgressSnapshot};

/// Objects that are gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Passage {
    /// The phase that goes through objects once more; None for those that the job is about.
    pub phase: Option<Phase>,
    pub done: u64,
    pub expected: u64,
}

impl ProgressSnapshot {
    pub fn passage(&self) -> Passage {
        let Counts { objects_done, objects_expected, phase_done, phase_total, .. } = self.total;
        match self.phase {
            Phase::Checking | Phase::WritingReferences if phase_total > 0 => {
                Passage { phase: Some(self.phase), done: phase_done, expected: phase_total }
            }
            _ => Passage { phase: None, done: objects_done, expected: objects_expected },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Progress;

    #[test]
    fn each_phase_counts_from_the_beginning() {
        let progress = Progress::default();
        let counters = progress.add_collection("A", "");
        counters.expect_objects(10, true);
        counters.add_objects(10);
        progress.set_phase(Phase::Checking);
        assert_eq!(progress.snapshot().passage(), Passage { phase: None, done: 10, expected: 10 });
        counters.begin_phase(8);
        counters.of_phase().add_objects(3);
        let passage = |done| Passage { phase: Some(Phase::Checking), done, expected: 8 };
        assert_eq!(progress.snapshot().passage(), passage(3));
        counters.end_phase();
        assert_eq!(progress.snapshot().passage(), passage(8));
        assert_eq!(progress.snapshot().total.objects_done, 10);
        progress.set_phase(Phase::Finishing);
        let total = progress.snapshot().total;
        assert_eq!((total.phase_done, total.phase_total), (0, 0));
    }
}
