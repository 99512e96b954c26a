use std::collections::BTreeSet;

use super::samples::{
    batch, bits, collection, id, memory, object_id, read, small, summary, write_backup, write_rows,
};
use crate::write::Limits;
use crate::{Repository, RepositoryConfig, Rows, Select};
use selvedge_model::error::Kind;
use selvedge_model::{Batch, Collection, LeftOut, Reason, Remark, UuidRange};

/// Row by row, whatever the batches were.
fn rows(collection: &Collection, read: &[Rows]) -> Vec<(Option<String>, String)> {
    let number = |batch: &Batch, row: usize| (batch.ids[row].as_u128() >> 64) as u32;
    for Rows { batch: read, digests, .. } in read {
        // Numbers are consecutive within a batch, so it can be made again to be compared as a whole.
        let (first, last) = (number(read, 0), number(read, read.len() - 1));
        assert_eq!(bits(read), bits(&batch(collection, first..last + 1)));
        assert_eq!(digests.len(), read.len());
    }
    let ids = |rows: &Rows| -> Vec<_> {
        rows.batch.ids.iter().map(|id| (rows.tenant.clone(), id.to_string())).collect()
    };
    read.iter().flat_map(ids).collect()
}

#[tokio::test]
async fn everything_comes_back_to_the_bit_from_memory_and_disk() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Repository::create(&RepositoryConfig::new(
        "disk",
        format!("file://{}/new/folder", dir.path().display()),
    ))
    .unwrap();
    for repository in [memory(small()), memory(Limits::default()), disk.with_limits(small())] {
        let collection = collection("Article", false);
        let manifest = write_backup(&repository, &id("b"), &collection, 333).await.unwrap();
        assert_eq!(manifest.objects(), 333);
        assert_eq!(manifest.collections[0].remarks, [Remark::note(Reason::ReadAtOne)]);
        assert!(manifest.collections[0].complete);
        assert_eq!(repository.manifest(&id("b")).await.unwrap(), manifest);

        let reader = repository.open_backup(&id("b")).await.unwrap().collection("Article").await.unwrap();
        for file in reader.files() {
            assert_eq!(reader.check(file, |_| ()).await.unwrap(), None);
        }
        assert_eq!(reader.collection(), &collection);
        assert_eq!(reader.aliases(), ["Alias"]);
        assert_eq!(reader.tenants(), None);
        for name in ["", "colour", "words"] {
            assert_eq!(reader.files().iter().map(|file| file.without_vector[name]).sum::<u64>(), 67);
        }
        let found = rows(&collection, &read(&reader, Select::All, None).await);
        assert_eq!(found.len(), 333);
        assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), 333);
    }
}

#[tokio::test]
async fn files_tile_the_ids_and_their_ranges_tile_them() {
    let repository = memory(small());
    let collection = collection("Article", false);
    write_backup(&repository, &id("b"), &collection, 1000).await.unwrap();
    let reader = repository.open_backup(&id("b")).await.unwrap().collection("Article").await.unwrap();
    assert!(reader.files().len() > 3);
    let covered: Vec<_> = reader.files().iter().map(|file| file.covers.unwrap()).collect();
    assert_eq!(
        (covered[0].first, covered[covered.len() - 1].last),
        (UuidRange::ALL.first, UuidRange::ALL.last)
    );
    assert!(covered.windows(2).all(|pair| pair[0].last.as_u128() + 1 == pair[1].first.as_u128()));
    for file in reader.files() {
        let mut end = 0;
        for group in &file.row_groups {
            assert_eq!((group.offset, group.blake3), (end, None));
            assert!(group.rows <= 50 && group.references > 0);
            for section in &group.sections {
                assert_eq!(section.offset, end);
                end += section.bytes;
            }
            assert_eq!(end, group.offset + group.bytes);
            let kinds: Vec<_> = group.sections.iter().map(|section| format!("{:?}", section.kind)).collect();
            assert_eq!(kinds, ["Keys", "Properties", "References", "Vectors"]);
        }
        assert_eq!((file.footer.offset, file.footer.offset + file.footer.bytes), (end, file.bytes));
        assert_eq!(file.row_groups.iter().map(|group| group.rows).sum::<u64>(), file.rows);
        // It ends soon after the row group that reaches the limit: one is being encoded, and one is being filled.
        let largest = file.row_groups.iter().map(|group| group.bytes).max().unwrap();
        assert!(end < 6000 + 3 * largest, "{end}");
    }
}

#[tokio::test]
async fn tenants_share_files_and_only_wanted_ones_are_fetched() {
    let repository = memory(Limits { file_bytes: u64::MAX, ..small() });
    let collection = collection("Article", true);
    let manifest = write_backup(&repository, &id("b"), &collection, 300).await.unwrap();
    assert_eq!((manifest.collections[0].tenants_covered, manifest.collections[0].tenants_total), (1, 2));
    assert_eq!(manifest.objects(), 30, "the other tenants are not in the list of tenants");
    let reader = repository.open_backup(&id("b")).await.unwrap().collection("Article").await.unwrap();
    assert_eq!(reader.tenants().unwrap()[1].left_out, Some(LeftOut::Inactive));

    let [file] = reader.files() else { panic!("one file") };
    let spans: Vec<_> = file.tenants.iter().map(|span| (&*span.tenant, span.first_row, span.rows)).collect();
    assert_eq!(spans[..3], [("tenant-0", 0, 30), ("tenant-1", 30, 30), ("tenant-2", 60, 30)]);
    assert_eq!(rows(&collection, &read(&reader, Select::All, None).await).len(), 300);

    let found =
        rows(&collection, &read(&reader, Select::All, Some(&["tenant-1", "tenant-7", "nobody"])).await);
    let names: Vec<_> = found.iter().map(|(tenant, _)| tenant.as_deref().unwrap()).collect();
    assert_eq!(names, [["tenant-1"; 30], ["tenant-7"; 30]].concat());
    let some = BTreeSet::from(["tenant-1".to_owned()]);
    let data = reader.open(file, Select::All).await.unwrap();
    let wanted = (0..file.row_groups.len()).filter(|group| data.is_wanted(*group, Some(&some)));
    assert!(wanted.count() < file.row_groups.len() / 2);
}

#[tokio::test]
async fn a_backup_without_vectors_has_no_columns_for_them() {
    let repository = memory(small());
    let collection = collection("Article", false);
    let backup = repository.create_backup(&id("b"), "job").await.unwrap();
    let writer = backup.add_collection(&collection, &[], &[]).await.unwrap();
    let mut refusing = writer.data_file(usize::MAX);
    assert!(refusing.append(None, batch(&collection, 0..1)).await.is_err());
    let mut data = writer.data_file(usize::MAX);
    let bare = Batch { vectors: Vec::new(), ..batch(&collection, 0..5) };
    data.append(None, bare.clone()).await.unwrap();
    let written = data.seal(Some(UuidRange::ALL)).await.unwrap().unwrap();
    let gap = Remark::gap(Reason::ShardsUnproven);
    let manifest =
        writer.finish(vec![written.file], None, written.content, None, vec![gap.clone()]).await.unwrap();
    assert!(!manifest.complete);
    let committed = backup.commit(summary(), vec![manifest], std::future::ready(Ok(()))).await.unwrap();
    assert_eq!(committed.collections[0].remarks, [gap]);

    let reader = repository.open_backup(&id("b")).await.unwrap().collection("Article").await.unwrap();
    assert!(reader.spaces().is_empty() && reader.files()[0].without_vector.is_empty());
    let all = read(&reader, Select::All, None).await;
    let [Rows { tenant: None, batch, digests }] = &all[..] else { panic!("one row group") };
    assert_eq!((batch, digests.len()), (&bare, 5));
}

#[tokio::test]
async fn a_batch_that_is_larger_than_a_row_group_is_cut_and_comes_back_whole() {
    let repository = memory(Limits { row_group_bytes: 1 << 20, ..Limits::default() });
    let collection = collection("Article", false);
    let backup = repository.create_backup(&id("b"), "job").await.unwrap();
    let writer = backup.add_collection(&collection, &[], &collection.vector_spaces).await.unwrap();
    let mut data = writer.data_file(usize::MAX);
    let large = batch(&collection, 0..20_000);
    assert!(large.byte_len() > 5 << 18);
    data.append(None, large).await.unwrap();
    let written = data.seal(Some(UuidRange::ALL)).await.unwrap().unwrap();
    let groups = &written.file.row_groups;
    assert!(groups.len() > 1, "{}", groups.len());
    assert!(groups.iter().all(|group| group.rows as usize > 20_000 / 2 / groups.len()));
    let manifest = writer.finish(vec![written.file], None, written.content, None, Vec::new()).await.unwrap();
    backup.commit(summary(), vec![manifest], std::future::ready(Ok(()))).await.unwrap();
    let reader = repository.open_backup(&id("b")).await.unwrap().collection("Article").await.unwrap();
    assert_eq!(rows(&collection, &read(&reader, Select::All, None).await).len(), 20_000);
}

#[tokio::test]
async fn nothing_appended_nothing_written() {
    let repository = memory(small());
    let collection = collection("Article", false);
    let backup = repository.create_backup(&id("b"), "job").await.unwrap();
    let writer = backup.add_collection(&collection, &[], &collection.vector_spaces).await.unwrap();
    assert!(write_rows(&writer, &collection, 0).await.unwrap().is_empty());
    let mut data = writer.data_file(usize::MAX);
    data.append(None, batch(&collection, 0..0)).await.unwrap();
    data.flush().await.unwrap();
    assert_eq!(data.bytes(), 0);
    assert!(data.seal(Some(UuidRange::ALL)).await.unwrap().is_none());
    assert_eq!(backup.discard().await.unwrap(), 2, "the schema and the claim");
}

#[tokio::test]
async fn what_is_flushed_is_a_part_of_the_file() {
    let repository = memory(Limits::default());
    let collection = collection("Article", false);
    let backup = repository.create_backup(&id("b"), "job").await.unwrap();
    let writer = backup.add_collection(&collection, &[], &collection.vector_spaces).await.unwrap();
    let mut data = writer.data_file(usize::MAX);
    for first in [0, 10] {
        let before = data.bytes();
        data.append(None, batch(&collection, first..first + 10)).await.unwrap();
        data.flush().await.unwrap();
        assert!(data.bytes() > before && !data.is_full());
    }
    let written = data.seal(None).await.unwrap().unwrap();
    assert_eq!((written.file.row_groups.len(), written.file.rows), (2, 20));
    assert_eq!(written.content.total(), written.file.digest.unwrap());
}

#[tokio::test]
async fn rows_out_of_order_or_outside_of_what_is_covered_are_refused() {
    let repository = memory(small());
    for multi_tenant in [false, true] {
        let collection = collection("Article", multi_tenant);
        let backup = repository.create_backup(&id("b"), "job").await.unwrap();
        let writer = backup.add_collection(&collection, &[], &collection.vector_spaces).await.unwrap();
        let of = |tenant| multi_tenant.then_some(tenant);
        let mut swapped = batch(&collection, 10..20);
        swapped.ids.swap(3, 4);
        for second in [swapped, batch(&collection, 0..10), batch(&collection, 9..12)] {
            let mut data = writer.data_file(usize::MAX);
            data.append(of("b"), batch(&collection, 0..10)).await.unwrap();
            assert_eq!(data.append(of("b"), second).await.unwrap_err().kind(), Kind::Internal);
            let next = data.append(of("b"), batch(&collection, 30..40)).await;
            assert!(next.is_err(), "it lacks a batch");
            assert_eq!(data.seal(None).await.unwrap_err().kind(), Kind::Internal);
        }
        if multi_tenant {
            let mut data = writer.data_file(usize::MAX);
            data.append(of("b"), batch(&collection, 10..20)).await.unwrap();
            assert!(data.append(of("a"), batch(&collection, 20..30)).await.is_err());
            let mut data = writer.data_file(usize::MAX);
            data.append(of("b"), batch(&collection, 10..20)).await.unwrap();
            data.append(of("c"), batch(&collection, 0..10)).await.unwrap();
            assert!(data.seal(Some(UuidRange::ALL)).await.is_err(), "an interval is of one tenant");
        }
        let mut data = writer.data_file(usize::MAX);
        data.append(of("b"), batch(&collection, 0..10)).await.unwrap();
        let covers = UuidRange { first: object_id(1), last: object_id(20) };
        assert_eq!(data.seal(Some(covers)).await.unwrap_err().kind(), Kind::Internal);
        assert_eq!(backup.discard().await.unwrap(), 2, "nothing is left of the files");
    }
}
