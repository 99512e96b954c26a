//! Objects of a backup into Weaviate, and afterwards their references.

use std::collections::BTreeSet;
use std::sync::Arc;

use selvedge_archive::Select;
use selvedge_model::error::Result;
use selvedge_weaviate::Slice;

use super::filling::Filling;
use super::refused::{Kept, lock};
use super::sinks::{IntoAnew, IntoReferences, IntoWeaviate};
use crate::engine::{FromArchive, Lanes, RecordOf, Sinks};

/// Data files whose references are written before the objects that this leaves to be written anew: few enough that these
/// can be remembered.
const FILES_AT_A_TIME: usize = 64;

/// Writes all objects that earlier attempts have not. Returns when everything is answered.
pub async fn objects(filling: &Arc<Filling>, lanes: &Lanes) -> Result<()> {
    let counters = &filling.target.counters;
    let source = filling.target.objects(Select::All);
    let (sinks, tasks) = (IntoWeaviate(Arc::clone(filling)), source.tasks());
    let ledger = filling.job.journal().ledger(&filling.target.collection.name, "objects");
    let mut unsettled = Vec::new();
    let mut gather = |record: RecordOf<FromArchive, IntoWeaviate>| {
        match record.left.kept.is_empty() {
            true => lock(&filling.refused).add(record.left),
            false => unsettled.push(record),
        }
        Ok(())
    };
    let done = lanes.take_back::<FromArchive, _>(&sinks, &ledger, &mut gather).await?;
    let tasks = done.rest_of(tasks);
    if filling.job.journal().is_resumed() && !tasks.is_empty() {
        filling.forget_what_follows().await?;
    }
    lanes.carry_recorded(tasks, source, sinks, counters, &ledger, |record| gather(record?)).await?;
    for mut record in unsettled {
        for Kept { tenant, object } in std::mem::take(&mut record.left.kept) {
            filling.job.check_stop()?;
            let bytes = object.byte_len();
            record.left.add(filling.write(vec![Slice { tenant, batch: object, rows: 0..1 }], false).await?);
            filling.room.give_back(bytes);
        }
        let tells_of_refusals = IntoWeaviate::tells_of_refusals(&record.left);
        ledger.keep(&record, tells_of_refusals, &filling.job.progress).await;
        lock(&filling.refused).add(record.left);
    }
    lock(&filling.refused).close();
    counters.add_tenants(filling.target.tenants.len() as u64);
    Ok(())
}

/// Writes the references of the objects, which are there by now.
pub async fn references(filling: &Arc<Filling>, lanes: &Lanes) -> Result<()> {
    let (job, target) = (&filling.job, &filling.target);
    let (name, counters) = (&target.collection.name, &target.counters);
    let from = target.objects(Select::References);
    let (ledger, of_anew) = (job.journal().ledger(name, "references"), job.journal().ledger(name, "anew"));
    let begun = format!("referring/{name}/begun.json");
    // What was appended and not written down must not be appended again.
    let is_begun = job.journal().read::<()>(&begun).await?.is_some();
    job.journal().write(&begun, &()).await?;
    let sinks = || IntoReferences { filling: Arc::clone(filling), replacing: is_begun };
    let (as_before, anew_as_before) = (sinks(), IntoAnew(Arc::clone(filling)));
    let done = lanes.take_back::<FromArchive, _>(&as_before, &ledger, |record| {
        filling.take_references(record.left);
        Ok(())
    });
    let mut tasks = done.await?.rest_of(from.tasks());
    let done = lanes.take_back::<FromArchive, _>(&anew_as_before, &of_anew, |record| {
        lock(&filling.refused).add(record.left);
        Ok(())
    });
    let done = done.await?;
    loop {
        let later = tasks.split_off(tasks.len().min(FILES_AT_A_TIME));
        let written = lanes.carry_recorded(tasks, from.clone(), sinks(), counters, &ledger, |record| {
            filling.take_references(record?.left);
            Ok(())
        });
        written.await?;
        let origins: BTreeSet<_> = lock(&filling.anew).keys().copied().collect();
        let anew = done.rest_of(FromArchive::tasks_of(&origins));
        // Of a copy, the rest is fetched.
        let select = if target.source.has_keys_only() { Select::References } else { Select::All };
        let (from, sinks) = (target.objects(select), IntoAnew(Arc::clone(filling)));
        let written = lanes.carry_recorded(anew, from, sinks, counters, &of_anew, |record| {
            lock(&filling.refused).add(record?.left);
            Ok(())
        });
        written.await?;
        lock(&filling.anew).clear();
        if later.is_empty() {
            return Ok(());
        }
        tasks = later;
    }
}
