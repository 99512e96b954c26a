//! Whether all is well, and what there is to go back to.

use anyhow::{Context, ensure};
use selvedge_tests::harness::seed;
use selvedge_tests::harness::world::World;
use serde_json::Value;

use crate::tenants::half_asleep;

async fn status(world: &World, arguments: &[&str]) -> anyhow::Result<(u8, Value)> {
    let ran = world.run(&[&["--json", "status"], arguments].concat()).await;
    let first = ran.out.lines().next().with_context(|| format!("nothing was printed: {ran:?}"))?;
    Ok((ran.code, serde_json::from_str(first)?))
}

pub async fn it_tells_what_has_no_backup_that_is_young_enough(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 20).await?;
    seed::every_type(&world.rest, "Author", 20).await?;
    let (code, told) = status(world, &[]).await?;
    ensure!(code == 5 && told["lacking"].as_array().is_some_and(|names| names.len() == 2), "{code} {told}");
    world.succeed(&["backup", "Article", "--id", "article"]).await?;
    // None of these holds all of it.
    world.succeed(&["backup", "Author", "--id", "schemas", "--schema-only"]).await?;
    world.succeed(&["backup", "Author", "--id", "bare", "--without-vectors"]).await?;
    let ran = world.refuse(&["status"], 5, "no whole backup of Author").await?;
    for told in ["cluster     ok    default", "repository  ok    default: 3 backups", "jobs        0 running"]
    {
        ensure!(ran.out.contains(told), "no {told} in\n{}", ran.out);
    }
    world.succeed(&["backup", "--id", "both"]).await?;
    let (code, told) = status(world, &["--max-age", "1h"]).await?;
    ensure!(code == 0 && told["collections"][0]["newest_backup"]["backup_id"] == "both", "{code} {told}");
    let (code, told) = status(world, &["--max-age", "0s"]).await?;
    ensure!(code == 5 && told["lacking"].as_array().is_some_and(|names| names.len() == 2), "{code} {told}");
    world.succeed(&["delete", "both", "--yes"]).await?;
    let (code, told) = status(world, &[]).await?;
    ensure!(code == 5 && told["lacking"] == serde_json::json!(["Author"]), "{code} {told}");
    Ok(())
}

/// What was backed up of it is told all the same.
pub async fn a_cluster_that_does_not_answer_is_told(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 20).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    world.stand_in().faults().down();
    let (code, told) = status(world, &[]).await?;
    ensure!(code == 8 && told["clusters"][0]["failure"]["reason"] == "WEAVIATE_UNREACHABLE", "{code} {told}");
    ensure!(told["collections"][0]["newest_backup"]["backup_id"] == "b", "{told}");
    Ok(())
}

pub async fn a_plan_of_destruction_names_the_newest_backup(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 20).await?;
    let plan = async |arguments: &[&str]| {
        let ran = world.run(arguments).await;
        ensure!(ran.code == 4, "{ran:?}");
        Ok(ran.out + &ran.err)
    };
    let none = "no backup in repository \"default\" holds all of it";
    let shown = plan(&["clear", "Article"]).await?;
    ensure!(shown.contains(none), "{shown}");
    world.succeed(&["backup", "--id", "older"]).await?;
    world.succeed(&["backup", "--id", "newer"]).await?;
    world.succeed(&["backup", "--id", "schemas", "--schema-only"]).await?;
    for arguments in [&["clear", "Article"][..], &["restore", "older", "Article", "--if-exists", "replace"]] {
        let shown = plan(arguments).await?;
        ensure!(shown.contains("the newest whole backup is newer, "), "{shown}");
    }
    world.succeed(&["delete", "newer", "--yes"]).await?;
    let shown = plan(&["clear", "Article"]).await?;
    ensure!(shown.contains("the newest whole backup is older, "), "{shown}");
    // It may be gone by hand, and still be remembered.
    std::fs::remove_file(world.backup_file("older", "backup.json"))?;
    let shown = plan(&["clear", "Article"]).await?;
    ensure!(shown.contains(none), "{shown}");
    Ok(())
}

/// A backup that leaves inactive tenants out because it was told to is what there is to go back to, and says how much it is.
pub async fn what_is_left_out_on_purpose_is_told(world: &mut World) -> anyhow::Result<()> {
    half_asleep(world).await?;
    seed::every_type(&world.rest, "Article", 20).await?;
    world.succeed(&["backup", "--inactive-tenants", "skip", "--id", "skip"]).await?;
    let (code, told) = status(world, &["--max-age", "1h"]).await?;
    ensure!(code == 0, "{code} {told}");
    let ran = world.refuse(&["clear", "Customer"], 4, "needs to be confirmed").await?;
    ensure!(
        ran.err.contains("the newest whole backup is skip, ") && ran.err.contains("of 6 of 10 tenants"),
        "{ran:?}"
    );
    Ok(())
}
