use age::secrecy::SecretString;
use object_store::path::Path;
use tempfile::TempDir;

use super::samples::{bits, collection, id, read, small, write_backup, write_rows};
use crate::sealing::new_identity;
use crate::tests::samples::summary;
use crate::{
    BackupFilter, Covered, DataFormat, Encryption, Opened, Page, Repository, RepositoryConfig, Select, layout,
};
use selvedge_model::Content;
use selvedge_model::error::{Kind, Result};

/// A folder, and the ways into it.
struct Place {
    dir: TempDir,
    identity: SecretString,
    recipient: String,
}

impl Place {
    fn new() -> Self {
        let (identity, recipient) = new_identity();
        Self { dir: tempfile::tempdir().unwrap(), identity, recipient }
    }

    fn open(&self, encryption: Option<Encryption>) -> Repository {
        let url = format!("file://{}", self.dir.path().display());
        Repository::open(&RepositoryConfig { encryption, ..RepositoryConfig::new("r", url) })
            .unwrap()
            .with_limits(small())
    }

    /// As a server that can only write.
    fn writer(&self) -> Repository {
        self.open(Some(Encryption { recipients: vec![self.recipient.clone()], ..Encryption::default() }))
    }

    fn reader(&self) -> Repository {
        self.open(Some(Encryption { identity: Some(self.identity.clone()), ..Encryption::default() }))
    }

    /// The names and the bytes of all files.
    fn everything(&self) -> Vec<u8> {
        let mut all = Vec::new();
        let mut dirs = vec![self.dir.path().to_owned()];
        while let Some(dir) = dirs.pop() {
            for entry in std::fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                all.extend(path.display().to_string().into_bytes());
                if path.is_dir() { dirs.push(path) } else { all.extend(std::fs::read(path).unwrap()) }
            }
        }
        all
    }
}

fn contains(all: &[u8], text: &str) -> bool {
    all.windows(text.len()).any(|window| window == text.as_bytes())
}

async fn kind_of<T>(result: impl Future<Output = Result<T>>) -> Option<Kind> {
    result.await.err().map(|error| error.kind())
}

#[tokio::test]
async fn what_one_can_only_write_another_reads_to_the_bit() {
    let place = Place::new();
    let collection = collection("Confidential", true);
    let manifest = write_backup(&place.writer(), &id("b"), &collection, 333).await.unwrap();
    assert!(manifest.is_encrypted());
    let all = place.everything();
    for secret in ["Confidential", "größe", "tenant-", "Alias", "creation_time", "localhost"] {
        assert!(!contains(&all, secret), "{secret} is in the open");
    }

    let backup = place.reader().open_backup(&id("b")).await.unwrap();
    assert_eq!(*backup.manifest(), manifest);
    let reader = backup.collection("Confidential").await.unwrap();
    let plain = super::samples::memory(small());
    write_backup(&plain, &id("b"), &collection, 333).await.unwrap();
    let plain = plain.open_backup(&id("b")).await.unwrap().collection("Confidential").await.unwrap();
    for select in [Select::All, Select::References, Select::Hashes] {
        let texts = async |reader| -> Vec<_> {
            read(reader, select, None)
                .await
                .iter()
                .map(|rows| (bits(&rows.batch), format!("{:?}", rows.digests)))
                .collect()
        };
        assert_eq!(texts(&reader).await, texts(&plain).await);
    }
    for file in reader.files() {
        assert_eq!(reader.check(file, |_| ()).await.unwrap(), None);
    }
    assert_eq!(backup.extra_files(&[reader]).await.unwrap(), []);
}

#[tokio::test]
async fn lines_are_sealed_too() {
    for format in [DataFormat::JsonLines, DataFormat::JsonLinesZstd] {
        let place = Place::new();
        let mut collection = collection("Confidential", false);
        collection.vector_spaces.clear();
        let repository = place.writer();
        let backup = repository.create_backup(&id("b"), "job").await.unwrap().in_format(format);
        let writer = backup.add_collection(&collection, &[], &[]).await.unwrap();
        let written = write_rows(&writer, &collection, 200).await.unwrap();
        let (mut files, mut content) = (Vec::new(), Content::default());
        for one in written {
            content.merge(one.content);
            files.push(one.file);
        }
        let done = writer.finish(files, None, content, None, Vec::new()).await.unwrap();
        backup.commit(summary(), vec![done], std::future::ready(Ok(()))).await.unwrap();
        assert!(!contains(&place.everything(), "größe"));
        let reader =
            place.reader().open_backup(&id("b")).await.unwrap().collection("Confidential").await.unwrap();
        let rows = read(&reader, Select::All, None).await;
        assert_eq!(rows.iter().map(|rows| rows.batch.len()).sum::<usize>(), 200);
    }
}

#[tokio::test]
async fn who_has_no_identity_sees_a_cover() {
    let place = Place::new();
    let manifest = write_backup(&place.writer(), &id("b"), &collection("Article", false), 30).await.unwrap();
    let (other, _) = new_identity();
    let stranger = place.open(Some(Encryption { identity: Some(other), ..Encryption::default() }));
    for repository in [place.writer(), stranger, place.open(None)] {
        assert_eq!(kind_of(repository.open_backup(&id("b"))).await, Some(Kind::KeyMissing));
        let page = Page { size: 10, token: None };
        let listed = repository.list_backups(page, &BackupFilter::default()).await.unwrap();
        let [Opened::Cover(cover)] = &listed.backups[..] else { panic!("{listed:?}") };
        assert_eq!(*cover, manifest.cover());
    }
    // Until it ends, whoever has made it has its key.
    let maker = place.writer();
    write_backup(&maker, &id("c"), &collection("Article", false), 30).await.unwrap();
    maker.open_backup(&id("c")).await.unwrap();
}

#[tokio::test]
async fn nothing_is_written_in_the_open_where_it_is_to_be_encrypted() {
    let place = Place::new();
    let plain = place.open(None);
    write_backup(&plain, &id("before"), &collection("Article", false), 3).await.unwrap();
    write_backup(&place.writer(), &id("b"), &collection("Article", false), 3).await.unwrap();
    assert_eq!(kind_of(plain.create_backup(&id("c"), "job")).await, Some(Kind::KeyMissing));
    plain.open_backup(&id("before")).await.unwrap();
    place.reader().open_backup(&id("before")).await.unwrap();
}

#[tokio::test]
async fn a_file_in_the_place_of_another_is_told() {
    let place = Place::new();
    write_backup(&place.writer(), &id("b"), &collection("Article", false), 1000).await.unwrap();
    let repository = place.reader();
    let reader = repository.open_backup(&id("b")).await.unwrap().collection("Article").await.unwrap();
    let paths: Vec<_> = reader.files().iter().map(|file| reader.path(file)).collect();
    let bytes = repository.store().get(&paths[0]).await.unwrap().unwrap();
    let key = repository.store().key(&layout::backup_dir(&id("b"))).await.unwrap();
    // Even with the sums of what is there now, which the tests of damages cover, it does not open elsewhere.
    let decoded = |at: &Path| {
        let footer = crate::format::Pieces::new(vec![(0, bytes.clone())]);
        crate::format::Decoder::new(
            std::sync::Arc::new(
                crate::format::Columns::new(
                    &collection("Article", false),
                    &collection("Article", false).vector_spaces,
                    false,
                )
                .unwrap(),
            ),
            DataFormat::Parquet,
            crate::format::Writer::Ourselves,
            Select::All,
            &footer,
            Some(key.file(at)),
        )
    };
    assert!(decoded(&paths[0]).is_ok());
    assert!(decoded(&paths[1]).is_err());
}

#[tokio::test]
async fn keys_get_other_recipients_and_data_stays() {
    let place = Place::new();
    write_backup(&place.writer(), &id("b"), &collection("Article", false), 30).await.unwrap();
    let (new, to_new) = new_identity();
    let both =
        Encryption { recipients: vec![to_new], identity: Some(place.identity.clone()), passphrase: None };
    let done = place.open(Some(both)).rewrap_keys().await.unwrap();
    assert_eq!((done.keys, done.closed.len()), (1, 0));
    assert_eq!(kind_of(place.reader().open_backup(&id("b"))).await, Some(Kind::KeyMissing));
    let newer = place.open(Some(Encryption { identity: Some(new), ..Encryption::default() }));
    newer.open_backup(&id("b")).await.unwrap().collection("Article").await.unwrap();
    let stranger = place.reader().rewrap_keys().await.unwrap();
    assert!(stranger.keys == 0 && stranger.closed[0].starts_with("backups/b in"), "{stranger:?}");
}

#[tokio::test]
async fn a_passphrase_is_enough_and_can_be_changed() {
    let place = Place::new();
    let with = |passphrase: &str| {
        place.open(Some(Encryption {
            passphrase: Some(SecretString::from(passphrase)),
            ..Encryption::default()
        }))
    };
    write_backup(&with("first"), &id("b"), &collection("Article", false), 30).await.unwrap();
    with("first").open_backup(&id("b")).await.unwrap();
    assert_eq!(kind_of(with("wrong").open_backup(&id("b"))).await, Some(Kind::KeyMissing));
    assert_eq!(kind_of(with("wrong").create_backup(&id("c"), "job")).await, Some(Kind::KeyMissing));
    let (first, second) = (SecretString::from("first"), SecretString::from("second"));
    with("first").change_passphrase(&first, &second).await.unwrap();
    with("second").open_backup(&id("b")).await.unwrap();
    assert_eq!(kind_of(with("first").open_backup(&id("b"))).await, Some(Kind::KeyMissing));
    assert!(!contains(&place.everything(), "AGE-SECRET-KEY"));

    // Whoever has lost it is not given another one for it.
    let identity = place.dir.path().join("identity.age");
    let kept = std::fs::read(&identity).unwrap();
    std::fs::remove_file(&identity).unwrap();
    assert_eq!(kind_of(with("second").open_backup(&id("b"))).await, Some(Kind::KeyMissing));
    assert_eq!(kind_of(with("second").create_backup(&id("d"), "job")).await, Some(Kind::KeyMissing));
    assert_eq!(kind_of(with("second").unlock()).await, Some(Kind::KeyMissing));
    std::fs::write(&identity, kept).unwrap();
    with("second").unlock().await.unwrap();
    assert_eq!(kind_of(with("wrong").unlock()).await, Some(Kind::KeyMissing));
}

/// As it is on disk, and the same for who has a copy elsewhere.
#[tokio::test]
async fn the_journal_of_a_job_is_sealed_but_for_its_covers() {
    let place = Place::new();
    let job = |repository: Repository| repository.job("0199");
    let maker = place.writer();
    job(maker.clone()).begin().await.unwrap();
    job(maker.clone()).jot("records/Confidential/objects/1-1.json", &"Confidential").await.unwrap();
    job(maker.clone()).put("plan.json", &"Confidential").await.unwrap();
    job(maker.clone()).create("attempts/1.json", &"who").await.unwrap();
    assert!(!contains(&place.everything(), "Confidential"));
    assert!(contains(&place.everything(), "who"));
    for repository in [maker, place.reader()] {
        let job = job(repository);
        let names: Vec<_> = job.list("records").await.unwrap().into_iter().map(|file| file.name).collect();
        let below = job.list("records/Confidential/objects").await.unwrap();
        assert_eq!((names.len(), &names[0]), (1, &below[0].name));
        assert_eq!(job.read::<String>(&names[0]).await.unwrap().unwrap(), "Confidential");
        assert_eq!(job.read::<String>("plan.json").await.unwrap().unwrap(), "Confidential");
    }
    assert_eq!(kind_of(job(place.writer()).read::<String>("plan.json")).await, Some(Kind::KeyMissing));
    assert_eq!(job(place.writer()).read::<String>("attempts/1.json").await.unwrap().unwrap(), "who");
    // One that has begun in the open goes on so.
    let open = place.open(None).job("0200");
    open.put("records/Confidential/objects/1-1.json", &1).await.unwrap();
    let later = place.reader().job("0200");
    assert_eq!(later.list("records/Confidential/objects").await.unwrap().len(), 1);
}
