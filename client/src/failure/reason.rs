//! What each reason of the contract means for the exit code, and what to do about it.

use selvedge_proto::v1::FailureReason::{self, *};

use crate::ExitCode;

/// No `_` arm: a new reason must be given its exit code here.
pub fn exit(reason: FailureReason) -> ExitCode {
    match reason {
        InvalidRequest => ExitCode::Usage,

        CollectionExists
        | BackupExists
        | RequestIdReused
        | CollectionBusy
        | ConfirmationRequired
        | CollectionUnsupported
        | TenantInactive
        | WeaviatePermissionDenied
        | TooManyJobs
        | ReferenceTargetMissing => ExitCode::Refused,

        ObjectsRefused | BackupIncomplete | RestoreIncomplete => ExitCode::Partial,

        BackupCorrupt | BackupFormatUnknown | CountMismatch | ContentMismatch | DifferencesFound => {
            ExitCode::Integrity
        }

        Unspecified
        | CollectionNotFound
        | TenantNotFound
        | BackupNotFound
        | JobNotFound
        | ClusterUnknown
        | RepositoryUnknown
        | WeaviateUnreachable
        | WeaviateUnauthenticated
        | WeaviateVersionUnsupported
        | WeaviateRefused
        | ShardsUnavailable
        | WeaviateOverloaded
        | WeaviateUnintelligible
        | SchemaChanged
        | SchemaMismatch
        | RepositoryUnavailable
        | RepositoryFull
        | Cancelled
        | ServerStopped
        | Internal => ExitCode::Failed,
    }
}

/// What to do where the server says nothing; empty if nothing can be said.
pub fn hint(reason: FailureReason) -> &'static str {
    match reason {
        CollectionNotFound => {
            "`selvedge collections` lists what is on the cluster, `selvedge show BACKUP` what is in a backup"
        }
        BackupNotFound => "`selvedge list` lists the backups of the repository",
        JobNotFound => "`selvedge jobs list` lists the jobs that the server knows",
        CollectionExists => "restore it under another name with --rename Old=New",
        BackupExists => "choose another id with --id, or leave it out",
        CollectionBusy => "wait for the other job, or cancel it: `selvedge jobs list --active`",
        ConfirmationRequired => "repeat the command with --yes if that is what you want",
        WeaviateUnreachable => {
            "start Weaviate, or correct its address in the configuration of selvedge-server"
        }
        WeaviateUnauthenticated => "correct the API key in the configuration of selvedge-server",
        WeaviatePermissionDenied => "give the key of selvedge-server the permission on Weaviate",
        ShardsUnavailable => "bring the missing nodes of Weaviate back and run the command again",
        WeaviateOverloaded | SchemaChanged | ServerStopped => "run the command again",
        BackupFormatUnknown => "use a version of Selvedge that is as new as the one that wrote the backup",
        RepositoryFull => "make room in the repository and run the command again",
        TooManyJobs => "wait until one of the running jobs has ended: `selvedge jobs list --active`",
        BackupIncomplete => {
            "the warnings say what is missing; `selvedge show BACKUP` shows what the backup covers"
        }
        RestoreIncomplete => "the warnings say what could not be brought back",
        ContentMismatch => "`selvedge verify BACKUP --against-live` names what differs",
        DifferencesFound => {
            "restore the collections that differ, or look at the findings again: `selvedge jobs show ID`"
        }
        ReferenceTargetMissing => {
            "restore the collection it points to as well, or leave references out with --without-references"
        }
        Unspecified
        | InvalidRequest
        | TenantNotFound
        | ClusterUnknown
        | RepositoryUnknown
        | RequestIdReused
        | CollectionUnsupported
        | TenantInactive
        | WeaviateVersionUnsupported
        | WeaviateRefused
        | WeaviateUnintelligible
        | SchemaMismatch
        | CountMismatch
        | ObjectsRefused
        | BackupCorrupt
        | RepositoryUnavailable
        | Cancelled
        | Internal => "",
    }
}
