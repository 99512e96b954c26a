//! What is said about a job that has ended.

use selvedge_proto::v1::{CollectionState, Finding, Job, JobKind, JobState, Warning};

use crate::commands::Session;
use crate::failure::Failure;
use crate::terminal::Label;
use crate::{format, json, plan, words};

/// Prints the warnings, the findings and the result; anything but success is returned as the failure it is.
pub fn ended(job: &Job, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    if !session.options.quiet {
        for warned in &job.warnings {
            session.terminal.say_labelled(Label::Warning, &warning(warned));
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
        | JobState::Interrupted => None,
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
        id => format!("\nwhat was there before is in backup {id}"),
    }
}

fn subject(job: &Job) -> String {
    match job.kind() {
        JobKind::Backup => format!("backup {}", job.backup_id),
        JobKind::Restore => format!("restore of {}", job.backup_id),
        JobKind::Clear => "clear".to_owned(),
        JobKind::Verify if job.state() == JobState::Succeeded => format!("backup {} holds", job.backup_id),
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
        JobKind::Verify => format!(", {} checked", format::bytes(progress.bytes_read)),
        JobKind::Backup | JobKind::Restore | JobKind::Unspecified => {
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
        };
        assert_eq!(warning(&idle), "there is no such collection (--exclude Z*)");
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
        for state in [JobState::Failed, JobState::Cancelled, JobState::Interrupted] {
            assert_eq!(result(&Job { state: state.into(), ..example::succeeded() }, None), None);
        }
    }
}
