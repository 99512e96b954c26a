//! One try at a job, as it is written down while it lasts.

use std::sync::Arc;

use chrono::Utc;
use selvedge_archive::{JsonFolder, Repository};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_ops::{Journal, newest_attempt};
use tokio_util::task::AbortOnDropHandle;

use super::Job;
use super::journal::{
    AliveJson, AttemptJson, CANCEL, EndJson, JOB, JobJson, RECORDS, alive_file, attempt_file, end_file,
};
use super::liveness::BEAT;
use super::process::Process;

/// How the names of records end that tell of failures, which are listed as long as there is the job.
const KEPT_RECORDS: &str = selvedge_ops::REFUSED;

/// An attempt of this process at a job. While there is it, others see that it lives.
#[derive(Debug)]
pub struct Attempt {
    folder: JsonFolder,
    number: u32,
    beat: AbortOnDropHandle<()>,
}

/// Writes down that there is a job, before anything is done for it.
pub async fn register(repository: &Repository, job: &Job, process: &Process) -> Result<()> {
    let written = JobJson {
        id: job.id,
        asked: job.asked.clone(),
        request: job.request.clone(),
        request_id: job.request_id.clone(),
        created: job.created,
        process: process.clone(),
    };
    // A file system that is not mounted looks like an empty folder.
    repository.check().await?;
    repository.job(&job.id.to_string()).create(JOB, &written).await.map(drop)
}

impl Attempt {
    /// Begins the attempt after the newest one. Fails if another process has begun it first.
    pub async fn begin(repository: &Repository, job: &Arc<Job>, process: &Process) -> Result<Self> {
        let folder = repository.job(&job.id.to_string());
        let number = newest_attempt(&folder).await? + 1;
        let attempt = AttemptJson {
            process: process.clone(),
            started: Utc::now(),
            selvedge_version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        if !folder.create(&attempt_file(number), &attempt).await? {
            let text = format!("another server has begun attempt {number} at job {}", job.id);
            return Err(Error::new(Kind::JobSuperseded, text).hint("watch the job to see how it goes on"));
        }
        if number > 1 {
            folder.delete(&[CANCEL]).await?;
        }
        job.set_attempt(number);
        let beat = tokio::spawn(beat(folder.clone(), number, Arc::clone(job)));
        Ok(Self { folder, number, beat: AbortOnDropHandle::new(beat) })
    }

    pub fn journal(&self) -> Journal {
        Journal::new(self.folder.clone(), self.number)
    }

    /// Writes down how it ended, and takes away what nobody needs any more.
    pub async fn end(self, end: &EndJson) -> Result<()> {
        let Self { folder, number, beat } = self;
        // No beat may come after the end.
        beat.abort();
        let _ = beat.await;
        folder.create(&end_file(number), end).await?;
        let mut names = vec![alive_file(number), CANCEL.to_owned()];
        if !end.report.resumable {
            names.extend(spent_records(&folder).await?);
        }
        folder.delete(&names).await
    }
}

/// How a job ended that has not begun.
pub async fn end_unbegun(repository: &Repository, job: &Job, end: &EndJson) -> Result<()> {
    let folder = repository.job(&job.id.to_string());
    let newest = newest_attempt(&folder).await?;
    folder.create(&end_file(newest), end).await.map(drop)
}

/// Of a job that nobody goes on with, only what tells of failures is of use.
pub async fn spent_records(folder: &JsonFolder) -> Result<Vec<String>> {
    let records = folder.list(RECORDS).await?.into_iter().map(|file| file.name);
    Ok(records.filter(|name| !name.ends_with(KEPT_RECORDS)).collect())
}

/// Says every few seconds how far the job is, and finds out whether it is still this attempt's. That the repository cannot be
/// reached for a while is no reason to stop: whatever needs it says so.
async fn beat(folder: JsonFolder, number: u32, job: Arc<Job>) {
    loop {
        tokio::time::sleep(BEAT).await;
        let alive = AliveJson { progress: job.progress.snapshot() };
        if let Err(error) = folder.jot(&alive_file(number), &alive).await {
            tracing::warn!(id = %job.id, %error, "cannot write down that the job goes on");
        }
        if newest_attempt(&folder).await.is_ok_and(|newest| newest > number) {
            job.request_stop(Kind::JobSuperseded);
        }
        if folder.modified(CANCEL).await.is_ok_and(|asked| asked.is_some()) {
            job.request_stop(Kind::Cancelled);
        }
    }
}
