//! Trouble on Weaviate's side: what passes is waited for, what stays is told, and nothing is lost either way.

use std::sync::Arc;

use anyhow::ensure;
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::full_store::FullStore;
use selvedge_tests::harness::seed;
use selvedge_tests::harness::world::{World, local};
use selvedge_tests::stand_in::faults::{Call, Objects};
use serde_json::Value;
use tonic::Code;

use crate::jobs::summary;
use crate::round_trip::same;

/// Enough objects for several pages.
const MANY: usize = 3_000;

async fn many(world: &World) -> anyhow::Result<Census> {
    seed::sharded(&world.rest, "Many", 2, MANY).await?;
    Census::take(&world.rest, &["Many".to_owned()]).await
}

async fn restored_is(world: &World, before: &Census) -> anyhow::Result<()> {
    same(before, &Census::take(&world.rest, &["Many".to_owned()]).await?)
}

pub async fn a_moment_of_trouble_is_waited_for(world: &mut World) -> anyhow::Result<()> {
    let before = many(world).await?;
    let faults = world.stand_in().faults();
    faults.on(Call::grpc("Search")).from(2).times(2).grpc(Code::Unavailable, "restarting");
    faults.on(Call::grpc("Search")).from(5).grpc(Code::Unknown, "could not find class Many in schema");
    faults.on(Call::grpc("Aggregate")).grpc(Code::Unknown, "connect: Post: connection refused");
    faults.on(Call::rest("GET", "/v1/schema")).http(503, "starting");
    faults.on(Call::rest("GET", "/v1/schema/Many/shards")).http(502, "");
    let ran = world.succeed(&["--json", "backup", "--id", "b"]).await?;
    let job: Value = serde_json::from_str(ran.out.lines().last().unwrap_or_default())?;
    ensure!(job["retries"].as_u64() >= Some(4), "repeated requests are counted: {job}");
    world.rest.drop_all().await?;
    faults.on(Call::rest("POST", "/v1/schema")).http(503, "no leader");
    faults.on(Call::grpc("BatchObjects")).times(2).grpc(Code::Unavailable, "restarting");
    world.succeed(&["restore", "b"]).await?;
    restored_is(world, &before).await
}

pub async fn a_connection_cut_in_mid_page_loses_nothing(world: &mut World) -> anyhow::Result<()> {
    let before = many(world).await?;
    let faults = world.stand_in().faults();
    faults.on(Call::grpc("Search")).from(2).cut_after(5_000);
    faults.on(Call::grpc("Search")).from(4).cut();
    world.succeed(&["backup", "--id", "b"]).await?;
    world.rest.drop_all().await?;
    faults.on(Call::grpc("BatchObjects")).from(2).lose_answer();
    faults.on(Call::grpc("BatchObjects")).from(3).cut();
    world.succeed(&["restore", "b"]).await?;
    restored_is(world, &before).await
}

pub async fn a_reply_that_is_too_large_is_asked_for_in_parts(world: &mut World) -> anyhow::Result<()> {
    let before = many(world).await?;
    let faults = world.stand_in().faults();
    let text = "grpc: trying to send message larger than max (104858001 vs. 104858000)";
    faults.on(Call::grpc("Search")).from(2).times(3).grpc(Code::ResourceExhausted, text);
    world.succeed(&["backup", "--id", "b"]).await?;
    world.rest.drop_all().await?;
    world.succeed(&["restore", "b"]).await?;
    restored_is(world, &before).await
}

pub async fn objects_refused_for_a_moment_are_sent_again(world: &mut World) -> anyhow::Result<()> {
    let before = many(world).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    world.rest.drop_all().await?;
    let faults = world.stand_in().faults();
    faults
        .on(Call::grpc("BatchObjects"))
        .times(2)
        .refuse_objects(Objects::Every(7), "put objects: not enough memory mappings");
    faults.on(Call::grpc("BatchObjects")).from(3).refuse_objects(Objects::Index(0), "store is read-only");
    world.succeed(&["restore", "b"]).await?;
    restored_is(world, &before).await
}

pub async fn objects_refused_for_good_make_the_job_partial(world: &mut World) -> anyhow::Result<()> {
    let before = many(world).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    world.rest.drop_all().await?;
    let faults = world.stand_in().faults();
    // Whatever the text, it is tried once more when all others are there.
    let once = before.ids("Many").into_iter().nth(7).map(|id| id.parse()).transpose()?;
    let calls = || faults.on(Call::grpc("BatchObjects"));
    calls().times(4).refuse_objects(Objects::Ids(once.into_iter().collect()), "something new");
    let ids: Result<Vec<_>, _> = before.ids("Many").iter().step_by(100).map(|id| id.parse()).collect();
    calls().always().refuse_objects(Objects::Ids(ids?), "invalid text property 'text'");
    let ran = world.run(&["--json", "restore", "b"]).await;
    ensure!(ran.code == 5, "{ran:?}");
    let missing = MANY - world.rest.count("Many", None).await?;
    ensure!(missing > 0, "nothing was refused");
    let summary = ran.out.lines().rev().find(|line| line.contains("\"summary\"")).unwrap_or_default();
    let job: Value = serde_json::from_str(summary)?;
    ensure!(job["state"] == "partial", "{job}");
    let warning =
        job["warnings"].as_array().and_then(|all| all.iter().find(|w| w["reason"] == "object_refused"));
    ensure!(
        warning.is_some_and(
            |w| w["count"] == missing && w["text"].as_str().is_some_and(|t| t.contains("invalid text"))
        ),
        "{job}"
    );
    let id = job["id"].as_str().unwrap_or_default();
    let listed = world.succeed(&["--json", "jobs", "failures", id]).await?.out;
    ensure!(listed.lines().count() == missing, "{listed}");
    let line: Value = serde_json::from_str(listed.lines().next().unwrap_or_default())?;
    ensure!(before.has("Many", line["object_id"].as_str().unwrap_or_default()), "{line}");
    // Not only as long as the server remembers the job.
    world.serve_again(None, None).await?;
    ensure!(world.succeed(&["--json", "jobs", "failures", id]).await?.out == listed);
    Ok(())
}

/// Everything else was restored, and the warnings name what was not.
pub async fn a_list_that_cannot_be_saved_is_no_failure(world: &mut World) -> anyhow::Result<()> {
    let before = many(world).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    world.rest.drop_all().await?;
    world.serve_again(Some(Arc::new(FullStore::new(local(world.folder())?, 0))), None).await?;
    let ids: Result<Vec<_>, _> = before.ids("Many").iter().take(3).map(|id| id.parse()).collect();
    let faults = world.stand_in().faults();
    faults.on(Call::grpc("BatchObjects")).always().refuse_objects(Objects::Ids(ids?), "invalid text");
    let ran = world.refuse(&["restore", "b"], 5, "no space left").await?;
    ensure!(ran.err.contains("Weaviate refused 3 objects"), "{}", ran.err);
    ensure!(world.rest.count("Many", None).await? == MANY - 3);
    Ok(())
}

pub async fn a_lost_answer_to_a_creation_is_no_conflict(world: &mut World) -> anyhow::Result<()> {
    let before = many(world).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    world.rest.drop_all().await?;
    world.stand_in().faults().on(Call::rest("POST", "/v1/schema")).lose_answer();
    world.succeed(&["restore", "b"]).await?;
    restored_is(world, &before).await
}

pub async fn a_hidden_shard_never_makes_a_backup(world: &mut World) -> anyhow::Result<()> {
    let before = many(world).await?;
    let contents = world.stand_in().contents();
    let shard = contents.shards("Many").remove(0);
    contents.hide_shard("Many", &shard);
    ensure!(
        world.rest.count("Many", None).await? < MANY,
        "the stand-in should answer with what is left, and no error"
    );
    let shown: Value = serde_json::from_str(&world.succeed(&["--json", "collections"]).await?.out)?;
    ensure!(shown["objects"].is_null(), "a count of what is left is worse than none: {shown}");
    ensure!(world.reason(&["backup", "--id", "b"]).await? == "SHARDS_UNAVAILABLE");
    ensure!(world.backup_ids().await?.is_empty());
    contents.show_shards("Many");
    world.succeed(&["backup", "--id", "b"]).await?;
    world.rest.drop_all().await?;
    world.succeed(&["restore", "b"]).await?;
    restored_is(world, &before).await
}

pub async fn a_shard_that_vanishes_while_reading_never_makes_a_backup(
    world: &mut World,
) -> anyhow::Result<()> {
    many(world).await?;
    let contents = world.stand_in().contents();
    let shard = contents.shards("Many").remove(0);
    let hidden = shard.clone();
    let faults = world.stand_in().faults();
    faults.on(Call::grpc("Search")).from(2).before(move |contents| contents.hide_shard("Many", &hidden));
    let ran = world.run(&["--json", "backup", "--id", "c"]).await;
    ensure!(ran.out.contains("SHARDS_UNAVAILABLE"), "{ran:?}");
    // It may even be back before anybody looks: then the count tells.
    contents.show_shards("Many");
    faults.clear();
    faults.on(Call::grpc("Search")).from(2).before(move |contents| contents.hide_shard("Many", &shard));
    faults
        .on(Call::rest("GET", "/v1/schema/Many/shards"))
        .from(2)
        .before(|contents| contents.show_shards("Many"));
    ensure!(world.reason(&["backup", "--id", "b"]).await? == "COUNT_MISMATCH");
    ensure!(world.backup_ids().await?.is_empty());
    // What was read while a shard was away does not count when the job goes on.
    faults.clear();
    contents.show_shards("Many");
    world.succeed(&["jobs", "resume", summary(&ran)?["id"].as_str().unwrap_or_default()]).await?;
    ensure!(world.backup_ids().await? == ["c"]);
    world.succeed(&["verify", "c", "--against-live"]).await?;
    Ok(())
}

pub async fn a_weaviate_that_stays_away_fails_the_job(world: &mut World) -> anyhow::Result<()> {
    many(world).await?;
    let faults = world.stand_in().faults();
    let stop = faults.clone();
    faults.on(Call::grpc("Search")).from(2).before(move |_| stop.down());
    let ran = world.run(&["--json", "backup", "--id", "b"]).await;
    ensure!(ran.out.contains("WEAVIATE_UNREACHABLE"), "{ran:?}");
    faults.up();
    ensure!(world.backup_ids().await?.is_empty());
    let job = summary(&ran)?;
    ensure!(job["state"] == "failed" && job["resumable"] == true, "{job}");
    world.succeed(&["jobs", "resume", job["id"].as_str().unwrap_or_default()]).await?;
    world.succeed(&["verify", "b", "--level", "rows"]).await?;
    world.succeed(&["verify", "b", "--against-live"]).await.map(drop)
}
