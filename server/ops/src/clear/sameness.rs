//! Whether a collection that was created again is what it was.

use serde_json::Value;

use selvedge_model::error::{Error, Kind, Result};
use selvedge_weaviate::compare_schemas;

/// By its schema, whatever the name.
pub fn fail_if_different(name: &str, wanted: &Value, made: &Value) -> Result<()> {
    let differences: Vec<_> = compare_schemas(wanted, made)
        .into_iter()
        .filter(|difference| difference.matters && difference.path != "class")
        .map(|difference| difference.to_string())
        .collect();
    if differences.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        Kind::SchemaMismatch,
        format!(
            "Weaviate creates collection \"{name}\" differently from what it is: {}",
            differences.join("; ")
        ),
    ))
}
