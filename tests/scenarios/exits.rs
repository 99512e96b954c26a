//! What a script goes by: each command, each way in which it can fail, the exit code, and one line of JSON that says why.

use anyhow::{Context, ensure};
use futures_util::future::join_all;
use selvedge_tests::harness::seed;
use selvedge_tests::harness::world::{Ran, World, run_client};
use serde_json::Value;

use crate::tenants::half_asleep;

/// A command fails as it should: with this code, which is also in the last line of what it prints, and a word for people.
fn failed(command: &[&str], ran: &Ran, code: u8) -> anyhow::Result<()> {
    ensure!(ran.code == code, "{command:?} exited {}, not {code}: {ran:?}", ran.code);
    ensure!(
        ran.err.contains("error: ") || ran.err.contains("partial: "),
        "{command:?} says nothing: {ran:?}"
    );
    let last = ran.out.lines().last().with_context(|| format!("{command:?} printed nothing: {ran:?}"))?;
    let last: Value = serde_json::from_str(last)?;
    let said = (&last["message_type"], &last["exit_code"]);
    ensure!(said == (&"error".into(), &code.into()), "{command:?}: {last}");
    ensure!(last["message"].as_str().is_some_and(|text| !text.is_empty()), "{command:?}: {last}");
    let errors = ran.out.lines().filter(|line| line.contains("\"message_type\":\"error\"")).count();
    ensure!(errors == 1, "{command:?} has {errors} lines of errors: {ran:?}");
    Ok(())
}

async fn fail(world: &World, command: &[&str], code: u8) -> anyhow::Result<()> {
    failed(command, &world.run(&[&["--json"], command].concat()).await, code)
}

pub async fn every_command_says_what_became_of_it(world: &mut World) -> anyhow::Result<()> {
    half_asleep(world).await?;
    seed::every_type(&world.rest, "Article", 20).await?;
    world.succeed(&["backup", "Article", "--id", "b"]).await?;
    let lines = world.folder().join("lines.jsonl");
    let lines = lines.to_str().context("a name that is text")?;
    world.succeed(&["export", "b", "Article", "--output", lines]).await?;

    // 2: what makes no sense is found before anybody is asked; what only the server can know has a line.
    for command in [&["clear"][..], &["restore"], &["backup", "--dry-run", "--detach"], &["jobs", "resume"]] {
        let ran = world.run(command).await;
        ensure!(ran.code == 2 && ran.out.is_empty() && !ran.err.is_empty(), "{command:?}: {ran:?}");
    }
    for command in [&["backup", "--id", "../b"][..], &["clear", "Art*", "--yes"], &["backup", "[z"]] {
        fail(world, command, 2).await?;
    }

    // 3: nobody there.
    let all: [&[&str]; 25] = [
        &["backup"],
        &["restore", "b"],
        &["clear", "Article", "--yes"],
        &["list"],
        &["list", "--incomplete"],
        &["show", "b"],
        &["show", "b", "Article"],
        &["verify", "b"],
        &["verify", "--all"],
        &["diff", "b", "--live"],
        &["export", "b", "Article"],
        &["import", lines, "--collection", "Article"],
        &["delete", "b", "--yes"],
        &["hold", "b"],
        &["release", "b"],
        &["prune", "--yes"],
        &["collections"],
        &["status"],
        &["check"],
        &["jobs", "list"],
        &["jobs", "show", "last"],
        &["jobs", "watch", "last"],
        &["jobs", "resume", "last"],
        &["jobs", "cancel", "last"],
        &["jobs", "failures", "last"],
    ];
    // Side by side: those that start something look for it for some seconds.
    let runs = all.map(|command| {
        Box::pin(async move {
            let ran = run_client("http://127.0.0.1:9", &[&["--json"], command].concat(), None).await;
            failed(command, &ran, 3)
        })
    });
    for ran in join_all(runs).await {
        ran?;
    }

    // 4: something is in the way, or somebody has to say yes.
    for command in [
        &["clear", "Article"][..],
        &["delete", "b"],
        &["prune", "--keep-tag", "none"],
        &["restore", "b"],
        &["restore", "b", "Article", "--if-exists", "replace"],
        &["backup", "--id", "b"],
        &["import", lines, "--collection", "Article", "--id", "b"],
        &["jobs", "resume", "last"],
    ] {
        fail(world, command, 4).await?;
    }

    // 7: a name of what is not there.
    let named: [&[&str]; 26] = [
        &["backup", "Nothing"],
        &["backup", "Customer", "--tenant", "nobody"],
        &["restore", "nothing"],
        &["restore", "latest", "Nothing"],
        &["clear", "Nothing", "--yes"],
        &["show", "nothing"],
        &["show", "b", "Nothing"],
        &["verify", "nothing"],
        &["backup", "--parent", "nothing"],
        &["diff", "nothing", "b"],
        &["diff", "b", "nothing"],
        &["diff", "b", "b", "Nothing"],
        &["export", "nothing", "Article"],
        &["export", "b", "Nothing"],
        &["delete", "nothing", "--yes"],
        &["hold", "nothing"],
        &["release", "nothing"],
        &["collections", "Nothing"],
        &["jobs", "show", "nothing"],
        &["jobs", "watch", "nothing"],
        &["jobs", "resume", "nothing"],
        &["jobs", "cancel", "nothing"],
        &["jobs", "failures", "nothing"],
        &["backup", "--cluster", "nowhere"],
        &["list", "--repository", "nowhere"],
        &["status", "--cluster", "nowhere"],
    ];
    for command in named {
        fail(world, command, 7).await?;
    }

    // 5: less than was asked for.
    fail(world, &["backup", "--id", "partial"], 5).await?;
    fail(world, &["status"], 5).await?;

    // 6: not what it should be.
    world.rest.write(&[serde_json::json!({"class": "Article", "id": uuid::Uuid::from_u128(9)})]).await?;
    fail(world, &["verify", "b", "--against-live"], 6).await?;
    fail(world, &["diff", "b", "--live", "--exit-code"], 6).await?;
    let file = world.data_files("b", "Article")?.remove(0);
    std::fs::write(&file, b"no longer what it was")?;
    for command in [&["verify", "b"][..], &["verify", "--all"], &["restore", "b", "--rename", "Article=Copy"]]
    {
        fail(world, command, 6).await?;
    }
    std::fs::write(world.backup_file("b", "backup.json"), b"{")?;
    for command in [&["list"][..], &["show", "b"], &["diff", "b", "partial"], &["export", "b", "Article"]] {
        fail(world, command, 6).await?;
    }

    // 8: it may be there later.
    world.stand_in().faults().down();
    // Side by side, as far as none holds what another wants: each waits for some seconds.
    let reading: [&[&str]; 5] = [
        &["diff", "partial", "--live"],
        &["verify", "partial", "--against-live"],
        &["verify", "partial", "--level", "restorable"],
        &["collections"],
        &["status"],
    ];
    for failed in join_all(reading.map(|command| Box::pin(fail(world, command, 8)))).await {
        failed?;
    }
    for command in [&["backup"][..], &["restore", "partial"], &["clear", "Article", "--yes"]] {
        fail(world, command, 8).await?;
    }
    fail(world, &["check"], 1).await
}
