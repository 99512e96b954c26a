//! Repositories in object stores, and what goes wrong on the way to them.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use chrono::Utc;
use selvedge_archive::{
    BackupKind, BackupOptions, ClusterIdentity, CommitSummary, Repository, RepositoryConfig, StoreOption,
};
use selvedge_model::error::{Error, Kind};
use selvedge_tests::harness::object_server::{InProcess, ObjectServer, SECRET_KEY};
use selvedge_tests::harness::world::{Serving, World};
use selvedge_tests::harness::{census::Census, seed};
use selvedge_tests::stand_in::faults::Call;

use crate::jobs::job_id;
use crate::round_trip::same;

/// A mistake is told within this time.
const PROMPTLY: Duration = Duration::from_secs(10);

fn server(world: &World) -> anyhow::Result<&ObjectServer> {
    world.objects().context("the scenario runs on an object store only")
}

fn in_process(world: &World) -> anyhow::Result<&InProcess> {
    Ok(server(world)?.in_process())
}

/// With one of its settings changed.
fn with(config: &RepositoryConfig, key: &str, value: &str) -> RepositoryConfig {
    let mut config = config.clone();
    config.options.push(StoreOption::new(key, value));
    config
}

async fn refused(config: &RepositoryConfig) -> anyhow::Result<Error> {
    let began = Instant::now();
    let error = Repository::open(config)?.check().await.err();
    let error = error.with_context(|| format!("{} was taken", config.url))?;
    ensure!(began.elapsed() < PROMPTLY, "after {:?}: {error}", began.elapsed());
    let said = format!("{error} {error:?}");
    ensure!(!said.contains(SECRET_KEY), "it tells the secret: {said}");
    Ok(error)
}

/// What the hint has to have in it.
fn advises(error: &Error, kind: Kind, word: &str) -> anyhow::Result<()> {
    let hint = error.hint_text().unwrap_or_default();
    ensure!(error.kind() == kind && hint.contains(word), "{:?} {error}; next: {hint}", error.kind());
    Ok(())
}

pub async fn a_wrong_setting_is_told_in_seconds(world: &mut World) -> anyhow::Result<()> {
    use Kind::{RepositoryNotFound, RepositoryUnavailable};
    let right = server(world)?.repository();
    Repository::open(&right)?.check().await?;

    let other = |url: &str| RepositoryConfig { url: url.to_owned(), ..right.clone() };
    advises(&refused(&other("s3://elsewhere")).await?, RepositoryNotFound, "no such bucket")?;
    let error = refused(&other("s3://selvedge/no/such/folder")).await?;
    advises(&error, RepositoryNotFound, "made on purpose")?;
    let error = refused(&with(&right, "secret_access_key", "guessed")).await?;
    advises(&error, RepositoryUnavailable, "its secret")?;
    let error = refused(&with(&right, "endpoint", "http://127.0.0.1:9")).await?;
    advises(&error, RepositoryUnavailable, "check the endpoint")?;
    // Discards what is sent to it: <https://www.rfc-editor.org/rfc/rfc5737>.
    let error = refused(&with(&right, "endpoint", "http://192.0.2.1")).await?;
    advises(&error, RepositoryUnavailable, "check the endpoint")?;

    let scripted = [
        (400, "AuthorizationHeaderMalformed", RepositoryUnavailable, "AWS_REGION"),
        (403, "RequestTimeTooSkewed", RepositoryUnavailable, "NTP"),
        (403, "AccessDenied", RepositoryUnavailable, "let it list"),
        (403, "ExpiredToken", RepositoryUnavailable, "new one"),
        (503, "SlowDown", RepositoryUnavailable, "overloaded"),
    ];
    let faults = in_process(world)?.faults();
    for (status, code, kind, word) in scripted {
        let body = format!("<Error><Code>{code}</Code><Message>No.</Message></Error>");
        faults.on(Call::rest("*", "/selvedge/**")).always().http(status, &body);
        let error = refused(&right).await?;
        advises(&error, kind, word)?;
        ensure!(error.to_string().contains(&format!("{status} {code}")), "{error}");
        faults.clear();
    }
    Ok(())
}

pub async fn a_moment_of_trouble_is_waited_for(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 3000).await?;
    let before = Census::take(&world.rest, &["Article"]).await?;
    let faults = in_process(world)?.faults().clone();
    let call = |method| Call::rest(method, "/selvedge/**");
    faults.on(call("PUT")).from(2).lose_answer();
    faults.on(call("PUT")).from(4).http(503, "<Error><Code>SlowDown</Code></Error>");
    faults.on(call("PUT")).from(6).cut();
    let conflict = "<Error><Code>ConditionalRequestConflict</Code></Error>";
    faults.on(Call::rest("PUT", "/selvedge/backups/b/backup.json")).http(409, conflict);
    faults.on(Call::rest("PUT", "/selvedge/backups/b/backup.json")).from(2).lose_answer();
    world.succeed(&["backup", "--id", "b"]).await?;
    let puts = faults.count(&Call::rest("PUT", "/selvedge/backups/b/backup.json"));
    ensure!(puts > 1, "the conflict was taken for an answer");

    faults.on(call("GET")).from(2).cut_after(700);
    faults.on(call("GET")).from(5).http(500, "<Error><Code>InternalError</Code></Error>");
    faults.on(call("GET")).from(9).cut();
    world.succeed(&["verify", "b", "--level", "rows"]).await?;
    faults.clear();
    world.rest.drop_all().await?;
    faults.on(call("GET")).from(4).cut_after(300);
    world.succeed(&["restore", "b"]).await?;
    same(&before, &Census::take(&world.rest, &["Article"]).await?)
}

pub async fn one_that_goes_away_is_waited_for(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 3000).await?;
    let before = Census::take(&world.rest, &["Article"]).await?;
    let faults = in_process(world)?.faults().clone();
    let writing = faults.on(Call::rest("PUT", "/selvedge/backups/b/collections/Article/data/**")).hold();
    let id = job_id(&world.succeed(&["--json", "backup", "--id", "b", "--detach"]).await?)?;
    writing.reached().await;
    faults.down();
    writing.release();
    tokio::time::sleep(Duration::from_secs(2)).await;
    faults.up();
    world.succeed(&["jobs", "watch", &id]).await?;
    world.succeed(&["verify", "b", "--against-live"]).await?;
    world.rest.drop_all().await?;
    world.succeed(&["restore", "b"]).await?;
    same(&before, &Census::take(&world.rest, &["Article"]).await?)
}

/// Others would take the job for dead by then, so it moves nothing until it knows that nobody has.
pub async fn one_that_is_away_for_long_is_waited_for(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 3000).await?;
    let faults = in_process(world)?.faults().clone();
    let writing = faults.on(Call::rest("PUT", "/selvedge/backups/b/collections/Article/data/**")).hold();
    let id = job_id(&world.succeed(&["--json", "backup", "--id", "b", "--detach"]).await?)?;
    writing.reached().await;
    faults.down();
    writing.release();
    let waits = async {
        while !world.succeed(&["jobs", "show", &id]).await?.out.contains("the repository cannot be reached") {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        Ok::<_, anyhow::Error>(())
    };
    tokio::time::timeout(Duration::from_secs(120), waits)
        .await
        .context("it does not tell that it waits")??;
    faults.up();
    world.succeed(&["jobs", "watch", &id]).await?;
    world.succeed(&["verify", "b", "--level", "rows"]).await?;
    world.succeed(&["verify", "b", "--against-live"]).await.map(drop)
}

pub async fn one_that_replaces_what_it_should_create_is_refused(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 20).await?;
    in_process(world)?.be_careless();
    // The first server had seen that it is safe.
    world.serve_with(Serving::default()).await?;
    world.refuse(&["backup", "--id", "b"], 8, "not safe to write to").await?;
    ensure!(!world.has_files("b"), "it was written to");

    let repository = RepositoryConfig { exclusive: true, ..server(world)?.repository() };
    world
        .serve_with(Serving { repository: Some(Repository::open(&repository)?), ..Serving::default() })
        .await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    world.refuse(&["backup", "--id", "b"], 4, "exists already").await?;
    world.succeed(&["verify", "b", "--against-live"]).await.map(drop)
}

/// The end of an upload is asked for again, and then there is no such upload any more.
pub async fn an_upload_whose_end_is_not_answered_is_whole(world: &mut World) -> anyhow::Result<()> {
    seed::wide(&world.rest, "Heavy", 1, 12, 256 << 10).await?;
    let faults = in_process(world)?.faults().clone();
    // The first POST begins the upload, the second one ends it.
    let post = Call::rest("POST", "/selvedge/backups/b/collections/Heavy/data/**");
    faults.on(post.clone()).from(2).lose_answer();
    world.succeed(&["backup", "--id", "b"]).await?;
    ensure!(faults.count(&post) > 2, "the end of the upload was not asked for again");
    world.succeed(&["verify", "b", "--level", "rows"]).await?;
    world.succeed(&["verify", "b", "--against-live"]).await.map(drop)
}

/// They are not among the objects, and are paid for.
pub async fn nothing_is_left_of_an_upload_that_was_stopped(world: &mut World) -> anyhow::Result<()> {
    seed::wide(&world.rest, "Heavy", 1, 24, 256 << 10).await?;
    let faults = in_process(world)?.faults().clone();
    // Each object is sent in parts: the first one begins the upload with a POST.
    let part =
        faults.on(Call::rest("PUT", "/selvedge/backups/b/collections/Heavy/data/**")).from(2).always().hold();
    let id = job_id(&world.succeed(&["--json", "backup", "--id", "b", "--detach"]).await?)?;
    part.reached().await;
    ensure!(!world.unfinished_uploads()?.is_empty(), "no upload was begun");
    world.succeed(&["jobs", "cancel", &id]).await?;
    part.release();
    world.refuse(&["jobs", "watch", &id], 1, "cancelled").await?;
    let left = world.unfinished_uploads()?;
    ensure!(left.is_empty() && !world.has_files("b"), "left behind: {left:?}");
    Ok(())
}

/// Of many creators of one object, one has created it.
pub async fn only_one_creates(world: &mut World) -> anyhow::Result<()> {
    let repository = Repository::open(&server(world)?.repository())?;
    for round in 0..5 {
        let name = format!("raced-{round}.json");
        let folder = repository.job("race");
        let creations = (0..12).map(|racer| {
            let (folder, name) = (folder.clone(), name.clone());
            tokio::spawn(async move { folder.create(&name, &racer).await })
        });
        let mut winners = 0;
        for creation in creations.collect::<Vec<_>>() {
            winners += usize::from(creation.await??);
        }
        ensure!(winners == 1, "{winners} have created {name}");
    }
    Ok(())
}

/// However many backups there are.
pub async fn a_list_takes_few_requests(world: &mut World) -> anyhow::Result<()> {
    const BACKUPS: usize = 30;
    let repository = Repository::open(&server(world)?.repository())?;
    for number in 0..BACKUPS {
        let backup = repository.create_backup(&format!("b{number:02}").parse()?, "job").await?;
        let summary = CommitSummary {
            settled_before: None,
            kind: BackupKind::Full,
            weaviate_version: String::new(),
            cluster: ClusterIdentity::default(),
            start_time: Utc::now(),
            end_time: Utc::now(),
            options: BackupOptions::default(),
            access: None,
            remarks: Vec::new(),
        };
        backup.commit(summary, Vec::new(), std::future::ready(Ok(()))).await?;
    }
    ensure!(world.backup_ids().await?.len() == BACKUPS);
    // Another one knows only what is written down.
    world.serve_with(Serving::default()).await?;
    let faults = in_process(world)?.faults().clone();
    let count = || (faults.calls().len(), faults.count(&Call::rest("*", "/selvedge/backups/**")));
    let before = count();
    ensure!(world.backup_ids().await?.len() == BACKUPS);
    let after = count();
    let (all, of_backups) = (after.0 - before.0, after.1 - before.1);
    ensure!(of_backups <= 6 && all < BACKUPS, "{all} requests, of them {of_backups} for backups");
    Ok(())
}
