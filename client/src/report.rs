//! What is said about a job that has ended.

use selvedge_proto::v1::{CollectionState, Finding, Job, JobKind, JobState, Warning};

use crate::failure::Failure;
use crate::session::Session;
use crate::terminal::Label;
use crate::{format, json, plan, words};

/// So many warnings after the first of the same reason are only counted.
const FOLDED: usize = 3;

/// Prints the warnings, the findings and the result; anything but success is returned as the failure it is.
pub fn ended(job: &Job, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    if !session.options.quiet {
        for line in warnings(job) {
            session.terminal.say_labelled(Label::Warning, &line);
        }
    }
    if session.options.json {
        summary_line(job, session)?;
    } else {
        let room = session.terminal.out_width;
        for text in findings(job).into_iter().chain(result(job, room)) {
            session.terminal.print(&text)?;
        }
    }
    if job.state() == JobState::Succeeded { Ok(()) } else { Err(Failure::of_job(job)) }
}

/// With `--json`, the job as its summary.
pub fn summary_line(job: &Job, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    if session.options.json {
        session.print_json(&json::Message::Summary(json::Job::from(job)))?;
    }
    Ok(())
}

/// A line for each warning; many of one reason become one. What is missing comes last, next to the verdict.
fn warnings(job: &Job) -> Vec<String> {
    let (gaps, rest): (Vec<_>, Vec<_>) = job.warnings.iter().partition(|warning| warning.is_gap);
    let mut lines = folded(&rest, &job.id);
    lines.extend(folded(&gaps, &job.id));
    lines
}

fn folded(warnings: &[&Warning], job: &str) -> Vec<String> {
    let mut reasons: Vec<&str> = warnings.iter().map(|warning| warning.reason.as_str()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    let place = |reason: &&str| warnings.iter().position(|warning| warning.reason == *reason);
    reasons.sort_by_key(place);
    let mut lines = Vec::new();
    for reason in reasons {
        let alike: Vec<_> = warnings.iter().filter(|warning| warning.reason == reason).collect();
        match alike.as_slice() {
            [first, others @ ..] if others.len() >= FOLDED => {
                let more = format::count(others.iter().map(|other| other.count).sum());
                let text = warning(first);
                lines.push(format!("{text}; and {more} like it: `selvedge jobs show {job}` has all"));
            }
            few => lines.extend(few.iter().map(|one| warning(one))),
        }
    }
    lines
}

/// A warning with its samples.
pub fn warning(warning: &Warning) -> String {
    let mut details = Vec::new();
    if warning.count > 1 {
        details.push(format!("{} times", format::count(warning.count)));
    }
    if !warning.subjects.is_empty() {
        let more = if warning.count > warning.subjects.len() as u64 { ", …" } else { "" };
        details.push(subjects(warning).join(", ") + more);
    }
    if details.is_empty() {
        warning.text.clone()
    } else {
        format!("{} ({})", warning.text, details.join(": "))
    }
}

/// What it is about; of what left out nothing, the option that said it.
fn subjects(warning: &Warning) -> Vec<String> {
    let option = if warning.reason == "nothing_excluded" { "--exclude " } else { "" };
    warning.subjects.iter().map(|subject| format!("{option}{subject}")).collect()
}

/// A line for each finding, and one for those that were only counted.
pub fn findings(job: &Job) -> Vec<String> {
    let mut lines: Vec<String> = job.findings.iter().map(finding).collect();
    let more = job.findings_total.saturating_sub(lines.len() as u64);
    if more > 0 {
        lines.push(format!("… and {} more", format::count(more)));
    }
    lines
}

/// `object changed: Article/0f…: property "title"`
fn finding(finding: &Finding) -> String {
    let kind = words::finding_kind(finding.kind()).replace('_', " ");
    format!("{kind}: {}", finding.text.replace('\n', " "))
}

/// The result for a person: of a dry run the plan; `None` if the job left nothing behind.
fn result(job: &Job, room: Option<usize>) -> Option<String> {
    match job.state() {
        JobState::Succeeded | JobState::Partial if job.dry_run => {
            let plan = job.plan.as_ref().map(|plan| plan::render(plan, room)).unwrap_or_default();
            Some(format!("{plan}\ndry run: nothing was changed").trim_start().to_owned())
        }
        JobState::Succeeded => {
            let (subject, wholeness) = (subject(job), wholeness(job));
            Some(format!("{subject}{wholeness}: {}{}{}", totals(job), merges(job), backed_up(job)))
        }
        JobState::Partial => {
            Some(format!("partial {}: {}{}{}", subject(job), totals(job), merges(job), backed_up(job)))
        }
        JobState::Unspecified
        | JobState::Pending
        | JobState::Running
        | JobState::Cancelling
        | JobState::Failed
        | JobState::Cancelled
        | JobState::Interrupted
        | JobState::Refused => None,
    }
}

/// A line for each collection that was there before.
fn merges(job: &Job) -> String {
    let merges =
        job.collections.iter().filter_map(|collection| Some((&collection.target, collection.merge?)));
    merges.map(|(target, merge)| format!("\nmerged into {target}: {}", plan::merged(&merge))).collect()
}

/// What was destroyed can be had again.
fn backed_up(job: &Job) -> String {
    match job.first_backup_id.as_str() {
        "" => String::new(),
        id => format!("\nwhat was there before is in backup {id}; `selvedge undo {}` puts it back", job.id),
    }
}

fn subject(job: &Job) -> String {
    match job.kind() {
        JobKind::Backup => format!("backup {}", job.backup_id),
        JobKind::Restore => format!("restore of {}", job.backup_id),
        JobKind::Repair => format!("repair from {}", job.backup_id),
        JobKind::Copy => "copy".to_owned(),
        JobKind::Clear => "clear".to_owned(),
        JobKind::Verify if job.state() == JobState::Succeeded && job.against_live => {
            format!("cluster {} matches backup {}", job.cluster, job.backup_id)
        }
        JobKind::Verify if job.state() == JobState::Succeeded => {
            format!("backup {} is intact", job.backup_id)
        }
        JobKind::Verify => format!("verification of {}", job.backup_id),
        JobKind::Unspecified => format!("job {}", job.id),
    }
}

/// What is restored from a partial backup, or is one, is never told without a word of it.
fn wholeness(job: &Job) -> &'static str {
    let is_partial = job.warnings.iter().any(|warning| warning.reason == "backup_incomplete");
    match job.kind() {
        JobKind::Restore | JobKind::Verify if is_partial => {
            " (a partial backup: the warnings say what it lacks)"
        }
        _ => "",
    }
}

/// `3 collections, 12,345 objects, 45.2 MiB in 3.2 s`
fn totals(job: &Job) -> String {
    let progress = job.progress.unwrap_or_default();
    let all = job.collections.len() as u64;
    let done = job.collections.iter().filter(|collection| collection.state() == CollectionState::Done).count()
        as u64;
    let mut text = if done == all || job.state() == JobState::Succeeded {
        format::quantity(all, "collection")
    } else {
        format!("{} of {} whole", format::count(done), format::quantity(all, "collection"))
    };
    text += &format!(", {}", format::quantity(progress.objects_done, "object"));
    text += &match job.kind() {
        JobKind::Clear => " removed".to_owned(),
        JobKind::Verify if job.against_live => " compared".to_owned(),
        JobKind::Verify => format!(", {} checked", format::bytes(progress.bytes_read)),
        JobKind::Backup | JobKind::Restore | JobKind::Repair | JobKind::Copy | JobKind::Unspecified => {
            format!(", {}", format::bytes(progress.bytes_written))
        }
    };
    if progress.objects_refused > 0 {
        text += &format!(", {} refused", format::count(progress.objects_refused));
    }
    if let Some(seconds) = format::seconds_between(job.start_time.as_ref(), job.end_time.as_ref()) {
        text += &format!(" in {}", format::duration(seconds));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::{example, snapshot};

    #[test]
    fn results() {
        let of_kind =
            |kind: JobKind, job: Job| result(&Job { kind: kind.into(), ..job }, None).unwrap_or_default();
        let texts = [
            of_kind(JobKind::Backup, example::succeeded()),
            of_kind(JobKind::Restore, example::succeeded()),
            of_kind(JobKind::Restore, example::merged()),
            of_kind(JobKind::Clear, example::succeeded()),
            of_kind(JobKind::Restore, example::partial()),
            of_kind(JobKind::Verify, example::verified()),
            of_kind(JobKind::Verify, Job { state: JobState::Partial.into(), ..example::verified() }),
            of_kind(JobKind::Verify, Job { against_live: true, ..example::verified() }),
            of_kind(
                JobKind::Clear,
                Job { dry_run: true, plan: example::unconfirmed().plan, ..example::succeeded() },
            ),
            warning(&example::partial().warnings[0]),
            findings(&example::differing()).join("\n"),
        ];
        snapshot("results", texts.join("\n"));
    }

    #[test]
    fn an_option_without_effect_is_told_as_it_was_typed() {
        let idle = Warning {
            reason: "nothing_excluded".to_owned(),
            text: "there is no such collection".to_owned(),
            subjects: vec!["Z*".to_owned()],
            count: 1,
            is_gap: false,
        };
        assert_eq!(warning(&idle), "there is no such collection (--exclude Z*)");
    }

    #[test]
    fn what_is_missing_comes_last_and_many_warnings_are_folded() {
        let told = |reason: &str, text: &str, is_gap| Warning {
            reason: reason.to_owned(),
            text: text.to_owned(),
            subjects: Vec::new(),
            count: 1,
            is_gap,
        };
        let mut all = vec![told("tenants_left_out", "3 tenants are missing", true)];
        all.extend((0..10).map(|n| told("value_misread", &format!("value {n} is not shown"), false)));
        all.push(told("aliases_changed", "an alias was changed", false));
        let job = Job { warnings: all, ..example::succeeded() };
        assert_eq!(
            warnings(&job),
            [
                "value 0 is not shown; and 9 like it: `selvedge jobs show 0193-0001` has all",
                "an alias was changed",
                "3 tenants are missing",
            ]
        );
    }

    #[test]
    fn a_finding_is_one_line_and_the_rest_is_counted() {
        let mut job = example::differing();
        job.findings_total = job.findings.len() as u64;
        job.findings[0].text = "two\nlines".to_owned();
        assert_eq!(findings(&job).len(), job.findings.len());
        assert!(findings(&job).iter().all(|line| !line.contains('\n')));
        // A total that was not counted yet is no reason to panic.
        job.findings_total = 0;
        assert_eq!(findings(&job).len(), job.findings.len());
        assert!(findings(&example::verified()).is_empty());
    }

    #[test]
    fn what_left_nothing_behind_has_no_result() {
        for state in [JobState::Failed, JobState::Cancelled, JobState::Interrupted, JobState::Refused] {
            assert_eq!(result(&Job { state: state.into(), ..example::succeeded() }, None), None);
        }
    }
}
