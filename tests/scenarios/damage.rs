//! Damaged backups and full disks: found, named, and nothing wrong written.

use std::fs;
use std::sync::Arc;

use anyhow::ensure;
use selvedge_tests::harness::full_store::FullStore;
use selvedge_tests::harness::seed;
use selvedge_tests::harness::world::{World, local};
use serde_json::Value;

pub async fn one_altered_byte_is_found_before_anything_is_written(world: &mut World) -> anyhow::Result<()> {
    seed::named_vectors(&world.rest, "Page", 200).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    world.rest.drop_all().await?;
    let file = world.data_files("b", "Page")?.remove(0);
    let whole = fs::read(&file)?;
    for place in [0, 4, whole.len() / 3, whole.len() / 2, whole.len() - 20, whole.len() - 1] {
        let mut altered = whole.clone();
        altered[place] ^= 0x10;
        fs::write(&file, &altered)?;
        world.refuse(&["restore", "b"], 6, "altered").await?;
        ensure!(world.rest.classes().await?.is_empty(), "a collection was created (byte {place})");
    }
    fs::write(&file, &whole)?;
    for name in ["collections/Page/schema.json", "collections/Page/files.json", "backup.json"] {
        let path = world.backup_file("b", name);
        let whole = fs::read_to_string(&path)?;
        fs::write(&path, whole.replacen("Page", "Pago", 1))?;
        if fs::read_to_string(&path)? == whole {
            fs::write(&path, whole.replacen('1', "2", 1))?;
        }
        world.refuse(&["restore", "b"], 6, "").await?;
        ensure!(world.rest.classes().await?.is_empty(), "{name}");
        fs::write(&path, whole)?;
    }
    world.succeed(&["restore", "b"]).await?;
    Ok(())
}

pub async fn missing_truncated_and_unknown_are_told_apart(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 50).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    world.rest.drop_all().await?;
    let file = world.data_files("b", "Article")?.remove(0);
    let whole = fs::read(&file)?;
    fs::write(&file, &whole[..whole.len() - 100])?;
    world.refuse(&["restore", "b"], 6, "truncated").await?;
    fs::remove_file(&file)?;
    world.refuse(&["restore", "b"], 6, "missing").await?;
    fs::write(&file, &whole)?;

    let manifest = world.backup_file("b", "backup.json");
    let text = fs::read_to_string(&manifest)?;
    fs::write(&manifest, &text[..text.len() / 2])?;
    ensure!(world.reason(&["restore", "b"]).await? == "BACKUP_CORRUPT");
    let listed = world.refuse(&["list"], 6, "damaged: b").await?;
    ensure!(listed.out.contains("damaged"), "a damaged backup is a row: {}", listed.out);
    let mut future: Value = serde_json::from_str(&text)?;
    future["format_version"] = Value::from(99);
    fs::write(&manifest, serde_json::to_string(&future)?)?;
    ensure!(world.reason(&["restore", "b"]).await? == "BACKUP_FORMAT_UNKNOWN");
    fs::remove_file(&manifest)?;
    ensure!(world.reason(&["restore", "b"]).await? == "BACKUP_NOT_FOUND");
    ensure!(world.rest.classes().await?.is_empty());
    fs::write(&manifest, text)?;
    world.succeed(&["restore", "b"]).await?;
    Ok(())
}

pub async fn a_full_disk_leaves_no_backup(world: &mut World) -> anyhow::Result<()> {
    seed::sharded(&world.rest, "Many", 1, 3_000).await?;
    for room in [0, 200, 5_000, 60_000] {
        let full = FullStore::new(local(world.folder())?, room);
        world.serve_again(Some(Arc::new(full)), None).await?;
        let id = format!("full{room}");
        world.refuse(&["backup", "--id", &id], 9, "no space left").await?;
        ensure!(world.reason(&["backup", "--id", &id]).await? == "REPOSITORY_FULL");
        world.serve_again(None, None).await?;
        ensure!(world.backup_ids().await?.is_empty(), "a backup that failed is listed");
        ensure!(!world.has_files(&id), "what it wrote is still there ({room})");
    }
    world.succeed(&["backup", "--id", "full0"]).await?;
    // Backups can be removed from a disk without any room.
    world.succeed(&["list"]).await?;
    let full = FullStore::new(local(world.folder())?, 0);
    world.serve_again(Some(Arc::new(full)), None).await?;
    world.refuse(&["backup", "--id", "more"], 9, "no space left").await?;
    world.succeed(&["delete", "full0", "--yes"]).await?;
    world.succeed(&["backup", "Many", "--schema-only", "--id", "small"]).await.map(drop)
}
