//! What a shell completes with what there is on the server: ids of backups and jobs, names of collections.
//!
//! The shell calls the client with what was typed so far. If the server does not answer at once, nothing is suggested: nobody waits
//! for a completion.

use std::time::Duration;

use clap::Parser;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use selvedge_proto::v1::{
    Backup, GetBackupRequest, ListBackupsRequest, ListCollectionsRequest, ListJobsRequest,
};

use crate::connect::Server;
use crate::{Options, format};

const PATIENCE: Duration = Duration::from_millis(300);
/// Nobody looks through more.
const MOST: u32 = 50;
/// Options that say which server is asked, and for what.
const PLACES: [&str; 7] =
    ["--server", "--token-file", "--ca-file", "--client-cert", "--client-key", "--cluster", "--repository"];

/// The words that say where to ask, alone.
#[derive(Parser)]
struct Places {
    #[command(flatten)]
    options: Options,
}

/// Something that has a name, and what else there is to know of it.
type Suggestion = (String, String);

pub fn backups() -> ArgValueCandidates {
    ask(async |server, options, _| {
        let request =
            ListBackupsRequest { repository: options.repository(), page_size: MOST, ..Default::default() };
        let page = server.backups().list_backups(request).await.ok()?.into_inner();
        let told = |backup: &Backup| {
            let objects = format::quantity(backup.objects, "object");
            format!("{}, {objects}", format::time(backup.end_time.as_ref()))
        };
        let mut found: Vec<_> = page.backups.iter().map(|one| (one.id.clone(), told(one))).collect();
        found.insert(0, ("latest".to_owned(), "the newest whole one".to_owned()));
        Some(found)
    })
}

pub fn jobs() -> ArgValueCandidates {
    ask(async |server, _, _| {
        let request = ListJobsRequest { page_size: MOST, ..Default::default() };
        let page = server.jobs().list_jobs(request).await.ok()?.into_inner();
        let mut found: Vec<_> = page.jobs.into_iter().map(|job| (job.id, job.summary)).collect();
        found.insert(0, ("last".to_owned(), "the newest one".to_owned()));
        Some(found)
    })
}

/// Those of the cluster.
pub fn collections() -> ArgValueCandidates {
    ask(async |server, options, _| {
        let request = ListCollectionsRequest { cluster: options.cluster(), collections: Vec::new() };
        let found = server.collections().list_collections(request).await.ok()?.into_inner().collections;
        Some(found.into_iter().map(|collection| (collection.name, String::new())).collect())
    })
}

/// Those of the backup that was typed before.
pub fn collections_of_backup() -> ArgValueCandidates {
    ask(async |server, options, words| {
        // Behind the program and the command, as far as options can be told from it.
        let mut names = words.iter().filter(|word| !word.starts_with('-') && !word.contains('='));
        let backup_id = names.nth(2)?.clone();
        let request = GetBackupRequest { repository: options.repository(), backup_id };
        let backup = server.backups().get_backup(request).await.ok()?.into_inner().backup?;
        Some(backup.collections.into_iter().map(|collection| (collection.name, String::new())).collect())
    })
}

/// `find` gets the words that were typed: the program, the command, and so on.
fn ask(
    find: impl AsyncFn(&Server, &Options, &[String]) -> Option<Vec<Suggestion>> + Send + Sync + 'static,
) -> ArgValueCandidates {
    ArgValueCandidates::new(move || found(&find))
}

fn found(
    find: &impl AsyncFn(&Server, &Options, &[String]) -> Option<Vec<Suggestion>>,
) -> Vec<CompletionCandidate> {
    // The shell's script puts what was typed behind this.
    let typed = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let typed = typed.skip_while(|word| word != "--").skip(1);
    let (options, words) = split(typed);
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return Vec::new();
    };
    let finding = async {
        let options = options.as_ref()?;
        let server = Server::connect(&options.server, &options.trust).await.ok()?;
        find(&server, options, &words).await
    };
    // A timer has to be made where it runs.
    let found = runtime.block_on(async { tokio::time::timeout(PATIENCE, finding).await });
    // A name that is still being looked up is not waited for either.
    runtime.shutdown_background();
    let found = found.ok().flatten().unwrap_or_default();
    let candidate = |(name, told): Suggestion| {
        CompletionCandidate::new(name).help((!told.is_empty()).then(|| told.into()))
    };
    found.into_iter().map(candidate).collect()
}

/// What says where to ask, and the other words.
fn split(typed: impl Iterator<Item = String>) -> (Option<Options>, Vec<String>) {
    let (mut words, mut places) = (Vec::new(), vec!["selvedge".to_owned()]);
    let mut typed = typed;
    while let Some(word) = typed.next() {
        let is_it = |place: &&&str| {
            word.strip_prefix(**place).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        };
        match PLACES.iter().find(is_it) {
            None => words.push(word),
            Some(place) if word.len() > place.len() => places.push(word),
            Some(_) => {
                let value = typed.next().unwrap_or_default();
                places.extend([word, value]);
            }
        }
    }
    (Places::try_parse_from(places).ok().map(|places| places.options.with_environment()), words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_where_to_ask_is_told_from_the_rest() {
        let line = "selvedge restore --server http://there:1 nightly --repository=far Art";
        let (options, words) = split(line.split(' ').map(str::to_owned));
        let options = options.expect("parses");
        assert_eq!((options.server.as_str(), options.repository().as_str()), ("http://there:1", "far"));
        assert_eq!(words, ["selvedge", "restore", "nightly", "Art"]);
        // It is being typed.
        let (options, words) = split(["selvedge", "show", "--server"].map(str::to_owned).into_iter());
        assert!(options.is_none() && words == ["selvedge", "show"]);
    }
}
