//! A backup that is near a point in time although somebody writes: what it holds is what it says, by the writer's own log.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{Context, ensure};
use chrono::{DateTime, Utc};
use reqwest::Method;
use selvedge_tests::harness::rest::Rest;
use selvedge_tests::harness::schemas::check_repository;
use selvedge_tests::harness::seed::Dice;
use selvedge_tests::harness::world::World;
use serde_json::{Value, json};

use crate::incrementals::{object, plain, uuid};
use crate::jobs::summary;

const OBJECTS: usize = 3_000;

/// What an object held, from when on: the write was begun and answered in between.
struct Written {
    begun: DateTime<Utc>,
    answered: DateTime<Utc>,
    /// None once it is deleted.
    text: Option<String>,
}

type Log = BTreeMap<String, Vec<Written>>;

/// Inserts, updates and deletes at random until it is told to stop.
async fn write(rest: Rest, stop: Arc<AtomicBool>) -> anyhow::Result<Log> {
    let (mut log, mut dice) = (Log::new(), Dice::of("writer"));
    while !stop.load(Relaxed) {
        let number = dice.below(OBJECTS + 200) as u128;
        let id = uuid(number).to_string();
        let path = format!("/v1/objects/Many/{id}");
        let (begun, text) = (Utc::now(), dice.uuid());
        let text = match dice.below(3) {
            0 => {
                rest.call(Method::DELETE, &path, None).await?;
                None
            }
            _ => {
                rest.write(&[object("Many", number, &text)]).await?;
                Some(text)
            }
        };
        log.entry(id).or_default().push(Written { begun, answered: Utc::now(), text });
    }
    Ok(log)
}

/// Whether an object can have held this at some moment of the interval.
fn fits(
    log: Option<&Vec<Written>>,
    id: &str,
    text: Option<&str>,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> bool {
    let existed = (0..OBJECTS as u128).any(|number| uuid(number).to_string() == id);
    let writes = log.map_or(&[][..], Vec::as_slice);
    let before = writes.iter().rposition(|one| one.answered < from);
    let first = before.map(|at| writes[at].text.as_deref());
    let first = first.unwrap_or(if existed { Some("as it was") } else { None });
    let later = writes[before.map_or(0, |at| at + 1)..].iter().take_while(|one| one.begun <= to);
    first == text || later.map(|one| one.text.as_deref()).any(|one| one == text)
}

/// The remark that says how current a backup is.
async fn promise(world: &World, backup: &str) -> anyhow::Result<(String, DateTime<Utc>, DateTime<Utc>)> {
    let shown: Value = serde_json::from_str(&world.succeed(&["--json", "show", backup]).await?.out)?;
    let remarks = shown["collections"][0]["remarks"].as_array().context("remarks")?;
    let one = remarks.iter().find(|one| one["reason"] == "image_of" || one["reason"] == "current_between");
    let one = one.with_context(|| format!("nothing is promised: {shown}"))?;
    let time = |at: usize| {
        let text = one["names"][at].as_str().context("a time")?;
        anyhow::Ok(DateTime::parse_from_rfc3339(text)?.with_timezone(&Utc))
    };
    // They have no more than milliseconds.
    Ok((one["reason"].to_string(), time(0)?, time(1)? + Duration::from_millis(1)))
}

/// Everything that could have been there, and nothing else.
async fn check(world: &World, backup: &str, log: &Log) -> anyhow::Result<()> {
    let (reason, from, to) = promise(world, backup).await?;
    let lines = world.succeed(&["export", backup, "Many"]).await?.out;
    let mut held = BTreeMap::new();
    for line in lines.lines() {
        let object: Value = serde_json::from_str(line)?;
        let text = object["properties"]["text"].as_str().context("a text")?.to_owned();
        held.insert(object["id"].as_str().context("an id")?.to_owned(), text);
    }
    for number in 0..(OBJECTS as u128 + 200) {
        let id = uuid(number).to_string();
        let text = held.get(&id).map(String::as_str);
        ensure!(fits(log.get(&id), &id, text, from, to), "{backup} {reason} {from} {to}: {id} is {text:?}");
    }
    world.succeed(&["verify", backup, "--level", "rows"]).await.map(drop)
}

pub async fn what_is_held_is_what_was_promised(world: &mut World) -> anyhow::Result<()> {
    plain(&world.rest, "Many", OBJECTS as u128).await?;
    let stop = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn(write(world.rest.clone(), Arc::clone(&stop)));
    // One that is written to all the time; and one for whose sake the writer stops when it has looked a few times.
    world.succeed(&["backup", "--settle=3", "--id", "busy"]).await?;
    ensure!(
        promise(world, "busy").await?.0.contains("current_between"),
        "nobody has written: this shows nothing"
    );
    let stopping = Arc::clone(&stop);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        stopping.store(true, Relaxed);
    });
    world.succeed(&["backup", "--settle=100", "--id", "calm"]).await?;
    stop.store(true, Relaxed);
    let log = writer.await??;
    check(world, "busy", &log).await?;
    check(world, "calm", &log).await?;
    check_repository(world.folder())?;
    ensure!(promise(world, "calm").await?.0.contains("image_of"), "it has not settled");
    world.succeed(&["verify", "calm", "--against-live"]).await?;
    // It is as good a parent as any.
    world.succeed(&["backup", "--parent", "calm", "--settle", "--id", "next"]).await?;
    world.succeed(&["verify", "next", "--against-live"]).await?;
    world
        .rest
        .write(&[
            json!({"class": "Many", "id": uuid(1), "properties": {"text": "last"}, "vector": [1, 2, 3]}),
        ])
        .await?;
    world.succeed(&["delete", "calm", "--yes"]).await?;
    world.succeed(&["verify", "next", "--level", "rows"]).await?;
    // No object is counted twice because it was looked at twice.
    let job = summary(&world.succeed(&["--json", "backup", "--settle", "--id", "still"]).await?)?;
    let there = world.rest.count("Many", None).await?;
    ensure!(job["progress"]["objects_done"] == there, "{there}: {job}");
    Ok(())
}
