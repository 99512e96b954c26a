//! Selvedge's server as a process, and what is asked of it before and after it is killed.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use selvedge_tests::harness::programs::{ServerProcess, ServerSettings};
use selvedge_tests::harness::world::{Ran, World, run_client};
use serde_json::Value;
use tempfile::TempDir;

use crate::jobs::job_id;
use crate::runner::programs;

const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// Looks, with this pause between two of them, before something that has to come is given up.
const LOOKS: usize = 600;
const PAUSE: Duration = Duration::from_millis(100);

/// The states of a job that has not ended.
const ACTIVE: [&str; 3] = ["pending", "running", "cancelling"];

/// One server at a time, and a repository that outlives it.
pub struct Killable {
    /// With what the next one is started.
    pub settings: ServerSettings,
    server: ServerProcess,
    /// Of the repository, and of the log.
    _folder: TempDir,
}

impl Killable {
    pub async fn start(world: &World) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let settings = ServerSettings {
            weaviate_url: world.weaviate.rest_url(),
            weaviate_grpc_url: Some(world.weaviate.grpc_url()),
            weaviate_api_key: None,
            max_jobs: None,
            metrics: None,
            resume_on_start: false,
            repository: match world.objects() {
                // Beside that of the world.
                Some(objects) => format!("{}/killable", objects.repository().url),
                None => folder.path().join("repository").display().to_string(),
            },
            env: world.environment()?,
            log: folder.path().join("server.log"),
        };
        let server = ServerProcess::start(programs().await?, &settings).await?;
        Ok(Self { settings, server, _folder: folder })
    }

    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        self.server = ServerProcess::start(programs().await?, &self.settings).await?;
        Ok(())
    }

    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.server.kill().await
    }

    pub async fn stop(&mut self) -> anyhow::Result<()> {
        self.server.stop().await
    }

    pub fn url(&self) -> &str {
        &self.server.url
    }

    pub async fn run(&self, arguments: &[&str]) -> Ran {
        run_client(&self.server.url, arguments, None).await
    }

    /// Runs the client, and fails unless it succeeds.
    pub async fn succeed(&self, arguments: &[&str]) -> anyhow::Result<Ran> {
        let ran = self.run(arguments).await;
        let words = arguments.join(" ");
        ensure!(
            ran.code == 0,
            "selvedge {words}: {ran:?}\nthe server's log ends:\n{}",
            self.server.log_tail()
        );
        Ok(ran)
    }

    /// Starts or resumes a job, and goes on without it.
    pub async fn begin(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let all: Vec<_> = ["--json"].iter().chain(arguments).chain(&["--detach"]).copied().collect();
        job_id(&self.succeed(&all).await?)
    }

    /// Resumes a job and follows it to its end. What the dead server left half done is put right first, and what is in use
    /// meanwhile is refused.
    pub async fn resume(&self, id: &str) -> anyhow::Result<()> {
        for _ in 0..LOOKS {
            let ran = self.run(&["jobs", "resume", id]).await;
            if ran.code != 4 {
                ensure!(ran.code == 0, "{ran:?}\nthe server's log ends:\n{}", self.server.log_tail());
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        bail!("job {id} is refused for good")
    }

    /// The job as it is now.
    pub async fn job(&self, id: &str) -> anyhow::Result<Value> {
        Ok(serde_json::from_str(&self.succeed(&["--json", "jobs", "show", id]).await?.out)?)
    }

    async fn jobs(&self) -> anyhow::Result<Vec<Value>> {
        let listed = self.succeed(&["--json", "jobs", "list"]).await?.out;
        Ok(listed.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
    }

    /// Waits for the first job of all.
    pub async fn only_job(&self) -> anyhow::Result<String> {
        for _ in 0..LOOKS {
            if let Some(job) = self.jobs().await?.first() {
                return Ok(job["id"].as_str().context("a job without an id")?.to_owned());
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        bail!("no job was started")
    }

    /// Waits until a job has read or written objects; false if it ended sooner.
    pub async fn is_moving(&self, id: &str) -> anyhow::Result<bool> {
        loop {
            let job = self.job(id).await?;
            if !is_active(&job) {
                return Ok(false);
            }
            if job["progress"]["objects_done"].as_u64() > Some(0) {
                return Ok(true);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// What a job was doing when the server was killed: true if it can be resumed, false if it was done.
    pub async fn was_interrupted(&self, id: &str) -> anyhow::Result<bool> {
        for _ in 0..LOOKS {
            let jobs = self.jobs().await?;
            let job =
                jobs.iter().find(|job| job["id"] == id).with_context(|| format!("{id} is not listed"))?;
            if job["state"] == "succeeded" {
                return Ok(false);
            }
            if !is_active(job) {
                ensure!(job["state"] == "interrupted" && job["resumable"] == true, "{job}");
                return Ok(true);
            }
            // It may take a while until it is certain that nobody does it any more.
            tokio::time::sleep(PAUSE).await;
        }
        bail!("job {id} goes on although its server is dead")
    }

    /// Waits for a job that the server has resumed by itself.
    pub async fn until_succeeded(&self, id: &str) -> anyhow::Result<()> {
        for _ in 0..LOOKS {
            let job = self.job(id).await?;
            if job["state"] == "succeeded" {
                return Ok(());
            }
            // It may not have been resumed yet.
            ensure!(is_active(&job) || job["state"] == "interrupted", "{job}");
            tokio::time::sleep(PAUSE).await;
        }
        bail!("job {id} does not end; the server's log ends:\n{}", self.server.log_tail())
    }
}

pub fn is_active(job: &Value) -> bool {
    ACTIVE.iter().any(|state| job["state"] == *state)
}
