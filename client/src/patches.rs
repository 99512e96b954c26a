//! Files with patches of schemas.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde_json::Value;

use crate::ExitCode;
use crate::failure::Failure;

/// The patches in a file, as texts, by collection.
pub fn read(path: &Path) -> Result<HashMap<String, String>, Failure> {
    let unusable = |why: String| {
        let text = format!("the patches in {} cannot be used: {why}", path.display());
        let hint = "the file must hold a JSON object with a JSON merge patch for each collection, such as \
                    {\"Article\": {\"description\": null}}";
        Failure::new(ExitCode::Usage, text).hint(hint)
    };
    let text = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
    let patches: BTreeMap<String, Value> =
        serde_json::from_slice(&text).map_err(|error| unusable(error.to_string()))?;
    Ok(patches.into_iter().map(|(collection, patch)| (collection, patch.to_string())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_holds_patches_by_collection() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("patches.json");
        let read_text = |text: &str| {
            std::fs::write(&path, text).expect("written");
            read(&path)
        };
        let patches = read_text(r#"{"A": {"description": null}}"#).expect("patches");
        assert_eq!(patches["A"], r#"{"description":null}"#);
        for wrong in ["", "[]", "{"] {
            let failure = read_text(wrong).expect_err("no patches");
            assert!(
                failure.exit == ExitCode::Usage && failure.message.contains("patches.json"),
                "{}",
                failure.message
            );
        }
        assert!(read(Path::new("/no/such/file")).is_err());
    }
}
