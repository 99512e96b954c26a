//! What is refused: clearly, with a next step, and without any change.

use anyhow::{Context, ensure};
use futures_util::future::try_join_all;
use selvedge_proto::v1;
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::seed;
use selvedge_tests::harness::weaviate::{Weaviate, WeaviateOptions};
use selvedge_tests::harness::world::{World, has_any_file, local, run_client, serve_at};
use selvedge_tests::stand_in::faults::Call;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_stream::StreamExt;

use crate::jobs::summary;
use crate::round_trip::same;

pub async fn what_does_not_exist_is_told_with_a_next_step(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 3).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    for (arguments, reason) in [
        (&["backup", "Nope"][..], "COLLECTION_NOT_FOUND"),
        (&["backup", "article"], "COLLECTION_NOT_FOUND"),
        (&["backup", "Z*"], "COLLECTION_NOT_FOUND"),
        (&["backup", "--exclude", "*"], "COLLECTION_NOT_FOUND"),
        (&["backup", "Article", "--tenant", "t"], "TENANT_NOT_FOUND"),
        (&["backup", "--id", "No/Slash"], "INVALID_REQUEST"),
        (&["restore", "nope"], "BACKUP_NOT_FOUND"),
        (&["restore", "b", "Nope"], "COLLECTION_NOT_FOUND"),
        (&["restore", "b", "--rename", "Nope=New"], "COLLECTION_NOT_FOUND"),
        (&["restore", "b", "--rename", "Article=lower"], "INVALID_REQUEST"),
        (&["clear", "Nope", "--yes"], "COLLECTION_NOT_FOUND"),
        (&["show", "nope"], "BACKUP_NOT_FOUND"),
        (&["collections", "Nope"], "COLLECTION_NOT_FOUND"),
        (&["--cluster", "elsewhere", "collections"], "CLUSTER_UNKNOWN"),
        (&["--repository", "elsewhere", "list"], "REPOSITORY_UNKNOWN"),
        (&["jobs", "show", "nope"], "JOB_NOT_FOUND"),
    ] {
        let got = world.reason(arguments).await?;
        ensure!(got == reason, "{arguments:?}: {got}, not {reason}");
        let ran = world.run(arguments).await;
        let code = if reason == "INVALID_REQUEST" { 2 } else { 7 };
        ensure!(ran.code == code && ran.err.contains("error: "), "{arguments:?}: {ran:?}");
    }
    let hinted = world.run(&["backup", "article"]).await.err;
    ensure!(hinted.contains("did you mean \"Article\"?"), "{hinted}");
    for line in ["backup Artcile", "restore b Artcile", "clear Artcile --yes", "collections Artcile"] {
        let hinted = world.run(&line.split(' ').collect::<Vec<_>>()).await.err;
        ensure!(hinted.contains("next: did you mean \"Article\"?"), "{line}: {hinted}");
    }
    ensure!(world.rest.classes().await? == ["Article"]);
    ensure!(world.backup_ids().await? == ["b"]);
    // What a nightly job leaves out may be gone one night.
    let ran = world.succeed(&["backup", "--exclude", "Nope", "--exclude", "Z*", "--id", "c"]).await?;
    ensure!(ran.err.contains("--exclude Nope") && ran.err.contains("--exclude Z*"), "{}", ran.err);
    world.succeed(&["backup", "--id", "nightly"]).await?;
    let hint = "next: did you mean \"nightly\"? `selvedge show nightly` shows it";
    for arguments in [["restore", "nigthly"], ["verify", "nigthly"], ["show", "nigthly"]] {
        world.refuse(&arguments, 7, hint).await?;
    }
    Ok(())
}

pub async fn an_existing_collection_is_not_touched(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 20).await?;
    seed::every_type(&world.rest, "Author", 20).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    world.rest.drop_class("Author").await?;
    let names = ["Article".to_owned()];
    let before = Census::take(&world.rest, &names).await?;
    world.refuse(&["restore", "b"], 4, "Article").await?;
    ensure!(world.rest.classes().await? == names, "part of a refused restore was done");
    // Weaviate takes names that differ only in case for the same.
    world.refuse(&["restore", "b", "Author", "--rename", "Author=ARTICLE"], 4, "Article").await?;
    same(&before, &Census::take(&world.rest, &names).await?)
}

pub async fn a_backup_id_is_taken_only_once(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 3).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    let manifest = std::fs::read(world.backup_file("b", "backup.json"))?;
    world.refuse(&["backup", "--id", "b"], 4, "b").await?;
    ensure!(world.reason(&["backup", "--id", "b", "--dry-run"]).await? == "BACKUP_EXISTS");
    ensure!(std::fs::read(world.backup_file("b", "backup.json"))? == manifest);
    Ok(())
}

/// Of a call that was refused nothing is kept: the list of jobs, and an alert on it, tell of failures only.
pub async fn a_refused_call_leaves_no_job(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 3).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    let kept = jobs(world).await?;
    ensure!(kept.len() == 1, "{kept:?}");
    let asks = world.refuse(&["--json", "clear", "Article"], 4, "needs to be confirmed").await?;
    let job = summary(&asks)?;
    ensure!(job["state"] == "refused" && job["plan"]["confirmation"] == json!(["Article"]), "{job}");
    for (arguments, code, text) in [
        (&["restore", "b"][..], 4, "there is already: Article"),
        (&["restore", "b", "--if-exists", "replace", "Article"], 4, "needs to be confirmed"),
        (&["backup", "--id", "b"], 4, "exists already"),
        (&["restore", "nope"], 7, "there is no backup nope"),
        (&["verify", "nope"], 7, "there is no backup nope"),
        (&["backup", "Nope"], 7, "Nope"),
        (&["backup", "Nope", "--dry-run"], 7, "Nope"),
        (&["clear", "Nope", "--yes"], 7, "does not exist"),
    ] {
        world.refuse(arguments, code, text).await?;
    }
    ensure!(jobs(world).await? == kept, "a refused call has left a job");
    ensure!(world.rest.count("Article", None).await? == 3);

    // The same call is none that was made before: what was missing may be there by now.
    let request = v1::BackupRequest {
        collections: vec!["Later".to_owned()],
        backup_id: "later".to_owned(),
        request_id: "nightly".to_owned(),
        ..Default::default()
    };
    let last = last_job(world, request.clone()).await?;
    ensure!(last.state() == v1::JobState::Refused && last.failure.is_some(), "{last:?}");
    // Whoever has lost the stream still hears why.
    world.refuse(&["jobs", "watch", &last.id], 7, "Later").await?;
    seed::every_type(&world.rest, "Later", 3).await?;
    let last = last_job(world, request).await?;
    ensure!(last.state() == v1::JobState::Succeeded, "{last:?}");
    ensure!(jobs(world).await?.len() == 2);
    Ok(())
}

/// Failure means failure, whenever it comes.
pub async fn what_really_fails_is_kept(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 3).await?;
    let faults = world.stand_in().faults();
    faults.down();
    world.refuse(&["backup", "--id", "b"], 8, "").await?;
    faults.up();
    let kept = jobs(world).await?;
    ensure!(kept.len() == 1, "{kept:?}");
    let listed = world.succeed(&["jobs", "list"]).await?.out;
    ensure!(listed.contains("failed"), "{listed}");
    Ok(())
}

/// The last state that the stream of a backup shows.
async fn last_job(world: &World, request: v1::BackupRequest) -> anyhow::Result<v1::Job> {
    let mut stream = world.collections().await?.backup(request).await?.into_inner();
    let mut last = None;
    // The status behind it says once more what the job says.
    while let Some(Ok(response)) = stream.next().await {
        last = response.job;
    }
    last.context("a stream without a job")
}

/// The jobs that are listed, which are those that are written down.
async fn jobs(world: &World) -> anyhow::Result<Vec<String>> {
    let listed = world.succeed(&["--json", "jobs", "list"]).await?.out;
    let id = |line: &str| {
        let job: Value = serde_json::from_str(line)?;
        anyhow::Ok(job["id"].as_str().context("a job without an id")?.to_owned())
    };
    let mut ids: Vec<String> = listed.lines().map(id).collect::<anyhow::Result<_>>()?;
    ids.sort();
    let mut written = Vec::new();
    for entry in std::fs::read_dir(world.folder().join("jobs"))? {
        let folder = entry?.path();
        // Some stores have folders of their own accord, and keep those that are empty.
        if has_any_file(&folder) {
            written.extend(folder.file_name().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    written.sort();
    ensure!(ids == written, "{ids:?} are listed, and {written:?} written down");
    Ok(ids)
}

pub async fn a_wrong_address_or_key_is_told_from_each_other(world: &mut World) -> anyhow::Result<()> {
    let options = WeaviateOptions { api_key: Some("right".to_owned()), ..WeaviateOptions::default() };
    let guarded = Weaviate::start(world.weaviate.flavour(), options).await?;
    let (rest, grpc) = (guarded.rest_url(), guarded.grpc_url());
    let nobody = "http://127.0.0.1:9".to_owned();
    let wrong = [
        (&rest, &grpc, Some("wrong"), "WEAVIATE_UNAUTHENTICATED"),
        (&rest, &grpc, None, "WEAVIATE_UNAUTHENTICATED"),
        (&nobody, &grpc, Some("right"), "WEAVIATE_UNREACHABLE"),
        (&rest, &nobody, Some("right"), "WEAVIATE_UNREACHABLE"),
        (&rest, &rest, Some("right"), "WEAVIATE_UNREACHABLE"),
        (&grpc, &grpc, Some("right"), "WEAVIATE_UNREACHABLE"),
    ];
    let folder = world.folder();
    try_join_all(wrong.map(|(rest, grpc, key, reason)| async move {
        let server = serve_at(rest, grpc, local(folder)?, key).await?;
        for arguments in [&["--json", "collections"][..], &["--json", "backup"]] {
            let ran = run_client(&server.url, arguments, None).await;
            // One that does not answer may do so later; a wrong key stays wrong.
            let code = if reason == "WEAVIATE_UNREACHABLE" { 8 } else { 1 };
            ensure!(ran.code == code, "{ran:?}");
            let told = ran.out.lines().last().is_some_and(|line| line.contains(reason));
            ensure!(told, "{reason} wanted: {ran:?}");
            ensure!(ran.err.contains("next: "), "{ran:?}");
        }
        Ok(())
    }))
    .await?;
    let server = serve_at(&rest, &grpc, local(world.folder())?, Some("right")).await?;
    let ran = run_client(&server.url, &["collections"], None).await;
    ensure!(ran.code == 0, "{ran:?}");
    Ok(())
}

pub async fn a_failed_creation_leaves_nothing_behind(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 5).await?;
    seed::every_type(&world.rest, "Book", 5).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    world.rest.drop_all().await?;
    // An alias takes a name that the schema's list does not show.
    if !world.since(1, 32) {
        return Ok(());
    }
    world.rest.create(&json!({"class": "Other"})).await?;
    world.rest.post("/v1/aliases", &json!({"alias": "Book", "class": "Other"})).await?;
    let ran = world.run(&["restore", "b"]).await;
    ensure!(ran.code != 0, "{ran:?}");
    ensure!(world.rest.classes().await? == ["Other"], "collections of a failed restore were left behind");
    Ok(())
}

/// Whoever lists the jobs should not have to carry them.
pub async fn names_without_end_are_refused(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 3).await?;
    let (long, longer) = ("N".repeat(256), "N".repeat(65_536));
    for name in [&long, &longer] {
        for arguments in [
            &["backup", name][..],
            &["backup", "--exclude", name],
            &["backup", "Article", "--tenant", name],
            &["restore", "b", name],
            &["clear", name, "--yes"],
            &["verify", "b", name],
        ] {
            let reason = world.reason(arguments).await?;
            ensure!(reason == "INVALID_REQUEST", "{}: {reason}", arguments[0]);
        }
    }
    let mut collections = world.collections().await?;
    let many = v1::BackupRequest { collections: vec!["Article".to_owned(); 10_001], ..Default::default() };
    let huge = v1::BackupRequest { collections: vec!["N".repeat(3_000_000)], ..Default::default() };
    for request in [many, huge] {
        let refused = collections.backup(request).await.err().context("it was taken")?;
        ensure!(refused.code() == tonic::Code::InvalidArgument, "{refused:?}");
        ensure!(refused.message().len() < 3_000, "the refusal repeats it");
    }
    let ran = world.succeed(&["jobs", "list"]).await?;
    ensure!(ran.out.len() < 20_000, "{} bytes of jobs", ran.out.len());
    Ok(())
}

/// The first collection was made, the second is refused; meanwhile somebody has put something into the first.
pub async fn what_others_have_written_to_is_not_undone(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 5).await?;
    seed::every_type(&world.rest, "Book", 5).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    world.rest.drop_all().await?;
    let faults = world.stand_in().faults();
    let second = || Call::rest("POST", "/v1/schema");
    let object = json!({"class": "Article", "id": uuid::Uuid::from_u128(7)});
    faults.on(second()).from(2).before(move |contents| contents.put(object.clone()));
    faults.on(second()).from(2).http(422, r#"{"error":[{"message":"no"}]}"#);
    let ran = world.refuse(&["restore", "b"], 1, "\"Article\" is left as it is").await?;
    ensure!(world.rest.classes().await? == ["Article"], "{ran:?}");
    Ok(())
}

/// A redirected POST becomes a GET, and nobody notices.
pub async fn redirects_are_not_followed(world: &mut World) -> anyhow::Result<()> {
    seed::tenanted(&world.rest, "Customer", 5).await?;
    let before = Census::take(&world.rest, &["Customer"]).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let redirecting = format!("http://{}", listener.local_addr()?);
    let to = world.weaviate.rest_url();
    let target = to.clone();
    let elsewhere = move |uri: axum::http::Uri| {
        let to = format!("{target}{uri}");
        async move { (axum::http::StatusCode::MOVED_PERMANENTLY, [(axum::http::header::LOCATION, to)]) }
    };
    let serving = axum::serve(listener, axum::Router::new().fallback(elsewhere));
    let serving = tokio::spawn(async move { serving.await });
    let server = serve_at(&redirecting, &world.weaviate.grpc_url(), local(world.folder())?, None).await?;
    for arguments in [&["clear", "Customer", "--yes"][..], &["backup"], &["collections"]] {
        let ran = run_client(&server.url, arguments, None).await;
        ensure!(ran.code == 1 && ran.err.contains(&to), "{ran:?}");
    }
    serving.abort();
    same(&before, &Census::take(&world.rest, &["Customer"]).await?)
}
