//! Removing backups, and never one that somebody needs.

use std::collections::BTreeMap;

use selvedge_archive::{BackupId, Manifest, Opened, Removed, Repository};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_ops::{FIRST_BACKUP, PARENTS};

use super::Registry;
use super::journal::Written;
use super::liveness::Liveness;
use super::retention::{Policy, Verdict, judge};

/// What becomes, or has become, of a backup.
#[derive(Debug)]
pub struct Decision {
    pub backup: Opened<Manifest>,
    /// Why it stays. Empty if it goes.
    pub reasons: Vec<String>,
    /// Whether it is gone now.
    pub removed: bool,
}

impl Registry {
    /// Which jobs need which backups, and why.
    async fn uses(&self, repository: &Repository) -> Result<BTreeMap<BackupId, String>> {
        let mut uses = BTreeMap::new();
        for id in repository.job_ids().await? {
            if self.is_settled(repository, &id) {
                continue;
            }
            let written = match Written::read(repository, &id).await {
                Ok(Some(written)) => written,
                Ok(None) => continue,
                // Of a newer version, perhaps: what it needs is not known, so nothing is removed.
                Err(error) => return Err(error.context(format!("job {id}, which may need a backup"))),
            };
            let liveness = self.liveness(repository, &written).await?;
            let why = if liveness == Liveness::Alive {
                format!("job {id} uses it")
            } else if written.can_go_on(liveness) {
                format!("job {id} can be resumed, and needs it")
            } else {
                self.settle(repository, &written);
                continue;
            };
            // What it reads or makes, what it has made of what it is to destroy, and what it compares with.
            let first = repository.job(&id).read_whole::<BackupId>(FIRST_BACKUP).await?;
            let parents = repository.job(&id).read_whole::<BTreeMap<String, BackupId>>(PARENTS).await?;
            let parents = parents.into_iter().flat_map(BTreeMap::into_values);
            let all = written.job.backup.into_iter().chain(first).chain(parents);
            uses.extend(all.map(|backup| (backup, why.clone())));
        }
        // Those that are not written down, such as dry runs.
        for job in self.active_jobs() {
            let request = &job.request;
            if request.repository == repository.name()
                && let Some(backup) = request.operation.backup_id()
            {
                uses.entry(backup.clone()).or_insert_with(|| format!("job {} uses it", job.id));
            }
        }
        Ok(uses)
    }

    /// Removes a backup, unless it is held or a job needs it: then it says so.
    pub async fn remove_backup(&self, repository: &Repository, id: &BackupId) -> Result<Removed> {
        repository.find(id).await?;
        self.refuse_needed(repository, id).await?;
        let doomed = repository.doom(id).await?;
        // Who has begun to use it since has written that down before looking whether it is doomed.
        if let Err(error) = self.refuse_needed(repository, id).await {
            repository.spare(doomed).await?;
            return Err(error);
        }
        let removed = repository.delete_doomed(id, doomed).await?;
        self.metrics.catalog_changed();
        tracing::info!(backup = %id, repository = repository.name(), "a backup was removed");
        Ok(removed)
    }

    async fn refuse_needed(&self, repository: &Repository, id: &BackupId) -> Result<()> {
        if let Some(hold) = repository.held(id).await? {
            return Err(Error::new(Kind::BackupHeld, format!("backup {id} is held{}", why(&hold.reason)))
                .hint("release it first, if it need not stay any more"));
        }
        match self.uses(repository).await?.remove(id) {
            None => Ok(()),
            Some(why) => Err(Error::new(Kind::BackupInUse, format!("backup {id} cannot be removed: {why}"))
                .hint("wait for the job, or cancel it")),
        }
    }

    /// What a policy says of all backups; without `dry_run`, what it does not keep is removed. An empty policy has no say.
    pub async fn retain(
        &self,
        repository: &Repository,
        policy: &Policy,
        dry_run: bool,
    ) -> Result<Vec<Decision>> {
        if policy.is_empty() {
            return Ok(Vec::new());
        }
        // Those that cannot be read are not among them, and so are never removed.
        let backups = repository.all_backups().await?;
        let (uses, held) = (self.uses(repository).await?, repository.all_held().await?);
        let mut decisions = Vec::new();
        let verdicts = judge(policy, &backups);
        let mut backups: BTreeMap<_, _> =
            backups.into_iter().map(|backup| (backup.id().clone(), backup)).collect();
        for Verdict { id, mut reasons } in verdicts {
            let Some(backup) = backups.remove(&id) else { continue };
            if held.contains(&id) {
                reasons.push("held".to_owned());
            }
            reasons.extend(uses.get(&id).cloned());
            decisions.push(Decision { backup, reasons, removed: false });
        }
        if dry_run {
            return Ok(decisions);
        }
        for decision in decisions.iter_mut().filter(|decision| decision.reasons.is_empty()) {
            match self.remove_backup(repository, decision.backup.id()).await {
                Ok(_) => decision.removed = true,
                // Since it was looked at.
                Err(error) if matches!(error.kind(), Kind::BackupHeld | Kind::BackupInUse) => {
                    decision.reasons.push(error.to_string());
                }
                Err(error) if error.kind() == Kind::BackupNotFound => decision.removed = true,
                Err(error) => return Err(error),
            }
        }
        Ok(decisions)
    }
}

fn why(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(" ({reason})") }
}
