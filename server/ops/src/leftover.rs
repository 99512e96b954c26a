//! What a server that died was in the middle of, and the next one finishes.

use super::backup::Woken;
use super::clear::{CLEARED, Clearing};
use selvedge_archive::{JsonFolder, Repository};
use selvedge_model::error::{Result, counted};
use selvedge_weaviate::Cluster;

/// Something that must not stay as it is.
pub struct Leftover {
    folder: JsonFolder,
    pub job_id: String,
    file: String,
    what: What,
}

enum What {
    /// Tenants that a job had activated.
    Woken(Woken),
    /// A collection that a clear had taken away.
    Clearing(Clearing),
}

/// What the server of a job left behind when it died, and what cannot be understood of it. Jobs leave such files too while they
/// run, so it is not to be asked of one that does.
pub async fn leftovers(repository: &Repository, job_id: &str) -> Result<Vec<Result<Leftover>>> {
    let folder = repository.job(job_id);
    let mut found = Vec::new();
    for file in folder.list("").await? {
        // Older versions named the collection in the name.
        if file.name == Clearing::FILE || file.name.starts_with("woken") {
            found.extend(read(folder.clone(), job_id, file.name).await.transpose());
        }
    }
    Ok(found)
}

/// What a job keeps in the open of what it took away, so that any server can bring it back, and that is of no more use. Where
/// nothing is sealed, it is for people to look up.
pub async fn spent_leftovers(folder: &JsonFolder) -> Result<Vec<String>> {
    if !folder.is_sealed().await? || folder.modified(Clearing::FILE).await?.is_some() {
        return Ok(Vec::new());
    }
    Ok(folder.list(CLEARED).await?.into_iter().map(|file| file.name).collect())
}

/// None if it is gone by now.
async fn read(folder: JsonFolder, job_id: &str, file: String) -> Result<Option<Leftover>> {
    let what = if file == Clearing::FILE {
        folder.read(&file).await?.map(What::Clearing)
    } else {
        folder.read(&file).await?.map(What::Woken)
    };
    Ok(what.map(|what| Leftover { folder, job_id: job_id.to_owned(), file, what }))
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

    /// Finishes it, and says what was done; None if nothing had to be, or if it is of another cluster.
    pub async fn finish(&self, cluster: &Cluster) -> Result<Option<String>> {
        if !self.is_on(cluster) {
            return Ok(None);
        }
        let Self { folder, file, what, .. } = self;
        let done = match what {
            What::Woken(woken) => match woken.put_back(cluster).await? {
                0 => None,
                count => Some(format!(
                    "{} of collection \"{}\" deactivated again",
                    counted(count as u64, "tenant"),
                    woken.collection
                )),
            },
            What::Clearing(clearing) => clearing.finish(cluster, folder).await?,
        };
        folder.delete(&[file]).await?;
        Ok(done)
    }
}
