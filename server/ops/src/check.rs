//! Whether what the server is configured for can be used, before a job needs it.

use bytesize::ByteSize;
use chrono::TimeDelta;
use futures_util::future::join_all;

use crate::Places;
use selvedge_archive::{Examination, Repository, Trial};
use selvedge_model::error::{Error, Result, counted};
use selvedge_weaviate::{Cluster, PageLimit};

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckLine {
    /// On what, such as `cluster "eu"`.
    pub subject: String,
    pub name: &'static str,
    pub outcome: CheckOutcome,
    pub text: String,
    /// What to do about it.
    pub hint: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckOutcome {
    Ok,
    /// Jobs will work, and may not do all that is wanted.
    Warn,
    /// Jobs will fail.
    Fail,
}

/// Clocks that differ by more are told of. Liveness goes by the store's clock alone, but people read both.
const SKEW: TimeDelta = TimeDelta::seconds(30);
/// With less room for a message, large objects are read over REST, one at a time.
const SMALL_MESSAGE: usize = 10 << 20;
/// Of a disk: what is less is told of.
const LITTLE_SPACE: u64 = 1 << 30;

/// An empty name means all of them.
pub async fn check(places: &Places, cluster: &str, repository: &str) -> Result<Vec<CheckLine>> {
    let (clusters, repositories) = (places.clusters_named(cluster)?, places.repositories_named(repository)?);
    // At once: what does not answer takes its time to be known for it.
    let (clusters, repositories) = futures_util::join!(
        join_all(clusters.iter().map(check_cluster)),
        join_all(repositories.iter().map(check_repository)),
    );
    Ok(clusters.into_iter().chain(repositories).flatten().collect())
}

/// The lines of one subject.
struct Lines {
    subject: String,
    lines: Vec<CheckLine>,
}

impl Lines {
    fn of(subject: String) -> Self {
        Self { subject, lines: Vec::new() }
    }

    fn add(
        &mut self,
        name: &'static str,
        outcome: CheckOutcome,
        text: impl Into<String>,
        hint: Option<&str>,
    ) {
        let (subject, text, hint) = (self.subject.clone(), text.into(), hint.map(str::to_owned));
        self.lines.push(CheckLine { subject, name, outcome, text, hint });
    }

    fn ok(&mut self, name: &'static str, text: impl Into<String>) {
        self.add(name, CheckOutcome::Ok, text, None);
    }

    fn warn(&mut self, name: &'static str, text: impl Into<String>, hint: &str) {
        self.add(name, CheckOutcome::Warn, text, Some(hint));
    }

    fn fail(&mut self, name: &'static str, error: &Error) {
        self.add(name, CheckOutcome::Fail, error.to_string(), error.hint_text());
    }

    /// Both clocks at the same moment.
    fn clock(&mut self, difference: TimeDelta) {
        let seconds = difference.num_seconds().abs();
        match difference.abs() > SKEW {
            false => self.ok("clock", format!("differs from that of this server by {seconds} s at most")),
            true => self.warn(
                "clock",
                format!("differs from that of this server by {seconds} s"),
                "set the clocks right (NTP): times of backups and jobs cannot be compared otherwise",
            ),
        }
    }
}

async fn check_cluster(cluster: &Cluster) -> Vec<CheckLine> {
    let mut lines = Lines::of(format!("cluster \"{}\"", cluster.name()));
    // Whoever asks wants to know how it is now.
    let cluster = cluster.anew();
    let server = match cluster.connect().await {
        Ok(server) => server,
        Err(error) => {
            lines.fail("connection", &error);
            return lines.lines;
        }
    };
    let (version, url) = (&server.version_text, cluster.rest_url());
    lines.ok("connection", format!("Weaviate {version} at {url} answers over REST and gRPC"));
    let message = server.max_message();
    let size = ByteSize::b(message as u64);
    match message < SMALL_MESSAGE {
        false => lines.ok("message size", format!("messages may have {size}")),
        true => lines.warn(
            "message size",
            format!("messages may have {size} only: large objects will be slow"),
            "raise GRPC_MAX_MESSAGE_SIZE of Weaviate",
        ),
    }
    match cluster.clock_difference().await {
        Ok(Some(difference)) => lines.clock(difference),
        // A proxy may keep it to itself.
        Ok(None) => {}
        Err(error) => lines.fail("clock", &error),
    }
    check_permissions(&cluster, &mut lines).await;
    match cluster.page_limit().await {
        Ok(PageLimit::Fewer(most)) => lines.warn(
            "page size",
            format!("pages may have {most} objects only: reading will be slow"),
            "raise QUERY_MAXIMUM_RESULTS of Weaviate to 1000 or more",
        ),
        Ok(PageLimit::Enough) => lines.ok("page size", "pages may have as many objects as are wanted"),
        Ok(PageLimit::Untried) => lines.ok("page size", "not tried: there is no collection without tenants"),
        Err(error) => lines.fail("page size", &error),
    }
    lines.lines
}

/// What it takes to put everything back.
const WRITES: [&str; 6] = [
    "create_collections",
    "delete_collections",
    "create_data",
    "update_data",
    "create_tenants",
    "delete_tenants",
];
/// Whatever collection there will be.
const EVERY: &str = "*";

async fn check_permissions(cluster: &Cluster, lines: &mut Lines) {
    const HINT: &str = "give the key's role read_collections, read_data, read_tenants and read_aliases on everything; to restore \
                        and to clear it needs create, update and delete as well";
    let permissions = match cluster.permissions().await {
        Ok(permissions) => permissions,
        Err(error) => return lines.fail("permissions", &error),
    };
    let names = match cluster.schemas().await {
        Ok(schemas) => schemas.into_keys().collect::<Vec<_>>(),
        Err(error) => return lines.fail("permissions", &error),
    };
    let mut hidden = Vec::new();
    if !permissions.sees_collections("*") {
        hidden.push("collections");
    }
    if names.iter().any(|name| !permissions.sees_all_tenants(name)) {
        hidden.push("tenants");
    }
    if names.iter().any(|name| !permissions.sees_aliases(name)) {
        hidden.push("aliases");
    }
    let all = if names.is_empty() { vec![EVERY.to_owned()] } else { names.clone() };
    if !permissions.lacking(&["read_data"], &all).is_empty() {
        hidden.push("objects");
    }
    match hidden.is_empty() {
        true => lines.ok(
            "permissions",
            format!("the key sees everything: {}", counted(names.len() as u64, "collection")),
        ),
        false => lines.warn(
            "permissions",
            format!("the key may not see all {}: a backup of everything would be partial", hidden.join(", ")),
            HINT,
        ),
    }
    let lacking = permissions.lacking(&WRITES, &all);
    match lacking.is_empty() {
        true => lines.ok("write permissions", "the key may restore and clear"),
        // That may be on purpose.
        false => lines.ok(
            "write permissions",
            format!("the key cannot restore and clear everything: it lacks {}", lacking.join(", ")),
        ),
    }
}

async fn check_repository(repository: &Repository) -> Vec<CheckLine> {
    let mut lines = Lines::of(format!("repository \"{}\"", repository.name()));
    let Examination { trials, clock, space, only_writes } = repository.examine().await;
    let there = format!("{} is a repository", repository.url());
    for (trial, result) in &trials {
        let (name, well) = match trial {
            Trial::Find => ("repository", there.as_str()),
            Trial::Write => ("write", "objects can be written"),
            Trial::Read => ("read", "they can be read"),
            Trial::List => ("list", "they are listed"),
            Trial::Create => ("create", "an object is created only where there is none"),
            Trial::Delete => ("delete", "objects can be deleted"),
            Trial::Open => ("encryption", "the newest backup can be opened"),
        };
        match result {
            Ok(()) => lines.ok(name, well),
            Err(error) => lines.fail(name, error),
        }
    }
    if only_writes {
        lines.ok(
            "encryption",
            "backups are encrypted, and this server has no identity to read them by".to_owned(),
        );
    }
    if repository.is_exclusive() {
        lines.warn(
            "create",
            "nobody checks that an object is created only where there is none",
            "make sure that no other server uses this repository, or leave out exclusive",
        );
    }
    if let Some((theirs, ours)) = clock {
        lines.clock(theirs - ours);
    }
    match space {
        None => {}
        Some(Err(error)) => lines.fail("space", &error),
        Some(Ok((free, all))) => {
            let text = format!("{} of {} are free", ByteSize::b(free), ByteSize::b(all));
            match free < LITTLE_SPACE {
                false => lines.ok("space", text),
                true => lines.warn("space", text, "free space there, or use another disk"),
            }
        }
    }
    lines.lines
}
