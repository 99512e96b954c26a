//! `selvedge jobs failures`

use selvedge_proto::v1::{ListFailuresRequest, ObjectFailure};

use crate::commands::Session;
use crate::failure::Failure;
use crate::table::{Align, Table};
use crate::{json, words};

/// As many as the server sends at once.
const PAGE_SIZE: u64 = 1000;

/// Prints page by page: there may be more than fit in memory.
pub async fn run(id: String, limit: Option<u64>, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let limit = limit.unwrap_or(u64::MAX);
    let mut shown: u64 = 0;
    let mut page_token = String::new();
    while shown < limit && !session.terminal.reader_gone() {
        let page_size = (limit - shown).min(PAGE_SIZE) as u32;
        let request = ListFailuresRequest { job_id: id.clone(), page_size, page_token };
        let mut service = session.server.jobs();
        let page = session.answer(service.list_failures(request)).await?;
        print(&page.failures, shown == 0, session)?;
        shown = shown.saturating_add(page.failures.len() as u64);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    if shown == 0 && !session.options.json {
        session.talk("Weaviate refused nothing of this job");
    }
    Ok(())
}

fn print(failures: &[ObjectFailure], is_first: bool, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    if session.options.json {
        return failures
            .iter()
            .try_for_each(|failure| session.print_json(&json::ObjectFailure::from(failure)));
    }
    if failures.is_empty() {
        return Ok(());
    }
    let room = session.terminal.out_width;
    session.terminal.print(&table(failures, is_first, room))
}

/// The headings stand above the first page only.
fn table(failures: &[ObjectFailure], with_headings: bool, room: Option<usize>) -> String {
    let mut table = Table::new([
        ("ID", Align::Left),
        ("COLLECTION", Align::Left),
        ("KIND", Align::Left),
        ("REASON", Align::Left),
    ])
    .cut("COLLECTION", 16)
    .cut("REASON", 24)
    .leave(["KIND"]);
    for failure in failures {
        table.row([
            failure.object_id.clone(),
            place(failure),
            words::object_failure_kind(failure.kind()).replace('_', " "),
            failure.reason.clone(),
        ]);
    }
    let text = table.render(room);
    match text.split_once('\n') {
        Some((_, rows)) if !with_headings => rows.to_owned(),
        _ => text,
    }
}

/// `Author`, or `Author, tenant t7`
fn place(failure: &ObjectFailure) -> String {
    let ObjectFailure { collection, tenant, .. } = failure;
    if tenant.is_empty() { collection.clone() } else { format!("{collection}, tenant {tenant}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ExitCode;
    use crate::scripted::{User, example, run, snapshot};

    #[test]
    fn a_table_of_failures() {
        snapshot("jobs_failures", table(&example::refused(), true, None));
        assert!(!table(&example::refused(), false, None).contains("REASON"));
    }

    #[tokio::test]
    async fn they_are_listed_over_pages_and_up_to_a_limit() {
        let all = run("jobs failures 0193-0001", [], User::default()).await;
        assert_eq!(all.exit, ExitCode::Done);
        // The scripted server has two pages.
        assert_eq!(all.out.lines().count(), 1 + 2 * example::refused().len());
        assert_eq!(all.out.matches("REASON").count(), 1);
        let json = run("jobs failures 0193-0001 --json --limit 3", [], User::default()).await;
        assert_eq!(json.out.lines().count(), example::refused().len());
    }
}
