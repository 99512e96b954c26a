//! Backups that have files in common.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::samples::{batch, bits, collection, id, memory, object_id, read, small, summary, write_backup};
use crate::{CollectionReader, Inheriting, Key, Manifest, Repository, Rows, Select};
use selvedge_model::error::Kind;
use selvedge_model::{Content, Digest, UuidRange};

/// All keys of a collection, or of a tenant of it, with ids in a range.
async fn keys(reader: &CollectionReader, tenant: Option<&str>, range: UuidRange) -> Vec<Key> {
    let mut keys = reader.keys(tenant, range);
    let mut all = Vec::new();
    while let Some(key) = keys.next_up_to(Uuid::max()).await.unwrap() {
        all.push(key);
    }
    all
}

/// Rows that go, by their file, as `CollectionReader::without` takes them.
fn without(reader: &CollectionReader, keys: &[Key]) -> CollectionReader {
    let mut rows: BTreeMap<usize, (Vec<u32>, Digest, u64)> = BTreeMap::new();
    for key in keys {
        let gone = rows.entry(key.file).or_default();
        gone.0.push(key.row);
        gone.1 += key.digest;
    }
    reader.without(rows).unwrap()
}

/// A backup with all of `parent` but every third object, and with `more` new ones behind the last.
async fn child(repository: &Repository, parent: &str, name: &str, rows: u32, more: u32) -> Manifest {
    let collection = collection("Article", false);
    let reader = repository.open_backup(&id(parent)).await.unwrap().collection("Article").await.unwrap();
    let all = keys(&reader, None, UuidRange::ALL).await;
    let gone: Vec<Key> = all.iter().step_by(3).copied().collect();
    let left = without(&reader, &gone);
    let mut inheriting = Inheriting::from(&id(parent));
    left.files().iter().filter(|file| file.objects() > 0).for_each(|file| inheriting.take(&left, file));
    let backup = repository.create_backup(&id(name), name).await.unwrap();
    let writer = backup.add_collection(&collection, &[], &collection.vector_spaces).await.unwrap();
    let mut file = writer.data_file(usize::MAX);
    file.append(None, batch(&collection, rows..rows + more)).await.unwrap();
    let covers = UuidRange { first: object_id(rows), last: Uuid::max() };
    let written = file.seal(Some(covers)).await.unwrap().unwrap();
    let mut content = Content { buckets: reader.buckets().unwrap().clone(), ..Content::default() };
    let mut lost = Content::default();
    gone.iter().for_each(|key| lost.add_digest(None, &key.id, key.digest));
    content.subtract(&lost);
    content.merge(written.content);
    let manifest =
        writer.finish(vec![written.file], Some(inheriting), content, None, Vec::new()).await.unwrap();
    backup.commit(summary(), vec![manifest], std::future::ready(Ok(()))).await.unwrap()
}

async fn rows(repository: &Repository, backup: &str) -> Vec<Rows> {
    let reader = repository.open_backup(&id(backup)).await.unwrap().collection("Article").await.unwrap();
    read(&reader, Select::All, None).await
}

#[tokio::test]
async fn keys_come_in_the_order_of_ids_and_say_where_their_rows_are() {
    for multi_tenant in [false, true] {
        let repository = memory(small());
        let collection = collection("Article", multi_tenant);
        write_backup(&repository, &id("a"), &collection, 200).await.unwrap();
        let reader = repository.open_backup(&id("a")).await.unwrap().collection("Article").await.unwrap();
        let (tenant, expected) = if multi_tenant { (Some("tenant-2"), 60..90) } else { (None, 0..200) };
        let all = keys(&reader, tenant, UuidRange::ALL).await;
        assert!(all.iter().map(|key| key.id).eq(expected.map(object_id)));
        let range = UuidRange { first: object_id(70), last: object_id(75) };
        assert!(keys(&reader, tenant, range).await.iter().map(|key| key.id).eq((70..76).map(object_id)));
        let left = without(&reader, &all[5..20]);
        let hidden: BTreeSet<Uuid> = all[5..20].iter().map(|key| key.id).collect();
        let found = keys(&left, tenant, UuidRange::ALL).await;
        assert!(found.iter().eq(all.iter().filter(|key| !hidden.contains(&key.id))));
        // What a key tells is what is in its row.
        let ids: Vec<_> =
            read(&left, Select::All, None).await.into_iter().flat_map(|rows| rows.batch.ids).collect();
        assert_eq!(ids.len(), 200 - 15);
        assert!(ids.iter().all(|id| !hidden.contains(id)));
    }
}

#[tokio::test]
async fn a_backup_outlives_those_whose_files_it_has() {
    let repository = memory(small());
    write_backup(&repository, &id("a"), &collection("Article", false), 120).await.unwrap();
    let whole = rows(&repository, "a").await;
    let manifest = child(&repository, "a", "b", 120, 20).await;
    assert_eq!(manifest.format_version, 5);
    let inheritance = manifest.collections[0].inheritance.clone().unwrap();
    assert_eq!((inheritance.objects, inheritance.hidden), (80, 40));
    assert_eq!(manifest.objects(), 100);
    let manifest = child(&repository, "b", "c", 140, 20).await;
    assert_eq!(manifest.inherits(), [id("a"), id("b")].into());

    let of_b: Vec<_> = rows(&repository, "b").await.iter().map(|rows| bits(&rows.batch)).collect();
    let ids: Vec<_> = rows(&repository, "b").await.into_iter().flat_map(|rows| rows.batch.ids).collect();
    let before = whole.iter().flat_map(|rows| rows.batch.ids.clone()).enumerate();
    let expected: BTreeSet<_> = before.filter(|(at, _)| at % 3 != 0).map(|(_, id)| id).collect();
    assert!(expected.iter().all(|id| ids.contains(id)) && ids.len() == 100);

    let doomed = repository.doom(&id("a")).await.unwrap();
    let removed = repository.delete_doomed(&id("a"), doomed).await.unwrap();
    assert_eq!(removed.needed_by, [id("b"), id("c")].into());
    assert!(removed.kept_files > 0 && removed.files > 0);
    assert!(repository.uncommitted().await.unwrap().iter().all(|one| one.is_deleted));
    let error = repository.create_backup(&id("a"), "again").await.unwrap_err();
    assert_eq!(error.kind(), Kind::BackupExists);
    let again: Vec<_> = rows(&repository, "b").await.iter().map(|rows| bits(&rows.batch)).collect();
    assert_eq!(of_b, again);

    let doomed = repository.doom(&id("b")).await.unwrap();
    repository.delete_doomed(&id("b"), doomed).await.unwrap();
    assert!(!rows(&repository, "c").await.is_empty());
    // What was forgotten goes by the next look.
    assert!(repository.look_at_remains(&id("a")).await.unwrap().kept_files > 0);
    let doomed = repository.doom(&id("c")).await.unwrap();
    let removed = repository.delete_doomed(&id("c"), doomed).await.unwrap();
    assert_eq!(removed.kept_files, 0);
    assert!(repository.uncommitted().await.unwrap().is_empty());
    assert!(repository.create_backup(&id("a"), "again").await.is_ok());
}
