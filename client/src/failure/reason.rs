//! What each reason of the contract means for the exit code, and what to do about it in general.

use selvedge_proto::v1::FailureReason::{self, *};

use crate::ExitCode;

/// No `_` arm: a new reason must be given its exit code here.
pub fn exit(reason: FailureReason) -> ExitCode {
    match reason {
        InvalidRequest => ExitCode::Usage,

        CollectionExists
        | ObjectConflict
        | BackupExists
        | RequestIdReused
        | CollectionBusy
        | ConfirmationRequired
        | CollectionUnsupported
        | TenantInactive
        | WeaviatePermissionDenied
        | TooManyJobs
        | ReferenceTargetMissing
        | JobNotResumable
        | BackupHeld
        | BackupInUse
        | CallerUnknown
        | CallerNotAllowed
        | KeyMissing => ExitCode::Refused,

        ObjectsRefused | BackupIncomplete | RestoreIncomplete => ExitCode::Partial,

        BackupCorrupt | BackupFormatUnknown | CountMismatch | ContentMismatch | DifferencesFound => {
            ExitCode::Integrity
        }

        CollectionNotFound | TenantNotFound | BackupNotFound | JobNotFound | ClusterUnknown
        | RepositoryUnknown => ExitCode::NotFound,

        // A repository whose place is empty is most often one that is not mounted: its name is right.
        WeaviateUnreachable
        | WeaviateOverloaded
        | ShardsUnavailable
        | RepositoryNotFound
        | RepositoryUnavailable
        | ServerStopped => ExitCode::Unavailable,

        RepositoryFull => ExitCode::Full,

        Unspecified
        | WeaviateUnauthenticated
        | WeaviateVersionUnsupported
        | WeaviateRefused
        | WeaviateUnintelligible
        | SchemaChanged
        | SchemaMismatch
        | Cancelled
        | JobSuperseded
        | Internal => ExitCode::Failed,
    }
}

/// What to do where the server says nothing, without the words of this command line; empty if nothing can be said.
pub fn hint(reason: FailureReason) -> &'static str {
    match reason {
        CollectionNotFound => "see what there is",
        TenantNotFound => "choose tenants that are there",
        BackupNotFound => "see which backups there are",
        JobNotFound => "see which jobs the server knows",
        ClusterUnknown | RepositoryUnknown => "choose one that the server is configured for",
        CollectionExists => "restore under another name, merge into the collection, or delete it first",
        ObjectConflict => "say what is to become of them",
        BackupExists => "choose another id, or leave it out",
        CollectionBusy => "wait for the other job, or cancel it",
        ConfirmationRequired => "confirm it if that is what you want",
        CollectionUnsupported => "leave the collection out",
        TenantInactive => "activate the tenants, or choose active ones",
        WeaviateUnreachable => "start Weaviate, or correct its address in the server's configuration",
        WeaviateUnauthenticated => "correct Weaviate's key in the server's configuration",
        WeaviatePermissionDenied => "give the server's key the permission on Weaviate",
        ShardsUnavailable => "bring the missing nodes of Weaviate back and run the command again",
        WeaviateOverloaded | SchemaChanged | ServerStopped => "run the command again",
        BackupFormatUnknown => "use a version of Selvedge that is as new as the one that wrote the backup",
        RepositoryNotFound => "mount it, or make a new one on purpose",
        RepositoryUnavailable => "check that the server may read and write there",
        RepositoryFull => "make room in the repository and run the command again",
        TooManyJobs => "wait until some of the jobs have ended",
        JobNotResumable => "see what the job is about, and start it anew",
        JobSuperseded => "watch the job: another server goes on with it",
        BackupIncomplete => "the warnings say what is missing",
        RestoreIncomplete => "the warnings say what could not be brought back",
        DifferencesFound => "restore what differs; the job keeps the findings",
        BackupHeld => "release it first, if it need not stay any more",
        BackupInUse => "wait for the job, or cancel it",
        CallerUnknown => "send a token that the server knows: --token-file, or SELVEDGE_TOKEN",
        KeyMissing => "let a server do it that has the identity or the passphrase",
        CallerNotAllowed => "call with a token whose role is enough",
        ReferenceTargetMissing => "restore the collection it points to as well, or leave references out",
        Unspecified
        | InvalidRequest
        | RequestIdReused
        | WeaviateVersionUnsupported
        | WeaviateRefused
        | WeaviateUnintelligible
        | SchemaMismatch
        | CountMismatch
        | ContentMismatch
        | ObjectsRefused
        | BackupCorrupt
        | Cancelled
        | Internal => "",
    }
}
