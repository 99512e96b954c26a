use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use std::sync::Arc;

use super::samples::{bits, collection, id, small, summary, write_backup};
use crate::{CollectionReader, CommitSummary, DamageKind, Repository, Select, layout};
use selvedge_model::error::{Kind, Result};
use selvedge_model::{Access, Role};
use serde_json::json;

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
            let file = &reader.files()[0];
            let data = reader.open(file, Select::All).await?;
            for group in 0..file.row_groups.len() {
                batches.extend(data.group(group, None).await?.iter().map(|rows| bits(&rows.batch)));
            }
            Ok(())
        };
        let result = read.await;
        (batches, result)
    }

    async fn first_file(&self) -> Path {
        layout::data_file(
            &layout::collection_dir(&id("b"), "Article", &None),
            &self.reader().await.unwrap().files()[0].name,
        )
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
async fn a_section_is_checked_when_it_is_read_and_is_not_read_for_anything_else() {
    let backup = Backup::new().await;
    let path = backup.first_file().await;
    let sound = backup.get(&path).await;
    let reader = backup.reader().await.unwrap();
    let file = &reader.files()[0];
    for (group, row_group) in file.row_groups.iter().enumerate() {
        for section in &row_group.sections {
            for at in [section.offset, section.offset + section.bytes - 1] {
                let mut damaged = sound.clone();
                damaged[at as usize] ^= 1;
                backup.put(&path, damaged).await;
                for select in [Select::All, Select::Texts, Select::References, Select::Hashes] {
                    let data = reader.open(file, select).await.unwrap();
                    match data.group(group, None).await {
                        Ok(_) => assert!(!select.takes(section.kind), "{select:?} of {section:?}"),
                        Err(error) => {
                            assert!(select.takes(section.kind), "{select:?} of {section:?}: {error}");
                            assert_eq!(error.kind(), Kind::BackupCorrupt);
                        }
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn files_that_are_cut_longer_altered_or_gone_are_told_by_name_and_in_the_same_words() {
    let backup = Backup::new().await;
    let path = backup.first_file().await;
    let reader = backup.reader().await.unwrap();
    let file = &reader.files()[0];
    let sound = backup.get(&path).await;
    let mut pieces = 0;
    assert_eq!(reader.check(file, |bytes| pieces += bytes).await.unwrap(), None);
    assert_eq!(pieces, file.bytes);

    let (mut longer, mut altered) = (sound.clone(), sound.clone());
    longer.push(0);
    altered[100] ^= 1;
    for (bytes, kind, word) in [
        (Some(sound[..sound.len() / 2].to_vec()), DamageKind::Truncated, "bytes are left"),
        (Some(Vec::new()), DamageKind::Truncated, "is truncated: 0 of"),
        (None, DamageKind::Missing, "is missing"),
        (Some(longer), DamageKind::Altered, "was altered: it has"),
        (Some(altered), DamageKind::Altered, "was altered: its checksum is not the one in files.json"),
    ] {
        let is_short = matches!(kind, DamageKind::Truncated | DamageKind::Missing);
        match bytes {
            Some(bytes) => backup.put(&path, bytes).await,
            None => backup.store.delete(&path).await.unwrap(),
        }
        let damage = reader.check(file, |_| ()).await.unwrap().unwrap();
        assert_eq!((damage.kind, damage.file.as_str()), (kind, path.as_ref()));
        assert!(damage.text.contains(word) && damage.text.contains(path.as_ref()), "{}", damage.text);
        let error = reader.corrupt(&damage);
        assert_eq!(error.kind(), Kind::BackupCorrupt);
        if is_short {
            assert_eq!(backup.read_first_file().await.1.unwrap_err().to_string(), error.to_string());
        }
    }
}

#[tokio::test]
async fn the_lists_of_a_collection_are_checked_before_they_are_used() {
    let backup = Backup::new().await;
    for name in [layout::SCHEMA, layout::FILES] {
        let path = layout::collection_file(&layout::collection_dir(&id("b"), "Article", &None), name);
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

#[tokio::test]
async fn who_may_do_what_comes_back_as_it_was_or_not_at_all() {
    let store = Arc::new(InMemory::new());
    let repository = Repository::with_store("test", "memory://", store.clone());
    let roles = vec![Role { name: "r".to_owned(), permissions: vec![json!({"action": "read_roles"})] }];
    let access = Access { roles, assignments: Vec::new() };
    let writer = repository.create_backup(&id("b"), "job").await.unwrap();
    let summary = CommitSummary { access: Some(access.clone()), ..summary() };
    let manifest = writer.commit(summary, Vec::new(), std::future::ready(Ok(()))).await.unwrap();
    assert_eq!(manifest.access.map(|access| (access.roles, access.holders)), Some((1, 0)));

    let reader = repository.open_backup(&id("b")).await.unwrap();
    assert_eq!(reader.access().await.unwrap(), Some(access));
    assert!(reader.damaged_access().await.unwrap().is_none());
    assert!(reader.extra_files(&[]).await.unwrap().is_empty());
    let path = layout::access(&id("b"));
    store.put(&path, b"{}".to_vec().into()).await.unwrap();
    assert_eq!(reader.access().await.unwrap_err().kind(), Kind::BackupCorrupt);
    assert_eq!(reader.damaged_access().await.unwrap().map(|damage| damage.kind), Some(DamageKind::Altered));
    store.delete(&path).await.unwrap();
    assert_eq!(reader.damaged_access().await.unwrap().map(|damage| damage.kind), Some(DamageKind::Missing));
}
