//! What to type next. The server's hints are for every caller and know nothing of this command line.

use selvedge_proto::v1::FailureReason::{self, *};
use selvedge_proto::v1::JobKind;

use super::{Asked, reason};

/// What this command line adds to a hint.
enum Advice {
    /// Options or commands by which the hint is followed.
    Type(String),
    /// Something more, as a clause of its own.
    Say(String),
    Nothing,
}

/// Between a hint and a clause of its own.
const SAY: &str = "; ";

/// The hint as it is shown: the server's, or ours where it has none, and what to type. May be empty.
pub fn next(reason: FailureReason, message: &str, hint: &str, asked: &Asked) -> String {
    let text = told(reason, message, hint, asked);
    let Some(resumption) = asked.resumption() else { return text };
    if text.is_empty() { resumption } else { format!("{text}; {resumption}") }
}

fn told(reason: FailureReason, message: &str, hint: &str, asked: &Asked) -> String {
    let hint = match reason {
        _ if !hint.is_empty() => hint,
        // To begin anew is no advice where nothing but time was missing and the job can go on.
        ServerStopped | WeaviateOverloaded if asked.resumable => "",
        _ => reason::hint(reason),
    };
    let (joint, text) = match advice(reason, message, hint, asked) {
        Advice::Nothing => return hint.to_owned(),
        Advice::Type(text) => (": ", text),
        Advice::Say(text) => (SAY, text),
    };
    match hint {
        "" => text,
        question if question.ends_with('?') && joint == SAY => format!("{question} {text}"),
        question if question.ends_with('?') => format!("{question} Or: {text}"),
        _ => format!("{hint}{joint}{text}"),
    }
}

/// No `_` arm: a new reason must be given its advice here, or none.
fn advice(reason: FailureReason, message: &str, hint: &str, asked: &Asked) -> Advice {
    match reason {
        CollectionNotFound
        | TenantNotFound
        | TenantInactive
        | CollectionUnsupported
        | ReferenceTargetMissing => about_selection(reason, hint, asked),

        BackupNotFound => match near(hint) {
            Some(near) => Advice::Say(format!("`selvedge show {near}` shows it")),
            None => typed("`selvedge list`"),
        },
        JobNotFound => match near(hint) {
            Some(near) => Advice::Say(format!("`selvedge jobs show {near}` shows it")),
            None => typed("`selvedge jobs list`"),
        },
        CallerUnknown => typed("--token-file FILE, SELVEDGE_TOKEN"),
        ClusterUnknown => typed("--cluster NAME"),
        RepositoryUnknown => typed("--repository NAME"),
        // Of several remedies only the hint knows which one helps.
        CollectionExists if hint.contains("partial") => typed("--allow-partial"),
        CollectionExists if hint.contains("behind the alias") => {
            typed("--rename Old=New, --behind-alias ALIAS")
        }
        CollectionExists if hint.contains("tenants") => typed("--if-exists merge"),
        CollectionExists if asked.kind == JobKind::Copy => typed("--rename Old=New, --if-exists replace"),
        CollectionExists => typed("--rename Old=New, --if-exists merge"),
        ObjectConflict => typed("--on-conflict skip, --on-conflict overwrite"),
        BackupExists => Advice::Say(format!(
            "--id gives another one, and `selvedge show {}` shows what is committed under this one",
            asked.backup()
        )),
        CollectionBusy => {
            let job = job_in(message).unwrap_or("JOB");
            Advice::Type(format!("--wait TIME, `selvedge jobs watch {job}`, `selvedge jobs cancel {job}`"))
        }
        ConfirmationRequired => typed("--yes"),
        TooManyJobs => said(
            "--wait TIME does it, `selvedge jobs list --active` shows them, `selvedge-server --max-jobs N` runs more at once",
        ),

        WeaviateUnreachable => typed("`selvedge-server --weaviate-url URL --weaviate-grpc-url URL`"),
        WeaviateUnauthenticated => {
            typed("`selvedge-server --weaviate-api-key-file FILE`, or WEAVIATE_API_KEY in its environment")
        }
        RepositoryNotFound => typed("`selvedge-server init --repository URL`"),

        BackupIncomplete => {
            Advice::Say(format!("`selvedge show {}` shows what the backup covers", asked.backup()))
        }
        CountMismatch | ContentMismatch if asked.kind == JobKind::Restore => {
            Advice::Say(format!("{} names what differs", asked.comparison()))
        }
        ObjectsRefused if asked.kind == JobKind::Restore => {
            Advice::Say(format!("`selvedge jobs failures {}` lists them", asked.job()))
        }
        DifferencesFound | JobNotResumable => Advice::Type(format!("`selvedge jobs show {}`", asked.job())),
        JobSuperseded => Advice::Say(format!("`selvedge jobs watch {}` shows it", asked.job())),

        Unspecified
        | InvalidRequest
        | RequestIdReused
        | WeaviatePermissionDenied
        | WeaviateVersionUnsupported
        | WeaviateRefused
        | WeaviateOverloaded
        | WeaviateUnintelligible
        | ShardsUnavailable
        | SchemaChanged
        | SchemaMismatch
        | CountMismatch
        | ContentMismatch
        | ObjectsRefused
        | RestoreIncomplete
        | BackupCorrupt
        | BackupFormatUnknown
        | RepositoryUnavailable
        | RepositoryFull
        | Cancelled
        | ServerStopped
        | BackupHeld
        | BackupInUse
        | CallerNotAllowed
        | KeyMissing
        | Internal => Advice::Nothing,
    }
}

/// The other job, which is named in the message, and nowhere else.
fn job_in(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once(" job ")?;
    let id = rest.split([' ', ':', ',', ';']).next()?;
    uuid::Uuid::try_parse(id).is_ok().then_some(id)
}

/// What the server takes to be meant, if it asks.
fn near(hint: &str) -> Option<&str> {
    Some(hint.split_once("did you mean \"")?.1.split_once("\"?")?.0)
}

/// Of collections and tenants the commands can choose, each in its own way.
fn about_selection(reason: FailureReason, hint: &str, asked: &Asked) -> Advice {
    let backup = asked.backup();
    match (reason, asked.kind) {
        (CollectionNotFound, JobKind::Restore) => Advice::Type(format!("`selvedge show {backup}`")),
        (CollectionNotFound, JobKind::Verify) => {
            Advice::Type(format!("`selvedge show {backup}`, `selvedge collections`"))
        }
        (CollectionNotFound, _) => typed("`selvedge collections`"),
        (TenantNotFound, JobKind::Backup | JobKind::Restore) => typed("--tenant NAME, --exclude COLLECTION"),
        (TenantInactive, JobKind::Backup) => typed("--inactive-tenants activate, --tenant NAME"),
        (TenantNotFound, JobKind::Clear) | (TenantInactive, JobKind::Restore | JobKind::Clear) => {
            typed("--tenant NAME")
        }
        (ReferenceTargetMissing, JobKind::Restore) => typed("--without-references"),
        (ReferenceTargetMissing, JobKind::Verify) => {
            Advice::Type(format!("`selvedge restore {backup} --without-references`"))
        }
        // Of several remedies only the hint knows which one helps.
        (CollectionUnsupported, JobKind::Restore) if hint.contains("vectorizer") => {
            typed("--set vectorizer=none")
        }
        (CollectionUnsupported, JobKind::Verify) if hint.contains("vectorizer") => {
            Advice::Type(format!("`selvedge restore {backup} --set vectorizer=none`"))
        }
        (CollectionUnsupported, JobKind::Backup | JobKind::Restore | JobKind::Verify) => {
            typed("--exclude NAME")
        }
        _ => Advice::Nothing,
    }
}

fn typed(text: &str) -> Advice {
    Advice::Type(text.to_owned())
}

fn said(text: &str) -> Advice {
    Advice::Say(text.to_owned())
}
