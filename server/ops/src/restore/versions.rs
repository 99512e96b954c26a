//! What becomes of a backup's collections on another version of Weaviate than theirs.

use selvedge_model::Collection;
use selvedge_model::error::{Error, Kind, Result};
use selvedge_weaviate::{Misfit, ServerInfo, Without, misfits};

/// What will be different of a collection on this version, a sentence each. Fails if it could not be what it was.
pub fn differences(collection: &Collection, has_aliases: bool, server: &ServerInfo) -> Result<Vec<String>> {
    let (lost, internal): (Vec<_>, Vec<_>) = misfits(&collection.schema, server.version)
        .into_iter()
        .partition(|misfit| misfit.without == Without::Lost);
    let (name, version) = (&collection.name, &server.version_text);
    if !lost.is_empty() {
        let text = format!(
            "collection \"{name}\" would not be what it was on Weaviate {version}: {}",
            texts(&lost).join("; ")
        );
        return Err(Error::new(Kind::CollectionUnsupported, text).hint(
            "restore it to a newer Weaviate, give it other settings, patch its schema (null leaves something out), drop vectors or \
             properties, or leave the collection out",
        ));
    }
    let mut told = Vec::new();
    if !internal.is_empty() {
        let settings: Vec<_> = internal.iter().map(|misfit| misfit.path.as_str()).collect();
        told.push(format!(
            "Weaviate {version} does not know {}: what is stored and found stays the same",
            settings.join(", ")
        ));
    }
    if has_aliases && !server.version.has_aliases() {
        told.push(format!("Weaviate {version} has no aliases: they are not created"));
    }
    Ok(told)
}

fn texts(misfits: &[Misfit]) -> Vec<String> {
    misfits.iter().map(ToString::to_string).collect()
}

/// That the backup is of another version, for its plan.
pub fn told(backed_up: &str, server: &ServerInfo) -> Option<String> {
    let version = &server.version_text;
    // Of imported lines, nobody knows.
    (!backed_up.is_empty() && backed_up != version.as_str())
        .then(|| format!("the backup is of Weaviate {backed_up}, and the cluster is {version}"))
}
