use std::collections::BTreeSet;

use chrono::Utc;
use serde_json::json;
use uuid::Uuid;

use crate::write::Limits;
use crate::{
    BackupId, BackupKind, BackupOptions, ClusterIdentity, CollectionReader, CollectionWriter, CommitSummary,
    Manifest, Repository, RepositoryConfig, Rows, Select, TenantRecord, Written,
};
use selvedge_model::error::Result;
use selvedge_model::{Batch, Collection, Content, LeftOut, Reason, Remark, TenantStatus, UuidRange, Vectors};

pub fn id(text: &str) -> BackupId {
    text.parse().unwrap()
}

pub fn summary() -> CommitSummary {
    CommitSummary {
        kind: BackupKind::Full,
        weaviate_version: "1.34.0".to_owned(),
        cluster: ClusterIdentity { name: "default".to_owned(), address: "http://localhost:8080".to_owned() },
        start_time: Utc::now(),
        end_time: Utc::now(),
        settled_before: None,
        options: BackupOptions::default(),
        access: None,
        remarks: Vec::new(),
    }
}

/// A few rows to a row group, a few row groups to a file.
pub fn small() -> Limits {
    Limits { row_group_bytes: 2000, row_group_rows: 50, file_bytes: 6000, part_bytes: 1500 }
}

pub fn memory(limits: Limits) -> Repository {
    Repository::open(&RepositoryConfig::new("test", "memory://")).unwrap().with_limits(limits)
}

/// A legacy vector, a named one, and a named multi-vector.
pub fn collection(name: &str, multi_tenant: bool) -> Collection {
    let schema = json!({
        "class": name,
        "properties": [{"name": "text", "dataType": ["text"]}, {"name": "by", "dataType": ["Author"]}],
        "vectorIndexType": "hnsw",
        "vectorConfig": {
            "colour": {"vectorIndexType": "flat", "vectorizer": {"none": {}}, "vectorIndexConfig": {}},
            "words": {"vectorIndexType": "hnsw", "vectorizer": {"none": {}},
                      "vectorIndexConfig": {"multivector": {"enabled": true}}},
        },
        "multiTenancyConfig": {"enabled": multi_tenant},
        "moduleConfig": {"threshold": 0.1_f64 + 0.2},
    });
    Collection::from_schema(schema).unwrap()
}

pub fn object_id(row: u32) -> Uuid {
    Uuid::from_u128(u128::from(row) << 64 | 7)
}

/// Objects with every kind of vector: there, absent, empty, and floats that only survive as bits.
pub fn batch(collection: &Collection, rows: std::ops::Range<u32>) -> Batch {
    let mut batch = Batch::new(&collection.vector_spaces, collection.has_references());
    for row in rows {
        batch.ids.push(object_id(row));
        batch.creation_times.push(1_700_000_000_000 + i64::from(row));
        batch.update_times.push(-i64::from(row));
        batch.properties.push(&format!("{{\"text\":\"größe {row}\"}}"));
        if let Some(references) = &mut batch.references {
            let beacon = format!("weaviate://localhost/Author/{}", Uuid::from_u128(row.into()));
            references.push(&if row % 3 == 0 { String::new() } else { format!("{{\"by\":[\"{beacon}\"]}}") });
        }
        for vectors in &mut batch.vectors {
            push_vector(vectors, row);
        }
    }
    batch
}

fn push_vector(vectors: &mut Vectors, row: u32) {
    let odd =
        [-0.0, f32::from_bits(0x7fc0_1234), f32::from_bits(0xff80_0001), f32::MIN_POSITIVE / 2.0, row as f32];
    match (vectors, row % 5) {
        (vectors, 0) => vectors.push_absent(),
        (Vectors::Single(column), 1) => column.push(&[]),
        (Vectors::Single(column), _) => column.push(&odd[..(row % 3 + 2) as usize]),
        (Vectors::Multi(column), 1) => column.push(std::iter::empty()),
        (Vectors::Multi(column), 2) => column.push([&odd[..0], &odd[..]].into_iter()),
        (Vectors::Multi(column), _) => column.push(odd.chunks(2)),
    }
}

/// As text, in which a NaN equals itself and 0 is not -0.
pub fn bits(batch: &Batch) -> String {
    let mut batch = batch.clone();
    let mut bits = Vec::new();
    for vectors in &mut batch.vectors {
        let values = match vectors {
            Vectors::Single(column) => &mut column.values,
            Vectors::Multi(column) => &mut column.values,
        };
        bits.push(values.drain(..).map(f32::to_bits).collect::<Vec<_>>());
    }
    format!("{batch:?} {bits:?}")
}

/// Writes objects 0 to `rows` in batches of ten and tenants of thirty, one file after the other.
pub async fn write_rows(
    writer: &CollectionWriter,
    collection: &Collection,
    rows: u32,
) -> Result<Vec<Written>> {
    let mut written = Vec::new();
    let mut file = writer.data_file(usize::MAX);
    let mut from = Uuid::nil();
    for first in (0..rows).step_by(10) {
        let end = rows.min(first + 10);
        let tenant = format!("tenant-{}", first / 30);
        let tenant = collection.multi_tenant.then_some(tenant.as_str());
        if let Err(error) = file.append(tenant, batch(collection, first..end)).await {
            file.abort().await.unwrap();
            return Err(error);
        }
        if file.is_full() && end < rows && (tenant.is_none() || end.is_multiple_of(30)) {
            let covers = UuidRange { first: from, last: object_id(end - 1) };
            let full = std::mem::replace(&mut file, writer.data_file(usize::MAX));
            written.extend(full.seal(tenant.is_none().then_some(covers)).await?);
            from = Uuid::from_u128(covers.last.as_u128() + 1);
        }
    }
    let covers = UuidRange { first: from, last: Uuid::max() };
    written.extend(file.seal((!collection.multi_tenant).then_some(covers)).await?);
    Ok(written)
}

/// All that is selected of all files, or only of some tenants.
pub async fn read(reader: &CollectionReader, select: Select, tenants: Option<&[&str]>) -> Vec<Rows> {
    let wanted = tenants.map(|names| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>());
    let mut all = Vec::new();
    for file in reader.files() {
        let open = reader.open(file, select).await.unwrap();
        for group in 0..file.row_groups.len() {
            if open.is_wanted(group, wanted.as_ref()) {
                all.extend(open.group(group, wanted.as_ref()).await.unwrap());
            }
        }
    }
    all
}

/// A committed backup of one collection.
pub async fn write_backup(
    repository: &Repository,
    id: &BackupId,
    collection: &Collection,
    rows: u32,
) -> Result<Manifest> {
    let backup = repository.create_backup(id, "job-1").await?;
    let written = async {
        let writer =
            backup.add_collection(collection, &["Alias".to_owned()], &collection.vector_spaces).await?;
        let written = write_rows(&writer, collection, rows).await?;
        let tenant = |name: &str, rows, left_out| TenantRecord {
            name: name.to_owned(),
            status: if rows > 0 { TenantStatus::Hot } else { TenantStatus::Cold },
            rows: (rows > 0).then_some(rows),
            left_out,
            digest: None,
        };
        let tenants = vec![tenant("tenant-0", 30, None), tenant("asleep", 0, Some(LeftOut::Inactive))];
        let remarks = vec![Remark::note(Reason::ReadAtOne)];
        let (mut files, mut content) = (Vec::new(), Content::default());
        for Written { file, content: of_file } in written {
            content.merge(of_file);
            files.push(file);
        }
        writer.finish(files, None, content, collection.multi_tenant.then_some(tenants), remarks).await
    };
    let committed = match written.await {
        Ok(manifest) => backup.commit(summary(), vec![manifest], std::future::ready(Ok(()))).await,
        Err(error) => Err(error),
    };
    if committed.is_err() {
        backup.discard().await.unwrap();
    }
    committed
}
