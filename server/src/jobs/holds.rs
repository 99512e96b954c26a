//! What jobs hold of a cluster across servers: a file for each hold, in the folder of the cluster.
//!
//! Whoever wants to hold something writes its own hold first, and then looks at the others: of two that come at once, at least
//! one sees the other. A hold ends with the attempt that it is of, whether or not its file is gone.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use selvedge_archive::{JsonFolder, Repository};
use selvedge_model::error::{Kind, Result};
use selvedge_ops::{Access, Progress};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Job;
use super::attempt::HeldFiles;
use super::journal::Written;
use super::liveness::Liveness;
use super::process::Process;

/// Two that come at the same time may both give way. So each tries a few times more, after pauses that are not the same.
const TRIES: usize = 3;
const LONGEST_PAUSE: u64 = 300;

/// Of a job in an encrypted repository.
const VEILED_SUMMARY: &str = "what it does is encrypted";

/// What an attempt holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hold {
    pub job_id: Uuid,
    pub attempt: u32,
    /// What the job does, in words.
    pub summary: String,
    pub collections: Vec<String>,
    pub exclusive: bool,
}

/// Where holds of one cluster are written down, for one attempt at a job.
#[derive(Debug, Clone)]
pub struct Holds {
    repository: Repository,
    folder: JsonFolder,
    job_id: Uuid,
    attempt: u32,
    process: Process,
    held: Arc<HeldFiles>,
}

/// Somebody else holds it.
#[derive(Debug)]
pub struct Held {
    pub collection: String,
    pub by: Hold,
    /// In words.
    pub owner: String,
}

impl Hold {
    /// What both want, if not both can have it: which of ours it is.
    fn conflict(&self, other: &Self) -> Option<usize> {
        if self.job_id == other.job_id || !(self.exclusive || other.exclusive) {
            return None;
        }
        let others: BTreeSet<_> = other.collections.iter().map(|name| veiled(name)).collect();
        self.collections.iter().position(|name| others.contains(&veiled(name)))
    }
}

/// What a veiled name begins with. No collection's does.
const VEIL: char = '_';

/// A name as it is written down where nothing but whether two are the same is for everybody to know.
fn veiled(name: &str) -> String {
    match name.starts_with(VEIL) {
        true => name.to_owned(),
        false => format!("{VEIL}{}", blake3::hash(name.as_bytes()).to_hex()),
    }
}

impl Holds {
    /// `address` is that of the cluster, which may have other names elsewhere.
    pub fn new(
        repository: &Repository,
        address: &str,
        job: &Job,
        process: &Process,
        held: &Arc<HeldFiles>,
    ) -> Self {
        let (folder, held) = (repository.locks(&folder_of(address)), Arc::clone(held));
        let (repository, process) = (repository.clone(), process.clone());
        Self { repository, folder, job_id: job.id, attempt: job.attempt(), process, held }
    }

    /// Takes some collections; or says who has one of them.
    pub async fn take(
        &self,
        summary: &str,
        collections: &[String],
        access: Access,
        progress: &Arc<Progress>,
    ) -> Result<Result<(), Held>> {
        let (summary, names) = match self.repository.is_encrypted() {
            true => (VEILED_SUMMARY.to_owned(), collections.iter().map(|name| veiled(name)).collect()),
            false => (summary.to_owned(), collections.to_vec()),
        };
        let hold = Hold {
            job_id: self.job_id,
            attempt: self.attempt,
            summary,
            collections: names,
            exclusive: access == Access::Exclusive,
        };
        let mut tries = 0;
        loop {
            let taken = self.take_once(&hold, collections).await?;
            tries += 1;
            let Err(held) = &taken else { return Ok(taken) };
            if tries == TRIES {
                return Ok(taken);
            }
            let Held { collection, by, owner } = held;
            let what = format!("collection \"{collection}\" is held by job {} ({owner})", by.job_id);
            progress.wait_for(what, None);
            let pause = Uuid::new_v4().as_u64_pair().0 % LONGEST_PAUSE;
            tokio::time::sleep(Duration::from_millis(pause)).await;
            progress.end_wait();
        }
    }

    /// `collections` are those of the hold, by their names.
    async fn take_once(&self, hold: &Hold, collections: &[String]) -> Result<Result<(), Held>> {
        let name = format!("{}-{}-{}.json", self.job_id, self.attempt, Uuid::new_v4().simple());
        self.folder.jot(&name, hold).await?;
        let obstacle = self.obstacle(hold, collections, &name).await;
        match obstacle {
            Ok(None) => {
                self.held.add(&self.folder, &name);
                Ok(Ok(()))
            }
            Ok(Some(held)) => {
                self.folder.delete(&[name]).await?;
                Ok(Err(held))
            }
            Err(error) => {
                // Void with the attempt, should it stay.
                let _ = self.folder.delete(&[name]).await;
                Err(error)
            }
        }
    }

    async fn obstacle(&self, hold: &Hold, collections: &[String], own: &str) -> Result<Option<Held>> {
        for file in self.folder.list("").await? {
            if file.name == own {
                continue;
            }
            // One that is gone by now, or was cut off, holds nothing.
            let Some(other) = self.folder.read_whole::<Hold>(&file.name).await? else { continue };
            let Some(collection) = hold.conflict(&other).and_then(|at| collections.get(at).cloned()) else {
                continue;
            };
            match self.owner(&other).await? {
                Some(owner) => return Ok(Some(Held { collection, by: other, owner })),
                None => self.folder.delete(&[&file.name]).await?,
            }
        }
        Ok(None)
    }

    /// Who is at the attempt that a hold is of. None if it has ended.
    async fn owner(&self, hold: &Hold) -> Result<Option<String>> {
        let written = match Written::read(&self.repository, &hold.job_id.to_string()).await {
            Ok(Some(written)) => written,
            Ok(None) => return Ok(None),
            // Of a newer version, perhaps: nobody knows whether it has ended.
            Err(error) if error.kind() == Kind::Internal => {
                return Ok(Some("of which nobody knows".to_owned()));
            }
            Err(error) => return Err(error),
        };
        // What jobs of this server hold it knows by itself, and has let this one through.
        let is_newest = written.number() == hold.attempt && *written.process() != self.process;
        let lives = is_newest && written.liveness(&self.repository).await? == Liveness::Alive;
        Ok(lives.then(|| written.process().to_string()))
    }
}

/// The folder of a cluster: its address with what is special in a file's name left out.
fn folder_of(address: &str) -> String {
    address.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_changes_what_several_may_read() {
        let hold = |job: u128, collections: &[&str], exclusive| Hold {
            job_id: Uuid::from_u128(job),
            attempt: 1,
            summary: String::new(),
            collections: collections.iter().map(|name| (*name).to_owned()).collect(),
            exclusive,
        };
        let reader = hold(1, &["A", "B"], false);
        assert_eq!(reader.conflict(&hold(2, &["B"], false)), None);
        assert_eq!(reader.conflict(&hold(2, &["B"], true)), Some(1));
        assert_eq!(hold(2, &["C", "A"], true).conflict(&reader), Some(1));
        assert_eq!(hold(2, &["C", "A"], true).conflict(&hold(1, &[&veiled("A")], false)), Some(1), "veiled");
        assert_eq!(reader.conflict(&hold(2, &["C"], true)), None);
        assert_eq!(reader.conflict(&hold(1, &["A"], true)), None, "its own");
    }
}
