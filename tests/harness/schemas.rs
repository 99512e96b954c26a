//! Whether what is printed and written fits the JSON Schemas of `docs/schemas`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use anyhow::{Context, bail, ensure};
use jsonschema::Validator;
use serde_json::Value;

/// By their names.
type Schemas = BTreeMap<String, Validator>;

static OUTPUT: LazyLock<Schemas> = LazyLock::new(|| load("output").expect("schemas"));
static REPOSITORY: LazyLock<Schemas> = LazyLock::new(|| load("repository").expect("schemas"));

fn load(of: &str) -> anyhow::Result<Schemas> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/schemas")).join(of).join("v1");
    let mut schemas = Schemas::new();
    for entry in std::fs::read_dir(&folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_suffix(".schema.json"));
        let schema: Value = serde_json::from_slice(&std::fs::read(&path)?)?;
        let validator = jsonschema::validator_for(&schema).with_context(|| path.display().to_string())?;
        schemas.insert(name.context("a schema's name")?.to_owned(), validator);
    }
    Ok(schemas)
}

/// Fails unless each line that a command has printed with `--json` fits a schema.
pub fn check_output(printed: &str) -> anyhow::Result<()> {
    for line in printed.lines() {
        let value: Value = serde_json::from_str(line).with_context(|| format!("no JSON: {line}"))?;
        if !OUTPUT.values().any(|schema| schema.is_valid(&value)) {
            let why: Vec<_> = OUTPUT
                .iter()
                .filter_map(|(name, schema)| Some(format!("{name}: {}", schema.validate(&value).err()?)))
                .collect();
            bail!("no schema has what was printed: {line}\n{}", why.join("\n"));
        }
    }
    Ok(())
}

/// Fails unless all JSON files of a repository that have a schema fit it. Says how many of each there are.
pub fn check_repository(folder: &Path) -> anyhow::Result<BTreeMap<&'static str, usize>> {
    let mut found = BTreeMap::new();
    for path in files(folder)? {
        let name = path.strip_prefix(folder)?.to_str().context("a name that is text")?;
        let Some(of) = schema_of(name) else { continue };
        let text = std::fs::read_to_string(&path)?;
        // In an index the first line says what the others are.
        let documents: Vec<&str> =
            if of == "catalog-line" { text.lines().collect() } else { vec![text.as_str()] };
        for document in documents {
            let value: Value = serde_json::from_str(document).with_context(|| name.to_owned())?;
            let schema = REPOSITORY.get(of).with_context(|| format!("no schema {of}"))?;
            if let Err(error) = schema.validate(&value) {
                bail!("{name} does not fit {of}: {error} at {}\n{document}", error.instance_path());
            }
            *found.entry(of).or_default() += 1;
        }
    }
    ensure!(!found.is_empty(), "nothing is in {}", folder.display());
    Ok(found)
}

/// The schema of a file of a repository, if there is one for it.
fn schema_of(name: &str) -> Option<&'static str> {
    let parts: Vec<_> = name.split('/').collect();
    Some(match parts.as_slice() {
        ["repository.json"] => "repository",
        ["backups", _, "claim.json"] => "claim",
        ["backups", _, "backup.json"] => "backup",
        ["backups", _, "access.json"] => "access",
        ["backups", _, "collections", _, "files.json"] => "files",
        ["backups", _, "collections", _, "tenants.json"] => "tenants",
        ["backups", _, "collections", _, "schema.json"] => "schema",
        ["backups", _, "collections", _, "absent.json"] => "absent",
        ["backups", _, "doomed", _] | ["catalog", "removed", ..] => "removal",
        ["holds", _] => "hold",
        ["catalog", "index.jsonl"] => "catalog-line",
        ["jobs", _, "job.json"] => "job",
        ["jobs", _, "attempts", _] => "attempt",
        ["jobs", _, "alive", _] => "alive",
        ["jobs", _, "ends", _] => "end",
        ["jobs", _, "clearing.json"] => "clearing",
        ["jobs", _, woken] if woken.starts_with("woken") => "woken",
        ["jobs", _, "cleared", _, "tenants.json"] => "cleared-tenants",
        ["locks", _, _] => "lock",
        _ => return None,
    })
}

fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    Ok(found)
}
