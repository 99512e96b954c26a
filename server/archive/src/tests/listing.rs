use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};
use std::sync::Arc;

use super::samples::{collection, id, small, write_backup};
use crate::{BackupFilter, Page, Repository, RepositoryConfig, layout};
use selvedge_model::error::Kind;

fn page(size: usize, token: Option<String>) -> Page {
    Page { size, token }
}

#[tokio::test]
async fn the_newest_come_first_page_by_page() {
    let dir = tempfile::tempdir().unwrap();
    let disk =
        Repository::open(&RepositoryConfig::new("disk", format!("file://{}", dir.path().display()))).unwrap();
    for repository in [Repository::open(&RepositoryConfig::new("memory", "memory://")).unwrap(), disk] {
        assert!(
            repository
                .list_backups(page(5, None), &BackupFilter::default())
                .await
                .unwrap()
                .backups
                .is_empty()
        );
        let names = ["m", "a", "z", "k", "0"];
        for name in names {
            write_backup(&repository, &id(name), &collection("Article", false), 3).await.unwrap();
        }
        let newest_first = ["0", "k", "z", "a", "m"];
        for size in 1..=6 {
            let (mut found, mut token) = (Vec::new(), None);
            loop {
                let listed =
                    repository.list_backups(page(size, token), &BackupFilter::default()).await.unwrap();
                assert!(listed.backups.len() <= size && listed.unreadable.is_empty());
                found.extend(listed.backups.iter().map(|found| found.id().to_string()));
                token = listed.next;
                if token.is_none() {
                    break;
                }
            }
            assert_eq!(found, newest_first, "pages of {size}");
        }
        // A copy of the repository has other file times.
        let path = layout::manifest(&id("a"));
        let manifest = repository.store().get(&path).await.unwrap().unwrap();
        repository.store().put(&path, manifest.into()).await.unwrap();
        let listed = repository.list_backups(page(9, None), &BackupFilter::default()).await.unwrap();
        assert_eq!(listed.backups[3].id().as_str(), "a");
        let error = repository
            .list_backups(page(1, Some("rubbish".to_owned())), &BackupFilter::default())
            .await
            .unwrap_err();
        assert_eq!(error.field(), Some("page_token"));
    }
}

#[tokio::test]
async fn a_broken_backup_does_not_hide_the_sound_ones_and_an_uncommitted_one_is_not_there() {
    let store = Arc::new(InMemory::new());
    let repository = Repository::with_store("test", "memory://", store.clone() as Arc<dyn ObjectStore>)
        .with_limits(small());
    for name in ["one", "two"] {
        write_backup(&repository, &id(name), &collection("Article", false), 30).await.unwrap();
    }
    let unfinished = repository.create_backup(&id("three"), "job-9").await.unwrap();
    unfinished.add_collection(&collection("Article", false), &[], &[]).await.unwrap();
    let path = layout::manifest(&id("one"));
    let manifest = store.get(&path).await.unwrap().bytes().await.unwrap();
    store.put(&path, manifest.slice(..manifest.len() / 2).into()).await.unwrap();

    let listed = repository.list_backups(page(10, None), &BackupFilter::default()).await.unwrap();
    assert_eq!(listed.backups.iter().map(|found| found.id().to_string()).collect::<Vec<_>>(), ["two"]);
    assert_eq!(listed.unreadable.len(), 1);
    assert!(listed.unreadable["one"].contains("backup.json is cut off"), "{:?}", listed.unreadable);
    assert_eq!(repository.manifest(&id("one")).await.unwrap_err().kind(), Kind::BackupCorrupt);
    let error = repository.open_backup(&id("three")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::BackupNotFound);
    assert!(error.to_string().contains("not finished: job job-9"), "{error}");
    assert_eq!(repository.manifest(&id("four")).await.unwrap_err().kind(), Kind::BackupNotFound);
}
