//! Jobs: apart from whoever started them, stoppable, never in each other's way.

use anyhow::{Context, ensure};
use selvedge_proto::v1::{self, JobState};
use selvedge_tests::harness::seed;
use selvedge_tests::harness::world::{Ran, World};
use selvedge_tests::stand_in::faults::{Call, Held};
use serde_json::Value;
use tokio_stream::StreamExt;
use tonic::Code;

/// The id of the job that a run with `--json` has started.
pub fn job_id(ran: &Ran) -> anyhow::Result<String> {
    let first: Value = serde_json::from_str(ran.out.lines().next().context("no output")?)?;
    Ok(first["id"].as_str().with_context(|| format!("no id in {first}"))?.to_owned())
}

/// Starts a job, and goes on without it.
pub async fn start(world: &World, arguments: &[&str]) -> anyhow::Result<String> {
    let all: Vec<_> = ["--json"].iter().chain(arguments).chain(&["--detach"]).copied().collect();
    job_id(&world.succeed(&all).await?)
}

/// The job as a run with `--json` shows it in the end.
pub fn summary(ran: &Ran) -> anyhow::Result<Value> {
    let line = ran.out.lines().rev().find(|line| line.contains("\"summary\"") || line.contains("\"state\""));
    Ok(serde_json::from_str(line.with_context(|| format!("no summary in {ran:?}"))?)?)
}

/// Waits until a job has read or written its first objects.
pub async fn until_moving(world: &World, id: &str) -> anyhow::Result<()> {
    loop {
        let job = world.jobs().await?.get_job(v1::GetJobRequest { job_id: id.to_owned() }).await?;
        let job = job.into_inner().job.context("no job")?;
        ensure!(job.end_time.is_none(), "it has ended already: {job:?}");
        if job.progress.is_some_and(|progress| progress.objects_done > 0) {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// Starts a job and waits until it is held at its n-th call of a kind.
pub async fn start_held(
    world: &World,
    arguments: &[&str],
    call: Call,
    nth: usize,
) -> anyhow::Result<(String, Held)> {
    let held = world.stand_in().faults().on(call).from(nth).hold();
    let id = start(world, arguments).await?;
    held.reached().await;
    Ok((id, held))
}

pub async fn hanging_up_does_not_stop_a_job(world: &mut World) -> anyhow::Result<()> {
    seed::sharded(&world.rest, "Many", 1, 2_000).await?;
    let mut collections = world.collections().await?;
    let request = v1::BackupRequest { backup_id: "b".to_owned(), ..Default::default() };
    let mut stream = collections.backup(request).await?.into_inner();
    let first = stream.next().await.context("no message")??.job.context("no job")?;
    drop((stream, collections));
    let mut watch =
        world.jobs().await?.watch_job(v1::WatchJobRequest { job_id: first.id }).await?.into_inner();
    let mut last = None;
    while let Some(message) = watch.next().await {
        last = message?.job;
    }
    let last = last.context("no message")?;
    ensure!(last.state() == JobState::Succeeded, "{last:?}");
    ensure!(last.progress.is_some_and(|progress| progress.objects_done == 2_000), "{last:?}");
    world.succeed(&["show", "b"]).await?;
    Ok(())
}

pub async fn a_cancelled_backup_leaves_nothing(world: &mut World) -> anyhow::Result<()> {
    seed::sharded(&world.rest, "Many", 1, 3_000).await?;
    let (id, held) = start_held(world, &["backup", "--id", "b"], Call::grpc("Search"), 2).await?;
    let ran = world.succeed(&["jobs", "cancel", &id]).await?;
    let watched = world.run(&["jobs", "watch", &id]).await;
    drop(held);
    ensure!(watched.code == 1 && watched.err.contains("cancelled"), "{ran:?} {watched:?}");
    let job = world
        .jobs()
        .await?
        .get_job(v1::GetJobRequest { job_id: id })
        .await?
        .into_inner()
        .job
        .context("no job")?;
    ensure!(job.state() == JobState::Cancelled, "{job:?}");
    ensure!(world.backup_ids().await?.is_empty());
    ensure!(!world.has_files("b"), "what it wrote is still there");
    world.stand_in().faults().clear();
    world.succeed(&["backup", "--id", "b"]).await?;
    Ok(())
}

pub async fn a_cancelled_restore_ends_after_its_last_write(world: &mut World) -> anyhow::Result<()> {
    seed::sharded(&world.rest, "Many", 1, 6_000).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    world.rest.drop_all().await?;
    let (id, held) = start_held(world, &["restore", "b"], Call::grpc("BatchObjects"), 2).await?;
    world.succeed(&["jobs", "cancel", &id]).await?;
    let mut jobs = world.jobs().await?;
    let job =
        jobs.get_job(v1::GetJobRequest { job_id: id.clone() }).await?.into_inner().job.context("no job")?;
    ensure!(job.state() == JobState::Cancelling, "a write is still out: {job:?}");
    held.release();
    let watched = world.run(&["jobs", "watch", &id]).await;
    ensure!(watched.code == 1 && watched.err.contains("Many"), "what was created must be told: {watched:?}");
    let count = world.rest.count("Many", None).await?;
    let job = jobs.get_job(v1::GetJobRequest { job_id: id }).await?.into_inner().job.context("no job")?;
    ensure!(
        job.state() == JobState::Cancelled && job.progress.is_some_and(|p| p.objects_done == count as u64),
        "{count} {job:?}"
    );
    Ok(())
}

pub async fn two_jobs_do_not_share_a_collection_that_one_changes(world: &mut World) -> anyhow::Result<()> {
    seed::sharded(&world.rest, "Many", 1, 3_000).await?;
    seed::every_type(&world.rest, "Other", 3).await?;
    let (id, held) = start_held(world, &["backup", "Many", "--id", "b"], Call::grpc("Search"), 2).await?;
    let ran = world.refuse(&["clear", "Many", "--yes"], 4, &id).await?;
    ensure!(ran.err.contains("back up Many"), "the holder must be named: {}", ran.err);
    ensure!(world.reason(&["clear", "Many", "--yes"]).await? == "COLLECTION_BUSY");
    world.succeed(&["clear", "Other", "--yes"]).await?;
    held.release();
    world.succeed(&["jobs", "watch", &id]).await?;
    world.succeed(&["clear", "Many", "--yes"]).await?;
    Ok(())
}

pub async fn what_another_job_holds_is_waited_for(world: &mut World) -> anyhow::Result<()> {
    seed::sharded(&world.rest, "Many", 1, 3_000).await?;
    let (id, held) = start_held(world, &["backup", "Many", "--id", "b"], Call::grpc("Search"), 2).await?;
    let ran = world.refuse(&["clear", "Many", "--yes", "--wait", "1s"], 4, &id).await?;
    ensure!(ran.err.contains("the job has waited 1 s for it"), "{}", ran.err);
    let clearing = world.run(&["clear", "Many", "--yes", "--wait", "5m"]);
    let watching = async {
        // It says what it waits for, and of how much.
        loop {
            let active = world.succeed(&["--json", "jobs", "list", "--active"]).await?.out;
            let jobs: Vec<Value> = active.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
            let waits = |job: &&Value| job["waiting_limit_seconds"] == 300;
            if let Some(job) = jobs.iter().find(waits) {
                let what = job["waiting_for"].as_str().unwrap_or_default();
                ensure!(what.contains(&id) && job["kind"] == "clear", "{job}");
                // It has been looked for more than once by then, and is one wait all the same.
                if job["waiting_seconds"].as_u64() >= Some(3) {
                    break;
                }
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        held.release();
        anyhow::Ok(())
    };
    let mut clearing = Box::pin(clearing);
    tokio::select! {
        ran = &mut clearing => anyhow::bail!("it has not waited: {ran:?}"),
        watched = watching => watched?,
    }
    let ran = clearing.await;
    ensure!(ran.code == 0, "{ran:?}");
    world.succeed(&["jobs", "watch", &id]).await?;
    ensure!(world.rest.count("Many", None).await? == 0, "it was not cleared");
    Ok(())
}

pub async fn a_job_that_is_resumed_waits_too(world: &mut World) -> anyhow::Result<()> {
    seed::sharded(&world.rest, "Many", 1, 3_000).await?;
    world.succeed(&["backup", "Many", "--id", "b"]).await?;
    let restore = ["restore", "b", "--rename", "Many=Copy"];
    let (restoring, held) = start_held(world, &restore, Call::grpc("BatchObjects"), 2).await?;
    world.succeed(&["jobs", "cancel", &restoring]).await?;
    held.release();
    world.run(&["jobs", "watch", &restoring]).await;

    let (reading, held) =
        start_held(world, &["backup", "Copy", "--id", "c"], Call::grpc("Search"), 1).await?;
    let resume = ["jobs", "resume", &restoring];
    let ran = world.refuse(&resume, 4, &reading).await?;
    ensure!(ran.err.contains("--wait TIME"), "{}", ran.err);
    let ran = world.refuse(&[&resume[..], &["--wait", "1s"]].concat(), 4, &reading).await?;
    ensure!(ran.err.contains("the job has waited 1 s for it"), "{}", ran.err);
    job_id(&world.succeed(&[&["--json"], &resume[..], &["--wait", "5m", "--detach"]].concat()).await?)?;
    held.release();
    world.succeed(&["jobs", "watch", &restoring]).await?;
    ensure!(world.rest.count("Copy", None).await? == 3_000, "it was not gone on with");
    Ok(())
}

pub async fn the_same_request_id_attaches_instead_of_starting_again(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 5).await?;
    let mut collections = world.collections().await?;
    let request = v1::BackupRequest { request_id: "nightly".to_owned(), ..Default::default() };
    let mut ids = Vec::new();
    for _ in 0..2 {
        let mut stream = collections.backup(request.clone()).await?.into_inner();
        while let Some(message) = stream.next().await {
            ids.push(message?.job.context("no job")?.backup_id);
        }
    }
    ids.dedup();
    ids.retain(|id| !id.is_empty());
    ensure!(ids.len() == 1, "a second backup was made: {ids:?}");
    // Nor does a server forget that was stopped in between.
    world.serve_again(None, None).await?;
    let mut collections = world.collections().await?;
    let mut stream = collections.backup(request.clone()).await?.into_inner();
    let again = stream.next().await.context("no message")??.job.context("no job")?;
    ensure!(again.backup_id == ids[0] && again.state() == JobState::Succeeded, "{again:?}");
    ensure!(world.backup_ids().await?.len() == 1);
    let other = v1::BackupRequest { schema_only: true, ..request };
    let status =
        collections.backup(other).await.err().context("another request with the same id was accepted")?;
    ensure!(status.code() == Code::AlreadyExists, "{status:?}");
    Ok(())
}

pub async fn a_stopping_server_interrupts_its_jobs(world: &mut World) -> anyhow::Result<()> {
    seed::sharded(&world.rest, "Many", 1, 3_000).await?;
    let (id, held) = start_held(world, &["backup", "--id", "b"], Call::grpc("Search"), 2).await?;
    let mut watch = world.jobs().await?.watch_job(v1::WatchJobRequest { job_id: id }).await?.into_inner();
    watch.next().await.context("no message")??;
    world.serve_again(None, None).await?;
    let (mut last, mut end) = (None, None);
    while let Some(message) = watch.next().await {
        match message {
            Ok(message) => last = message.job,
            Err(status) => end = Some(status.code()),
        }
    }
    drop(held);
    let last = last.context("no terminal message")?;
    ensure!(last.state() == JobState::Interrupted && end == Some(Code::Aborted), "{last:?} {end:?}");
    ensure!(world.backup_ids().await?.is_empty());
    Ok(())
}

pub async fn a_beginning_of_an_id_is_enough(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 5).await?;
    world.refuse(&["jobs", "show", "last"], 7, "there are no jobs yet").await?;
    let first = job_id(&world.succeed(&["--json", "backup", "--id", "a"]).await?)?;
    let second = job_id(&world.succeed(&["--json", "backup", "--id", "b"]).await?)?;
    // Here, and as it is written down.
    for _ in 0..2 {
        for (named, id) in [(&first[..32], &first), (&second[..32], &second), ("last", &second)] {
            let shown = world.succeed(&["jobs", "show", named]).await?;
            ensure!(shown.out.contains(&format!("job         {id}")), "{named}: {}", shown.out);
            world.succeed(&["jobs", "watch", named]).await?;
            world.succeed(&["jobs", "cancel", named]).await?;
            world.succeed(&["jobs", "failures", named]).await?;
            world.refuse(&["jobs", "resume", named], 4, "cannot be resumed").await?;
        }
        let several = world.refuse(&["jobs", "show", &first[..6]], 2, "2 jobs begin with").await?;
        ensure!(several.err.contains(&first) && several.err.contains(&second), "{}", several.err);
        world.refuse(&["jobs", "show", &first[..5]], 2, "too short").await?;
        world.refuse(&["jobs", "show", "ffffffffff"], 7, "there is no job").await?;
        let mistaken = format!("{}ffff", &first[..32]);
        world.refuse(&["jobs", "show", &mistaken], 7, "did you mean").await?;
        world.serve_again(None, None).await?;
    }
    Ok(())
}
