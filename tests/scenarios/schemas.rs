//! What programs are promised of the JSON that is printed and written. That every line of every scenario fits is looked at
//! wherever the client runs.

use anyhow::ensure;
use selvedge_tests::harness::schemas::check_repository;
use selvedge_tests::harness::seed;
use selvedge_tests::harness::world::World;
use serde_json::json;

use crate::tenants::half_asleep;

pub async fn what_is_printed_and_written_fits(world: &mut World) -> anyhow::Result<()> {
    let (_, sleepers) = half_asleep(world).await?;
    seed::every_type(&world.rest, "Article", 30).await?;
    seed::references(&world.rest, "Book", 20).await?;
    let commands: [&[&str]; 29] = [
        &["backup", "--id", "partial"],
        &["backup", "--id", "b", "--inactive-tenants", "activate", "--tag", "nightly"],
        &["backup", "Article", "--dry-run"],
        &["list"],
        &["show", "b"],
        &["show", "b", "Customer", "--tenants", "--files"],
        &["show", "b", "Nothing"],
        &["status", "--max-age", "1h"],
        &["collections"],
        &["check"],
        &["hold", "b", "--reason", "the auditors"],
        &["verify", "b", "--level", "rows"],
        &["verify", "--all"],
        &["verify", "b", "--against-live", "--inactive-tenants", "activate"],
        &["restore", "b"],
        &["restore", "b", "Article", "--rename", "Article=Copy", "--wait", "10s"],
        &["restore", "b", "Article", "--if-exists", "merge"],
        &["restore", "b", "Article", "--if-exists", "replace"],
        &["clear", "Article"],
        &["clear", "Customer", "--tenant", &sleepers[0], "--yes"],
        &["verify", "b", "--against-live", "--inactive-tenants", "activate"],
        &["copy", "Article", "--rename", "Article=Another"],
        &["diff", "b", "--live"],
        &["release", "b"],
        &["prune", "--keep-last", "1", "--dry-run"],
        &["delete", "partial", "--yes"],
        &["jobs", "list"],
        &["jobs", "show", "last"],
        &["list", "--incomplete"],
    ];
    for command in commands {
        // What does not fit is found there.
        let ran = world.run(&[&["--json"], command].concat()).await;
        ensure!(!ran.out.is_empty() || command.contains(&"--incomplete"), "nothing was printed: {command:?}");
    }
    let page = world.rest.get("/v1/objects?class=Book&limit=1").await?;
    world
        .rest
        .delete(&format!("/v1/objects/Book/{}", page["objects"][0]["id"].as_str().unwrap_or_default()))
        .await?;
    for command in
        [["--json", "repair", "b", "Book", "--quiet"], ["--json", "undo", "last", "--yes", "--quiet"]]
    {
        world.succeed(&command).await?;
    }
    let found = check_repository(world.folder())?;
    for of in [
        "repository",
        "claim",
        "backup",
        "files",
        "tenants",
        "schema",
        "absent",
        "catalog-line",
        "job",
        "attempt",
        "end",
    ] {
        ensure!(found.contains_key(of), "no {of} in {found:?}");
    }
    ensure!(found["job"] >= 8 && found["end"] >= 8, "{found:?}");
    // The oldest format is in the schemas, too.
    world.add_backups_of_format_1()?;
    let before = found["backup"];
    ensure!(check_repository(world.folder())?["backup"] == before + 2);
    // And something that is not promised is found.
    std::fs::write(world.folder().join("holds/b.json"), json!({"reason": "x", "novelty": 1}).to_string())?;
    ensure!(check_repository(world.folder()).is_err(), "what does not fit is not found");
    Ok(())
}
