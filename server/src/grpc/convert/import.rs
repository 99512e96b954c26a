//! An import on its way in.

use selvedge_archive::{BackupId, DataFormat};
use selvedge_model::error::{Error, Result};
use selvedge_model::{Collection, is_collection_name};
use selvedge_proto::v1;
use serde_json::Value;

use super::fields::{data_format, new_backup_id};
use super::names::check_name;

/// What lines are to become, and the schema that was sent with it.
#[derive(Debug)]
pub struct ImportHeader {
    pub cluster: String,
    pub backup_id: BackupId,
    pub collection: String,
    pub format: DataFormat,
}

pub fn import_header(wire: v1::ImportBackupHeader) -> Result<(ImportHeader, Option<(Collection, String)>)> {
    let v1::ImportBackupHeader { repository, backup_id: id, collection, schema, cluster, format } = wire;
    check_name("repository", &repository)?;
    check_name("cluster", &cluster)?;
    check_name("collection", &collection)?;
    if !is_collection_name(&collection) {
        let text = format!("\"{collection}\" cannot be the name of a collection");
        return Err(
            Error::invalid("collection", text).hint("use letters, digits and _, the first one a capital")
        );
    }
    let backup_id = if id.is_empty() { BackupId::generate() } else { new_backup_id(&id)? };
    let format = data_format(format)?;
    let given = (!schema.is_empty()).then(|| given_schema(&schema, &collection)).transpose()?;
    Ok((ImportHeader { cluster, backup_id, collection, format }, given))
}

/// Under its new name, and what it was called before.
fn given_schema(schema: &str, name: &str) -> Result<(Collection, String)> {
    let invalid =
        |why: String| Error::invalid("schema", format!("`schema` is no schema of a collection: {why}"));
    let mut schema: Value = serde_json::from_str(schema).map_err(|error| invalid(error.to_string()))?;
    let Some(fields) = schema.as_object_mut() else { return Err(invalid("it is no object".to_owned())) };
    let old = fields.entry("class").or_insert_with(|| name.into()).as_str().unwrap_or_default().to_owned();
    if !fields.contains_key("vectorIndexType") && !fields.contains_key("vectorConfig") {
        // As Weaviate completes it.
        fields.insert("vectorIndexType".to_owned(), "hnsw".into());
    }
    let collection = Collection::from_schema(schema).map_err(|error| invalid(error.to_string()))?;
    Ok((collection.renamed(&[(old.clone(), name.to_owned())].into())?, old))
}
