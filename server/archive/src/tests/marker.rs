use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use super::faulty_store::FaultyStore;
use super::samples::{id, memory, small, summary};
use crate::layout;
use crate::store::Created;
use crate::{Repository, RepositoryConfig};
use selvedge_model::error::Kind;

#[tokio::test]
async fn a_repository_is_made_on_purpose_and_missed_when_it_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("nas");
    let url = format!("file://{}", folder.display());
    assert!(Repository::is_vacant(&RepositoryConfig::new("disk", &url)).unwrap());
    assert_eq!(
        Repository::open(&RepositoryConfig::new("disk", &url)).unwrap_err().kind(),
        Kind::RepositoryNotFound
    );

    // A mount point to which nothing is mounted.
    std::fs::create_dir(&folder).unwrap();
    let error = Repository::open(&RepositoryConfig::new("disk", &url)).unwrap().check().await.unwrap_err();
    assert!(error.to_string().contains("is it mounted?"), "{error}");

    std::fs::remove_dir(&folder).unwrap();
    let repository = Repository::create(&RepositoryConfig::new("disk", &url)).unwrap();
    repository.init().await.unwrap();
    assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    let marker = std::fs::read_to_string(folder.join("repository.json")).unwrap();
    assert!(marker.contains("\"format_version\": 1"), "older versions go on with it: {marker}");
    repository.init().await.unwrap();
    assert_eq!(
        std::fs::read_to_string(folder.join("repository.json")).unwrap(),
        marker,
        "it stays the one it is"
    );
    assert!(!Repository::is_vacant(&RepositoryConfig::new("disk", &url)).unwrap());

    let backup = repository.create_backup(&id("b"), "job").await.unwrap();
    std::fs::remove_file(folder.join("repository.json")).unwrap();
    for error in [
        repository.check().await,
        backup.commit(summary(), Vec::new(), std::future::ready(Ok(()))).await.map(drop),
    ] {
        assert_eq!(error.unwrap_err().kind(), Kind::RepositoryNotFound);
    }
    // Another one in its place.
    Repository::open(&RepositoryConfig::new("disk", &url)).unwrap().init().await.unwrap();
    let error = repository.check().await.unwrap_err();
    assert!(error.to_string().contains("another repository is there"), "{error}");
}

#[tokio::test]
async fn a_marker_that_is_not_understood_is_no_repository() {
    let repository = memory(small());
    repository.store().put(&layout::marker(), "{}".into()).await.unwrap();
    assert!(repository.check().await.unwrap_err().to_string().contains("damaged"));
    let newer = r#"{"format_version": 99, "id": "0193a000-0000-7000-8000-000000000000", "time": "2026-11-26T00:00:00Z"}"#;
    repository.store().put(&layout::marker(), newer.into()).await.unwrap();
    assert!(repository.check().await.unwrap_err().to_string().contains("format version is 99"));
}

#[tokio::test]
async fn what_is_taken_and_not_there_is_tried_again() {
    let store = Arc::new(FaultyStore::new(i64::MAX, false).that_loses_races(2));
    let repository = Repository::with_store("test", "memory://", store.clone());
    let created = repository.store().create(&layout::marker(), "{}".into()).await.unwrap();
    assert!(matches!(created, Created::Done));

    let store = Arc::new(FaultyStore::new(i64::MAX, false).that_loses_races(usize::MAX));
    let repository = Repository::with_store("test", "memory://", store);
    let error = repository.store().create(&layout::marker(), "{}".into()).await.err().unwrap();
    assert!(error.to_string().contains("nothing is there"), "{error}");
}
