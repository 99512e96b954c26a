//! The same on an object store, which takes objects in parts of five mebibytes.

use futures_util::future::try_join_all;
use selvedge_tests::harness::object_server::{ObjectServer, StoreKind};

use super::Peak;
use crate::data;
use crate::ground::Ground;
use crate::report;

const OBJECTS: usize = 20_000;
const DIMENSIONS: usize = 384;
const BACKUPS: u16 = 5;
/// For all that is moved: what the server has unless it is told otherwise, and little.
const BUDGETS: [&str; 2] = ["64MiB", "16MiB"];

/// Of a few backups that are started together, with budgets of several sizes.
pub async fn measure(ground: &mut Ground<'_>) -> anyhow::Result<Vec<Peak>> {
    let source = ground.stage.name("Source");
    ground.create(&data::class(&source)).await?;
    ground.bare.load(data::requests(&source, OBJECTS, DIMENSIONS)).await?;
    let usual = ground.selvedge.settings.clone();
    let mut peaks = Vec::new();
    for budget in BUDGETS {
        let what = format!(
            "{BACKUPS} backups of {OBJECTS} objects of {DIMENSIONS} dimensions at once into S3, budget {budget}"
        );
        report::step(&what);
        let folder = tempfile::tempdir()?;
        let bucket = ObjectServer::start(StoreKind::S3, folder.path()).await?;
        let settings = &mut ground.selvedge.settings;
        settings.max_jobs = Some(BACKUPS);
        settings.repository = bucket.repository().url;
        settings.env.extend(bucket.environment());
        settings.env.push(("SELVEDGE_MEMORY_BUDGET".to_owned(), budget.to_owned()));
        ground.selvedge.start_afresh().await?;
        let ids: Vec<String> = (1..=BACKUPS).map(|number| format!("at-once-{number}")).collect();
        let commands: Vec<_> =
            ids.iter().map(|id| ["backup", "--id", id.as_str(), source.as_str()]).collect();
        let selvedge = &*ground.selvedge;
        try_join_all(commands.iter().map(|arguments| selvedge.run(arguments))).await?;
        peaks.push(ground.peak(&what)?);
        ground.selvedge.stop().await?;
        ground.selvedge.settings = usual.clone();
    }
    ground.drop_class(&source).await?;
    Ok(peaks)
}
