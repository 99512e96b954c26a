//! `selvedge collections`

use selvedge_proto::v1::{Collection, ListCollectionsRequest};

use super::Session;
use crate::failure::Failure;
use crate::suggest;
use crate::table::{Align, Table};
use crate::{format, json};

const EXAMPLES: &str = "\
Examples:
  selvedge collections
  selvedge collections 'Art*' --json";

/// List the collections of a cluster.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Collections by name or pattern (`*`, `?`, `[a-z]`); without any, all.
    #[arg(add = suggest::collections(), value_name = "COLLECTION")]
    pub collections: Vec<String>,
}

pub async fn run(args: Args, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let request =
        ListCollectionsRequest { cluster: session.options.cluster(), collections: args.collections };
    let mut service = session.server.collections();
    let response = session.answer(service.list_collections(request)).await?;
    let collections = response.collections;
    if session.options.json {
        return collections
            .iter()
            .try_for_each(|collection| session.print_json(&json::Collection::from(collection)));
    }
    if collections.is_empty() {
        session.talk("no collections on this cluster");
        return Ok(());
    }
    let room = session.terminal.out_width;
    session.terminal.print(&table(&collections).render(room))
}

fn table(collections: &[Collection]) -> Table {
    let mut table = Table::new([
        ("COLLECTION", Align::Left),
        ("OBJECTS", Align::Right),
        ("TENANTS", Align::Right),
        ("PROPERTIES", Align::Right),
        ("VECTORS", Align::Left),
    ])
    .cut("COLLECTION", 20)
    .cut("VECTORS", 16)
    .leave(["PROPERTIES"]);
    for collection in collections {
        table.row([
            collection.name.clone(),
            collection.objects.map_or_else(|| "?".to_owned(), format::count),
            tenants(collection),
            format::count(collection.properties.len() as u64),
            vectors(collection),
        ]);
    }
    table
}

fn tenants(collection: &Collection) -> String {
    let (active, all) = (collection.active_tenants, collection.tenants);
    match collection.multi_tenant {
        false => "-".to_owned(),
        true if active == all => format::count(all),
        true => format!("{} ({} active)", format::count(all), format::count(active)),
    }
}

fn vectors(collection: &Collection) -> String {
    let vectors = collection.vectors.iter().map(|vector| {
        let name = if vector.name.is_empty() { "unnamed" } else { &vector.name };
        format!("{name} ({}, {})", vector.index_type, vector.vectorizer)
    });
    let vectors: Vec<_> = vectors.collect();
    if vectors.is_empty() { "-".to_owned() } else { vectors.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::{example, snapshot};

    #[test]
    fn a_table_of_collections() {
        snapshot("collections", table(&example::collections()).render(None));
    }
}
