//! How the objects of a backup stand to those of a collection that they are to be merged into, before anything is written.

use std::collections::BTreeSet;
use std::sync::Arc;

use selvedge_archive::Select;
use selvedge_model::UuidRange;
use selvedge_model::error::Result;

use super::merging::{Merging, conflict};
use super::target::Target;
use crate::engine::{Lanes, Page, Sink, Sinks};
use crate::{CollectionCounters, MergeCounts};

/// Objects that are named if they are in the way.
const NAMED: usize = 5;

#[derive(Debug, Default)]
pub struct Survey {
    pub counts: MergeCounts,
    /// Some of the objects that are in the way.
    samples: Vec<String>,
}

impl Survey {
    /// Reads the hashes of the backup's objects, and the objects that are there of them.
    pub async fn take(lanes: &Lanes, target: &Target, merging: Merging) -> Result<Self> {
        let from = target.objects(Select::Hashes);
        let to_be_made = target.tenants.iter().map(|tenant| tenant.name.clone()).collect();
        let sinks = IntoSurvey { merging: Arc::new(merging), to_be_made: Arc::new(to_be_made) };
        let (mut survey, unseen) = (Self::default(), Arc::new(CollectionCounters::unseen()));
        let carried = lanes.carry(from.tasks(), from, sinks, &unseen, |record| {
            survey.add(record?.left);
            Ok(())
        });
        carried.await?;
        Ok(survey)
    }

    /// Fails if something is in the way.
    pub fn refuse_conflicts(&self, collection: &str) -> Result<()> {
        match self.counts.conflicting {
            0 => Ok(()),
            conflicting => Err(conflict(collection, conflicting, &self.samples)),
        }
    }

    fn add(&mut self, other: Self) {
        self.counts += other.counts;
        let room = NAMED.saturating_sub(self.samples.len());
        self.samples.extend(other.samples.into_iter().take(room));
    }
}

struct IntoSurvey {
    merging: Arc<Merging>,
    /// Tenants that are not there yet.
    to_be_made: Arc<BTreeSet<String>>,
}

impl Sinks for IntoSurvey {
    type Sink = SurveySink;
    type Left = Survey;

    fn open(&self, _: usize) -> SurveySink {
        let (merging, to_be_made) = (Arc::clone(&self.merging), Arc::clone(&self.to_be_made));
        SurveySink { merging, to_be_made, survey: Survey::default() }
    }
}

struct SurveySink {
    merging: Arc<Merging>,
    to_be_made: Arc<BTreeSet<String>>,
    survey: Survey,
}

impl Sink for SurveySink {
    type Left = Survey;

    async fn take(&mut self, page: Page) -> Result<()> {
        if page.tenant.as_deref().is_some_and(|tenant| self.to_be_made.contains(tenant)) {
            self.survey.counts.new += page.batch.len() as u64;
            return Ok(());
        }
        let sorted = self.merging.sort(&page).await?;
        let samples = sorted.conflicts.iter().take(NAMED).map(|id| match &page.tenant {
            Some(tenant) => format!("{id} of tenant \"{tenant}\""),
            None => id.to_string(),
        });
        self.survey.add(Survey { counts: sorted.counts, samples: samples.collect() });
        Ok(())
    }

    async fn seal(self, _: Option<UuidRange>) -> Result<Survey> {
        Ok(self.survey)
    }
}
