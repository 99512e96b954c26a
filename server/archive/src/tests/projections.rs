//! What is read of some columns only is what is in all of them.

use super::samples::{batch, collection, id, memory, read, small, write_backup};
use crate::{CollectionReader, Rows, Select};
use selvedge_model::{Batch, Digest, UuidRange};
use uuid::Uuid;

/// An object: of which tenant, which, its references, and what it holds.
type Object = (Option<String>, Uuid, String, Digest);

async fn objects(reader: &CollectionReader) -> Vec<Object> {
    let mut objects = Vec::new();
    for Rows { tenant, batch, .. } in read(reader, Select::All, None).await {
        let references = batch.references.as_ref().unwrap();
        let found = |row, id, digest| {
            objects.push((tenant.clone(), id, references.get(row).to_owned(), digest));
        };
        reader.digester().each(tenant.as_deref(), &batch, found).unwrap();
    }
    objects
}

/// Reads each way, and compares.
pub async fn compare(reader: &CollectionReader) {
    let all = objects(reader).await;
    assert!(!all.is_empty());
    let whole = read(reader, Select::All, None).await;
    let stored: Vec<Digest> = whole.iter().flat_map(|rows| rows.digests.iter().copied()).collect();
    assert_eq!(stored, all.iter().map(|(.., digest)| *digest).collect::<Vec<_>>());
    for (texts, all) in read(reader, Select::Texts, None).await.into_iter().zip(whole) {
        assert_eq!(texts.tenant, all.tenant);
        assert_eq!(texts.batch, Batch { vectors: Vec::new(), ..all.batch });
    }
    let (mut with_references, mut with_hashes) = (Vec::new(), Vec::new());
    for Rows { tenant, batch, digests } in read(reader, Select::References, None).await {
        assert!(batch.properties.is_empty() && batch.vectors.is_empty() && digests.is_empty());
        let references = batch.references.unwrap();
        let texts = references.iter().map(str::to_owned);
        with_references.extend(batch.ids.into_iter().zip(texts).map(|(id, text)| (tenant.clone(), id, text)));
    }
    for Rows { tenant, batch, digests } in read(reader, Select::Hashes, None).await {
        assert!(batch.properties.is_empty() && batch.vectors.is_empty() && batch.references.is_none());
        assert_eq!(batch.ids.len(), digests.len());
        with_hashes.extend(batch.ids.into_iter().zip(digests).map(|(id, sum)| (tenant.clone(), id, sum)));
    }
    let expected = all.iter().map(|(tenant, id, text, _)| (tenant.clone(), *id, text.clone()));
    assert_eq!(with_references, expected.collect::<Vec<_>>());
    let expected = all.iter().map(|(tenant, id, _, digest)| (tenant.clone(), *id, *digest));
    assert_eq!(with_hashes, expected.collect::<Vec<_>>());
    let total: Digest = all.iter().map(|(.., digest)| *digest).sum();
    assert_eq!(total, reader.buckets().unwrap().total());
}

#[tokio::test]
async fn texts_references_and_hashes_are_those_that_are_read_with_everything() {
    for multi_tenant in [false, true] {
        let repository = memory(small());
        let collection = collection("Article", multi_tenant);
        write_backup(&repository, &id("b"), &collection, 200).await.unwrap();
        let reader = repository.open_backup(&id("b")).await.unwrap().collection("Article").await.unwrap();
        compare(&reader).await;
        if multi_tenant {
            let some = read(&reader, Select::Hashes, Some(&["tenant-3"])).await;
            assert!(some.iter().all(|rows| rows.tenant.as_deref() == Some("tenant-3")));
            assert_eq!(some.iter().map(|rows| rows.digests.len()).sum::<usize>(), 30);
        }
    }
}

#[tokio::test]
async fn row_groups_without_references_are_not_read_for_them() {
    let repository = memory(small());
    let collection = collection("Article", false);
    let backup = repository.create_backup(&id("b"), "job").await.unwrap();
    let writer = backup.add_collection(&collection, &[], &collection.vector_spaces).await.unwrap();
    let mut data = writer.data_file(usize::MAX);
    // Each third object has none, beginning with the first.
    for range in [0..1, 1..10] {
        data.append(None, batch(&collection, range)).await.unwrap();
        data.flush().await.unwrap();
    }
    let written = data.seal(Some(UuidRange::ALL)).await.unwrap().unwrap();
    let counts: Vec<_> = written.file.row_groups.iter().map(|group| group.references).collect();
    assert_eq!(counts, [0, 6]);
    let manifest = writer.finish(vec![written.file], None, written.content, None, Vec::new()).await.unwrap();
    backup.commit(super::samples::summary(), vec![manifest], std::future::ready(Ok(()))).await.unwrap();

    let reader = repository.open_backup(&id("b")).await.unwrap().collection("Article").await.unwrap();
    for (select, wanted) in [(Select::All, [true, true]), (Select::References, [false, true])] {
        let open = reader.open(&reader.files()[0], select).await.unwrap();
        assert_eq!([0, 1].map(|group| open.is_wanted(group, None)), wanted);
    }
}
