//! Proof that a backup is whole, and that a cluster holds what a backup holds.

use std::fs;

use anyhow::{Context, ensure};
use selvedge_tests::harness::seed;
use selvedge_tests::harness::world::World;
use selvedge_tests::stand_in::faults::Call;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::round_trip::all_kinds;

/// The job as the client's last line with `--json` shows it, and the exit code.
async fn job(world: &World, arguments: &[&str]) -> anyhow::Result<(u8, Value)> {
    let ran = world.run(&[&["--json"][..], arguments].concat()).await;
    let summary = ran.out.lines().find(|line| line.contains("\"message_type\":\"summary\""));
    let summary = summary.with_context(|| format!("no summary: {ran:?}"))?;
    Ok((ran.code, serde_json::from_str(summary)?))
}

fn kinds(job: &Value) -> Vec<&str> {
    let findings = job["findings"].as_array().into_iter().flatten();
    let mut kinds: Vec<_> = findings.filter_map(|finding| finding["kind"].as_str()).collect();
    kinds.sort_unstable();
    kinds
}

pub async fn a_sound_backup_holds_at_every_level(world: &mut World) -> anyhow::Result<()> {
    all_kinds(world).await?;
    seed::references(&world.rest, "Book", 20).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    for level in ["files", "rows", "restorable"] {
        let ran = world.succeed(&["verify", "b", "--level", level]).await?;
        ensure!(ran.out.contains("backup b is intact"), "{}", ran.out);
    }
    let ran = world.succeed(&["verify", "b", "--against-live"]).await?;
    ensure!(ran.out.contains("matches backup b: "), "{}", ran.out);
    // Another backup of the same has the same digests.
    world.succeed(&["backup", "--id", "again"]).await?;
    let digests = async |id: &str| {
        let shown: Value = serde_json::from_str(&world.succeed(&["--json", "show", id]).await?.out)?;
        let collections = shown["collections"].as_array().cloned().unwrap_or_default();
        anyhow::Ok(collections.into_iter().map(|mut of| of["content_digest"].take()).collect::<Vec<_>>())
    };
    let (first, second) = (digests("b").await?, digests("again").await?);
    ensure!(first == second && first.len() == 7, "{first:?} {second:?}");
    Ok(())
}

pub async fn all_backups_are_looked_at_one_after_the_other(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 30).await?;
    for id in ["first", "second", "third"] {
        world.succeed(&["backup", "--id", id]).await?;
    }
    let ran = world.succeed(&["verify", "--all", "--level", "rows"]).await?;
    ensure!(ran.out.matches("is intact").count() == 3, "{}", ran.out);
    fs::remove_file(world.data_files("second", "Article")?.remove(0))?;
    let manifest = world.backup_file("third", "backup.json");
    fs::write(&manifest, &fs::read(&manifest)?[..100])?;
    let ran = world.refuse(&["verify", "--all"], 6, "2 of 3 backups").await?;
    ensure!(ran.out.contains("backup first is intact"), "{}", ran.out);
    for told in ["backup second is damaged", "backup third", "second, third"] {
        ensure!(ran.err.contains(told), "no {told} in {}", ran.err);
    }
    Ok(())
}

pub async fn all_damage_is_told_apart(world: &mut World) -> anyhow::Result<()> {
    for name in ["Altered", "Cut", "Gone", "Lists", "Sound"] {
        seed::every_type(&world.rest, name, 30).await?;
    }
    world.succeed(&["backup", "--id", "b"]).await?;
    let file = |name: &str| world.data_files("b", name).map(|mut files| files.remove(0));
    let mut bytes = fs::read(file("Altered")?)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file("Altered")?, &bytes)?;
    let cut = file("Cut")?;
    fs::write(&cut, &fs::read(&cut)?[..100])?;
    fs::remove_file(file("Gone")?)?;
    let lists = world.backup_file("b", "collections/Lists/files.json");
    fs::write(&lists, fs::read_to_string(&lists)?.replacen('1', "2", 1))?;
    fs::write(world.backup_file("b", "collections/Sound/data/stray.parquet"), b"?")?;
    let claim = world.backup_file("b", "claim.json");
    let whole = fs::read_to_string(&claim)?;
    fs::write(&claim, whole.replacen('1', "2", 1))?;
    for level in ["files", "rows"] {
        let (code, job) = job(world, &["verify", "b", "--level", level]).await?;
        ensure!(code == 6, "exit {code}: {job}");
        let want =
            ["file_altered", "file_altered", "file_altered", "file_extra", "file_missing", "file_truncated"];
        ensure!(kinds(&job) == want, "{level}: {:?}", job["findings"]);
    }
    fs::write(&claim, whole)?;
    // One of them alone is still sound, but for what does not belong there.
    let (_, job) = job(world, &["verify", "b", "Sound"]).await?;
    ensure!(kinds(&job) == ["file_extra"], "{:?}", job["findings"]);
    Ok(())
}

pub async fn one_changed_object_among_many_is_named(world: &mut World) -> anyhow::Result<()> {
    seed::sharded(&world.rest, "Many", 2, 6_000).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    let page = world.rest.get("/v1/objects?class=Many&limit=3&include=vector").await?;
    let object = |at: usize| {
        let listed = &page["objects"][at];
        json!({"class": "Many", "id": listed["id"], "properties": listed["properties"], "vector": listed["vector"]})
    };
    let id = |object: &Value| object["id"].as_str().unwrap_or_default().to_owned();
    let expect = async |kind: &str, id: &str, text: &str| {
        let (code, job) = job(world, &["verify", "b", "--against-live"]).await?;
        ensure!(code == 6, "exit {code}: {job}");
        let findings = job["findings"].as_array().cloned().unwrap_or_default();
        let [finding] = findings.as_slice() else { anyhow::bail!("not one finding: {findings:?}") };
        let fits = finding["kind"] == kind && finding["object_id"] == id;
        ensure!(fits && finding["text"].as_str().is_some_and(|told| told.contains(text)), "{finding}");
        Ok(())
    };
    let mut property = object(0);
    property["properties"]["text"] = json!("another");
    world.rest.write(&[property.clone()]).await?;
    expect("object_changed", &id(&property), "property \"text\"").await?;
    world.rest.write(&[object(0)]).await?;
    world.succeed(&["verify", "b", "--against-live"]).await?;

    let mut vector = object(1);
    let float = vector["vector"][2].as_f64().unwrap_or_default() as f32;
    vector["vector"][2] = json!(f32::from_bits(float.to_bits() ^ 1));
    world.rest.write(&[vector.clone()]).await?;
    expect("object_changed", &id(&vector), "1 of its 4 floats").await?;
    world.rest.write(&[object(1)]).await?;

    world.rest.delete(&format!("/v1/objects/Many/{}", id(&object(2)))).await?;
    expect("object_missing", &id(&object(2)), "the cluster does not").await?;
    world.rest.write(&[object(2)]).await?;

    let extra = uuid::Uuid::from_u128(42).to_string();
    world.rest.write(&[json!({"class": "Many", "id": extra})]).await?;
    expect("object_extra", &extra, "the backup does not").await
}

pub async fn a_renamed_copy_is_compared_with_its_original(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 40).await?;
    seed::named_vectors(&world.rest, "Page", 40).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    world.rest.drop_all().await?;
    world.succeed(&["restore", "b", "--rename", "Article=Copy"]).await?;
    world.succeed(&["verify", "b", "--against-live", "--rename", "Article=Copy"]).await?;
    let (code, job) = job(world, &["verify", "b", "--against-live"]).await?;
    ensure!(code == 6 && kinds(&job) == ["collection_missing"], "{code}: {job}");
    Ok(())
}

pub async fn tenants_are_compared_one_by_one(world: &mut World) -> anyhow::Result<()> {
    seed::tenanted(&world.rest, "Customer", 8).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    let object = json!({"class": "Customer", "tenant": "tenant-3", "id": uuid::Uuid::from_u128(42)});
    world.rest.write(&[object]).await?;
    world.rest.post("/v1/schema/Customer/tenants", &json!([{"name": "new"}])).await?;
    world
        .rest
        .call(reqwest::Method::DELETE, "/v1/schema/Customer/tenants", Some(&json!(["tenant-1"])))
        .await?;
    let (code, found) = job(world, &["verify", "b", "--against-live"]).await?;
    ensure!(code == 6, "exit {code}: {found}");
    ensure!(kinds(&found) == ["object_extra", "tenant_extra", "tenant_missing"], "{:?}", found["findings"]);
    let extra =
        found["findings"].as_array().into_iter().flatten().find(|found| found["kind"] == "object_extra");
    ensure!(extra.is_some_and(|extra| extra["tenant"] == "tenant-3"), "{extra:?}");
    // What cannot be read is not compared, and that is told.
    world.rest.drop_all().await?;
    world.succeed(&["restore", "b"]).await?;
    let cold = json!([{"name": "tenant-2", "activityStatus": "COLD"}]);
    world.rest.put("/v1/schema/Customer/tenants", &cold).await?;
    let (code, found) = job(world, &["verify", "b", "--against-live"]).await?;
    ensure!(code == 5 && kinds(&found) == ["tenant_unreadable"], "{code}: {found}");
    Ok(())
}

pub async fn what_cannot_be_restored_is_told(world: &mut World) -> anyhow::Result<()> {
    seed::references(&world.rest, "Book", 10).await?;
    world.succeed(&["backup", "Book", "--id", "b"]).await?;
    world.succeed(&["verify", "b", "--level", "restorable"]).await?;
    world.rest.drop_all().await?;
    let (code, job) = job(world, &["verify", "b", "--level", "restorable"]).await?;
    ensure!(code == 4 && kinds(&job) == ["not_restorable"], "{code}: {job}");
    Ok(())
}

pub async fn a_restore_that_is_not_what_it_should_be_fails(world: &mut World) -> anyhow::Result<()> {
    seed::sharded(&world.rest, "Many", 1, 500).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    let page = world.rest.get("/v1/objects?class=Many&limit=1").await?;
    let id = page["objects"][0]["id"].as_str().unwrap_or_default().to_owned();
    world.rest.drop_all().await?;
    let object = json!({"class": "Many", "id": id, "properties": {"text": "another"}});
    let meddle = move |contents: &selvedge_tests::stand_in::Contents| contents.put(object.clone());
    world.stand_in().faults().on(Call::grpc("Aggregate")).before(meddle.clone());
    let ran = world.refuse(&["restore", "b"], 6, "differs from the backup").await?;
    ensure!(ran.err.contains(&id) && ran.err.contains("property \"text\""), "{}", ran.err);
    // Nobody notices who does not look.
    world.rest.drop_all().await?;
    world.stand_in().faults().on(Call::grpc("Aggregate")).before(meddle);
    world.succeed(&["restore", "b", "--verify", "count"]).await.map(drop)
}

pub async fn chosen_tenants_are_compared_alone(world: &mut World) -> anyhow::Result<()> {
    seed::tenanted(&world.rest, "Customer", 4).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    let more = json!({"class": "Customer", "tenant": "tenant-2", "id": Uuid::from_u128(1 << 90)});
    world.rest.write(&[more]).await?;
    world.rest.post("/v1/schema/Customer/tenants", &json!([{"name": "newer"}])).await?;
    let compare = ["verify", "b", "Customer", "--against-live", "--tenant"];
    let of = |tenant: &'static str| [&compare[..], &[tenant]].concat();
    world.succeed(&of("tenant-1")).await?;
    for (tenant, told) in [("tenant-2", "object extra"), ("newer", "tenant extra")] {
        let ran = world.run(&of(tenant)).await;
        ensure!(ran.code == 6 && ran.out.contains(told), "{ran:?}");
    }
    let ran = world.run(&of("nobody")).await;
    ensure!(ran.code != 0 && ran.err.contains("has no tenant \"nobody\""), "{ran:?}");
    world.succeed(&["backup", "--tenant", "tenant-1", "--id", "one"]).await?;
    let ran = world.run(&["verify", "one", "Customer", "--against-live", "--tenant", "tenant-3"]).await;
    ensure!(ran.code != 0 && ran.err.contains("does not hold tenant \"tenant-3\""), "{ran:?}");
    Ok(())
}
