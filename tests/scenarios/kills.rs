//! Servers that are killed or stopped in the middle of a job: a later one goes on, and nothing is lost or doubled.

pub mod killable;
mod moments;

use std::time::Duration;

use anyhow::ensure;
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::seed::{self, Dice};
use selvedge_tests::harness::world::{World, run_client};
use selvedge_tests::stand_in::faults::Call;

use crate::round_trip::same;
use crate::runner::number;
use killable::Killable;
pub use killable::is_active;
pub use moments::{
    killed_between_backup_and_create, killed_between_drop_and_create, killed_while_replacing,
    killed_while_tenants_are_awake, what_others_made_since_is_not_replaced,
};

const DIMENSIONS: usize = 256;
/// For each call after the first one.
const DELAY: Duration = Duration::from_millis(500);
/// A kill comes so many milliseconds after a job has begun to move, or sooner.
const LATEST: usize = 300;

/// What takes a second or two to move; the stand-in is made slow instead.
async fn fill(world: &World) -> anyhow::Result<()> {
    let objects = if world.weaviate.stand_in().is_some() { 8_000 } else { 20_000 };
    seed::wide(&world.rest, "Many", 4, objects, DIMENSIONS).await
}

/// Has a stand-in answer slowly, so that there is time to kill.
fn slow(world: &World, call: Call) {
    if let Some(stand_in) = world.weaviate.stand_in() {
        stand_in.faults().on(call).from(2).always().delay(DELAY);
    }
}

fn unhindered(world: &World) {
    if let Some(stand_in) = world.weaviate.stand_in() {
        stand_in.faults().clear();
    }
}

/// SELVEDGE_TEST_KILLS says how many times, unless the job is done before.
async fn killed_and_resumed(world: &World, server: &mut Killable, id: String) -> anyhow::Result<()> {
    let mut dice = Dice::of("kills");
    let (mut id, mut struck) = (id, 0);
    for kill in 0..number("SELVEDGE_TEST_KILLS", 3) {
        server.is_moving(&id).await?;
        if kill > 0 {
            // The first must not come too late; the others come when they come.
            tokio::time::sleep(Duration::from_millis(dice.below(LATEST) as u64)).await;
        }
        server.kill().await?;
        server.start_again().await?;
        if !server.was_interrupted(&id).await? {
            break;
        }
        struck += 1;
        id = server.begin(&["jobs", "resume", &id]).await?;
    }
    ensure!(struck > 0, "the job was done before the first kill, so this shows nothing");
    unhindered(world);
    server.succeed(&["jobs", "watch", &id]).await.map(drop)
}

/// The backup is whole, and nothing else is left.
async fn holds(server: &Killable) -> anyhow::Result<()> {
    server.succeed(&["verify", "b", "--level", "rows"]).await?;
    server.succeed(&["verify", "b", "--against-live"]).await?;
    let incomplete = server.succeed(&["--json", "list", "--incomplete"]).await?;
    ensure!(incomplete.out.trim().is_empty(), "something is left over: {}", incomplete.out);
    Ok(())
}

pub async fn a_killed_backup_goes_on(world: &mut World) -> anyhow::Result<()> {
    fill(world).await?;
    let mut server = Killable::start(world).await?;
    slow(world, Call::grpc("Search"));
    let id = server.begin(&["backup", "--id", "b"]).await?;
    killed_and_resumed(world, &mut server, id).await?;
    holds(&server).await
}

pub async fn a_killed_restore_goes_on(world: &mut World) -> anyhow::Result<()> {
    fill(world).await?;
    let before = Census::take(&world.rest, &["Many"]).await?;
    let mut server = Killable::start(world).await?;
    server.succeed(&["backup", "--id", "b"]).await?;
    world.rest.drop_all().await?;
    slow(world, Call::grpc("BatchObjects"));
    let id = server.begin(&["restore", "b"]).await?;
    killed_and_resumed(world, &mut server, id).await?;
    same(&before, &Census::take(&world.rest, &["Many"]).await?)
}

/// The same from one name to another.
pub async fn a_killed_copy_goes_on(world: &mut World) -> anyhow::Result<()> {
    fill(world).await?;
    let names = seed::references(&world.rest, "Hub", 400).await?;
    let all = [&["Many".to_owned()][..], &names].concat();
    let before = Census::take(&world.rest, &all).await?;
    let mut server = Killable::start(world).await?;
    slow(world, Call::grpc("BatchObjects"));
    let renames: Vec<String> = all.iter().map(|name| format!("--rename={name}=New{name}")).collect();
    let renames: Vec<&str> = renames.iter().map(String::as_str).collect();
    let id = server.begin(&[&["copy"][..], &renames].concat()).await?;
    killed_and_resumed(world, &mut server, id).await?;
    let copies: Vec<String> = all.iter().map(|name| format!("New{name}")).collect();
    let pairs: Vec<_> = all.iter().map(String::as_str).zip(copies.iter().map(String::as_str)).collect();
    let differences = before.differences(&Census::take(&world.rest, &copies).await?, &pairs);
    ensure!(differences.is_empty(), "{differences:?}");
    Ok(())
}

/// Half of it is there already, and stays.
pub async fn a_killed_merge_goes_on(world: &mut World) -> anyhow::Result<()> {
    fill(world).await?;
    let names = seed::references(&world.rest, "Hub", 400).await?;
    let all = [&["Many".to_owned()][..], &names].concat();
    let before = Census::take(&world.rest, &all).await?;
    let mut server = Killable::start(world).await?;
    server.succeed(&["backup", "--id", "b"]).await?;
    world.rest.drop_class("Many").await?;
    slow(world, Call::grpc("BatchObjects"));
    let id = server.begin(&["restore", "b", "--if-exists", "merge"]).await?;
    killed_and_resumed(world, &mut server, id).await?;
    same(&before, &Census::take(&world.rest, &all).await?)
}

/// It listens elsewhere, and has nothing of the first but the repository.
pub async fn another_server_goes_on(world: &mut World) -> anyhow::Result<()> {
    fill(world).await?;
    let mut server = Killable::start(world).await?;
    slow(world, Call::grpc("Search"));
    let id = server.begin(&["backup", "--id", "b"]).await?;
    ensure!(server.is_moving(&id).await?, "the job was done too soon, so this shows nothing");
    server.kill().await?;
    unhindered(world);
    server.settings.resume_on_start = true;
    server.start_again().await?;
    server.until_succeeded(&id).await?;
    holds(&server).await
}

/// Whoever follows the job is told how it goes on.
pub async fn a_stopped_server_is_a_checkpoint(world: &mut World) -> anyhow::Result<()> {
    fill(world).await?;
    let mut server = Killable::start(world).await?;
    slow(world, Call::grpc("Search"));
    let url = server.url().to_owned();
    let backup = ["backup", "--id", "b"];
    let (followed, stopped) = tokio::join!(run_client(&url, &backup, None), async {
        let id = server.only_job().await?;
        ensure!(server.is_moving(&id).await?, "the job was done too soon, so this shows nothing");
        server.stop().await?;
        anyhow::Ok(id)
    });
    let id = stopped?;
    ensure!(followed.code == 8 && followed.err.contains("jobs resume"), "{followed:?}");
    unhindered(world);
    server.settings.resume_on_start = true;
    server.start_again().await?;
    server.until_succeeded(&id).await?;
    holds(&server).await
}
