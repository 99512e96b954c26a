//! What a server that died was in the middle of, and the next one finishes.

use serde::de::DeserializeOwned;

use super::backup::Woken;
use super::clear::Clearing;
use selvedge_archive::Repository;
use selvedge_model::error::{Error, Result, counted};
use selvedge_weaviate::Cluster;

/// Something that must not stay as it is.
pub struct Leftover {
    repository: Repository,
    pub job_id: String,
    file: String,
    what: What,
}

enum What {
    /// Tenants that a backup had activated.
    Woken(Woken),
    /// A collection that a clear had taken away.
    Clearing(Clearing),
}

/// What servers left behind in a repository, and what cannot be understood of it. To be looked for before jobs are taken:
/// they leave such files too, while they run.
pub async fn leftovers(repository: &Repository) -> Result<Vec<Result<Leftover>>> {
    let mut found = Vec::new();
    for (job_id, file) in repository.job_files().await? {
        // Older versions named the collection in the name.
        if file == Clearing::FILE || file.starts_with("woken") {
            found.extend(read(repository, job_id, file).await.transpose());
        }
    }
    Ok(found)
}

/// None if it is gone by now.
async fn read(repository: &Repository, job_id: String, file: String) -> Result<Option<Leftover>> {
    let Some(bytes) = repository.job_file(&job_id, &file).await? else { return Ok(None) };
    let what = if file == Clearing::FILE {
        What::Clearing(parse(&job_id, &file, &bytes)?)
    } else {
        What::Woken(parse(&job_id, &file, &bytes)?)
    };
    Ok(Some(Leftover { repository: repository.clone(), job_id, file, what }))
}

fn parse<T: DeserializeOwned>(job_id: &str, file: &str, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| {
        Error::internal(format!("jobs/{job_id}/{file} cannot be understood")).caused_by(error)
    })
}

impl Leftover {
    /// Nobody else may touch it meanwhile.
    pub fn collection(&self) -> &str {
        match &self.what {
            What::Woken(woken) => &woken.collection,
            What::Clearing(clearing) => &clearing.collection,
        }
    }

    /// Another cluster may have the same name elsewhere.
    pub fn is_on(&self, cluster: &Cluster) -> bool {
        let (name, address) = match &self.what {
            What::Woken(woken) => (&woken.cluster, &woken.address),
            What::Clearing(clearing) => (&clearing.cluster, &clearing.address),
        };
        name == cluster.name() && address == cluster.rest_url()
    }

    /// In words, for those who find the collection in use.
    pub fn summary(&self) -> &'static str {
        match &self.what {
            What::Woken(_) => "put tenants back that were active when the server died",
            What::Clearing(_) => "finish a clear that was under way when the server died",
        }
    }

    /// Finishes it, and says what was done; None if nothing had to be.
    pub async fn finish(&self, cluster: &Cluster) -> Result<Option<String>> {
        let Self { repository, job_id, file, what } = self;
        let done = match what {
            What::Woken(woken) => match woken.put_back(cluster).await? {
                0 => None,
                count => Some(format!(
                    "{} of collection \"{}\" deactivated again",
                    counted(count as u64, "tenant"),
                    woken.collection
                )),
            },
            What::Clearing(clearing) => clearing.finish(cluster, repository, job_id).await?,
        };
        repository.delete_job_file(job_id, file).await?;
        Ok(done)
    }
}
