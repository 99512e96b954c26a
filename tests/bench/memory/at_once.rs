//! As many jobs as it takes for each of them to need its share.

use futures_util::future::try_join_all;

use super::Peak;
use crate::data;
use crate::ground::Ground;
use crate::report;

const OBJECTS: usize = 50_000;
const DIMENSIONS: usize = 256;
const BACKUPS: u16 = 5;

/// Of a few backups and a restore that are started together.
pub async fn measure(ground: &mut Ground<'_>) -> anyhow::Result<Peak> {
    let what =
        format!("{BACKUPS} backups of {OBJECTS} objects of {DIMENSIONS} dimensions and a restore at once");
    report::step(&what);
    let (source, copy) = (ground.stage.name("Source"), ground.stage.name("Copy"));
    ground.create(&data::class(&source)).await?;
    ground.bare.load(data::requests(&source, OBJECTS, DIMENSIONS)).await?;
    // More than a server allows unless it is told to.
    let usual = ground.selvedge.settings.max_jobs.replace(BACKUPS + 1);
    ground.selvedge.start_afresh().await?;
    ground.selvedge.run(&["backup", "--id", "first", &source]).await?;
    // What the first backup needed does not count.
    ground.selvedge.start_afresh().await?;
    let ids: Vec<String> = (1..=BACKUPS).map(|number| format!("at-once-{number}")).collect();
    let rename = format!("{source}={copy}");
    let mut commands: Vec<Vec<&str>> = vec![vec!["restore", "first", "--rename", &rename]];
    commands.extend(ids.iter().map(|id| vec!["backup", "--id", id.as_str(), source.as_str()]));
    let selvedge = &*ground.selvedge;
    try_join_all(commands.iter().map(|arguments| selvedge.run(arguments))).await?;
    let peak = ground.peak(&what)?;
    ground.selvedge.settings.max_jobs = usual;
    ground.clear(&[&source, &copy]).await?;
    Ok(peak)
}
