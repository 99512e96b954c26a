//! What a job is asked to do, and where.

use selvedge_ops::{BackupRequest, ClearRequest, RestoreRequest, VerifyRequest};

/// A request that a job carries out. Equal requests are the same request, which is what makes a `request_id` safe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    Backup(BackupRequest),
    Restore(RestoreRequest),
    Clear(ClearRequest),
    Verify(VerifyRequest),
}

/// A request, and the configured places it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    pub request: Request,
    /// The request in words, such as "back up Article and Author".
    pub summary: String,
    pub cluster: String,
    pub repository: String,
}

impl Request {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Backup(_) => "backup",
            Self::Restore(_) => "restore",
            Self::Clear(_) => "clear",
            Self::Verify(_) => "verify",
        }
    }

    pub fn is_dry_run(&self) -> bool {
        match self {
            Self::Backup(request) => request.dry_run,
            Self::Restore(request) => request.dry_run,
            Self::Clear(request) => request.dry_run,
            // It never changes anything, and does all it was asked for.
            Self::Verify(_) => false,
        }
    }

    /// The backup it makes or reads, if it is known before the job runs.
    pub fn backup_id(&self) -> Option<String> {
        match self {
            Self::Backup(request) => request.backup_id.as_ref().map(ToString::to_string),
            Self::Restore(request) => Some(request.backup_id.to_string()),
            Self::Verify(request) => Some(request.backup_id.to_string()),
            Self::Clear(_) => None,
        }
    }
}
