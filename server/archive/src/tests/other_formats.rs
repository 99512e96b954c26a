//! Backups of the format before this one are read, those of a later one are refused.

use serde_json::{Value, json};

use super::projections::compare;
use super::samples::{bits, collection, id, memory, read, small, write_backup};
use crate::checksum::Checksum;
use crate::{Repository, Select, layout};
use selvedge_model::error::Kind;
use selvedge_model::{LeftOut, Reason, Remark};

/// A backup whose lists can be rewritten.
struct Backup {
    repository: Repository,
    manifest: Value,
}

impl Backup {
    async fn new(multi_tenant: bool) -> Self {
        let repository = memory(small());
        let collection = collection("Article", multi_tenant);
        write_backup(&repository, &id("b"), &collection, 90).await.unwrap();
        let bytes = repository.store().get(&layout::manifest(&id("b"))).await.unwrap().unwrap();
        Self { repository, manifest: serde_json::from_slice(&bytes).unwrap() }
    }

    async fn list(&self, name: &str) -> Value {
        let path = layout::collection_file(&layout::collection_dir(&id("b"), "Article", &None), name);
        serde_json::from_slice(&self.repository.store().get(&path).await.unwrap().unwrap()).unwrap()
    }

    async fn put_list(&mut self, name: &str, list: &Value) {
        let path = layout::collection_file(&layout::collection_dir(&id("b"), "Article", &None), name);
        let bytes = list.to_string();
        self.manifest["collections"][0]["blake3"][name] = json!(Checksum::of(bytes.as_bytes()));
        self.repository.store().put(&path, bytes.into()).await.unwrap();
    }

    async fn put_manifest(&mut self) {
        let unsealed = "0".repeat(64);
        self.manifest["blake3"] = json!(unsealed);
        let text = self.manifest.to_string();
        let seal = Checksum::of(text.as_bytes()).to_string();
        let path = layout::manifest(&id("b"));
        self.repository.store().put(&path, text.replace(&unsealed, &seal).into()).await.unwrap();
    }

    /// Makes it what a version would have written that knew only format 1.
    async fn age(&mut self) {
        let mut files = self.list(layout::FILES).await;
        for file in files["files"].as_array_mut().unwrap() {
            let path = layout::data_file(
                &layout::collection_dir(&id("b"), "Article", &None),
                file["name"].as_str().unwrap(),
            );
            let data = self.repository.store().get(&path).await.unwrap().unwrap();
            file.as_object_mut().unwrap().remove("covers");
            for group in file["row_groups"].as_array_mut().unwrap() {
                let number = |name: &str| group[name].as_u64().unwrap();
                let (offset, bytes, rows) = (number("offset"), number("bytes"), number("rows"));
                let blake3 = Checksum::of(&data[offset as usize..(offset + bytes) as usize]);
                *group = json!({"offset": offset, "bytes": bytes, "rows": rows, "blake3": blake3});
            }
        }
        self.put_list(layout::FILES, &files).await;
        if self.manifest["collections"][0]["multi_tenant"] == true {
            let mut tenants = self.list(layout::TENANTS).await;
            tenants["tenants"][1]["left_out"] = json!("being offloaded");
            self.put_list(layout::TENANTS, &tenants).await;
        }
        self.manifest["format_version"] = json!(1);
        self.manifest["kind"] = json!("partial");
        self.manifest["notes"] = json!(["not all may be seen"]);
        let collection = self.manifest["collections"][0].as_object_mut().unwrap();
        collection.remove("remarks");
        collection.insert("complete".to_owned(), json!(false));
        collection.insert("gaps".to_owned(), json!(["one is left out"]));
        collection.insert("notes".to_owned(), json!(["read at one"]));
        self.put_manifest().await;
    }
}

fn told(text: &str) -> Reason {
    Reason::Told { text: text.to_owned() }
}

#[tokio::test]
async fn backups_of_format_1_are_read() {
    for multi_tenant in [false, true] {
        let mut backup = Backup::new(multi_tenant).await;
        let opened = backup.repository.open_backup(&id("b")).await.unwrap();
        let before = read(&opened.collection("Article").await.unwrap(), Select::All, None).await;
        backup.age().await;

        let opened = backup.repository.open_backup(&id("b")).await.unwrap();
        let manifest = opened.manifest();
        let note = Remark::note(told("not all may be seen"));
        assert_eq!(manifest.remarks, [note], "what is short is the collection");
        let remarks = [Remark::gap(told("one is left out")), Remark::note(told("read at one"))];
        assert_eq!(manifest.collections[0].remarks, remarks);
        assert!(!manifest.collections[0].complete);

        let reader = opened.collection("Article").await.unwrap();
        if multi_tenant {
            assert_eq!(reader.tenants().unwrap()[1].left_out, Some(LeftOut::Offloaded));
        }
        let after = read(&reader, Select::All, None).await;
        assert_eq!(before.len(), after.len());
        for (before, after) in before.iter().zip(&after) {
            assert_eq!((&before.tenant, bits(&before.batch)), (&after.tenant, bits(&after.batch)));
        }
        compare(&reader).await;
    }
}

#[tokio::test]
async fn gaps_of_format_1_that_were_notes_are_told_as_gaps() {
    let mut backup = Backup::new(false).await;
    backup.age().await;
    let collection = backup.manifest["collections"][0].as_object_mut().unwrap();
    collection.remove("gaps");
    backup.put_manifest().await;
    let manifest = backup.repository.manifest(&id("b")).await.unwrap();
    assert_eq!(manifest.collections[0].remarks, [Remark::gap(told("read at one"))]);

    // Before that, whatever was not whole was refused: only the selection could be short.
    backup.manifest["collections"][0]["complete"] = json!(true);
    backup.put_manifest().await;
    let manifest = backup.repository.manifest(&id("b")).await.unwrap();
    assert_eq!(manifest.remarks, [Remark::gap(told("not all may be seen"))]);
    assert_eq!(manifest.collections[0].remarks, [Remark::note(told("read at one"))]);
}

#[tokio::test]
async fn a_file_elsewhere_than_where_data_files_are_is_damage() {
    for place in ["jobs/x/collections/Article/data/x.parquet", "backups/a/claim.json", "backups/a/../../x"] {
        let mut backup = Backup::new(false).await;
        let mut files = backup.list(layout::FILES).await;
        let mut file = files["files"][0].clone();
        file["path"] = json!(place);
        files["inherited"] = json!([file]);
        backup.put_list(layout::FILES, &files).await;
        backup.put_manifest().await;
        let opened = backup.repository.open_backup(&id("b")).await.unwrap();
        let error = opened.collection("Article").await.unwrap_err();
        assert_eq!(error.kind(), Kind::BackupCorrupt, "{error}");
        assert!(error.to_string().contains("place"), "{error}");
    }
}
