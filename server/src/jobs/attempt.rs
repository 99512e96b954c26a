//! One try at a job, as it is written down while it lasts.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::Utc;
use selvedge_archive::{JsonFolder, Repository};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_ops::{Journal, REFUSED, newest_attempt, spent_leftovers};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use super::journal::{
    AliveJson, AttemptJson, CANCEL, EndJson, JOB, JobJson, alive_file, attempt_file, end_file,
};
use super::liveness::{BEAT, LONGEST_ABSENCE, LONGEST_LOOK};
use super::process::Process;
use super::{Job, State};

/// An attempt of this process at a job. While there is it, others see that it lives.
#[derive(Debug)]
pub struct Attempt {
    folder: JsonFolder,
    number: u32,
    held: Arc<HeldFiles>,
    beat: AbortOnDropHandle<()>,
}

/// The files that say what an attempt holds: whoever takes it for dead removes them.
#[derive(Debug, Default)]
pub struct HeldFiles(Mutex<Vec<(JsonFolder, String)>>);

impl HeldFiles {
    pub fn add(&self, folder: &JsonFolder, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((folder.clone(), name.to_owned()));
    }

    pub fn take(&self) -> Vec<(JsonFolder, String)> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn all(&self) -> Vec<(JsonFolder, String)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A job that is written down and waits for its turn. Others see that somebody will be at it.
#[derive(Debug)]
pub struct Waiting {
    _beat: AbortOnDropHandle<()>,
}

/// Writes down that there is a job, before anything is done for it.
pub async fn register(
    repository: &Repository,
    address: &str,
    job: &Arc<Job>,
    process: &Process,
) -> Result<Waiting> {
    let written = JobJson {
        id: job.id,
        asked: job.asked.clone(),
        request: job.request.clone(),
        address: address.to_owned(),
        request_id: job.request_id.clone(),
        caller: job.caller.clone(),
        created: job.created,
        process: process.clone(),
    };
    // A file system that is not mounted looks like an empty folder.
    repository.check().await?;
    repository.refuse_in_the_open().await?;
    let folder = repository.job(&job.id.to_string());
    folder.begin().await?;
    folder.create_covered(JOB, &written).await?;
    let patience = repository.patience();
    let beat = tokio::spawn(beat(folder, 0, Arc::default(), Arc::clone(job), patience).in_current_span());
    Ok(Waiting { _beat: AbortOnDropHandle::new(beat) })
}

impl Attempt {
    /// Begins the attempt after attempt `before`. Fails if another process has begun it first, or if the job was cancelled
    /// while it waited.
    pub async fn begin(
        repository: &Repository,
        job: &Arc<Job>,
        before: u32,
        process: &Process,
    ) -> Result<Self> {
        let folder = repository.job(&job.id.to_string());
        let number = before + 1;
        let attempt = AttemptJson {
            process: process.clone(),
            started: Utc::now(),
            selvedge_version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        if folder.modified(CANCEL).await?.is_some() {
            job.request_stop(Kind::Cancelled);
            return Err(job.stop.error());
        }
        if newest_attempt(&folder).await? > before || !folder.create(&attempt_file(number), &attempt).await? {
            let text = format!("another server has begun attempt {number} at job {}", job.id);
            return Err(Error::new(Kind::JobSuperseded, text).hint("watch the job to see how it goes on"));
        }
        job.set_attempt(number);
        let held = Arc::<HeldFiles>::default();
        let beat = beat(folder.clone(), number, Arc::clone(&held), Arc::clone(job), repository.patience());
        let beat = tokio::spawn(beat.in_current_span());
        Ok(Self { folder, number, held, beat: AbortOnDropHandle::new(beat) })
    }

    pub fn journal(&self) -> Journal {
        Journal::new(self.folder.clone(), self.number)
    }

    pub fn held(&self) -> &Arc<HeldFiles> {
        &self.held
    }

    /// Nobody hears of it any more. Returns what is left to be written down of it.
    pub async fn stop(self) -> Ending {
        let Self { folder, number, held, beat } = self;
        // No beat may come after the end.
        beat.abort();
        let _ = beat.await;
        Ending { folder, number, held: held.take() }
    }
}

/// The end of an attempt, to be written down.
#[derive(Debug)]
pub struct Ending {
    folder: JsonFolder,
    number: u32,
    held: Vec<(JsonFolder, String)>,
}

impl Ending {
    /// Of a job that has not begun here. None if another process has begun it.
    pub async fn of_waiting(repository: &Repository, job: &Job) -> Result<Option<Self>> {
        let folder = repository.job(&job.id.to_string());
        let is_begun = newest_attempt(&folder).await? > 0;
        Ok((!is_begun).then(|| Self { folder, number: 0, held: Vec::new() }))
    }

    /// Writes down how it ended, and takes away what nobody needs any more. Can be called again if it fails.
    pub async fn write(&self, end: &EndJson) -> Result<()> {
        if end.state == State::Refused {
            return self.forget(end).await;
        }
        let Self { folder, number, held } = self;
        if !folder.create_covered(&end_file(*number), end).await? {
            // Only the answer of an earlier call can have been lost, and that is no other end.
            let text = format!("attempt {number} at the job has ended in another way already");
            return Err(Error::internal(text));
        }
        for (folder, name) in held {
            folder.delete(&[name]).await?;
        }
        // Of an attempt that was taken for dead, the rest is another's.
        if newest_attempt(folder).await? > *number {
            return Ok(());
        }
        let mut names = vec![alive_file(*number), CANCEL.to_owned()];
        if !end.report.resumable {
            names.extend(spent_records(folder).await?);
            names.extend(spent_leftovers(folder).await?);
        }
        folder.delete(&names).await
    }

    /// Of a call that was refused nothing is kept.
    async fn forget(&self, end: &EndJson) -> Result<()> {
        let Self { folder, number, held } = self;
        // Should it not be removed, nobody takes it for a job that can be gone on with. If even that fails, removing may not.
        let ended = folder.create_covered(&end_file(*number), end).await;
        for (folder, name) in held {
            folder.delete(&[name]).await?;
        }
        // Of an attempt that was taken for dead, the rest is another's.
        if newest_attempt(folder).await? > *number {
            return Ok(());
        }
        // What is left without it is no job that could be gone on with.
        folder.delete(&[JOB]).await?;
        let names: Vec<_> = folder.list("").await?.into_iter().map(|file| file.name).collect();
        folder.delete(&names).await?;
        ended.map(drop)
    }
}

/// Of a job that nobody goes on with, only what tells of failures is of use.
pub async fn spent_records(folder: &JsonFolder) -> Result<Vec<String>> {
    let records = folder.list(selvedge_ops::RECORDS).await?.into_iter().map(|file| file.name);
    Ok(records.filter(|name| !name.ends_with(REFUSED)).collect())
}

/// Says every few seconds how far the job is, and finds out whether it is still this attempt's. An attempt that cannot find out
/// any more pauses, before others take it for dead, and goes on when it is known again; after `patience` it stops.
async fn beat(folder: JsonFolder, number: u32, held: Arc<HeldFiles>, job: Arc<Job>, patience: Duration) {
    let (mut reached, mut since) = (Instant::now(), Utc::now());
    let mut unwritten = None;
    loop {
        tokio::time::sleep(BEAT).await;
        let alive = AliveJson { progress: job.progress.snapshot() };
        let written = soon(folder.jot(&alive_file(number), &alive)).await;
        tell_turn(&mut unwritten, written);
        match soon(look(&folder, number, &held)).await {
            Ok(None) => {
                if reached.elapsed() > LONGEST_ABSENCE {
                    tracing::info!("the repository can be reached again, so the job goes on");
                    job.progress.end_wait();
                }
                (reached, since) = (Instant::now(), Utc::now());
                job.stop.pause(false);
            }
            Ok(Some(cause)) => job.request_stop(cause),
            Err(error) if reached.elapsed() > patience.max(LONGEST_ABSENCE) => {
                tracing::error!(%error, "the repository cannot be reached, so the job stops");
                job.request_stop(Kind::RepositoryUnavailable);
            }
            Err(error) if reached.elapsed() > LONGEST_ABSENCE => {
                job.stop.pause(true);
                job.progress.wait_since(
                    since,
                    format!("the repository cannot be reached: {error}"),
                    patience,
                );
            }
            Err(_) => {}
        }
    }
}

/// `unwritten` is since when it could not be written down that the job goes on. An outage is told when it begins and when it ends.
fn tell_turn(unwritten: &mut Option<Instant>, written: Result<()>) {
    match written {
        Ok(()) => {
            if let Some(since) = unwritten.take() {
                let seconds = since.elapsed().as_secs_f64();
                tracing::info!(seconds, "it can be written down again that the job goes on");
            }
        }
        Err(error) if unwritten.is_none() => {
            *unwritten = Some(Instant::now());
            tracing::warn!(%error, "it cannot be written down that the job goes on; it is tried again");
        }
        Err(_) => {}
    }
}

/// A store may be waited for much longer than others wait for a sign of life.
async fn soon<T>(call: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(LONGEST_LOOK, call).await.unwrap_or_else(|_| {
        Err(Error::new(Kind::RepositoryUnavailable, "the repository does not answer in time"))
    })
}

/// Why the attempt is to stop, if it is.
async fn look(folder: &JsonFolder, number: u32, held: &HeldFiles) -> Result<Option<Kind>> {
    if newest_attempt(folder).await? > number {
        return Ok(Some(Kind::JobSuperseded));
    }
    for (folder, name) in held.all() {
        if folder.modified(&name).await?.is_none() {
            return Ok(Some(Kind::JobSuperseded));
        }
    }
    Ok(folder.modified(CANCEL).await?.map(|_| Kind::Cancelled))
}
