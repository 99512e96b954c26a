//! Which backups there are, which stay and which go.

use anyhow::{Context, ensure};
use selvedge_proto::v1::{PruneBackupsRequest, RetentionPolicy};
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::seed::{self, Dice};
use selvedge_tests::harness::world::{Ran, World, run_client};
use selvedge_tests::stand_in::faults::Call;
use serde_json::Value;

use crate::jobs::start;
use crate::runner::number;

const ROUNDS: u64 = 6;

pub async fn what_is_held_or_used_is_not_removed(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 200).await?;
    world.succeed(&["backup", "--id", "b"]).await?;
    world.refuse(&["delete", "b"], 4, "needs to be confirmed").await?;
    world.succeed(&["hold", "b", "--reason", "the auditors"]).await?;
    world.succeed(&["hold", "b"]).await?;
    ensure!(world.succeed(&["list"]).await?.out.contains("(held)"), "a list does not tell that it is held");
    world.refuse(&["delete", "b", "--yes"], 4, "is held (the auditors)").await?;
    world.succeed(&["prune", "--keep-tag", "none", "--yes"]).await?;
    world.succeed(&["verify", "b"]).await?;
    world.succeed(&["release", "b"]).await?;

    // A job that runs, and one that can be resumed.
    let faults = world.stand_in().faults().clone();
    let writing = faults.on(Call::grpc("BatchObjects")).hold();
    let id = start(world, &["restore", "b", "--rename", "Article=Copy"]).await?;
    writing.reached().await;
    world.refuse(&["delete", "b", "--yes"], 4, &format!("job {id} uses it")).await?;
    let pruned = world.succeed(&["prune", "--keep-tag", "none", "--yes"]).await?;
    ensure!(pruned.out.contains("stays: job"), "{}", pruned.out);
    world.succeed(&["jobs", "cancel", &id]).await?;
    writing.release();
    world.run(&["jobs", "watch", &id]).await;
    world.refuse(&["delete", "b", "--yes"], 4, "can be resumed").await?;
    world.succeed(&["jobs", "resume", &id]).await?;
    world.succeed(&["delete", "b", "--yes"]).await?;
    ensure!(!world.has_files("b"), "something is left of it");
    world.refuse(&["delete", "b", "--yes"], 7, "there is no backup b").await?;
    world.succeed(&["backup", "--id", "b"]).await.map(drop)
}

/// What is cleared is nowhere else.
pub async fn the_backup_made_first_is_not_removed(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 50).await?;
    let dropping = world.stand_in().faults().on(Call::rest("DELETE", "/v1/schema/Article")).hold();
    let id = start(world, &["clear", "Article", "--backup-first", "--yes"]).await?;
    dropping.reached().await;
    let first = world.backup_ids().await?.pop().context("no backup was made first")?;
    world.refuse(&["delete", &first, "--yes"], 4, &format!("job {id} uses it")).await?;
    world.succeed(&["prune", "--keep-tag", "none", "--yes"]).await?;
    dropping.release();
    world.succeed(&["jobs", "watch", &id]).await?;
    world.succeed(&["verify", &first, "--level", "rows"]).await?;
    // It has done what it was for.
    world.succeed(&["delete", &first, "--yes"]).await.map(drop)
}

pub async fn a_policy_keeps_what_it_says(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 20).await?;
    seed::every_type(&world.rest, "Author", 20).await?;
    world.succeed(&["backup", "--id", "first", "--tag", "release"]).await?;
    for id in ["second", "third", "fourth"] {
        world.succeed(&["backup", "--id", id]).await?;
    }
    world.succeed(&["backup", "Author", "--id", "other-series"]).await?;
    let plan = world.succeed(&["prune", "--keep-last", "2", "--keep-tag", "release", "--dry-run"]).await?.out;
    for line in ["first", "stays: tag release", "last 2 of 2", "goes"] {
        ensure!(plan.contains(line), "no {line} in\n{plan}");
    }
    let refused = world.run(&["prune", "--keep-last", "2", "--keep-tag", "release"]).await;
    ensure!(refused.code == 4 && refused.err.contains("1 backup of"), "{refused:?}");
    ensure!(world.backup_ids().await?.len() == 5, "a plan has removed something");
    // A caller who does not say it gets the plan.
    let policy = Some(RetentionPolicy { keep_last: 2, ..RetentionPolicy::default() });
    let unsaid = PruneBackupsRequest { policy, ..PruneBackupsRequest::default() };
    let told = world.backups().await?.prune_backups(unsaid).await?.into_inner();
    ensure!(
        told.decisions.iter().filter(|one| one.reasons.is_empty() && !one.removed).count() == 2,
        "{told:?}"
    );
    ensure!(world.backup_ids().await?.len() == 5, "it was removed without a word");
    world.succeed(&["prune", "--keep-last", "2", "--keep-tag", "release", "--yes"]).await?;
    let mut left = world.backup_ids().await?;
    left.sort();
    ensure!(left == ["first", "fourth", "other-series", "third"], "{left:?}");
    // Without a policy, no backup goes.
    world.succeed(&["prune", "--yes"]).await?;
    ensure!(world.backup_ids().await?.len() == 4, "a prune without a policy has removed a backup");
    for id in left {
        world.succeed(&["verify", &id, "--level", "rows"]).await?;
    }
    Ok(())
}

pub async fn the_latest_is_the_newest_whole_one(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 20).await?;
    seed::every_type(&world.rest, "Author", 20).await?;
    world.refuse(&["restore", "latest"], 7, "there is no whole backup").await?;
    world.refuse(&["backup", "--id", "latest"], 2, "stands for").await?;
    world.succeed(&["backup", "--id", "both"]).await?;
    world.succeed(&["backup", "Author", "--id", "author"]).await?;
    world.succeed(&["backup", "--id", "schemas", "--schema-only"]).await?;
    let verified = world.succeed(&["--json", "verify", "latest"]).await?;
    ensure!(verified.out.contains("\"backup_id\":\"author\""), "{}", verified.out);
    ensure!(world.succeed(&["show", "latest"]).await?.out.contains("backup    author"));
    let restored = world.succeed(&["restore", "latest", "Article", "--rename", "Article=Copy"]).await?;
    ensure!(
        format!("{}{}", restored.out, restored.err).contains("both"),
        "it does not say which: {restored:?}"
    );
    world.refuse(&["verify", "latest", "Nothing"], 7, "there is no whole backup of Nothing").await?;

    // Of some of them.
    world.succeed(&["backup", "Author", "--id", "tagged", "--tag", "release"]).await?;
    world.succeed(&["backup", "Author", "--id", "untagged"]).await?;
    for (filter, id) in [
        (&["--tag", "release"][..], "tagged"),
        (&["--from-cluster", "default"], "untagged"),
        (&["--against-live", "Author"], "untagged"),
    ] {
        let verified = world.succeed(&[&["--json", "verify", "latest"], filter].concat()).await?.out;
        ensure!(verified.contains(&format!("\"backup_id\":\"{id}\"")), "{filter:?}: {verified}");
    }
    let elsewhere = ["restore", "latest", "--from-cluster", "elsewhere", "--dry-run"];
    world.refuse(&elsewhere, 7, "there is no whole backup of cluster \"elsewhere\"").await?;
    world.refuse(&["verify", "both", "--tag", "x"], 2, "the backup is named").await.map(drop)
}

pub async fn lists_are_filtered(world: &mut World) -> anyhow::Result<()> {
    seed::every_type(&world.rest, "Article", 20).await?;
    seed::every_type(&world.rest, "Author", 20).await?;
    world.succeed(&["backup", "--id", "a", "--tag", "nightly", "--tag", "eu"]).await?;
    world.succeed(&["backup", "Author", "--id", "b"]).await?;
    world.succeed(&["backup", "--id", "c", "--schema-only"]).await?;
    let cases: [(&[&str], &[&str]); 11] = [
        (&[], &["c", "b", "a"]),
        (&["--collection", "Article"], &["c", "a"]),
        (&["--kind", "full"], &["b", "a"]),
        (&["--kind", "full", "--latest"], &["b"]),
        (&["--tag", "eu"], &["a"]),
        (&["--tag", "us"], &[]),
        (&["--older-than", "1h"], &[]),
        (&["--newer-than", "1h"], &["c", "b", "a"]),
        (&["--cluster", "elsewhere"], &[]),
        (&["--sort", "size"], &["a", "b", "c"]),
        (&["--sort", "id"], &["a", "b", "c"]),
    ];
    for (filter, expected) in cases {
        let listed = world.succeed(&[&["--json", "list"], filter].concat()).await?.out;
        let ids = listed
            .lines()
            .map(|line| Ok(serde_json::from_str::<Value>(line)?["id"].as_str().context("an id")?.to_owned()));
        let ids = ids.collect::<anyhow::Result<Vec<_>>>()?;
        ensure!(ids == expected, "{filter:?}: {ids:?}");
    }
    // A run that is not needed makes nothing.
    let ran = world.succeed(&["backup", "--if-older-than", "1h"]).await?;
    ensure!(
        ran.out.contains("nothing to do: backup a"),
        "one of a single collection is none of all: {ran:?}"
    );
    let ran = world.succeed(&["backup", "Article", "--if-older-than", "1h"]).await?;
    ensure!(ran.out.contains("nothing to do: backup a"), "{ran:?}");
    world.succeed(&["backup", "--id", "d", "--if-older-than", "1ms"]).await?;
    ensure!(world.backup_ids().await?.len() == 4);
    Ok(())
}

/// Backups, restores, deletions and prunes at once, and at random: what is left holds, and what was restored is right.
pub async fn pruning_at_random_takes_nothing_that_is_needed(world: &mut World) -> anyhow::Result<()> {
    let rounds = number("SELVEDGE_TEST_ROUNDS", ROUNDS);
    seed::every_type(&world.rest, "Article", 60).await?;
    let before = Census::take(&world.rest, &["Article"]).await?;
    world.succeed(&["backup", "Article", "--id", "start"]).await?;
    let url = world.server_url().to_owned();
    for round in 0..rounds {
        let mut dice = Dice::of(&format!("prune {round}"));
        let ids = world.backup_ids().await?;
        let mut commands: Vec<Vec<String>> = Vec::new();
        let mut copies = Vec::new();
        for at in 0..7 {
            let id = ids.get(dice.below(ids.len().max(1))).cloned().unwrap_or_default();
            let words = match dice.below(6) {
                0 | 1 => vec!["backup", "Article", "--id"]
                    .into_iter()
                    .map(str::to_owned)
                    .chain([format!("r{round}-{at}")])
                    // Some have files in common with others.
                    .chain(["--parent", "latest"].map(str::to_owned).into_iter().take(2 * dice.below(2)))
                    .collect(),
                2 | 3 => {
                    let copy = format!("Copy{round}x{at}");
                    copies.push((commands.len(), copy.clone()));
                    ["restore", &id, "--rename", &format!("Article={copy}")].map(str::to_owned).to_vec()
                }
                4 => ["prune", "--yes", "--keep-last", &(1 + dice.below(3)).to_string()]
                    .map(str::to_owned)
                    .to_vec(),
                _ => ["delete", &id, "--yes"].map(str::to_owned).to_vec(),
            };
            commands.push(words);
        }
        let runs = commands.iter().map(|words| {
            let (url, words) = (url.clone(), words.clone());
            tokio::spawn(async move {
                let words: Vec<_> = words.iter().map(String::as_str).collect();
                run_client(&url, &words, None).await
            })
        });
        let mut ran: Vec<Ran> = Vec::new();
        for run in runs.collect::<Vec<_>>() {
            ran.push(run.await?);
        }
        for (words, ran) in commands.iter().zip(&ran) {
            // Gone, or needed by somebody: both are told, and nothing else goes wrong.
            let is_told =
                ["there is no backup", "is being removed", "cannot be removed", "is held", "in use"]
                    .iter()
                    .any(|text| ran.err.contains(text));
            ensure!(ran.code == 0 || is_told, "{words:?}: {ran:?}");
        }
        for (at, copy) in copies {
            if ran[at].code == 0 {
                let restored = Census::take(&world.rest, &[&copy]).await?;
                let same = before.differences(&restored, &[("Article", &copy)]);
                ensure!(same.is_empty(), "{copy}: {same:?}");
            }
        }
        for id in world.backup_ids().await? {
            world.succeed(&["verify", &id, "--level", "rows"]).await?;
        }
    }
    Ok(())
}
