//! An alias that is to point to what was restored, when all of it is there and checked: whoever queries through it sees the one
//! collection or the other, never half of one.

use std::time::Duration;

use selvedge_model::error::{Error, Kind, Result};
use selvedge_weaviate::Cluster;

use super::begun::Begun;
use super::target::Planned;
use crate::{BehindAlias, Context};

/// Between the switch and the drop: a query that found the alias where it was looks into the collection for as long as it runs,
/// and would fail.
const GRACE: Duration = Duration::from_secs(5);

/// Refuses what could not be done in the end. Returns what is to be shown beforehand.
pub async fn check(cluster: &Cluster, behind: &BehindAlias, begun: Begun) -> Result<Vec<String>> {
    let BehindAlias { alias, drop_previous } = behind;
    let server = cluster.connect().await?;
    if !server.version.has_aliases() {
        let text = format!("Weaviate {} has no aliases", server.version_text);
        return Err(
            Error::new(Kind::WeaviateVersionUnsupported, text).hint("upgrade Weaviate to 1.32 or later")
        );
    }
    if let Some(collection) =
        cluster.schemas().await?.into_keys().find(|name| name.eq_ignore_ascii_case(alias))
    {
        let text = format!("\"{alias}\" cannot be an alias: \"{collection}\" is a collection");
        return Err(Error::invalid("behind_alias", text).hint("choose another alias"));
    }
    let previous = cluster.aliases().await?.get(alias).cloned();
    if let Some(named) = drop_previous
        && begun == Begun::Nothing
        && previous.as_ref() != Some(named)
    {
        let points = previous.map_or("is not there".to_owned(), |there| format!("points to \"{there}\""));
        let text = format!(
            "alias \"{alias}\" {points}: only what it points to before can be dropped, not \"{named}\""
        );
        return Err(
            Error::invalid("drop_previous", text).hint("name the collection that the alias points to")
        );
    }
    let mut notes = vec![match &previous {
        Some(previous) => {
            format!("when it is checked, alias \"{alias}\" is switched to it from \"{previous}\"")
        }
        None => format!("when it is checked, alias \"{alias}\" of it is created"),
    }];
    notes.extend(
        drop_previous
            .iter()
            .map(|named| format!("then \"{named}\" is dropped with all objects: there is no undo")),
    );
    Ok(notes)
}

/// The alias is switched in the end, so its place in the backup has no say.
pub fn leave_alone(planned: &mut Planned, behind: &BehindAlias) {
    for target in &mut planned.all {
        target.aliases.retain(|(alias, _)| *alias != behind.alias);
    }
}

/// Lets the alias point to a collection, and drops the one that it pointed to before if that was asked for.
pub async fn switch(job: &Context, cluster: &Cluster, behind: &BehindAlias, collection: &str) -> Result<()> {
    let BehindAlias { alias, drop_previous } = behind;
    let (journal, uncut) = (job.journal().clone(), cluster.uncut());
    let (name, target) = (alias.clone(), collection.to_owned());
    let switching = async move {
        journal.check_newest().await?;
        uncut.point_alias(&name, &target).await
    };
    job.uncut(switching).await?;
    if cluster.aliases().await?.get(alias).map(String::as_str) != Some(collection) {
        let text = format!(
            "alias \"{alias}\" was switched to \"{collection}\", and somebody else has moved it since"
        );
        return Err(
            Error::new(Kind::SchemaMismatch, text).hint("look where it points, and move it where it belongs")
        );
    }
    job.progress.warn(
        "alias_switched",
        format!("alias \"{alias}\" points to \"{collection}\" now"),
        alias.clone(),
    );
    let Some(previous) = drop_previous.as_ref().filter(|previous| *previous != collection) else {
        return Ok(());
    };
    let ended = async {
        tokio::time::sleep(GRACE).await;
        Ok(())
    };
    job.or_stop(ended).await?;
    let (journal, uncut, name) = (job.journal().clone(), cluster.uncut(), previous.clone());
    let dropping = async move {
        journal.check_newest().await?;
        uncut.drop_collection(&name).await
    };
    job.uncut(dropping).await?;
    job.progress.warn("previous_dropped", format!("\"{previous}\" was dropped"), previous.clone());
    Ok(())
}
