//! `selvedge verify --replicas`

use selvedge_proto::v1::compare_replicas_response::Finding;
use selvedge_proto::v1::{
    CollectionOnReplicas, CompareReplicasRequest, CompareReplicasResponse, ObjectOnReplicas,
};

use crate::commands::Session;
use crate::failure::Failure;
use crate::{ExitCode, format, json};

/// Compares the replicas of a collection, and ends as a comparison does.
pub async fn run(request: CompareReplicasRequest, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let mut service = session.server.collections();
    let mut told = session.answer(service.compare_replicas(request)).await?;
    let mut compared = CollectionOnReplicas::default();
    while let Some(CompareReplicasResponse { finding }) =
        session.answer(async { told.message().await.map(tonic::Response::new) }).await?
    {
        match finding {
            Some(Finding::Object(object)) if session.options.json => {
                session.print_json(&json::ObjectOnReplicas::from(&object))?;
            }
            Some(Finding::Object(object)) => session.terminal.print(&line(&object))?,
            Some(Finding::Collection(collection)) => compared = collection,
            None => {}
        }
    }
    if session.options.json {
        session.print_json(&json::CollectionOnReplicas::from(&compared))?;
    }
    if compared.unread_tenant_count > 0 {
        let count = format::quantity(compared.unread_tenant_count, "tenant");
        let text = format!("{count} not compared: {}", format::names(&compared.unread_tenants));
        session.talk(&text);
    }
    let CollectionOnReplicas { name, nodes, same, differing, .. } = compared;
    if differing > 0 {
        let text = format!("replicas of {name} differ in {}", format::quantity(differing, "object"));
        let hint = "reading such an object with `consistency_level=ALL` mends it, and so does Weaviate's async replication";
        return Err(Failure::new(ExitCode::Integrity, text).hint(hint));
    }
    if !session.options.json {
        let text = format!(
            "replicas of {name} are the same: {} on {}",
            format::quantity(same, "object"),
            nodes.join(", ")
        );
        session.terminal.print(&text)?;
    }
    Ok(())
}

/// `replicas differ: Article/0000…0007: node1 2026-11-27 09:35:04 UTC, node2 none`
fn line(object: &ObjectOnReplicas) -> String {
    let tenant =
        if object.tenant.is_empty() { String::new() } else { format!(" of tenant {}", object.tenant) };
    let on = object.nodes.iter().map(|on| match format::rfc3339(on.update_time.as_ref()) {
        Some(time) => format!("{} {time}", on.node),
        None => format!("{} none", on.node),
    });
    format!(
        "replicas differ: {}/{}{tenant}: {}",
        object.collection,
        object.id,
        on.collect::<Vec<_>>().join(", ")
    )
}
