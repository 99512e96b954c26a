use selvedge_proto::v1::{JobKind, RemarkReason};

use super::*;
use crate::scripted::{self, example, snapshot};

fn shown(failure: &Failure) -> String {
    let hint = if failure.hint.is_empty() { String::new() } else { format!("\n  next: {}", failure.hint) };
    format!("{} {}{hint}", failure.exit.code(), failure.message)
}

#[test]
fn every_reason_of_a_job() {
    let reasons = (0..).map_while(|number| FailureReason::try_from(number).ok());
    let text: Vec<_> =
        reasons.map(|reason| shown(&Failure::of_job(&example::failed(reason, reason.id(), "")))).collect();
    snapshot("failures_of_jobs", text.join("\n"));
}

/// As the table of `--help` and of the README has it.
#[test]
fn the_exit_code_says_what_to_do() {
    use FailureReason::*;
    let table: [(ExitCode, &[FailureReason]); 8] = [
        (ExitCode::Usage, &[InvalidRequest]),
        (
            ExitCode::Refused,
            &[
                CollectionExists,
                ObjectConflict,
                BackupExists,
                RequestIdReused,
                CollectionBusy,
                ConfirmationRequired,
                CollectionUnsupported,
                TenantInactive,
                WeaviatePermissionDenied,
                TooManyJobs,
                ReferenceTargetMissing,
                JobNotResumable,
                BackupHeld,
                BackupInUse,
                CallerUnknown,
                CallerNotAllowed,
                KeyMissing,
            ],
        ),
        (ExitCode::Partial, &[ObjectsRefused, BackupIncomplete, RestoreIncomplete]),
        (
            ExitCode::Integrity,
            &[BackupCorrupt, BackupFormatUnknown, CountMismatch, ContentMismatch, DifferencesFound],
        ),
        (
            ExitCode::NotFound,
            &[
                CollectionNotFound,
                TenantNotFound,
                BackupNotFound,
                JobNotFound,
                ClusterUnknown,
                RepositoryUnknown,
            ],
        ),
        (
            ExitCode::Unavailable,
            &[
                WeaviateUnreachable,
                WeaviateOverloaded,
                ShardsUnavailable,
                RepositoryNotFound,
                RepositoryUnavailable,
                ServerStopped,
            ],
        ),
        (ExitCode::Full, &[RepositoryFull]),
        (
            ExitCode::Failed,
            &[
                Unspecified,
                WeaviateUnauthenticated,
                WeaviateVersionUnsupported,
                WeaviateRefused,
                WeaviateUnintelligible,
                SchemaChanged,
                SchemaMismatch,
                Cancelled,
                JobSuperseded,
                Internal,
            ],
        ),
    ];
    for reason in (0..).map_while(|number| FailureReason::try_from(number).ok()) {
        let listed = table.iter().filter(|(_, reasons)| reasons.contains(&reason));
        let listed: Vec<_> = listed.map(|(exit, _)| *exit).collect();
        let job = example::failed(reason, "", "");
        assert_eq!(listed, [Failure::of_job(&job).exit], "{}", reason.id());
    }
}

#[test]
fn state_and_reason_decide_together() {
    let failed = example::failed(FailureReason::TenantInactive, "3 tenants are not active", "wake them");
    assert_eq!(Failure::of_job(&failed).exit, ExitCode::Refused);
    assert_eq!(Failure::of_job(&failed).hint, "wake them: --inactive-tenants activate, --tenant NAME");
    let partial = Job { state: JobState::Partial.into(), ..failed.clone() };
    assert_eq!(Failure::of_job(&partial).exit, ExitCode::Partial);
    let unexplained = Job { failure: None, ..partial };
    assert_eq!(Failure::of_job(&unexplained).exit, ExitCode::Partial);
    let corrupt = example::failed(FailureReason::CountMismatch, "", "");
    assert_eq!(
        Failure::of_job(&Job { state: JobState::Partial.into(), ..corrupt }).exit,
        ExitCode::Integrity
    );
    let interrupted = Job { state: JobState::Interrupted.into(), failure: None, ..failed };
    assert_eq!(shown(&Failure::of_job(&interrupted)), "1 job 0193-0001 ended interrupted");
}

#[test]
fn a_job_that_can_be_resumed_is_not_begun_anew() {
    let hint = |job: Job| Failure::of_job(&Job { resumable: true, ..job }).hint;
    let failed = |reason, hint: &str| example::failed(reason, "", hint);
    let resumption = "`selvedge jobs resume 0193-0001` goes on with it";
    for reason in [FailureReason::ServerStopped, FailureReason::WeaviateOverloaded, FailureReason::Cancelled]
    {
        assert_eq!(hint(failed(reason, "")), resumption);
    }
    let full = hint(failed(FailureReason::RepositoryFull, "make room"));
    assert_eq!(full, format!("make room; {resumption}"));
    let interrupted = Job { state: JobState::Interrupted.into(), ..example::running() };
    assert_eq!(hint(interrupted), resumption);
}

#[test]
fn statuses() {
    let ours = |reason, text| scripted::status(Code::NotFound, reason, text);
    let statuses = [
        ours(FailureReason::BackupNotFound, "no backup b1"),
        ours(FailureReason::InvalidRequest, "backup_id is not valid\nnext: use a-z, 0-9, - and _"),
        Status::unavailable("connection reset"),
        Status::unimplemented(""),
        Status::unauthenticated("no token"),
    ];
    let text = statuses.map(|status| shown(&Failure::of_status(&status, "http://server", &Asked::default())));
    snapshot("failures_of_calls", text.join("\n"));
}

#[test]
fn the_server_says_what_to_do_and_the_client_what_to_type() {
    let told = |kind: JobKind, reason, hint: &str| {
        let mut job = Job { kind: kind.into(), ..example::failed(reason, "", hint) };
        job.backup_id = "b1".to_owned();
        job.collections[0].target = "Copy".to_owned();
        Failure::of_job(&job).hint
    };
    use FailureReason::*;
    use JobKind::{Backup, Restore, Verify};
    let near = "did you mean \"Article\"?";
    for (kind, reason, hint, expected) in [
        (
            Restore,
            CollectionExists,
            "restore under another name, or delete the collection first",
            "restore under another name, or delete the collection first: --rename Old=New, --if-exists merge",
        ),
        (Backup, CollectionNotFound, near, "did you mean \"Article\"? Or: `selvedge collections`"),
        (
            Restore,
            BackupNotFound,
            "did you mean \"first\"?",
            "did you mean \"first\"? `selvedge show first` shows it",
        ),
        (Restore, CollectionNotFound, "see what it has", "see what it has: `selvedge show b1`"),
        (
            Restore,
            CollectionUnsupported,
            "restore it with another vectorizer",
            "restore it with another vectorizer: --set vectorizer=none",
        ),
        (Restore, CollectionUnsupported, "mend it", "mend it: --exclude NAME"),
        (
            Backup,
            RepositoryNotFound,
            "mount it; a new repository has to be made on purpose",
            "mount it; a new repository has to be made on purpose: `selvedge-server init --repository URL`",
        ),
        (Backup, RepositoryUnavailable, "mount it writable", "mount it writable"),
        (
            Verify,
            DifferencesFound,
            "the job keeps the findings",
            "the job keeps the findings: `selvedge jobs show 0193-0001`",
        ),
        (
            Verify,
            ReferenceTargetMissing,
            "leave references out",
            "leave references out: `selvedge restore b1 --without-references`",
        ),
        (
            Restore,
            ContentMismatch,
            "restore again",
            "restore again; `selvedge verify b1 --against-live --rename Article=Copy` names what differs",
        ),
    ] {
        assert_eq!(told(kind, reason, hint), expected);
    }
}

#[test]
fn a_reason_from_the_future_is_kept() {
    let details = tonic_types::ErrorDetails::with_error_info("MOON_IS_FULL", ERROR_DOMAIN, []);
    let status = Status::with_error_details(Code::Aborted, "the moon is full", details);
    let failure = Failure::of_status(&status, "http://server", &Asked::default());
    assert_eq!(failure.exit, ExitCode::Failed);
    assert_eq!(failure.reason.as_deref(), Some("MOON_IS_FULL"));
}

#[test]
fn the_same_text_of_another_domain_is_not_ours() {
    let details = tonic_types::ErrorDetails::with_error_info("BACKUP_CORRUPT", "example.org", []);
    let status = Status::with_error_details(Code::DataLoss, "", details);
    assert_eq!(Failure::of_status(&status, "http://server", &Asked::default()).exit, ExitCode::Unreachable);
}

#[test]
fn every_reason_has_its_paragraph() {
    let page = include_str!("../../../docs/errors.md");
    for reason in (1..).map_while(|number| FailureReason::try_from(number).ok()) {
        let code = reason::exit(reason).code();
        let (_, rest) =
            page.split_once(&format!("\n### {}\n", reason.id())).unwrap_or_else(|| panic!("{}", reason.id()));
        let paragraph = rest.split("\n### ").next().unwrap_or_default();
        assert!(paragraph.contains(&format!("xit code {code}")), "{}: exit {code}", reason.id());
    }
    for reason in (1..).map_while(|number| RemarkReason::try_from(number).ok()) {
        let word = words::remark_reason(reason);
        assert!(page.contains(&format!("`{word}`")), "{word}");
    }
}

#[test]
fn the_job_that_is_in_the_way_is_named_in_the_hint() {
    let message = "collection \"A\" is in use by job 01a215a1-8bac-7322-b003-62387abf12ae (clear A)";
    let busy = Failure::of_job(&example::failed(FailureReason::CollectionBusy, message, ""));
    assert!(busy.hint.contains("selvedge jobs watch 01a215a1-8bac-7322-b003-62387abf12ae`"), "{}", busy.hint);
}

#[test]
fn a_connection_that_there_is_not_is_explained() {
    let next = |url: &str, cause: &str| Failure::unreachable(url, &std::io::Error::other(cause)).hint;
    let https = "https://backups.example.org";
    for (url, cause, told) in [
        (https, "invalid peer certificate: UnknownIssuer", "--ca-file"),
        (https, "certificate not valid for name \"localhost\"", "a name that its certificate has"),
        (https, "received corrupt message of type InvalidContentType", "say http://"),
        ("http://localhost:50071", "transport error", "say https://"),
        ("http://localhost:50071", "Connection refused (os error 111)", "start it"),
    ] {
        assert!(next(url, cause).contains(told), "{cause}: {}", next(url, cause));
    }
}
