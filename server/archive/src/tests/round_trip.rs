use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::samples::{batch, bits, collection, id, memory, small, summary, write_backup, write_rows};
use crate::write_data::Limits;
use crate::{CollectionReader, Completeness, Repository};
use selvedge_model::{Batch, Collection};

/// All objects, in the order of the files, each with its tenant.
async fn read(reader: &CollectionReader, tenants: Option<&[&str]>) -> Vec<(Option<String>, Batch)> {
    let wanted =
        tenants.map(|names| Arc::new(names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>()));
    let mut all = Vec::new();
    for file in reader.files() {
        let mut data = reader.open(file, wanted.clone()).await.unwrap();
        while let Some(batches) = data.next().await.unwrap() {
            all.extend(batches);
        }
    }
    all
}

/// Row by row, whatever the batches were.
fn rows(collection: &Collection, batches: &[(Option<String>, Batch)]) -> Vec<(Option<String>, String)> {
    let number = |batch: &Batch, row: usize| (batch.ids[row].as_u128() >> 64) as u32;
    for (_, read) in batches {
        // Numbers are consecutive within a batch, so it can be made again to be compared as a whole.
        let (first, last) = (number(read, 0), number(read, read.len() - 1));
        assert_eq!(bits(read), bits(&batch(collection, first..last + 1)));
    }
    let row =
        |tenant: &Option<String>, batch: &Batch, row: usize| (tenant.clone(), batch.ids[row].to_string());
    batches
        .iter()
        .flat_map(|(tenant, batch)| (0..batch.len()).map(move |at| row(tenant, batch, at)))
        .collect()
}

#[tokio::test]
async fn everything_comes_back_to_the_bit_from_memory_and_disk() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Repository::create("disk", &format!("file://{}/new/folder", dir.path().display())).unwrap();
    for repository in [memory(small()), memory(Limits::default()), disk.with_limits(small())] {
        let collection = collection("Article", false);
        let manifest = write_backup(&repository, &id("b"), &collection, 333).await.unwrap();
        assert_eq!((manifest.objects(), manifest.collections[0].notes.len()), (333, 1));
        assert_eq!(repository.manifest(&id("b")).await.unwrap(), manifest);

        let reader = repository.open_backup(&id("b")).await.unwrap().collection("Article").await.unwrap();
        reader.check_files().await.unwrap();
        assert_eq!(reader.collection(), &collection);
        assert_eq!(reader.aliases(), ["Alias"]);
        assert_eq!(reader.tenants(), None);
        let absent = [("", 67), ("colour", 67), ("words", 67)].map(|(name, count)| (name.to_owned(), count));
        assert_eq!(reader.rows_without_vector(), BTreeMap::from(absent));
        let found = rows(&collection, &read(&reader, None).await);
        assert_eq!(found.len(), 333);
        assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), 333);
    }
}

#[tokio::test]
async fn files_rotate_and_their_ranges_tile_them() {
    let repository = memory(small());
    let collection = collection("Article", false);
    write_backup(&repository, &id("b"), &collection, 1000).await.unwrap();
    let reader = repository.open_backup(&id("b")).await.unwrap().collection("Article").await.unwrap();
    assert!(reader.files().len() > 3);
    for file in reader.files() {
        let mut end = 0;
        for group in &file.row_groups {
            assert_eq!(group.offset, end);
            assert!(group.rows <= 50);
            end += group.bytes;
        }
        assert_eq!((file.footer.offset, file.footer.offset + file.footer.bytes), (end, file.bytes));
        assert_eq!(file.row_groups.iter().map(|group| group.rows).sum::<u64>(), file.rows);
        // It ends with the row group that reaches the limit.
        assert!(end < 6000 + file.row_groups[0].bytes * 2, "{end}");
    }
}

#[tokio::test]
async fn tenants_share_files_and_only_wanted_ones_are_fetched() {
    let repository = memory(Limits { file_bytes: u64::MAX, ..small() });
    let collection = collection("Article", true);
    let manifest = write_backup(&repository, &id("b"), &collection, 300).await.unwrap();
    assert_eq!((manifest.collections[0].tenants_covered, manifest.collections[0].tenants_total), (1, 2));
    let reader = repository.open_backup(&id("b")).await.unwrap().collection("Article").await.unwrap();
    assert_eq!(reader.tenants().unwrap()[1].left_out.as_deref(), Some("the tenant is inactive"));

    let [file] = reader.files() else { panic!("one file") };
    let spans: Vec<_> = file.tenants.iter().map(|span| (&*span.tenant, span.first_row, span.rows)).collect();
    assert_eq!(spans[..3], [("tenant-0", 0, 30), ("tenant-1", 30, 30), ("tenant-2", 60, 30)]);
    assert_eq!(rows(&collection, &read(&reader, None).await).len(), 300);

    let found = rows(&collection, &read(&reader, Some(&["tenant-1", "tenant-7", "nobody"])).await);
    let names: Vec<_> = found.iter().map(|(tenant, _)| tenant.as_deref().unwrap()).collect();
    assert_eq!(names, [["tenant-1"; 30], ["tenant-7"; 30]].concat());
    let some = Arc::new(BTreeSet::from(["tenant-1".to_owned()]));
    let data = reader.open(file, Some(some)).await.unwrap();
    assert!(data.wanted_row_groups().count() < file.row_groups.len() / 2);
}

#[tokio::test]
async fn a_backup_without_vectors_has_no_columns_for_them() {
    let repository = memory(small());
    let collection = collection("Article", false);
    let backup = repository.create_backup(&id("b"), "job").await.unwrap();
    let writer = backup.add_collection(&collection, &[], &[]).await.unwrap();
    let mut data = writer.data_writer();
    let bare = Batch { vectors: Vec::new(), ..batch(&collection, 0..5) };
    data.append(None, bare.clone()).await.unwrap();
    assert!(data.append(None, batch(&collection, 5..6)).await.is_err());
    let written = data.finish().await.unwrap();
    let manifest = writer.finish(written, None, Completeness::default()).await.unwrap();
    backup.commit(summary(), vec![manifest]).await.unwrap();

    let reader = repository.open_backup(&id("b")).await.unwrap().collection("Article").await.unwrap();
    assert!(reader.spaces().is_empty() && reader.rows_without_vector().is_empty());
    assert_eq!(read(&reader, None).await, [(None, bare)]);
}

#[tokio::test]
async fn a_batch_that_is_encoded_in_slices_comes_back_whole() {
    let repository = memory(Limits::default());
    let collection = collection("Article", false);
    let backup = repository.create_backup(&id("b"), "job").await.unwrap();
    let writer = backup.add_collection(&collection, &[], &collection.vector_spaces).await.unwrap();
    let mut data = writer.data_writer();
    let large = batch(&collection, 0..20_000);
    assert!(large.byte_len() > 1 << 20);
    data.append(None, large).await.unwrap();
    let written = data.finish().await.unwrap();
    let manifest = writer.finish(written, None, Completeness::default()).await.unwrap();
    backup.commit(summary(), vec![manifest]).await.unwrap();
    let reader = repository.open_backup(&id("b")).await.unwrap().collection("Article").await.unwrap();
    assert_eq!(rows(&collection, &read(&reader, None).await).len(), 20_000);
}

#[tokio::test]
async fn nothing_appended_nothing_written() {
    let repository = memory(small());
    let collection = collection("Article", false);
    let backup = repository.create_backup(&id("b"), "job").await.unwrap();
    let writer = backup.add_collection(&collection, &[], &collection.vector_spaces).await.unwrap();
    assert_eq!(write_rows(&writer, &collection, 0).await.unwrap().files, []);
    let mut data = writer.data_writer();
    data.append(None, batch(&collection, 0..0)).await.unwrap();
    assert_eq!((data.bytes_written(), data.finish().await.unwrap().files), (0, Vec::new()));
}
