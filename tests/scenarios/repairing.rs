//! Collections that are brought back by writing only what differs, and jobs that are undone.

use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::seed;
use selvedge_tests::harness::world::{Ran, World};
use selvedge_tests::stand_in::faults::Call;
use serde_json::{Value, json};

use crate::incrementals::{object, patch, plain, settle_down, uuid};
use crate::jobs::{start_held, summary};
use crate::round_trip::same;

const NAMES: [&str; 4] = ["Many", "Named", "Tenanted", "Hub"];
const REPAIR: [&str; 5] = ["repair", "b", "Many", "Named", "Tenanted"];

/// Collections of several kinds, a backup "b" of them, and then changes of every kind. Returns what was and what is.
async fn damaged(world: &World) -> anyhow::Result<(Census, Census)> {
    let rest = &world.rest;
    plain(rest, "Many", 300).await?;
    seed::named_vectors(rest, "Named", 30).await?;
    seed::tenanted(rest, "Tenanted", 5).await?;
    let hubs = seed::references(rest, "Hub", 30).await?;
    ensure!(hubs.iter().any(|name| name == "Hub"));
    let was = Census::take(rest, &NAMES).await?;
    settle_down().await;
    world.succeed(&["backup", "--id", "b"]).await?;

    patch(rest, json!({"class": "Many", "id": uuid(4), "properties": {"text": "changed"}})).await?;
    patch(rest, json!({"class": "Many", "id": uuid(5), "vector": [9.0, 9.0, 9.0]})).await?;
    // Its time is another, and it holds the same.
    rest.write(&[object("Many", 6, "as it was")]).await?;
    for number in [7, 8, 299] {
        rest.delete(&format!("/v1/objects/Many/{}", uuid(number))).await?;
    }
    rest.write(&[object("Many", 1_000, "new"), object("Many", 1_001, "new")]).await?;
    let page = rest.get("/v1/objects?class=Named&limit=3&include=vector").await?;
    let named = &page["objects"][1];
    rest.delete(&format!("/v1/objects/Named/{}", named["id"].as_str().context("an id")?)).await?;
    let tenants = Census::take(rest, &["Tenanted"]).await?.filled_tenants("Tenanted");
    rest.call(reqwest::Method::DELETE, "/v1/schema/Tenanted/tenants", Some(&json!([tenants[0]]))).await?;
    rest.post("/v1/schema/Tenanted/tenants", &json!([{"name": "late"}])).await?;
    // In a tenant that the backup does not have.
    rest.write(&[json!({"class": "Tenanted", "id": uuid(77), "tenant": "late", "properties": {}})]).await?;
    let page = rest.get("/v1/objects?class=Hub&limit=3").await?;
    let [one, other] = [0, 1].map(|at| page["objects"][at]["id"].as_str().unwrap_or_default().to_owned());
    let link = json!({
        "from": format!("weaviate://localhost/Hub/{one}/itself"), "to": format!("weaviate://localhost/Hub/{other}"),
    });
    rest.link(&[link]).await?;
    Ok((was, Census::take(rest, &NAMES).await?))
}

/// When objects were written last.
async fn times(world: &World, class: &str) -> anyhow::Result<BTreeSet<(String, u64)>> {
    let page = world.rest.get(&format!("/v1/objects?class={class}&limit=1000")).await?;
    let objects = page["objects"].as_array().cloned().unwrap_or_default();
    let of =
        |object: &Value| Some((object["id"].as_str()?.to_owned(), object["lastUpdateTimeUnix"].as_u64()?));
    objects.iter().map(of).collect::<Option<_>>().context("an object without id or time")
}

fn counts(ran: &Ran, collection: &str) -> anyhow::Result<Value> {
    let job = summary(ran)?;
    let mut collections = job["collections"].as_array().into_iter().flatten();
    let found = collections.find(|one| one["target"] == collection).context("it is not among the job's")?;
    Ok(found["merge"].clone())
}

fn id(ran: &Ran) -> anyhow::Result<String> {
    Ok(summary(ran)?["id"].as_str().context("an id")?.to_owned())
}

pub async fn only_what_differs_is_written(world: &mut World) -> anyhow::Result<()> {
    let (was, is) = damaged(world).await?;
    let before = times(world, "Many").await?;
    let all = [&REPAIR[..], &["Hub"]].concat();

    let planned = world.succeed(&[&all[..], &["--dry-run"]].concat()).await?.out;
    ensure!(planned.contains("Many: 3 new, 295 identical, 2 overwritten"), "{planned}");
    same(&is, &Census::take(&world.rest, &NAMES).await?).context("a dry run")?;
    ensure!(world.backup_ids().await?.len() == 1, "a dry run has saved something");

    let repaired = world.succeed(&[&["--json"][..], &all].concat()).await?;
    let of_many = counts(&repaired, "Many")?;
    ensure!(of_many["objects_new"] == 3 && of_many["objects_overwritten"] == 2, "{of_many}");
    ensure!(of_many["objects_identical"] == 295 && of_many["objects_deleted"] == 0, "{of_many}");
    let after = times(world, "Many").await?;
    let kept = before.intersection(&after).count();
    // Two were changed, and all others that are there stay as they are: the two that only the cluster has, too.
    ensure!(kept == before.len() - 2, "{kept} of {} were not written", before.len());
    let now = Census::take(&world.rest, &NAMES).await?;
    let left = was.differences(&now, &[]);
    ensure!(left.iter().all(|line| line.contains("Many") || line.contains("Tenanted")), "{left:?}");

    // What only the cluster has is deleted on a word, and no sooner.
    let deleting = [&all[..], &["--only", "extra"]].concat();
    let refused = world.refuse(&deleting, 4, "deleting objects of").await?;
    ensure!(refused.err.contains("2 deleted"), "{refused:?}");
    same(&now, &Census::take(&world.rest, &NAMES).await?).context("it was not confirmed")?;
    let deleted = world.succeed(&[&["--json"][..], &deleting, &["--yes"]].concat()).await?;
    ensure!(counts(&deleted, "Many")?["objects_deleted"] == 2, "{}", deleted.out);
    let tenants = was.filled_tenants("Tenanted");
    let tenants: Vec<_> = tenants.iter().map(String::as_str).collect();
    // The tenant stays.
    let of_backup = |census: Census| census.only_tenants("Tenanted", &tenants);
    let was = of_backup(was);
    same(&was, &of_backup(Census::take(&world.rest, &NAMES).await?))?;
    ensure!(world.rest.count("Tenanted", Some("late")).await? == 0, "an object of another tenant is there");

    // Each is undone by itself, and what it is undone by too.
    let undone = world.succeed(&["--json", "undo", &id(&deleted)?, "--yes"]).await?;
    same(&now, &Census::take(&world.rest, &NAMES).await?).context("undone once")?;
    let refused = world.refuse(&["undo", &id(&repaired)?], 4, "deleting objects of").await?;
    ensure!(refused.err.contains("Many"), "{refused:?}");
    let back = world.succeed(&["--json", "undo", &id(&repaired)?, "--yes"]).await?;
    same(&is, &Census::take(&world.rest, &NAMES).await?).context("undone twice")?;
    world.succeed(&["undo", &id(&back)?, "--yes"]).await?;
    same(&now, &Census::take(&world.rest, &NAMES).await?).context("the undoing undone")?;
    world.succeed(&["undo", &id(&undone)?, "--yes"]).await?;
    let whole = of_backup(Census::take(&world.rest, &NAMES).await?);
    same(&was, &whole).context("all of it undone and done again")?;

    // What is saved is a backup of its own kind, and never taken for another.
    let kinds = world.succeed(&["--json", "list", "--kind", "undo"]).await?.out;
    ensure!(kinds.lines().count() == 6, "{kinds}");
    for line in kinds.lines() {
        let saved: Value = serde_json::from_str(line)?;
        world.succeed(&["verify", saved["id"].as_str().context("an id")?, "--level", "rows"]).await?;
    }
    let latest = world.succeed(&["show", "latest"]).await?.out;
    ensure!(latest.contains("backup    b"), "{latest}");
    let parent = world.succeed(&["backup", "Many", "--parent", "latest", "--dry-run"]).await?.out;
    ensure!(parent.contains("has changed since b"), "{parent}");
    let status: Value = serde_json::from_str(world.succeed(&["--json", "status"]).await?.out.trim())?;
    let newest =
        status["collections"].as_array().into_iter().flatten().map(|one| &one["newest_backup"]["backup_id"]);
    ensure!(newest.clone().all(|id| id == "b" || id.is_null()) && newest.count() > 3, "{status}");
    Ok(())
}

pub async fn some_objects_or_tenants_are_brought_back(world: &mut World) -> anyhow::Result<()> {
    damaged(world).await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("ids");
    std::fs::write(&file, format!("{}\n\n {}\n{}\n", uuid(4), uuid(7), uuid(1_000)))?;
    let file = file.display().to_string();
    let ran = world.succeed(&["--json", "repair", "b", "Many", "--ids", &file]).await?;
    let counted = counts(&ran, "Many")?;
    ensure!(counted["objects_new"] == 1 && counted["objects_overwritten"] == 1, "{counted}");
    let ids = ["--ids", &file, "--only", "extra", "--yes"];
    let ran = world.succeed(&[&["--json", "repair", "b", "Many"][..], &ids].concat()).await?;
    ensure!(counts(&ran, "Many")?["objects_deleted"] == 1, "{}", ran.out);
    let (objects, _) = crate::diff::diff(world, &["b", "--live", "Many"]).await?;
    let left: Vec<_> = objects.iter().map(|one| one["object_id"].clone()).collect();
    ensure!(left == [5, 8, 299, 1_001].map(|number| json!(uuid(number))), "{left:?}");

    let tenants = Census::take(&world.rest, &["Tenanted"]).await?.filled_tenants("Tenanted");
    let tenant = tenants.iter().find(|name| *name != "late").context("a tenant")?;
    let ran = world.succeed(&["--json", "repair", "b", "Tenanted", "--tenant", tenant]).await?;
    ensure!(counts(&ran, "Tenanted")?["objects_new"] == 0, "{}", ran.out);

    std::fs::write(&file, "\n")?;
    world.refuse(&["repair", "b", "Many", "--ids", &file], 2, "there is no id in it").await?;
    std::fs::write(&file, "7\n")?;
    world.refuse(&["repair", "b", "Many", "--ids", &file], 2, "is no UUID").await?;
    world.refuse(&["repair", "b", "M*"], 2, "exact names only").await?;
    world.refuse(&["repair", "b", "Nothing"], 7, "Nothing").await?;
    world.rest.drop_class("Many").await?;
    world.refuse(&["repair", "b", "Many"], 7, "there is no collection \"Many\"").await?;
    let job = crate::jobs::job_id(&world.succeed(&["--json", "verify", "b"]).await?)?;
    world.refuse(&["undo", &job], 2, "has saved nothing").await.map(drop)
}

/// Merges that overwrite, replacements and clears are undone, if what was there was saved.
pub async fn what_was_overwritten_or_replaced_can_be_had_again(world: &mut World) -> anyhow::Result<()> {
    let (_, is) = damaged(world).await?;
    let merge = ["--json", "restore", "b", "--if-exists", "merge", "--on-conflict"];
    world.refuse(&[&merge[1..], &["skip", "--undoable"]].concat(), 2, "`undoable` is about").await?;
    let merged = world.succeed(&[&merge[..], &["overwrite", "--undoable"]].concat()).await?;
    let counted = counts(&merged, "Many")?;
    ensure!(counted["objects_new"] == 3 && counted["objects_overwritten"] == 2, "{counted}");
    world.succeed(&["undo", &id(&merged)?, "--yes"]).await?;
    same(&is, &Census::take(&world.rest, &NAMES).await?).context("a merge was undone")?;

    let replace =
        ["--json", "restore", "b", "Many", "Named", "--if-exists", "replace", "--undoable", "--yes"];
    let replaced = world.succeed(&replace).await?;
    world.refuse(&["undo", &id(&replaced)?], 4, "replacing Many, Named needs to be confirmed").await?;
    world.succeed(&["undo", &id(&replaced)?, "--yes"]).await?;
    same(&is, &Census::take(&world.rest, &NAMES).await?).context("a replacement was undone")?;

    let cleared = world.succeed(&["--json", "clear", "Many", "--backup-first", "--yes"]).await?;
    world.succeed(&["undo", &id(&cleared)?, "--yes"]).await?;
    same(&is, &Census::take(&world.rest, &NAMES).await?).context("a clear was undone")
}

/// Whatever it was in the middle of.
pub async fn a_repair_that_was_cancelled_goes_on(world: &mut World) -> anyhow::Result<()> {
    let (_, is) = damaged(world).await?;
    let repair =
        [&REPAIR[..], &["Hub", "--only", "missing", "--only", "changed", "--only", "extra", "--yes"]]
            .concat();
    for call in [Call::grpc("BatchObjects"), Call::grpc("BatchDelete")] {
        let (job, held) = start_held(world, &repair, call.clone(), 1).await?;
        world.succeed(&["jobs", "cancel", &job]).await?;
        held.release();
        let watched = world.run(&["jobs", "watch", &job]).await;
        ensure!(watched.code == 1 && watched.err.contains("jobs resume"), "{call}: {watched:?}");
        world.succeed(&["jobs", "resume", &job]).await?;
        let (objects, _) = crate::diff::diff(world, &[&["b", "--live"], &NAMES[..]].concat()).await?;
        ensure!(objects.is_empty(), "{call}: {objects:?}");
        world.succeed(&["undo", &job, "--yes"]).await?;
        same(&is, &Census::take(&world.rest, &NAMES).await?).with_context(|| format!("{call}"))?;
    }
    Ok(())
}
