//! From one server to another, with the programs as they are.

use std::path::Path;

use anyhow::{Context, ensure};
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::programs::{Programs, ServerProcess, ServerSettings};
use selvedge_tests::harness::rest::Rest;
use selvedge_tests::harness::weaviate::{Flavour, Weaviate, WeaviateOptions};
use selvedge_tests::harness::world::{Ran, run_client};
use tempfile::TempDir;

use super::kinds::{KINDS, Kind};

const BACKUP: &str = "b";
/// The name by which one side's Selvedge knows the other side.
const OTHER: &str = "other";

/// What became of each kind.
pub struct Crossed {
    pub from: String,
    pub onto: String,
    /// As `KINDS`.
    pub verdicts: Vec<Verdict>,
}

pub enum Verdict {
    /// The source has no such thing.
    Unknown,
    Exact,
    /// Exact, but for what is told.
    Partial(String),
    /// Before anything was written, by the plan too.
    Refused(String),
    Failed(String),
}

impl Verdict {
    pub fn word(&self) -> &'static str {
        match self {
            Self::Unknown => "–",
            Self::Exact => "exact",
            Self::Partial(_) => "partial",
            Self::Refused(_) => "refused",
            Self::Failed(_) => "**FAILED**",
        }
    }

    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Unknown | Self::Exact => None,
            Self::Partial(text) | Self::Refused(text) | Self::Failed(text) => Some(text),
        }
    }
}

/// One of the two sides: Weaviate, and Selvedge on it.
struct Side {
    weaviate: Weaviate,
    rest: Rest,
    server: ServerProcess,
}

impl Side {
    /// Its Selvedge knows `other` too.
    async fn start(
        programs: &Programs,
        binary: &Path,
        folder: &TempDir,
        other: Option<&Self>,
    ) -> anyhow::Result<Self> {
        // Some kinds have to be allowed; versions that do not know them do not mind.
        let env = [("OBJECTS_TTL_DELETE_SCHEDULE", "@every 1h"), ("ENABLE_TOKENIZER_KAGOME_JA", "true")];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let options = WeaviateOptions { binary: Some(binary.to_owned()), env, ..WeaviateOptions::default() };
        let weaviate = Weaviate::start(Flavour::Real, options).await?;
        let config = folder.path().join("selvedge.toml");
        let others = other.map(|Self { weaviate, .. }| {
            let [rest, grpc] = [weaviate.rest_url(), weaviate.grpc_url()];
            format!("[clusters.{OTHER}]\nurl = \"{rest}\"\ngrpc_url = \"{grpc}\"\n")
        });
        std::fs::write(&config, others.unwrap_or_default())?;
        let settings = ServerSettings {
            weaviate_url: weaviate.rest_url(),
            weaviate_grpc_url: Some(weaviate.grpc_url()),
            weaviate_api_key: None,
            max_jobs: None,
            metrics: None,
            resume_on_start: false,
            repository: folder.path().join("repository").display().to_string(),
            env: vec![("SELVEDGE_CONFIG".to_owned(), config.display().to_string())],
            log: folder.path().join("repository.log"),
        };
        let server = ServerProcess::start(programs, &settings).await?;
        Ok(Self { rest: Rest::new(&weaviate.rest_url()), weaviate, server })
    }

    fn has(&self, kind: &Kind) -> anyhow::Result<bool> {
        let minor = self.weaviate.version().split('.').nth(1).context("a version without a minor")?;
        Ok(minor.parse::<u64>()? >= kind.since)
    }

    async fn run(&self, arguments: &[&str]) -> Ran {
        run_client(&self.server.url, arguments, None).await
    }
}

/// Backs up all that the first has, and restores it on the second, kind by kind; or copies it.
pub async fn cross(programs: &Programs, from: &Path, onto: &Path, copies: bool) -> anyhow::Result<Crossed> {
    let folder = tempfile::tempdir()?;
    let source = Side::start(programs, from, &folder, None).await?;
    let mut before = Vec::new();
    for kind in KINDS {
        before.push(if source.has(kind)? {
            (kind.make)(&source.rest)
                .await
                .with_context(|| format!("{} on {}", kind.name, source.weaviate.version()))?;
            Some(Census::take(&source.rest, kind.collections).await?)
        } else {
            None
        });
    }
    if !copies {
        let ran = source.run(&["backup", "--id", BACKUP]).await;
        ensure!(ran.code == 0, "the backup failed: {ran:?}");
    }
    let target = Side::start(programs, onto, &folder, copies.then_some(&source)).await?;
    let moving: &[&str] = match copies {
        true => &["copy", "--cluster", OTHER, "--to", "default"],
        false => &["restore", BACKUP],
    };
    let mut verdicts = Vec::new();
    for (kind, before) in KINDS.iter().zip(&before) {
        verdicts.push(match before {
            Some(before) => moved(&target, moving, kind, before).await?,
            None => Verdict::Unknown,
        });
    }
    let (from, onto) = (source.weaviate.version().to_owned(), target.weaviate.version().to_owned());
    eprintln!("{from} onto {onto}: done");
    Ok(Crossed { from, onto, verdicts })
}

/// How Weaviate works inside, by settings that only one of two versions has.
const INSIDE: [&str; 5] =
    ["usingBlockMaxWAND", "filterStrategy", "deletionStrategy", "asyncEnabled", "indexRangeFilters"];

/// Whether only one of two versions has a setting, and it is off or concerns nothing that is stored or found. By rules of its own,
/// not by those of the code that is tried.
fn is_of_versions(difference: &str) -> bool {
    let Some((_, setting)) = difference.split_once(": schema.") else { return false };
    let values =
        setting.split_once(" was ").and_then(|(path, values)| Some((path, values.split_once(", is ")?)));
    let Some((path, (before, after))) = values else { return false };
    let (known, is_one_absent) = if before == "absent" { (after, true) } else { (before, after == "absent") };
    let is_off =
        known == "false" || known.contains("\"enabled\":false") && !known.contains("\"enabled\":true");
    let is_inside = INSIDE.iter().any(|name| path.ends_with(&format!(".{name}")));
    is_one_absent && (is_off || is_inside)
}

async fn moved(target: &Side, moving: &[&str], kind: &Kind, before: &Census) -> anyhow::Result<Verdict> {
    let moving = [moving, kind.collections].concat();
    let plan = target.run(&[&moving[..], &["--dry-run"]].concat()).await;
    let ran = target.run(&moving).await;
    let told = ran.err.lines().find(|line| line.starts_with("error:"));
    let told = told.unwrap_or(&ran.err).to_owned();
    if ran.code != 0 && ran.code != 5 {
        let classes = target.rest.classes().await?;
        let left = kind.collections.iter().any(|name| classes.iter().any(|class| class == name));
        // Only what the target has no such thing for, and before anything was written.
        let is_fair = ran.code == 4 && plan.code == 4 && !left && !target.has(kind)?;
        return Ok(if is_fair { Verdict::Refused(told) } else { Verdict::Failed(told) });
    }
    let mut differences = before.differences(&Census::take(&target.rest, kind.collections).await?, &[]);
    differences.retain(|difference| !is_of_versions(difference));
    if !differences.is_empty() {
        return Ok(Verdict::Failed(differences.join("; ")));
    }
    Ok(match ran.code {
        0 => Verdict::Exact,
        _ if target.has(kind)? => Verdict::Failed(told),
        _ => Verdict::Partial(told),
    })
}
