use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use std::sync::Arc;

use super::samples::{bits, collection, id, small, write_backup};
use crate::{CollectionReader, Repository, layout};
use selvedge_model::error::{Kind, Result};

struct Backup {
    store: Arc<InMemory>,
    repository: Repository,
}

impl Backup {
    async fn new() -> Self {
        let store = Arc::new(InMemory::new());
        let repository = Repository::with_store("test", "memory://", store.clone()).with_limits(small());
        write_backup(&repository, &id("b"), &collection("Article", false), 60).await.unwrap();
        Self { store, repository }
    }

    async fn reader(&self) -> Result<CollectionReader> {
        self.repository.open_backup(&id("b")).await?.collection("Article").await
    }

    async fn get(&self, path: &Path) -> Vec<u8> {
        self.store.get(path).await.unwrap().bytes().await.unwrap().to_vec()
    }

    async fn put(&self, path: &Path, bytes: Vec<u8>) {
        self.store.put(path, bytes.into()).await.unwrap();
    }

    /// All row groups of the first file, as far as reading gets.
    async fn read_first_file(&self) -> (Vec<String>, Result<()>) {
        let reader = self.reader().await.unwrap();
        let mut batches = Vec::new();
        let read = async {
            let mut data = reader.open(&reader.files()[0], None).await?;
            while let Some(group) = data.next().await? {
                batches.extend(group.iter().map(|(_, batch)| bits(batch)));
            }
            Ok(())
        };
        let result = read.await;
        (batches, result)
    }

    async fn first_file(&self) -> Path {
        layout::data_file(&id("b"), "Article", &self.reader().await.unwrap().files()[0].name)
    }
}

#[tokio::test]
async fn a_flipped_bit_anywhere_in_a_data_file_is_found_before_anything_of_it_is_used() {
    let backup = Backup::new().await;
    let path = backup.first_file().await;
    let sound = backup.get(&path).await;
    let (batches, result) = backup.read_first_file().await;
    assert!(result.is_ok() && batches.len() > 2);
    let reader = backup.reader().await.unwrap();
    let file = &reader.files()[0];
    let edges = file.row_groups.iter().flat_map(|group| [group.offset, group.offset + group.bytes - 1]);
    let last = file.bytes - 1;
    let sampled =
        (0..file.bytes).step_by(37).chain(edges).chain([file.footer.offset, last - 8, last - 4, last]);
    for at in sampled {
        let mut damaged = sound.clone();
        damaged[at as usize] ^= 0x10;
        backup.put(&path, damaged).await;
        let (read, result) = backup.read_first_file().await;
        let error = result.expect_err(&format!("byte {at}"));
        assert_eq!(error.kind(), Kind::BackupCorrupt, "byte {at}");
        assert!(error.to_string().contains(path.as_ref()), "{error}");
        let group =
            file.row_groups.iter().position(|group| (group.offset..group.offset + group.bytes).contains(&at));
        assert_eq!(read, batches[..group.unwrap_or(0)], "byte {at}");
    }
}

#[tokio::test]
async fn files_that_are_cut_longer_or_gone_are_told_by_name() {
    let backup = Backup::new().await;
    let path = backup.first_file().await;
    let sound = backup.get(&path).await;
    let mut longer = sound.clone();
    longer.push(0);
    for (bytes, word) in [
        (Some(sound[..sound.len() / 2].to_vec()), "truncated"),
        (Some(Vec::new()), "truncated"),
        (None, "missing"),
    ] {
        match bytes {
            Some(bytes) => backup.put(&path, bytes).await,
            None => backup.store.delete(&path).await.unwrap(),
        }
        for error in [backup.read_first_file().await.1, backup.reader().await.unwrap().check_files().await] {
            let error = error.unwrap_err();
            assert_eq!(error.kind(), Kind::BackupCorrupt);
            assert!(error.to_string().contains(word) && error.to_string().contains(path.as_ref()), "{error}");
        }
    }
    backup.put(&path, longer).await;
    assert!(backup.reader().await.unwrap().check_files().await.unwrap_err().to_string().contains("altered"));
}

#[tokio::test]
async fn the_lists_of_a_collection_are_checked_before_they_are_used() {
    let backup = Backup::new().await;
    for name in [layout::SCHEMA, layout::FILES] {
        let path = layout::collection_file(&id("b"), "Article", name);
        let sound = backup.get(&path).await;
        let mut altered = sound.clone();
        altered[sound.len() / 2] ^= 1;
        for bytes in [altered, sound[..sound.len() - 1].to_vec()] {
            backup.put(&path, bytes).await;
            let error = backup.reader().await.unwrap_err();
            assert_eq!(error.kind(), Kind::BackupCorrupt);
            assert!(error.to_string().contains("altered") && error.to_string().contains(name), "{error}");
        }
        backup.store.delete(&path).await.unwrap();
        assert!(backup.reader().await.unwrap_err().to_string().contains("missing"));
        backup.put(&path, sound).await;
    }
    assert!(backup.reader().await.is_ok());
    let opened = backup.repository.open_backup(&id("b")).await.unwrap();
    assert_eq!(opened.collection("Nope").await.unwrap_err().kind(), Kind::CollectionNotFound);
}
