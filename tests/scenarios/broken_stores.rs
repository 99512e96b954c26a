//! Stores that fail, at any one operation or at many: what a job says is true all the same.

mod random;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use object_store::memory::InMemory;
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::faulty_store::{Fault, FaultyStore};
use selvedge_tests::harness::seed;
use selvedge_tests::harness::weaviate::WeaviateOptions;
use selvedge_tests::harness::world::{Serving, World};
use selvedge_tests::stand_in::faults::Call;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::jobs::job_id;
use crate::kills::is_active;
use crate::round_trip::same;
pub use random::random_faults_never_make_a_lie;

const FAULTS: [Fault; 4] =
    [Fault::Fail, Fault::LoseAnswer, Fault::Crash, Fault::Stall(Duration::from_millis(50))];
/// More than any of these jobs has.
const OPERATIONS: usize = 500;
/// Looks, with a pause between two of them, before a job is said to never end.
const LOOKS: usize = 400;
const PAUSE: Duration = Duration::from_millis(50);

/// A server on this store that has done what servers do when they start.
async fn serve(world: &mut World, store: &FaultyStore) -> anyhow::Result<()> {
    let store = Arc::new(store.clone());
    world.serve_with(Serving { store: Some(store), ..Serving::default() }).await?;
    world.succeed(&["--json", "jobs", "list"]).await.map(drop)
}

/// Waits for all of them, and fails with the first that does.
async fn all(mut tracks: JoinSet<anyhow::Result<()>>) -> anyhow::Result<()> {
    while let Some(ended) = tracks.join_next().await {
        ended??;
    }
    Ok(())
}

/// Whether a job can be resumed, once it has ended. Of one that was never written down, nobody knows.
async fn is_resumable(world: &World, id: &str) -> anyhow::Result<bool> {
    for _ in 0..LOOKS {
        let ran = world.run(&["--json", "jobs", "show", id]).await;
        if ran.code != 0 {
            return Ok(false);
        }
        let job: Value = serde_json::from_str(&ran.out)?;
        if !is_active(&job) {
            return Ok(job["resumable"] == true);
        }
        tokio::time::sleep(PAUSE).await;
    }
    bail!("job {id} never ends")
}

/// The backup is whole, and is what Weaviate holds.
async fn is_sound(world: &World, id: &str) -> anyhow::Result<()> {
    world.succeed(&["verify", id, "--level", "rows"]).await?;
    world.succeed(&["verify", id, "--against-live"]).await.map(drop)
}

async fn fill(world: &World) -> anyhow::Result<[&'static str; 2]> {
    seed::every_type(&world.rest, "Article", 20).await?;
    seed::tenanted(&world.rest, "Customer", 4).await?;
    Ok(["Article", "Customer"])
}

/// A job of which one operation of the store fails. In the end it is done: resumed if that is said to be possible, else by
/// another job.
struct Trial<'w> {
    world: &'w mut World,
    store: FaultyStore,
    fault: Fault,
}

impl Trial<'_> {
    /// Runs a command with the fault at its n-th operation, and returns its exit code and its job.
    async fn run(&mut self, nth: usize, arguments: &[&str]) -> anyhow::Result<(u8, Option<String>)> {
        serve(self.world, &self.store).await?;
        self.store.at(self.store.operations() + nth, self.fault);
        let ran = self.world.run(arguments).await;
        // Who comes after a crash knows only what the store holds.
        let has_crashed = self.fault == Fault::Crash && self.store.has_struck();
        if has_crashed {
            self.world.stop_server().await?;
        }
        self.store.revive();
        if has_crashed {
            serve(self.world, &self.store).await?;
        }
        Ok((ran.code, job_id(&ran).ok()))
    }

    /// False if the job cannot be resumed; if it can, it has to succeed.
    async fn is_resumed(&self, job: Option<String>) -> anyhow::Result<bool> {
        let Some(id) = job else { return Ok(false) };
        if !is_resumable(self.world, &id).await? {
            return Ok(false);
        }
        self.world.succeed(&["jobs", "resume", &id]).await?;
        Ok(true)
    }

    async fn backup(&mut self, nth: usize) -> anyhow::Result<()> {
        let (code, job) = self.run(nth, &["--json", "backup", "--id", "b"]).await?;
        let listed = self.world.backup_ids().await?;
        ensure!(code != 0 || listed.len() == 1, "it is said to be made, and is not listed");
        for id in &listed {
            is_sound(self.world, id).await?;
        }
        if code == 0 {
            return Ok(());
        }
        if self.is_resumed(job).await? {
            return is_sound(self.world, "b").await;
        }
        self.world.succeed(&["backup", "--id", "again"]).await?;
        is_sound(self.world, "again").await
    }

    async fn restore(&mut self, nth: usize, before: &Census, names: &[&str]) -> anyhow::Result<()> {
        self.world.rest.drop_all().await?;
        let (code, job) = self.run(nth, &["--json", "restore", "b"]).await?;
        if code != 0 && !self.is_resumed(job).await? {
            self.world.rest.drop_all().await?;
            self.world.succeed(&["restore", "b"]).await?;
        }
        same(before, &Census::take(&self.world.rest, names).await?)
    }
}

impl Trial<'_> {
    async fn resume(&mut self, nth: usize, job: &str) -> anyhow::Result<()> {
        let (code, _) = self.run(nth, &["--json", "jobs", "resume", job]).await?;
        if code != 0 && !self.is_resumed(Some(job.to_owned())).await? {
            self.world.succeed(&["backup", "--id", "again"]).await?;
        }
        let listed = self.world.backup_ids().await?;
        ensure!(listed.len() == 1 && (code != 0 || listed == ["b"]), "{listed:?} are listed");
        is_sound(self.world, &listed[0]).await
    }

    /// However far it comes, no backup is harmed, and the next one does the rest.
    async fn prune(&mut self, nth: usize) -> anyhow::Result<()> {
        self.run(nth, &["--json", "prune", "--yes"]).await?;
        is_sound(self.world, "sound").await?;
        self.world.succeed(&["prune", "--yes"]).await?;
        let left = self.world.succeed(&["--json", "list", "--incomplete"]).await?.out;
        ensure!(left.trim().is_empty(), "it is still there: {left}");
        is_sound(self.world, "sound").await?;
        self.world.succeed(&["backup", "--id", "b"]).await.map(drop)
    }
}

/// A store with a sound backup, and another one that Weaviate has left halfway. Returns the job of that one.
async fn halfway(world: &mut World) -> anyhow::Result<(InMemory, String)> {
    let inner = InMemory::new();
    serve(world, &FaultyStore::new(Arc::new(inner.clone()))).await?;
    let faults = world.stand_in().faults();
    let stop = faults.clone();
    faults.on(Call::grpc("Search")).from(3).before(move |_| stop.down());
    let ran = world.run(&["--json", "backup", "--id", "b"]).await;
    faults.up();
    faults.clear();
    ensure!(ran.code == 8 && is_resumable(world, &job_id(&ran)?).await?, "{ran:?}");
    world.stop_server().await?;
    Ok((inner, job_id(&ran)?))
}

async fn resumes(mut world: World, fault: Fault) -> anyhow::Result<()> {
    fill(&world).await?;
    let (inner, job) = halfway(&mut world).await?;
    for nth in 0..OPERATIONS {
        let store = FaultyStore::new(Arc::new(inner.fork()));
        let mut trial = Trial { world: &mut world, store: store.clone(), fault };
        trial.resume(nth, &job).await.with_context(|| format!("{fault:?} at operation {nth} of a resume"))?;
        if !store.has_struck() {
            return Ok(());
        }
    }
    bail!("a resume has more than {OPERATIONS} operations")
}

async fn prunes(mut world: World, fault: Fault) -> anyhow::Result<()> {
    fill(&world).await?;
    let (inner, job) = halfway(&mut world).await?;
    serve(&mut world, &FaultyStore::new(Arc::new(inner.clone()))).await?;
    world.succeed(&["backup", "--id", "sound"]).await?;
    world.succeed(&["jobs", "cancel", &job]).await?;
    world.stop_server().await?;
    for nth in 0..OPERATIONS {
        let store = FaultyStore::new(Arc::new(inner.fork()));
        let mut trial = Trial { world: &mut world, store: store.clone(), fault };
        trial.prune(nth).await.with_context(|| format!("{fault:?} at operation {nth} of a prune"))?;
        if !store.has_struck() {
            return Ok(());
        }
    }
    bail!("a prune has more than {OPERATIONS} operations")
}

async fn backups(mut world: World, fault: Fault) -> anyhow::Result<()> {
    fill(&world).await?;
    for nth in 0..OPERATIONS {
        let store = FaultyStore::new(Arc::new(InMemory::new()));
        let mut trial = Trial { world: &mut world, store: store.clone(), fault };
        trial.backup(nth).await.with_context(|| format!("{fault:?} at operation {nth} of a backup"))?;
        if !store.has_struck() {
            return Ok(());
        }
    }
    bail!("a backup has more than {OPERATIONS} operations")
}

async fn restores(mut world: World, fault: Fault) -> anyhow::Result<()> {
    let names = fill(&world).await?;
    let before = Census::take(&world.rest, &names).await?;
    let sound = InMemory::new();
    serve(&mut world, &FaultyStore::new(Arc::new(sound.clone()))).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    world.stop_server().await?;
    for nth in 0..OPERATIONS {
        let store = FaultyStore::new(Arc::new(sound.fork()));
        let mut trial = Trial { world: &mut world, store: store.clone(), fault };
        let tried = trial.restore(nth, &before, &names).await;
        tried.with_context(|| format!("{fault:?} at operation {nth} of a restore"))?;
        if !store.has_struck() {
            return Ok(());
        }
    }
    bail!("a restore has more than {OPERATIONS} operations")
}

pub async fn every_operation_of_a_backup_fails_once(world: &mut World) -> anyhow::Result<()> {
    let mut tracks = JoinSet::new();
    for fault in FAULTS {
        tracks.spawn(backups(world.beside(WeaviateOptions::default()).await?, fault));
    }
    all(tracks).await
}

pub async fn every_operation_of_a_restore_fails_once(world: &mut World) -> anyhow::Result<()> {
    let mut tracks = JoinSet::new();
    for fault in FAULTS {
        tracks.spawn(restores(world.beside(WeaviateOptions::default()).await?, fault));
    }
    all(tracks).await
}

pub async fn every_operation_of_a_resume_fails_once(world: &mut World) -> anyhow::Result<()> {
    let mut tracks = JoinSet::new();
    for fault in FAULTS {
        tracks.spawn(resumes(world.beside(WeaviateOptions::default()).await?, fault));
    }
    all(tracks).await
}

pub async fn every_operation_of_a_prune_fails_once(world: &mut World) -> anyhow::Result<()> {
    let mut tracks = JoinSet::new();
    for fault in FAULTS {
        tracks.spawn(prunes(world.beside(WeaviateOptions::default()).await?, fault));
    }
    all(tracks).await
}
