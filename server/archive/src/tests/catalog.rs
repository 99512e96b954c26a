//! A list of many backups is a few requests, and says what is there all the same.

use std::sync::Arc;

use bytes::Bytes;
use chrono::DateTime;
use object_store::ObjectStore;

use super::counting_store::CountingStore;
use super::samples::{id, summary};
use crate::checksum::Checksum;
use crate::{
    BackupFilter, BackupOptions, BackupPage, CommitSummary, Manifest, Page, Repository, RepositoryConfig,
    layout,
};

/// Of a list, however many backups there are.
const FEW: usize = 10;

fn open(store: &Arc<CountingStore>) -> Repository {
    Repository::with_store("test", "memory://", Arc::clone(store) as Arc<dyn ObjectStore>)
}

fn name(number: u32) -> String {
    format!("b{number:04}")
}

/// A backup of nothing: the higher the number, the newer it is.
async fn add(repository: &Repository, number: u32) {
    add_with(repository, number, if number.is_multiple_of(2) { "even" } else { "odd" }).await;
}

async fn add_with(repository: &Repository, number: u32, tag: &str) {
    let summary = CommitSummary {
        end_time: DateTime::from_timestamp(1_700_000_000 + i64::from(number), 0).unwrap(),
        options: BackupOptions { tags: vec![tag.to_owned()], ..BackupOptions::default() },
        ..summary()
    };
    let id = id(&name(number));
    let manifest =
        Manifest::new(id.clone(), "job".to_owned(), Checksum::of(b"{}"), summary, Vec::new(), &None);
    repository.store().put(&layout::claim(&id), "{}".into()).await.unwrap();
    let text = manifest.to_json(&None).unwrap();
    repository.store().put(&layout::manifest(&id), text.into()).await.unwrap();
}

async fn fill(repository: &Repository, count: u32) {
    for number in 0..count {
        add(repository, number).await;
    }
}

async fn delete(repository: &Repository, number: u32, with_folder: bool) {
    let id = id(&name(number));
    let mut paths = vec![layout::manifest(&id)];
    paths.extend(with_folder.then(|| layout::claim(&id)));
    repository.store().delete(paths).await.unwrap();
}

async fn list(repository: &Repository, size: usize, wanted: &BackupFilter) -> BackupPage {
    repository.list_backups(Page { size, token: None }, wanted).await.unwrap()
}

/// Newest first.
async fn listed(repository: &Repository) -> Vec<String> {
    let page = list(repository, 5000, &BackupFilter::default()).await;
    assert!(page.unreadable.is_empty() && page.next.is_none());
    page.backups.iter().map(|found| found.id().to_string()).collect()
}

fn newest_first(numbers: impl DoubleEndedIterator<Item = u32>) -> Vec<String> {
    numbers.rev().map(name).collect()
}

async fn index(repository: &Repository) -> Option<Bytes> {
    repository.store().get(&layout::index()).await.unwrap()
}

async fn put_index(repository: &Repository, text: Bytes) {
    repository.store().put(&layout::index(), text.into()).await.unwrap();
}

#[tokio::test]
async fn a_thousand_backups_take_a_few_requests() {
    let store = Arc::new(CountingStore::default());
    let writer = open(&store);
    fill(&writer, 1000).await;
    assert_eq!(listed(&writer).await, newest_first(0..1000));
    let odd = BackupFilter { tag: Some("odd".to_owned()), ..BackupFilter::default() };
    let none = BackupFilter { tag: Some("none".to_owned()), ..BackupFilter::default() };
    let cases = [(BackupFilter::default(), 1000), (odd, 500), (none, 0)];
    for repository in [open(&store), writer] {
        for (wanted, count) in &cases {
            for size in [1, 100, 1000] {
                store.requests();
                let page = list(&repository, size, wanted).await;
                let requests = store.requests();
                assert!(requests.len() <= FEW, "{requests:?}");
                assert_eq!(page.backups.len(), size.min(*count));
            }
        }
        store.requests();
        assert!(repository.uncommitted().await.unwrap().is_empty());
        let requests = store.requests();
        assert!(requests.len() <= FEW, "{requests:?}");
    }
    // One more is one more request, and the index is written once.
    let writer = open(&store);
    add(&writer, 1000).await;
    store.requests();
    assert_eq!(list(&writer, 1, &BackupFilter::default()).await.backups[0].id().as_str(), "b1000");
    let requests = store.requests();
    assert!(requests.len() <= FEW + 2, "{requests:?}");
    assert_eq!(listed(&open(&store)).await.len(), 1001);
    assert_eq!(store.requests().iter().filter(|request| request.starts_with("put")).count(), 0);
}

#[tokio::test]
async fn what_has_no_room_does_not_have_the_index_written_again_and_again() {
    let store = Arc::new(CountingStore::default());
    let repository = open(&store);
    let long = "x".repeat(200 << 10);
    for number in 0..200 {
        add_with(&repository, number, if number.is_multiple_of(2) { &long } else { "short" }).await;
    }
    listed(&repository).await;
    store.requests();
    for _ in 0..100 {
        list(&repository, 1, &BackupFilter::default()).await;
    }
    let written = store.requests().into_iter().filter(|request| request.starts_with("put"));
    assert_eq!(written.count(), 0);
}

#[tokio::test]
async fn what_is_deleted_by_hand_is_not_listed_for_long() {
    let store = Arc::new(CountingStore::default());
    let repository = open(&store);
    fill(&repository, 12).await;
    assert_eq!(listed(&repository).await.len(), 12);
    // With its folder, or among the first: not even once.
    delete(&repository, 5, true).await;
    delete(&repository, 11, false).await;
    assert!(!listed(&open(&store)).await.contains(&name(5)));
    assert!(!listed(&repository).await.contains(&name(11)));
    delete(&repository, 4, false).await;
    for _ in 0..4 {
        listed(&repository).await;
    }
    let expected = newest_first([0, 1, 2, 3, 6, 7, 8, 9, 10].into_iter());
    assert_eq!(listed(&repository).await, expected);
    assert_eq!(listed(&open(&store)).await, expected, "the index still has it");
    let left = repository.uncommitted().await.unwrap();
    assert_eq!(left.iter().map(|left| left.id.to_string()).collect::<Vec<_>>(), [name(4), name(11)]);
    // Nothing of it is needed to decide what may go.
    delete(&repository, 7, false).await;
    assert_eq!(repository.all_backups().await.unwrap().len(), 8);
    // What is brought back is there at once.
    add(&repository, 4).await;
    assert!(listed(&repository).await.contains(&name(4)));
}

#[tokio::test]
async fn an_index_from_before_a_removal_is_not_believed() {
    let store = Arc::new(CountingStore::default());
    let repository = open(&store);
    fill(&repository, 20).await;
    listed(&repository).await;
    let before = index(&repository).await.unwrap();
    // Neither among those that are looked at again first, nor among the first that are listed.
    let removed = id(&name(10));
    let doomed = repository.doom(&removed).await.unwrap();
    repository.delete_doomed(&removed, doomed).await.unwrap();
    assert_eq!(listed(&repository).await.len(), 19);

    // Who has been listing for long writes what it knows, when the id is another job's already.
    put_index(&repository, before.clone()).await;
    let backup = repository.create_backup(&removed, "another job").await.unwrap();
    for repository in [open(&store), repository.clone()] {
        assert!(!listed(&repository).await.contains(&name(10)));
        put_index(&repository, before.clone()).await;
        let uncommitted = repository.uncommitted().await.unwrap();
        assert_eq!(uncommitted.iter().map(|left| &left.id).collect::<Vec<_>>(), [&removed]);
        put_index(&repository, before.clone()).await;
    }
    backup.commit(summary(), Vec::new(), std::future::ready(Ok(()))).await.unwrap();
    put_index(&repository, before).await;
    let page = list(&open(&store), 100, &BackupFilter::default()).await;
    assert_eq!(page.backups.len(), 20);
    let newest = page.backups[0].cover();
    assert_eq!((newest.id.as_str(), newest.job_id.as_str()), ("b0010", "another job"));
}

#[tokio::test]
async fn an_index_that_is_damaged_or_of_another_moment_hides_nothing() {
    let store = Arc::new(CountingStore::default());
    let repository = open(&store);
    fill(&repository, 20).await;
    listed(&repository).await;
    let of_another_moment = index(&repository).await.unwrap();
    for number in 20..40 {
        add(&repository, number).await;
    }
    delete(&repository, 3, true).await;
    let expected = newest_first((0..40).filter(|number| *number != 3));
    assert_eq!(listed(&repository).await, expected);
    let sound = index(&repository).await.unwrap();
    let mut altered = sound.to_vec();
    altered[sound.len() / 2] ^= 1;
    let cases = [of_another_moment, sound.slice(..sound.len() / 2), altered.into(), Bytes::new()];
    for text in cases {
        put_index(&repository, text).await;
        assert_eq!(listed(&open(&store)).await, expected);
        assert_eq!(index(&repository).await, Some(sound.clone()), "it was not written anew");
        assert_eq!(listed(&repository).await, expected);
    }
    repository.store().delete(vec![layout::index()]).await.unwrap();
    assert_eq!(listed(&repository).await, expected);
    assert_eq!(index(&repository).await, Some(sound), "it was not written anew");
}

#[tokio::test]
async fn where_nobody_may_write_backups_are_listed_all_the_same() {
    let store = Arc::new(CountingStore::default());
    fill(&open(&store), 40).await;
    store.refuse_writes();
    let repository = open(&store);
    assert_eq!(listed(&repository).await, newest_first(0..40));
    assert_eq!(index(&repository).await, None);
    // The process remembers, and does not try again.
    store.requests();
    assert_eq!(listed(&repository).await, newest_first(0..40));
    let requests = store.requests();
    assert!(requests.len() <= FEW, "{requests:?}");
    assert!(!requests.iter().any(|request| request.starts_with("put")), "{requests:?}");
}

#[tokio::test]
async fn each_of_two_servers_lists_what_the_other_does() {
    let store = Arc::new(CountingStore::default());
    let (one, other) = (open(&store), open(&store));
    fill(&one, 10).await;
    for number in 10..20_u32 {
        let (doing, looking) = if number.is_multiple_of(2) { (&one, &other) } else { (&other, &one) };
        let gone = id(&name(number - 10));
        let doomed = doing.doom(&gone).await.unwrap();
        doing.delete_doomed(&gone, doomed).await.unwrap();
        assert_eq!(listed(looking).await, newest_first(number - 9..number));
        add(doing, number).await;
        assert_eq!(listed(looking).await, newest_first(number - 9..number + 1));
        assert_eq!(listed(doing).await, newest_first(number - 9..number + 1));
    }
}

#[tokio::test]
async fn folders_are_listed_as_buckets_are() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("file://{}", dir.path().display());
    let config = RepositoryConfig::new("disk", url);
    let repository = Repository::open(&config).unwrap();
    fill(&repository, 20).await;
    assert_eq!(listed(&repository).await, newest_first(0..20));
    assert!(dir.path().join("catalog/index.jsonl").exists());
    let cold = Repository::open(&config).unwrap();
    assert_eq!(listed(&cold).await, newest_first(0..20));
    let removed = id(&name(10));
    let doomed = repository.doom(&removed).await.unwrap();
    repository.delete_doomed(&removed, doomed).await.unwrap();
    for repository in [repository, cold] {
        assert_eq!(listed(&repository).await.len(), 19);
    }
}
