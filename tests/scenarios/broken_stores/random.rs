//! Faults by chance, on both sides of the server.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use object_store::memory::InMemory;
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::faulty_store::FaultyStore;
use selvedge_tests::harness::seed::{self, Dice};
use selvedge_tests::harness::weaviate::WeaviateOptions;
use selvedge_tests::harness::world::{Ran, World};
use selvedge_tests::stand_in::faults::{Call, Faults, Objects};
use tokio::task::JoinSet;
use tonic::Code;

use super::{all, is_resumable, is_sound, serve};
use crate::jobs::job_id;
use crate::round_trip::same;
use crate::runner::number;

/// Worlds side by side: most of the time is spent waiting for another try.
const AT_ONCE: usize = 8;
const RESUMES: usize = 5;
/// Operations of the store of which one fails, on average.
const ONE_IN: usize = 12;

/// A seed is played in a second or two.
const STUCK: Duration = Duration::from_secs(90);

/// SELVEDGE_TEST_SEEDS says how many; SELVEDGE_TEST_SEED replays one of them.
pub async fn random_faults_never_make_a_lie(world: &mut World) -> anyhow::Result<()> {
    let seeds: Vec<u64> = match std::env::var("SELVEDGE_TEST_SEED") {
        Ok(seed) => vec![seed.parse()?],
        Err(_) => (0..number("SELVEDGE_TEST_SEEDS", 200)).collect(),
    };
    let mut tracks = JoinSet::new();
    for first in 0..AT_ONCE.min(seeds.len()) {
        let own = world.beside(WeaviateOptions::default()).await?;
        tracks.spawn(track(own, seeds.iter().copied().skip(first).step_by(AT_ONCE).collect()));
    }
    all(tracks).await
}

async fn track(mut world: World, seeds: Vec<u64>) -> anyhow::Result<()> {
    for seed in seeds {
        let played = tokio::time::timeout(STUCK, play(&mut world, seed)).await;
        let played = played.unwrap_or_else(|_| Err(anyhow!("a job is stuck: not done after {STUCK:?}")));
        played.with_context(|| format!("SELVEDGE_TEST_SEED={seed}"))?;
    }
    Ok(())
}

async fn play(world: &mut World, seed: u64) -> anyhow::Result<()> {
    world.rest.drop_all().await?;
    let [hub, other] = seed::references(&world.rest, "Hub", 12).await?;
    seed::tenanted(&world.rest, "Customer", 4).await?;
    let names = [hub, other, "Customer".to_owned()];
    let before = Census::take(&world.rest, &names).await?;
    let store = FaultyStore::new(Arc::new(InMemory::new()));
    serve(world, &store).await?;

    let mut dice = Dice::of(&format!("seed {seed}"));
    let id = backup(world, &store, &mut dice).await.context("the backup")?;
    world.rest.drop_all().await?;
    let ran = try_hard(world, &store, &mut dice, &["--json", "restore", &id]).await?;
    if ran.code != 0 {
        world.rest.drop_all().await?;
        world.succeed(&["restore", &id]).await?;
    }
    let after = Census::take(&world.rest, &names).await.with_context(|| format!("{ran:?}"))?;
    same(&before, &after).with_context(|| format!("the restore, after {ran:?}"))
}

/// The id of one that is sound, be it the second.
async fn backup(world: &World, store: &FaultyStore, dice: &mut Dice) -> anyhow::Result<String> {
    let ran = try_hard(world, store, dice, &["--json", "backup", "--id", "b"]).await?;
    let listed = world.backup_ids().await?;
    ensure!(ran.code != 0 || listed == ["b"], "it is said to be made, and is not listed: {ran:?}");
    let id = if listed.is_empty() { "again" } else { "b" };
    if listed.is_empty() {
        world.succeed(&["backup", "--id", id]).await?;
    }
    is_sound(world, id).await.with_context(|| format!("after {ran:?}"))?;
    Ok(id.to_owned())
}

/// Runs a command while this and that fails, and resumes its job as long as that can be done. Then nothing fails any more,
/// and what can still be resumed has to succeed.
async fn try_hard(
    world: &World,
    store: &FaultyStore,
    dice: &mut Dice,
    arguments: &[&str],
) -> anyhow::Result<Ran> {
    let faults = world.stand_in().faults();
    disturb(&faults, dice);
    store.disturb(dice.throw(), ONE_IN);
    let mut ran = world.run(arguments).await;
    let job = job_id(&ran).ok();
    for left in (0..=RESUMES).rev() {
        if left == 0 {
            store.revive();
            faults.clear();
        }
        let Some(id) = job.as_deref().filter(|_| ran.code != 0) else { break };
        if is_resumable(world, id).await? {
            ran = world.run(&["--json", "jobs", "resume", id]).await;
            ensure!(left > 0 || ran.code == 0, "it was said that it can be resumed: {ran:?}");
        }
    }
    store.revive();
    faults.clear();
    Ok(ran)
}

/// Some calls to Weaviate fail, once or twice in a row.
fn disturb(faults: &Faults, dice: &mut Dice) {
    let calls = [
        Call::grpc("Search"),
        Call::grpc("Aggregate"),
        Call::grpc("BatchObjects"),
        Call::rest("GET", "/v1/schema"),
        Call::rest("POST", "/v1/schema"),
        Call::rest("POST", "/v1/batch/references"),
    ];
    for _ in 0..dice.below(5) {
        let call = dice.one_of(&calls).clone();
        let is_grpc = matches!(call, Call::Grpc(_));
        let rule = faults.on(call).from(1 + dice.below(4)).times(1 + dice.below(2));
        match dice.below(4) {
            0 if is_grpc => rule.grpc(Code::Unavailable, "restarting"),
            0 => rule.http(503, "restarting"),
            1 => rule.cut(),
            2 => rule.lose_answer(),
            _ => rule.refuse_objects(Objects::Every(3), "put objects: not enough memory mappings"),
        }
    }
}
