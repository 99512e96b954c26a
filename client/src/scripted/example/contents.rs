//! What is in a collection of a backup, and how things stand.

use selvedge_proto::v1::*;

use super::at;

pub fn collection_of_backup() -> GetBackupCollectionResponse {
    let schema = serde_json::json!({
        "class": "Article",
        "properties": [
            {"name": "title", "dataType": ["text"], "tokenization": "word"},
            {"name": "writtenBy", "dataType": ["Author", "Robot"]},
        ],
        "vectorConfig": {"title": {"vectorIndexType": "hnsw", "vectorizer": {"none": {}}}},
    });
    let mut collection = super::backup().collections.remove(0);
    (collection.multi_tenant, collection.tenants_covered, collection.tenants_total) = (true, 1, 2);
    GetBackupCollectionResponse {
        backup_id: "nightly".to_owned(),
        collection: Some(collection),
        schema: schema.to_string(),
        aliases: vec!["Articles".to_owned()],
    }
}

pub fn tenants_of_backup() -> Vec<BackupTenant> {
    let tenant = |name: &str, status: &str, objects, left_out: LeftOut| BackupTenant {
        name: name.to_owned(),
        status: status.to_owned(),
        objects,
        left_out: left_out.into(),
    };
    vec![
        tenant("acme", "active", Some(10_000), LeftOut::Unspecified),
        tenant("initech", "inactive", None, LeftOut::Inactive),
    ]
}

pub fn files_of_backup() -> Vec<BackupFile> {
    vec![BackupFile {
        path: "backups/nightly/collections/Article/data/0193.parquet".to_owned(),
        objects: 10_000,
        bytes: 44_000_000,
        blake3: "540eb261".repeat(8),
        first_id: "00000000-0000-0000-0000-000000000000".to_owned(),
        last_id: "ffffffff-ffff-ffff-ffff-ffffffffffff".to_owned(),
        tenants: 0,
    }]
}

/// Of so many collections, of which the first has no backup; one of two clusters does not answer.
pub fn status(collections: usize) -> GetStatusResponse {
    let newest = |index: usize| NewestBackup {
        backup_id: "nightly-20261123".to_owned(),
        time: at(index as i64),
        objects: 12_345,
        ..NewestBackup::default()
    };
    let collection = |index: usize| CollectionStatus {
        cluster: "eu".to_owned(),
        collection: format!("C{index:03}"),
        newest_backup: (index > 0).then(|| newest(index)),
        repository: "default".to_owned(),
    };
    let failure = JobFailure {
        reason: FailureReason::WeaviateUnreachable.into(),
        message: "no answer from Weaviate at http://us:8080".to_owned(),
        hint: "start Weaviate, or correct its address".to_owned(),
    };
    let cluster = |name: &str, failure: Option<JobFailure>| ClusterStatus {
        name: name.to_owned(),
        address: format!("http://{name}:8080"),
        weaviate_version: if failure.is_some() { String::new() } else { "1.39.0".to_owned() },
        unseen: if failure.is_some() { String::new() } else { "read_collections on \"C*\"".to_owned() },
        failure,
    };
    GetStatusResponse {
        selvedge_version: "0.1.0".to_owned(),
        clusters: vec![cluster("eu", None), cluster("us", Some(failure))],
        repositories: vec![RepositoryStatus {
            name: "default".to_owned(),
            url: "file:///backups".to_owned(),
            backups: 12,
            bytes: 47_396_000,
            newest_backup_time: at(0),
            free_bytes: Some(80 << 30),
            capacity_bytes: Some(100 << 30),
            failure: None,
        }],
        collections: (0..collections).map(collection).collect(),
    }
}
