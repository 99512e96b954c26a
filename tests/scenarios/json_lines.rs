//! Backups in JSON Lines: as exact as in Parquet, and open to every tool.

use std::fs;

use anyhow::ensure;
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::seed;
use selvedge_tests::harness::world::World;
use serde_json::Value;

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
        ensure!(ran.out.contains("0 new"), "{}", ran.out);
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
        world.refuse(&["verify", compression], 6, "does not hold").await?;
    }
    ensure!(world.rest.classes().await?.is_empty());
    Ok(())
}
