//! Backups in JSON Lines: as exact as in Parquet, and open to every tool.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use selvedge_proto::v1::import_backup_request::Part;
use selvedge_proto::v1::{ImportBackupEnd, ImportBackupHeader, ImportBackupRequest};
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::seed;
use selvedge_tests::harness::world::World;
use selvedge_tests::stand_in::faults::Call;
use serde_json::{Value, json};
use tokio_stream::StreamExt;
use uuid::Uuid;

use crate::jobs::start_held;
use crate::round_trip::{all_kinds, same};

/// Plain and compressed.
const FORMATS: [(&str, &str); 2] = [("none", ".jsonl"), ("zstd", ".jsonl.zst")];

async fn back_up(world: &World, id: &str, compression: &str) -> anyhow::Result<()> {
    let backup = ["backup", "--id", id, "--format", "jsonl", "--compression", compression];
    world.succeed(&backup).await.map(drop)
}

pub async fn every_kind_of_collection_comes_back_to_the_bit(world: &mut World) -> anyhow::Result<()> {
    let mut names = all_kinds(world).await?;
    names.extend(seed::references(&world.rest, "Hub", 60).await?);
    let before = Census::take(&world.rest, &names).await?;
    world.succeed(&["backup", "--id", "parquet"]).await?;
    for (compression, ending) in FORMATS {
        back_up(world, compression, compression).await?;
        for file in world.data_files(compression, "Every")? {
            ensure!(file.display().to_string().ends_with(ending), "{}", file.display());
        }
        for level in ["files", "rows", "restorable"] {
            world.succeed(&["verify", compression, "--level", level]).await?;
        }
        world.succeed(&["verify", compression, "--against-live"]).await?;
        world.rest.drop_all().await?;
        world.succeed(&["restore", compression]).await?;
        same(&before, &Census::take(&world.rest, &names).await?)?;
        // Into what is there already, nothing is written.
        let ran = world.succeed(&["restore", compression, "--if-exists", "merge"]).await?;
        let merged = ran.out.lines().filter(|line| line.starts_with("merged into "));
        ensure!(
            merged.clone().count() == names.len() - 1 && merged.clone().all(|line| line.contains(": 0 new")),
            "{}",
            ran.out
        );
    }
    // The same content has the same digest, however it is written.
    let digests = async |id: &str| {
        let shown: Value = serde_json::from_str(&world.succeed(&["--json", "show", id]).await?.out)?;
        let collections = shown["collections"].as_array().cloned().unwrap_or_default();
        anyhow::Ok(collections.iter().map(|one| one["content_digest"].clone()).collect::<Vec<_>>())
    };
    ensure!(digests("parquet").await? == digests("none").await?);
    ensure!(digests("parquet").await? == digests("zstd").await?);
    Ok(())
}

/// As a REST batch takes them, whoever sends it.
pub async fn each_line_is_an_object_that_weaviate_takes(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Every", 40).await?;
    seed::named_vectors(&world.rest, "Named", 40).await?;
    seed::tenanted(&world.rest, "Customer", 4).await?;
    let names = ["Every", "Named", "Customer"];
    let before = Census::take(&world.rest, &names).await?;
    back_up(world, "b", "none").await?;
    world.rest.drop_all().await?;
    world.succeed(&["restore", "b", "--schema-only"]).await?;
    for name in names {
        for file in world.data_files("b", name)? {
            let text = fs::read_to_string(file)?;
            let objects = text.lines().map(serde_json::from_str::<Value>).collect::<Result<Vec<_>, _>>()?;
            world.rest.write(&objects).await?;
        }
    }
    same(&before, &Census::take(&world.rest, &names).await?)
}

pub async fn damage_is_found_before_anything_is_written(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Every", 40).await?;
    for (compression, _) in FORMATS {
        back_up(world, compression, compression).await?;
    }
    world.rest.drop_all().await?;
    for (compression, _) in FORMATS {
        let file = world.data_files(compression, "Every")?.remove(0);
        let mut bytes = fs::read(&file)?;
        let place = bytes.len() / 2;
        bytes[place] ^= 1;
        fs::write(&file, bytes)?;
        world.refuse(&["restore", compression], 6, "altered").await?;
        world.refuse(&["verify", compression], 6, "is damaged").await?;
    }
    ensure!(world.rest.classes().await?.is_empty());
    Ok(())
}

/// The file, with its text changed.
fn edit(file: &Path, change: impl FnOnce(String) -> String) -> anyhow::Result<()> {
    let is_compressed = file.extension().is_some_and(|ending| ending == "zst");
    let bytes = fs::read(file)?;
    let text = if is_compressed { zstd::decode_all(&bytes[..])? } else { bytes };
    let text = change(String::from_utf8(text)?);
    // As the tool does it: in one frame.
    let bytes = if is_compressed { zstd::encode_all(text.as_bytes(), 3)? } else { text.into_bytes() };
    Ok(fs::write(file, bytes)?)
}

pub async fn an_edited_line_comes_back_as_it_was_edited(world: &mut World) -> anyhow::Result<()> {
    let property = |name: &str, kind: &str| json!({"name": name, "dataType": [kind]});
    let properties = json!([property("title", "text"), property("key", "uuid")]);
    world.rest.create(&json!({"class": "Article", "vectorizer": "none", "properties": properties})).await?;
    let object = |number: u128| {
        json!({"class": "Article", "id": Uuid::from_u128(number), "vector": [1, 2],
            "properties": {"title": format!("title {number:03}"), "key": Uuid::from_u128(number << 96 | 0xab)}})
    };
    world.rest.write(&(1..=100).map(object).collect::<Vec<_>>()).await?;
    seed::tenanted(&world.rest, "Customer", 4).await?;
    let customers = Census::take(&world.rest, &["Customer"]).await?;
    for (compression, _) in FORMATS {
        back_up(world, compression, compression).await?;
    }
    for (compression, _) in FORMATS {
        world.rest.drop_all().await?;
        let file = world.data_files(compression, "Article")?.remove(0);
        // One is edited, and one deleted.
        edit(&file, |text| {
            let lines = text.replace("title 042", "another title");
            // Spelled as other tools do.
            let key = Uuid::from_u128(50 << 96 | 0xab).to_string();
            let lines = lines.replace(&key, &key.to_uppercase());
            lines.lines().filter(|line| !line.contains("title 077")).map(|line| format!("{line}\n")).collect()
        })?;
        world.refuse(&["restore", compression], 6, "allow_modified").await?;
        let plan = world.succeed(&["restore", compression, "--allow-modified", "--dry-run"]).await?.out;
        ensure!(plan.contains("is not what was written"), "{plan}");
        let ran = world.succeed(&["restore", compression, "--allow-modified"]).await?;
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        ensure!(ran.err.contains(&name), "the file is not named: {}", ran.err);
        ensure!(world.rest.count("Article", None).await? == 99);
        let edited = world.rest.get(&format!("/v1/objects/Article/{}", Uuid::from_u128(42))).await?;
        ensure!(edited["properties"]["title"] == "another title", "{edited}");
        same(&customers, &Census::take(&world.rest, &["Customer"]).await?)?;
        // It is what is there by now.
        let merge = ["restore", compression, "--allow-modified", "--if-exists", "merge"];
        let ran = world.succeed(&merge).await?;
        ensure!(ran.out.contains("merged into Article: 0 new, 99 identical"), "{}", ran.out);
    }
    Ok(())
}

pub async fn a_line_that_makes_no_sense_changes_nothing(world: &mut World) -> anyhow::Result<()> {
    seed::sharded(&world.rest, "Many", 1, 20).await?;
    back_up(world, "b", "none").await?;
    world.rest.drop_all().await?;
    let file = world.data_files("b", "Many")?.remove(0);
    let whole = fs::read_to_string(&file)?;
    let third = whole.lines().nth(2).unwrap_or_default();
    for (odd, told) in [
        (third.replace("\"properties\":", "\"properties\""), "expected `:`"),
        (third.replace("\"vector\":", "\"vectr\":"), "\"vectr\" is no part of an object"),
        (third.replace("\"class\":\"Many\"", "\"class\":\"Other\""), "is of collection \"Other\""),
        (whole.lines().nth(1).unwrap_or_default().to_owned(), "order of tenants and ids"),
        (third.replace("\"properties\":{", "\"properties\":{\"n\":1,\"n\":2,"), "there twice"),
        (third.replace("\"properties\":{", "\"properties\":{\"nobody\":1,"), "nobody"),
    ] {
        fs::write(&file, whole.replace(third, &odd))?;
        let ran = world.refuse(&["restore", "b", "--allow-modified"], 6, told).await?;
        ensure!(ran.err.contains("line 3") && ran.err.contains(".jsonl"), "{}", ran.err);
    }
    fs::remove_file(&file)?;
    world.refuse(&["restore", "b", "--allow-modified"], 6, "missing").await?;
    ensure!(world.rest.classes().await?.is_empty());
    Ok(())
}

/// Out of a backup of either format, in as another one, and under another name.
pub async fn what_is_exported_can_be_imported(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Every", 60).await?;
    seed::named_vectors(&world.rest, "Named", 60).await?;
    seed::tenanted(&world.rest, "Customer", 5).await?;
    let references = seed::references(&world.rest, "Hub", 40).await?;
    let names = ["Every", "Named", "Customer", &references[0]];
    let before = Census::take(&world.rest, &names).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    back_up(world, "lines", "zstd").await?;
    for name in names {
        let lines = world.succeed(&["export", "b", name]).await?.out;
        ensure!(
            lines == world.succeed(&["export", "lines", name]).await?.out,
            "{name} is exported otherwise"
        );
        let schema = world.folder().join("schema.json");
        fs::write(&schema, world.rest.get(&format!("/v1/schema/{name}")).await?.to_string())?;
        // In another order.
        let file = world.folder().join(format!("{name}.jsonl"));
        let mut shuffled: Vec<_> = lines.lines().collect();
        shuffled.sort_by_key(|line| line.len());
        fs::write(&file, shuffled.join("\n"))?;
        let (file, schema) = (file.display().to_string(), schema.display().to_string());
        let id = name.to_lowercase();
        let import = ["import", &file, "--collection", name, "--id", &id];
        let ran = match name {
            // Its schema is taken from the cluster.
            "Named" => world.succeed(&[&import[..], &["--format", "jsonl"]].concat()).await?,
            _ => world.succeed(&[&import[..], &["--schema", &schema]].concat()).await?,
        };
        ensure!(ran.out.contains(&format!("backup {id}: ")), "{}", ran.out);
        world.succeed(&["verify", &id, "--level", "rows"]).await?;
    }
    for name in names {
        world.rest.drop_class(name).await?;
    }
    for name in names {
        world.succeed(&["restore", &name.to_lowercase()]).await?;
    }
    // Tenants without objects are in no line.
    let tenants = world.rest.get("/v1/schema/Customer/tenants").await?;
    let there: Vec<_> =
        tenants.as_array().into_iter().flatten().filter_map(|one| one["name"].as_str()).collect();
    for tenant in before.tenants("Customer").iter().filter(|tenant| !there.contains(&tenant.as_str())) {
        world.rest.post("/v1/schema/Customer/tenants", &json!([{"name": tenant}])).await?;
    }
    same(&before, &Census::take(&world.rest, &names).await?)
}

pub async fn lines_of_other_tools_are_imported_or_named(world: &mut World) -> anyhow::Result<()> {
    let property = json!({"name": "title", "dataType": ["text"]});
    world.rest.create(&json!({"class": "Article", "vectorizer": "none", "properties": [property]})).await?;
    let file = world.folder().join("foreign.jsonl");
    let path = file.display().to_string();
    let import = ["import", &path, "--collection", "Article", "--id", "b"];
    let good = r#"{"properties": {"title": "without an id"}, "vector": [1, 2.5]}"#;
    for (text, told) in [
        (format!("{good}\n{{\n"), "line 2"),
        (format!("{good}\n\n{{\"properties\": {{\"tittle\": 1}}}}"), "line 3"),
        (format!("{good}\n{{\"tenant\": \"t\"}}"), "has a tenant"),
        (format!("{good}\n{{\"vectors\": {{\"x\": [1]}}}}"), "schema does not have"),
        (format!("{good}\n{{\"id\": null}}"), "line 2"),
        (format!("{good}\n{{\"vektor\": [1]}}"), "no part of an object"),
    ] {
        fs::write(&file, text)?;
        world.refuse(&import, 2, told).await?;
        ensure!(!world.has_files("b"), "something was written: {told}");
    }
    fs::write(&file, format!("{good}\n{good}"))?;
    let nobody = ["import", &path, "--collection", "Nobody"];
    ensure!(world.run(&nobody).await.err.contains("take the schema from"));
    world.succeed(&import).await?;
    world.refuse(&import, 4, "b").await?;
    world.succeed(&["restore", "b", "--rename", "Article=Copy"]).await?;
    ensure!(world.rest.count("Copy", None).await? == 2);

    as_weaviate_spells_them(world).await?;

    // Into a file that is not there yet, and never over another.
    let out = world.folder().join("out.jsonl");
    let output = out.display().to_string();
    let export = ["export", "b", "Article", "--output", &output];
    world.succeed(&export).await?;
    ensure!(fs::read_to_string(&out)?.lines().count() == 2);
    ensure!(world.run(&export).await.code == 1);
    let ran = world.run(&["export", "b", "Nobody"]).await;
    ensure!(ran.code != 0 && ran.out.is_empty() && ran.err.contains("Nobody"), "{ran:?}");
    Ok(())
}

/// A restore compares what Weaviate makes of them, value by value.
async fn as_weaviate_spells_them(world: &World) -> anyhow::Result<()> {
    let nested = json!([{"name": "street", "dataType": ["text"]}, {"name": "city", "dataType": ["text"]},
        {"name": "since", "dataType": ["date"]}]);
    let properties = json!([{"name": "at", "dataType": ["date"]}, {"name": "days", "dataType": ["date[]"]},
        {"name": "key", "dataType": ["uuid"]}, {"name": "address", "dataType": ["object"], "nestedProperties": nested}]);
    world.rest.create(&json!({"class": "Foreign", "vectorizer": "none", "properties": properties})).await?;
    let line = r#"{"id": "0F8FAD5B-D9CB-469F-A165-70867728950E", "properties": {"at": "2024-01-01T00:00:00.120+00:00",
        "days": ["2024-06-01T12:00:00.000000001-05:30", "2024-06-01T00:00:00+02:00"], "key": "0F8FAD5B-D9CB-469F-A165-70867728950F",
        "address": {"street": "x", "since": "2024-01-01T00:00:00.500Z", "city": "y"}}, "vector": []}"#;
    let file = world.folder().join("spelled.jsonl");
    fs::write(&file, line.replace('\n', ""))?;
    let path = file.display().to_string();
    world.succeed(&["import", &path, "--collection", "Foreign", "--id", "spelled"]).await?;
    world.succeed(&["restore", "spelled", "--if-exists", "merge"]).await?;
    world.succeed(&["verify", "spelled", "--against-live"]).await.map(drop)
}

/// What refers to the collection itself refers to it by its new name; tenants of any size come back.
pub async fn lines_are_imported_under_another_name(world: &mut World) -> anyhow::Result<()> {
    let next = json!({"name": "next", "dataType": ["Node"]});
    world.rest.create(&json!({"class": "Node", "vectorizer": "none"})).await?;
    world.rest.post("/v1/schema/Node/properties", &next).await?;
    let id = |number: u128| Uuid::from_u128(number << 96 | 1);
    let node = |number| json!({"class": "Node", "id": id(number), "vector": [1, 2]});
    world.rest.write(&(1..=3).map(node).collect::<Vec<_>>()).await?;
    let link = |number| {
        json!({"from": format!("weaviate://localhost/Node/{}/next", id(number)),
            "to": format!("weaviate://localhost/Node/{}", id(number % 3 + 1))})
    };
    world.rest.link(&(1..=3).map(link).collect::<Vec<_>>()).await?;
    let tenants = json!({"class": "Large", "multiTenancyConfig": {"enabled": true}, "vectorizer": "none"});
    world.rest.create(&tenants).await?;
    let names: Value = ["a", "b", "c", "d"].iter().map(|name| json!({"name": name})).collect();
    world.rest.post("/v1/schema/Large/tenants", &names).await?;
    for (tenant, objects) in [("a", 3), ("b", 1_300), ("c", 700), ("d", 2)] {
        let object = |number| json!({"class": "Large", "tenant": tenant, "id": id(number), "vector": [1]});
        world.rest.write(&(1..=objects).map(object).collect::<Vec<_>>()).await?;
    }
    let before = Census::take(&world.rest, &["Node", "Large"]).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    for (old, new) in [("Node", "Knot"), ("Large", "Wide")] {
        let schema = world.folder().join("schema.json");
        fs::write(&schema, world.rest.get(&format!("/v1/schema/{old}")).await?.to_string())?;
        let file = world.folder().join("lines.jsonl");
        fs::write(&file, world.succeed(&["export", "b", old]).await?.out)?;
        let (file, schema) = (file.display().to_string(), schema.display().to_string());
        let id = new.to_lowercase();
        world.succeed(&["import", &file, "--collection", new, "--schema", &schema, "--id", &id]).await?;
        world.succeed(&["verify", &id, "--level", "rows"]).await?;
        world.succeed(&["restore", &id]).await?;
    }
    let copies = Census::take(&world.rest, &["Knot", "Wide"]).await?;
    let differences = before.differences(&copies, &[("Node", "Knot"), ("Large", "Wide")]);
    ensure!(differences.is_empty(), "{}", differences.join("\n"));
    Ok(())
}

/// What is done is written down by its place in the file.
pub async fn a_restore_does_not_go_on_over_another_edit(world: &mut World) -> anyhow::Result<()> {
    seed::sharded(&world.rest, "Many", 1, 3_000).await?;
    back_up(world, "b", "none").await?;
    world.rest.drop_all().await?;
    let restore = ["restore", "b", "--allow-modified"];
    let (id, held) = start_held(world, &restore, Call::grpc("BatchObjects"), 1).await?;
    world.succeed(&["jobs", "cancel", &id]).await?;
    held.release();
    world.run(&["jobs", "watch", &id]).await;
    let file = world.data_files("b", "Many")?.remove(0);
    let whole = fs::read_to_string(&file)?;
    fs::write(&file, whole.lines().skip(1).map(|line| format!("{line}\n")).collect::<String>())?;
    world.refuse(&["jobs", "resume", &id], 4, "edited since the job was begun").await?;
    fs::write(&file, whole)?;
    Ok(())
}

/// However a stream ends without its last message, at the end of a line too: these may not have been all.
pub async fn lines_that_break_off_become_no_backup(world: &mut World) -> anyhow::Result<()> {
    world.rest.create(&json!({"class": "Article", "vectorizer": "none"})).await?;
    let header =
        ImportBackupHeader { backup_id: "b".into(), collection: "Article".into(), ..Default::default() };
    let line = format!("{}\n", json!({"vector": [1, 2]})).into_bytes();
    let bytes = line.len() as u64;
    let part = |part| ImportBackupRequest { part: Some(part) };
    let end = |bytes| part(Part::End(ImportBackupEnd { bytes }));
    let begin = [part(Part::Header(header)), part(Part::Lines(line))];
    let mut service = world.backups().await?;
    for rest in [vec![], vec![end(bytes + 1)]] {
        let all = begin.iter().cloned().chain(rest);
        let refused = service.import_backup(tokio_stream::iter(all.collect::<Vec<_>>())).await;
        ensure!(refused.is_err_and(|status| status.message().contains("broke off")), "it was taken");
        ensure!(!world.has_files("b"), "something was written");
    }
    // Somebody hangs up.
    let open = tokio_stream::iter(begin.clone()).chain(tokio_stream::pending());
    let mut hanging = world.backups().await?;
    let mut call = Box::pin(hanging.import_backup(open));
    let ended = tokio::time::timeout(Duration::from_millis(300), &mut call).await;
    ensure!(ended.is_err() && world.has_files("b"), "it did not begin, or did not wait for the end");
    drop(call);
    while world.has_files("b") {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let all = begin.into_iter().chain([end(bytes)]).collect::<Vec<_>>();
    service.import_backup(tokio_stream::iter(all)).await?;
    ensure!(world.backup_ids().await? == ["b"]);
    Ok(())
}
