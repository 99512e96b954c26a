//! Whether somebody is at a job that has not ended.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use selvedge_archive::Repository;
use selvedge_model::error::Result;

use super::journal::Written;
use super::process::Standing;

/// How often an attempt says that it lives.
pub const BEAT: Duration = Duration::from_secs(3);
/// One that has said nothing for so long is dead, if its process cannot be asked. File systems of other machines can show what
/// was half a minute ago.
pub const SILENCE: Duration = Duration::from_secs(60);
/// One that could not reach the repository for so long pauses: others may soon take it for dead.
pub const LONGEST_ABSENCE: Duration = Duration::from_secs(30);
/// A sign of life that takes longer has failed: three of them, and a pause, have to come before others take the job for dead.
pub const LONGEST_LOOK: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    Ended,
    Alive,
    /// Neither ended nor alive: it can be gone on with.
    Dead,
}

impl Written {
    /// How the job is. Of processes elsewhere only the store knows what they have done last, by its own clock.
    pub async fn liveness(&self, repository: &Repository) -> Result<Liveness> {
        if self.end.is_some() {
            return Ok(Liveness::Ended);
        }
        match self.process().standing() {
            Standing::Ended => Ok(Liveness::Dead),
            // One that hangs may go on; whoever takes its job sees to it that it does not finish.
            Standing::Runs => Ok(Liveness::Alive),
            Standing::Unknown => {
                // Where nothing can be written, our own clock has to do.
                let now = repository.now().await.unwrap_or_else(|_| Utc::now());
                Ok(if self.silence(now) > SILENCE { Liveness::Dead } else { Liveness::Alive })
            }
        }
    }

    fn silence(&self, now: DateTime<Utc>) -> Duration {
        let silence = self.heard_of.map_or(TimeDelta::MAX, |heard| now - heard);
        silence.to_std().unwrap_or_default()
    }
}
