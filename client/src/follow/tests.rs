use selvedge_proto::v1::{FailureReason, Job, JobKind, JobPhase, JobState};
use tonic::Code;

use crate::ExitCode;
use crate::scripted::{Ran, Step, User, example, reset, run, run_into, snapshot, status};

fn ended_badly(job: Job) -> Vec<Step> {
    let reason = job.failure.as_ref().map(|failure| failure.reason()).unwrap_or_default();
    vec![
        Step::Job(example::running()),
        Step::Job(job),
        Step::Status(status(Code::Aborted, reason, "not to be shown")),
    ]
}

fn shown(ran: &Ran) -> String {
    format!("exit {}\n-- stdout\n{}-- stderr\n{}", ran.exit.code(), ran.out, ran.err)
}

#[tokio::test]
async fn a_backup_that_succeeds() {
    let answer = vec![Step::Job(example::running()), Step::Job(example::succeeded())];
    snapshot("run_backup", shown(&run("backup", [answer], User::default()).await));
}

#[tokio::test]
async fn a_restore_that_is_partial() {
    let ran = run("restore 20261123-160000-0a1b", [ended_badly(example::partial())], User::default()).await;
    assert!(!shown(&ran).contains("succe"));
    snapshot("run_restore_partial", shown(&ran));
}

#[tokio::test]
async fn a_backup_that_is_intact() {
    let checking = Job { state: JobState::Running.into(), end_time: None, ..example::verified() };
    let answer = vec![Step::Job(checking), Step::Job(example::verified())];
    snapshot("run_verify", shown(&run("verify 20261123-160000-0a1b", [answer], User::default()).await));
}

#[tokio::test]
async fn findings_are_the_result_of_a_comparison_that_fails() {
    let line = "verify 20261123-160000-0a1b --against-live --no-progress";
    let ran = run(line, [ended_badly(example::differing())], User::default()).await;
    snapshot("run_verify_differing", shown(&ran));
    let json = run(&format!("{line} --json"), [ended_badly(example::differing())], User::default()).await;
    assert_eq!(json.exit, ExitCode::Integrity);
    let summary: serde_json::Value =
        serde_json::from_str(json.out.lines().next().expect("a line")).expect("JSON");
    assert_eq!(summary["findings"][0]["kind"], "object_changed");
    assert_eq!(summary["findings_total"], 7);
}

#[tokio::test]
async fn a_job_that_fails_is_told_as_the_job_tells_it() {
    let job =
        example::failed(FailureReason::BackupCorrupt, "file 3 is truncated", "restore from another backup");
    snapshot(
        "run_restore_failed",
        shown(&run("restore b1 --quiet", [ended_badly(job)], User::default()).await),
    );
}

#[tokio::test]
async fn a_job_without_words_is_explained_by_its_status() {
    let job = Job { state: JobState::Failed.into(), failure: None, ..example::running() };
    let why = status(Code::DataLoss, FailureReason::BackupCorrupt, "file 3 is truncated");
    let ran = run("restore b1", [vec![Step::Job(job), Step::Status(why)]], User::default()).await;
    assert_eq!(ran.exit, ExitCode::Integrity);
    assert!(ran.err.contains("error: file 3 is truncated"), "{}", ran.err);
}

#[tokio::test]
async fn json_lines_end_with_summary_and_error() {
    let ran = run("restore b1 --json", [ended_badly(example::partial())], User::default()).await;
    let types = ran.out.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        format!("{} state={} exit_code={}", line["message_type"], line["state"], line["exit_code"])
    });
    snapshot("run_json", types.collect::<Vec<_>>().join("\n"));
}

#[tokio::test]
async fn detached_it_only_started() {
    let ran =
        run("backup --detach", [vec![Step::Job(example::running()), Step::Hang]], User::default()).await;
    assert_eq!(ran.exit, ExitCode::Done);
    assert_eq!(ran.out, "0193-0001\n");
    assert_eq!(ran.err, "started; watch it with `selvedge jobs watch 0193-0001`\n");
}

#[tokio::test]
async fn detached_it_still_tells_a_failure_that_came_at_once() {
    let job = example::failed(FailureReason::CollectionBusy, "job 7 holds Article", "");
    let ran = run("backup --detach", [vec![Step::Job(job)]], User::default()).await;
    assert_eq!(ran.exit, ExitCode::Refused);
    assert!(ran.out.is_empty() && !ran.err.contains("started"), "{}{}", ran.out, ran.err);
}

#[tokio::test]
async fn detached_it_still_tells_what_is_refused() {
    let planning = Job { phase: JobPhase::Planning.into(), ..example::running() };
    let failed = example::failed(FailureReason::CollectionNotFound, "no collection \"Artikel\"", "");
    let refused = Job { state: JobState::Refused.into(), ..failed };
    let why = status(Code::NotFound, FailureReason::CollectionNotFound, "no collection \"Artikel\"");
    let answer = vec![Step::Job(planning), Step::Job(refused), Step::Status(why)];
    let ran = run("backup Artikel --detach", [answer], User::default()).await;
    assert_eq!(ran.exit, ExitCode::NotFound);
    assert!(
        ran.err.contains("error: no collection \"Artikel\"") && ran.out.is_empty(),
        "{}{}",
        ran.out,
        ran.err
    );
    // What fails later is found in the list of jobs.
    let failed = example::failed(FailureReason::WeaviateUnreachable, "Weaviate is gone", "");
    let answer = vec![Step::Job(example::running()), Step::Job(failed)];
    let ran = run("backup --detach", [answer], User::default()).await;
    assert_eq!(ran.exit, ExitCode::Done);
    assert_eq!(ran.out, "0193-0001\n");
}

#[tokio::test]
async fn a_broken_stream_is_attached_to_again() {
    let answers = [
        vec![Step::Job(example::running()), reset()],
        vec![reset()],
        // A stream that ends too early, though in peace.
        vec![Step::Job(example::running())],
        vec![Step::Job(example::succeeded())],
    ];
    let ran = run("backup", answers, User::default()).await;
    assert_eq!(ran.exit, ExitCode::Done);
    assert_eq!(ran.calls[1..], ["watch 0193-0001"; 3]);
    assert!(ran.err.contains("lost the connection to URL; trying again"), "{}", ran.err);
}

#[tokio::test]
async fn a_start_without_an_answer_is_repeated_with_its_request_id() {
    let ran = run("backup", [vec![reset()], vec![Step::Job(example::succeeded())]], User::default()).await;
    assert_eq!(ran.exit, ExitCode::Done);
    assert_eq!(ran.calls.len(), 2);
    assert_eq!(ran.calls[0], ran.calls[1]);
    assert!(ran.calls[0].len() > 20, "{}", ran.calls[0]);
}

#[tokio::test]
async fn a_server_that_forgot_the_job_is_told_of() {
    let gone = vec![Step::Status(status(Code::NotFound, FailureReason::JobNotFound, "no job"))];
    let ran = run("backup", [vec![Step::Job(example::running()), reset()], gone], User::default()).await;
    assert_eq!(ran.exit, ExitCode::NotFound);
    assert!(ran.err.contains("the server does not know job 0193-0001 any more"), "{}", ran.err);
}

#[tokio::test]
async fn after_a_restart_of_the_server_the_job_can_be_resumed() {
    let stopped = ended_badly(example::interrupted()).split_off(1);
    let ran = run("backup", [vec![Step::Job(example::running()), reset()], stopped], User::default()).await;
    assert_eq!(ran.exit, ExitCode::Unavailable);
    assert!(ran.err.contains("next: `selvedge jobs resume 0193-0001` goes on with it"), "{}", ran.err);
}

#[tokio::test]
async fn a_resumed_job_is_followed_like_any_other() {
    let answers =
        [vec![reset()], vec![Step::Job(example::running()), reset()], vec![Step::Job(example::succeeded())]];
    let ran = run("jobs resume 0193-0001", answers, User::default()).await;
    assert_eq!(ran.exit, ExitCode::Done);
    assert_eq!(ran.calls, ["resume 0193-0001", "resume 0193-0001", "watch 0193-0001"]);
    let detached = [vec![Step::Job(example::running()), Step::Hang]];
    let ran = run("jobs resume 0193-0001 --detach", detached, User::default()).await;
    assert_eq!(ran.out, "0193-0001\n");
}

#[tokio::test]
async fn a_job_that_cannot_be_resumed_is_a_refusal() {
    let refusal = status(Code::FailedPrecondition, FailureReason::JobNotResumable, "job 0193-0001 succeeded");
    let ran = run("jobs resume 0193-0001", [vec![Step::Status(refusal)]], User::default()).await;
    assert_eq!(ran.exit, ExitCode::Refused);
    let hint = "next: see what the job is about, and start it anew: `selvedge jobs show 0193-0001`";
    assert!(ran.err.contains(hint), "{}", ran.err);
}

#[tokio::test(start_paused = true)]
async fn of_a_server_that_stays_away_nothing_is_claimed() {
    let lost = || vec![reset()];
    let answers = [vec![Step::Job(example::running()), reset()], lost(), lost(), lost(), lost(), lost()];
    let ran = run("backup", answers, User::default()).await;
    assert_eq!(ran.exit, ExitCode::Unreachable);
    assert!(ran.err.contains("job 0193-0001 may have been interrupted with the server"), "{}", ran.err);
    assert!(ran.err.contains("`selvedge jobs resume 0193-0001` goes on with it"), "{}", ran.err);
    assert!(!ran.err.contains("runs on;"), "{}", ran.err);
}

#[tokio::test]
async fn an_interrupted_job_runs_on() {
    let user = User { interrupts_after: Some(300), ..User::default() };
    let ran = run("backup", [vec![Step::Job(example::running()), Step::Hang]], user).await;
    snapshot("run_interrupted", shown(&ran));
}

#[tokio::test]
async fn a_refused_call_is_not_repeated() {
    let refusal =
        status(Code::NotFound, FailureReason::CollectionNotFound, "no collection Artikel\nnext: try Article");
    let ran = run("backup Artikel", [vec![Step::Status(refusal)]], User::default()).await;
    snapshot("run_refused", shown(&ran));
}

#[tokio::test]
async fn without_a_server_it_says_how_to_start_one() {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args =
        clap::Parser::try_parse_from(["selvedge", "list", "--server", "http://127.0.0.1:1"]).expect("parses");
    let exit = crate::run(args, &mut crate::Terminal::new(&mut out, &mut err)).await;
    assert_eq!(exit, ExitCode::Unreachable);
    snapshot("run_without_server", String::from_utf8_lossy(&err));
}

#[tokio::test]
async fn clear_without_a_terminal_shows_the_plan() {
    let ran = run("clear Article Author", [ended_badly(example::unconfirmed())], User::default()).await;
    snapshot("run_clear_unconfirmed", shown(&ran));
    assert_eq!(ran.requests.clears.len(), 1);
    assert!(ran.requests.clears[0].confirm.is_empty());
}

#[tokio::test]
async fn clear_asks_for_the_names() {
    let user = User { types: Some("Author, Article\n"), ..User::default() };
    let cleared = Job { kind: JobKind::Clear.into(), ..example::succeeded() };
    let answers = [ended_badly(example::unconfirmed()), vec![Step::Job(cleared)]];
    let ran = run("clear Article Author", answers, user).await;
    assert_eq!(ran.exit, ExitCode::Done);
    assert_eq!(ran.requests.clears[1].confirm, ["Article", "Author"]);
    assert_ne!(ran.requests.clears[0].request_id, ran.requests.clears[1].request_id);
    snapshot("run_clear_confirmed", shown(&ran));
}

#[tokio::test]
async fn clear_takes_no_other_answer() {
    for types in ["yes\n", "Article\n", ""] {
        let user = User { types: Some(types), ..User::default() };
        let ran = run("clear Article Author", [ended_badly(example::unconfirmed())], user).await;
        assert_eq!(ran.exit, ExitCode::Refused);
        assert!(ran.err.contains("nothing was changed"), "{}", ran.err);
        assert_eq!(ran.requests.clears.len(), 1);
    }
}

#[tokio::test]
async fn clear_with_yes_confirms_at_once() {
    let ran =
        run("clear Article --yes --detach", [vec![Step::Job(example::running())]], User::default()).await;
    assert_eq!(ran.exit, ExitCode::Done);
    assert_eq!(ran.requests.clears[0].confirm, ["Article"]);
}

#[tokio::test]
async fn jobs_are_listed_over_pages_and_cancelled() {
    let listed = run("jobs list --json", [], User::default()).await;
    assert_eq!(listed.out.lines().count(), 2);
    let cancelled = run("jobs cancel 0193-0001", [], User::default()).await;
    assert_eq!(
        cancelled.out,
        "asked job 0193-0001 to stop; `selvedge jobs watch 0193-0001` shows when it has\n"
    );
}

#[tokio::test]
async fn a_reader_that_leaves_ends_the_watching_but_not_the_job() {
    struct Closed;
    impl std::io::Write for Closed {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let ran = run_into(
        &mut Closed,
        "backup --json",
        [vec![Step::Job(example::running()), Step::Hang]],
        User::default(),
    )
    .await;
    assert_eq!(ran.exit, ExitCode::Interrupted);
    let text = "interrupted: nobody reads the output; job 0193-0001 runs on\nnext: watch it with `selvedge jobs watch 0193-0001`\n";
    assert_eq!(ran.err, text);
}

#[tokio::test]
async fn json_stays_json_whatever_names_hold() {
    let job = Job { summary: "a\u{9b}2J\u{1b}[2J\"".to_owned(), ..example::succeeded() };
    let ran = run("backup --json", [vec![Step::Job(job.clone())]], User::default()).await;
    let line: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(line["summary"], job.summary);
}
