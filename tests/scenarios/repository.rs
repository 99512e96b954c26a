//! Where backups are: there or not, whole or not, and nobody else's business.

use std::fs;
use std::time::{Duration, SystemTime};

use anyhow::{Context, ensure};
use selvedge_tests::harness::seed;
use selvedge_tests::harness::world::World;
use serde_json::{Value, json};
use uuid::Uuid;

/// What is not mounted looks like an empty folder.
pub async fn one_that_is_not_there_is_no_empty_one(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 5).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    let (marker, elsewhere) = (world.folder().join("repository.json"), world.folder().join("elsewhere.json"));
    fs::rename(&marker, &elsewhere)?;
    let commands = [
        &["list"][..],
        &["show", "b"],
        &["backup", "--id", "c"],
        &["restore", "b", "--rename", "Article=Copy"],
        &["verify", "b"],
        &["clear", "Article", "--yes"],
    ];
    for command in commands {
        let reason = world.reason(command).await?;
        ensure!(reason == "REPOSITORY_NOT_FOUND", "{command:?}: {reason}");
        world.refuse(command, 8, "no repository.json is there").await?;
    }
    ensure!(!world.has_files("c") && world.rest.classes().await? == ["Article"]);
    // Another one in its place is not the one that was there.
    let other: Value = serde_json::from_slice(&fs::read(&elsewhere)?)?;
    let mut other = other.as_object().context("an object")?.clone();
    other.insert("id".to_owned(), "01a20975-0000-7000-8000-00000000beef".into());
    fs::write(&marker, serde_json::to_vec(&other)?)?;
    ensure!(world.reason(&["backup", "--id", "c"]).await? == "REPOSITORY_UNAVAILABLE");
    fs::rename(&elsewhere, &marker)?;
    world.succeed(&["backup", "--id", "c"]).await.map(drop)
}

/// The two look alike to whoever only sees that an id is taken.
pub async fn nobody_is_told_to_delete_a_backup(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 5).await?;
    world.succeed(&["backup", "--id", "whole"]).await?;
    for more in [&[][..], &["--dry-run"]] {
        let ran =
            world.refuse(&[&["backup", "--id", "whole"][..], more].concat(), 4, "exists already").await?;
        for word in ["remove", "delete", "free the id"] {
            ensure!(!ran.err.contains(word), "{}", ran.err);
        }
    }
    // What a crash leaves.
    world.succeed(&["backup", "--id", "left"]).await?;
    fs::remove_file(world.backup_file("left", "backup.json"))?;
    world.refuse(&["backup", "--id", "left"], 4, "committed nothing").await?;
    let ran = world.refuse(&["backup", "--id", "left", "--dry-run"], 4, "committed nothing").await?;
    ensure!(ran.err.contains("prune"), "{}", ran.err);
    Ok(())
}

pub async fn a_damaged_backup_is_listed_as_one(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 5).await?;
    for id in ["oldest", "older", "newest"] {
        world.succeed(&["backup", "--id", id]).await?;
    }
    // A copy of a repository has other times.
    let touched = SystemTime::now() + Duration::from_secs(3_600);
    fs::File::options()
        .write(true)
        .open(world.backup_file("oldest", "backup.json"))?
        .set_modified(touched)?;
    ensure!(world.backup_ids().await? == ["newest", "older", "oldest"]);
    let manifest = world.backup_file("older", "backup.json");
    let bytes = fs::read(&manifest)?;
    fs::write(&manifest, &bytes[..bytes.len() / 3])?;
    let ran = world.refuse(&["list"], 6, "`selvedge show older` says what to do").await?;
    ensure!(ran.out.lines().any(|line| line.starts_with("older") && line.contains("damaged")), "{}", ran.out);
    let ran = world.run(&["--json", "list"]).await;
    ensure!(ran.code == 6, "{ran:?}");
    let rows: Result<Vec<Value>, _> = ran.out.lines().map(serde_json::from_str).collect();
    let (rows, ids) = (rows?, ["newest", "oldest", "older"]);
    for id in ids {
        ensure!(rows.iter().any(|row| row["id"] == id), "{id} is not listed: {rows:?}");
    }
    let damaged = rows.iter().find(|row| row["id"] == "older").context("a row")?;
    ensure!(damaged["damaged"].as_str().is_some_and(|text| text.contains("cut off")), "{damaged}");
    Ok(())
}

/// Made by a version that had no content hashes in data files, and told what is missing in words.
pub async fn backups_of_format_1_are_listed_verified_and_restored(world: &mut World) -> anyhow::Result<()> {
    world.add_backups_of_format_1()?;
    let mut listed = world.backup_ids().await?;
    listed.sort();
    ensure!(listed == ["full", "partial"], "{listed:?}");
    let shown = world.succeed(&["show", "partial"]).await?.out;
    ensure!(shown.contains("1 of 3 tenants are inactive and were left out: cold"), "{shown}");
    for id in ["full", "partial"] {
        world.succeed(&["verify", id, "--level", "rows"]).await?;
    }
    world.succeed(&["verify", "partial", "--level", "restorable"]).await?;
    let ran = world.refuse(&["restore", "partial"], 5, "backup partial is partial").await?;
    ensure!(ran.err.contains("1 of 3 tenants are inactive"), "{}", ran.err);
    if world.since(1, 31) {
        world.succeed(&["verify", "full", "--level", "restorable"]).await?;
        restored_from_format_1(world).await?;
    } else {
        // Its schema is of a version that knows more of vectors.
        world.refuse(&["verify", "full", "--level", "restorable"], 4, "would not be what it was").await?;
        world.refuse(&["restore", "full"], 4, "collection \"Article\" would not be what it was").await?;
        ensure!(world.rest.classes().await? == ["Note"]);
    }
    // One that is new has the new format.
    world.succeed(&["backup", "--id", "new"]).await?;
    ensure!(world.succeed(&["--json", "show", "new"]).await?.out.contains("\"format_version\":2"));
    world.succeed(&["verify", "new", "--level", "rows"]).await.map(drop)
}

async fn restored_from_format_1(world: &World) -> anyhow::Result<()> {
    world.succeed(&["restore", "full"]).await?;
    world.succeed(&["verify", "full", "--against-live"]).await?;
    let id = Uuid::from_u128(3 << 120 | 3);
    let path = format!("/v1/objects/Article/{id}?include=vector");
    let article = world.rest.get(&path).await?;
    ensure!(
        article["properties"]["by"][0]["beacon"].as_str().is_some_and(|to| to.contains("Author")),
        "{article}"
    );
    ensure!(article["vectors"]["many"] == json!([[1, 2], [3, 4]]), "{article}");
    ensure!(article["properties"]["price"].as_f64().is_some_and(f64::is_sign_negative), "{article}");
    // What differs is found without content hashes, too.
    let changed = json!({"class": "Article", "id": id, "properties": {"title": "another"}});
    world.rest.call(reqwest::Method::PATCH, &format!("/v1/objects/Article/{id}"), Some(&changed)).await?;
    let ran = world.run(&["verify", "full", "--against-live"]).await;
    ensure!(ran.code == 6 && ran.out.contains(&id.to_string()), "{ran:?}");
    Ok(())
}
