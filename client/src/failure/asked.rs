//! What was asked for, as far as advice depends on it.

use selvedge_proto::v1::{Job, JobKind};

use crate::Command;

/// Renames that a hint repeats.
const RENAMES: usize = 3;

/// What a failure came of.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Unspecified for what is no job.
    pub kind: JobKind,
    backup: String,
    job: String,
    /// The job has ended, and can be gone on with.
    pub resumable: bool,
    /// As options, with a space before each.
    renames: String,
}

impl Asked {
    /// As the command line says it.
    pub fn by_command(command: &Command) -> Self {
        let (kind, backup) = match command {
            Command::Backup(args) => (JobKind::Backup, args.id.clone().unwrap_or_default()),
            Command::Restore(args) => (JobKind::Restore, args.backup.clone()),
            Command::Copy(_) => (JobKind::Copy, String::new()),
            Command::Clear(_) => (JobKind::Clear, String::new()),
            Command::Repair(args) => (JobKind::Repair, args.backup.clone()),
            Command::Undo(args) => return Self { job: args.job.clone(), ..Self::default() },
            Command::Verify(args) => (JobKind::Verify, args.backup.clone().unwrap_or_default()),
            Command::Delete(args) => (JobKind::Unspecified, args.backup.clone()),
            Command::Hold(args) => (JobKind::Unspecified, args.backup.clone()),
            Command::Release(args) => (JobKind::Unspecified, args.backup.clone()),
            Command::Show(args) => (JobKind::Unspecified, args.backup.clone()),
            Command::Diff(args) => (JobKind::Unspecified, args.backup.clone()),
            Command::Export(args) => (JobKind::Unspecified, args.backup.clone()),
            Command::Import(args) => (JobKind::Unspecified, args.id.clone().unwrap_or_default()),
            Command::Jobs(args) => return Self { job: args.job().to_owned(), ..Self::default() },
            Command::List(_)
            | Command::Prune(_)
            | Command::Collections(_)
            | Command::Status(_)
            | Command::Check(_)
            | Command::Completions(_)
            | Command::Man(_) => (JobKind::Unspecified, String::new()),
        };
        Self { kind, backup, ..Self::default() }
    }

    /// As the server says it; the job may have been started by anybody.
    pub fn of_job(job: &Job) -> Self {
        let renamed = job
            .collections
            .iter()
            .filter(|collection| !collection.target.is_empty() && collection.target != collection.collection);
        let mut renames: Vec<_> = renamed
            .map(|collection| format!(" --rename {}={}", collection.collection, collection.target))
            .collect();
        // A hint is to be read. How to go on is plain by then.
        if renames.len() > RENAMES {
            renames.truncate(RENAMES);
            renames.push(" --rename …".to_owned());
        }
        Self {
            kind: job.kind(),
            backup: job.backup_id.clone(),
            job: job.id.clone(),
            resumable: job.resumable,
            renames: renames.concat(),
        }
    }

    /// The backup's id, or what stands for it.
    pub fn backup(&self) -> &str {
        if self.backup.is_empty() { "BACKUP" } else { &self.backup }
    }

    /// The job's id, or what stands for it.
    pub fn job(&self) -> &str {
        if self.job.is_empty() { "JOB" } else { &self.job }
    }

    /// The command that goes on with the job, if that can be done.
    pub fn resumption(&self) -> Option<String> {
        self.resumable.then(|| format!("`selvedge jobs resume {}` goes on with it", self.job()))
    }

    /// The command that compares the cluster with the backup.
    pub fn comparison(&self) -> String {
        format!("`selvedge verify {} --against-live{}`", self.backup(), self.renames)
    }
}
