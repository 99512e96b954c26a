use std::sync::Arc;

use futures_util::TryStreamExt;
use object_store::ObjectStore;

use super::faulty_store::FaultyStore;
use super::samples::{batch, collection, id, memory, small, summary, write_backup, write_rows};
use crate::{BackupFilter, Page, Repository, RepositoryConfig};
use selvedge_model::error::Kind;

#[tokio::test]
async fn an_id_belongs_to_the_job_that_claims_it_first() {
    let repository = memory(small());
    repository.check_writable(&id("b"), "job-2").await.unwrap();
    let backup = repository.create_backup(&id("b"), "job-1").await.unwrap();
    repository.create_backup(&id("b"), "job-1").await.unwrap();
    let error = repository.create_backup(&id("b"), "job-2").await.unwrap_err();
    assert_eq!(error.kind(), Kind::BackupExists);
    assert!(error.to_string().contains("is taken by job job-1 since "), "{error}");
    assert!(error.hint_text().unwrap().contains("prune"), "what a crash left may go");
    assert_eq!(repository.check_writable(&id("b"), "job-2").await.unwrap_err().kind(), Kind::BackupExists);

    backup.commit(summary(), Vec::new(), std::future::ready(Ok(()))).await.unwrap();
    for job in ["job-1", "job-2"] {
        let error = repository.create_backup(&id("b"), job).await.unwrap_err();
        assert_eq!(error.kind(), Kind::BackupExists);
        assert!(error.to_string().contains("exists already"), "{error}");
        let hint = error.hint_text().unwrap();
        assert!(!hint.contains("delet") && !hint.contains("remov"), "never of a backup: {hint}");
    }
}

#[tokio::test]
async fn only_one_commit_wins_and_what_is_committed_cannot_be_discarded() {
    let repository = memory(small());
    let first = repository.create_backup(&id("b"), "job-1").await.unwrap();
    let second = repository.create_backup(&id("b"), "job-1").await.unwrap();
    let third = repository.create_backup(&id("b"), "job-1").await.unwrap();
    let committed = first.commit(summary(), Vec::new(), std::future::ready(Ok(()))).await.unwrap();
    assert_eq!(
        second.commit(summary(), Vec::new(), std::future::ready(Ok(()))).await.unwrap_err().kind(),
        Kind::BackupExists
    );
    assert!(third.discard().await.is_err());
    assert_eq!(repository.manifest(&id("b")).await.unwrap(), committed);
}

#[tokio::test]
async fn discarding_leaves_nothing_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let repository =
        Repository::open(&RepositoryConfig::new("disk", format!("file://{}", dir.path().display())))
            .unwrap()
            .with_limits(small());
    let collection = collection("Article", false);
    let backup = repository.create_backup(&id("b"), "job").await.unwrap();
    let writer = backup.add_collection(&collection, &[], &collection.vector_spaces).await.unwrap();
    assert!(write_rows(&writer, &collection, 300).await.unwrap().len() > 1);
    let mut aborted = writer.data_file(usize::MAX);
    for first in (0..200).step_by(10) {
        aborted.append(None, batch(&collection, first..first + 10)).await.unwrap();
    }
    aborted.abort().await.unwrap();
    // What an upload leaves that failed when it was completed is in no list.
    let folder = dir.path().join("backups/b/collections/Article/data");
    std::fs::write(folder.join("0193.parquet#1"), "half a file").unwrap();
    assert!(backup.discard().await.unwrap() > 3);
    assert!(!dir.path().join("backups/b").exists());
    std::fs::remove_dir(dir.path().join("backups")).ok();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    repository.create_backup(&id("b"), "another job").await.unwrap();
}

/// Fails write after write, until a run has no fault.
#[tokio::test]
async fn a_disk_that_fills_up_at_any_write_leaves_no_backup_and_no_garbage() {
    let collection = collection("Article", true);
    for fail_at in 0.. {
        let store = Arc::new(FaultyStore::new(fail_at, false));
        let repository = Repository::with_store("test", "memory://", store.clone()).with_limits(small());
        let result = write_backup(&repository, &id("b"), &collection, 200).await;
        // A list writes, too.
        let has_failed = store.has_failed();
        let listed =
            repository.list_backups(Page { size: 10, token: None }, &BackupFilter::default()).await.unwrap();
        if !has_failed {
            assert!(result.is_ok() && listed.backups.len() == 1 && fail_at > 20, "{fail_at} writes");
            return;
        }
        let error = result.unwrap_err();
        assert_eq!(error.kind(), Kind::RepositoryFull, "write {fail_at}: {error}");
        assert!(listed.backups.is_empty() && listed.unreadable.is_empty());
        let left: Vec<_> = store.inner.list(None).try_collect().await.unwrap();
        assert!(left.is_empty(), "write {fail_at}: {left:?}");
        assert!(store.aborted() <= 1);
    }
}

/// The same, but the write was done and only its answer is lost.
#[tokio::test]
async fn a_lost_answer_never_makes_half_a_backup() {
    let collection = collection("Article", false);
    for fail_at in 0.. {
        let store = Arc::new(FaultyStore::new(fail_at, true));
        let repository = Repository::with_store("test", "memory://", store.clone());
        let result = write_backup(&repository, &id("b"), &collection, 20).await;
        assert_eq!(result.is_ok(), repository.manifest(&id("b")).await.is_ok(), "write {fail_at}");
        if !store.has_failed() {
            assert!(result.is_ok());
            return;
        }
    }
}
