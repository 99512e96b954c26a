//! `selvedge show BACKUP COLLECTION`: what there is of one collection.

use selvedge_proto::v1::{
    BackupFile, BackupTenant, GetBackupCollectionRequest, GetBackupCollectionResponse,
    ListBackupFilesRequest, ListBackupFilesResponse, ListBackupTenantsRequest, ListBackupTenantsResponse,
};
use serde_json::Value;

use super::Args;
use crate::commands::Session;
use crate::connect::Server;
use crate::failure::Failure;
use crate::table::{Align, Table};
use crate::{ExitCode, format, json, remarks, words};

/// What was asked for.
struct Shown {
    response: GetBackupCollectionResponse,
    schema: Value,
    tenants: Option<Vec<BackupTenant>>,
    files: Option<Vec<BackupFile>>,
}

pub async fn run(args: Args, collection: String, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    let repository = session.options.repository();
    let request = GetBackupCollectionRequest {
        repository: repository.clone(),
        backup_id: args.backup,
        collection: collection.clone(),
    };
    let mut service = session.server.backups();
    let response = session.answer(service.get_backup_collection(request)).await?;
    let schema = serde_json::from_str(&response.schema)
        .map_err(|error| Failure::new(ExitCode::Failed, format!("the schema is no JSON: {error}")))?;
    // By its id: "latest" may be another one by now.
    let of = (repository, response.backup_id.clone(), collection);
    let tenants = if args.tenants { Some(tenants(&of, session).await?) } else { None };
    let files = if args.files { Some(files(&of, session).await?) } else { None };
    let shown = Shown { response, schema, tenants, files };
    if session.options.json {
        let Shown { response, schema, tenants, files } = &shown;
        let (tenants, files) = (tenants.as_deref(), files.as_deref());
        return session.print_json(&json::CollectionOfBackup::new(response, schema, tenants, files));
    }
    let room = session.terminal.out_width;
    session.terminal.print(&if args.schema { pretty(&shown.schema) } else { render(&shown, room) })
}

/// Repository, backup and collection.
type Of = (String, String, String);

async fn tenants(of: &Of, session: &mut Session<'_, '_>) -> Result<Vec<BackupTenant>, Failure> {
    let call = |server: &Server, page_token| {
        let (mut service, (repository, backup_id, collection)) = (server.backups(), of.clone());
        let request =
            ListBackupTenantsRequest { repository, backup_id, collection, page_size: 0, page_token };
        async move { service.list_backup_tenants(request).await }
    };
    session.all_pages(call, |page: ListBackupTenantsResponse| (page.tenants, page.next_page_token)).await
}

async fn files(of: &Of, session: &mut Session<'_, '_>) -> Result<Vec<BackupFile>, Failure> {
    let call = |server: &Server, page_token| {
        let (mut service, (repository, backup_id, collection)) = (server.backups(), of.clone());
        let request = ListBackupFilesRequest { repository, backup_id, collection, page_size: 0, page_token };
        async move { service.list_backup_files(request).await }
    };
    session.all_pages(call, |page: ListBackupFilesResponse| (page.files, page.next_page_token)).await
}

fn pretty(schema: &Value) -> String {
    format!("{schema:#}")
}

fn render(shown: &Shown, room: Option<usize>) -> String {
    let Shown { response, schema, tenants, files } = shown;
    let collection = response.collection.clone().unwrap_or_default();
    let mut heads = vec![
        format!("collection  {} of backup {}", collection.name, response.backup_id),
        format!(
            "contains    {}, {} in {}",
            format::quantity(collection.objects, "object"),
            format::bytes(collection.bytes),
            format::quantity(collection.files, "file"),
        ),
    ];
    if let Some(inherited) = &collection.inheritance {
        heads.push(format!(
            "parent      {}: {} in {} in common, {} of them hidden",
            inherited.parent,
            format::quantity(inherited.objects, "object"),
            format::quantity(inherited.files, "file"),
            format::quantity(inherited.hidden_rows, "row"),
        ));
    }
    if !collection.content_digest.is_empty() {
        heads.push(format!("digest      {}", collection.content_digest));
    }
    let tenants = tenants.as_deref().filter(|_| collection.multi_tenant);
    if shown.tenants.is_some() && !collection.multi_tenant {
        heads.push("tenants     none: it is not multi-tenant".to_owned());
    }
    if collection.multi_tenant {
        let (covered, total) = (collection.tenants_covered, collection.tenants_total);
        heads.push(format!("tenants     {} of {}", format::count(covered), format::count(total)));
    }
    if !response.aliases.is_empty() {
        heads.push(format!("aliases     {}", response.aliases.join(", ")));
    }
    let mut parts = vec![heads.join("\n")];
    parts.extend(properties(schema).map(|table| table.render(room)));
    parts.extend(vectors(schema).map(|table| table.render(room)));
    parts.extend(tenants.map(|tenants| table_of_tenants(tenants).render(room)));
    parts.extend(files.as_deref().map(|files| table_of_files(files).render(room)));
    let gaps = remarks::gaps(&collection.remarks).map(|gap| format!("not complete: {gap}"));
    let told: Vec<_> =
        gaps.chain(remarks::notes(&collection.remarks).map(|note| format!("note: {note}"))).collect();
    if !told.is_empty() {
        parts.push(told.join("\n"));
    }
    parts.join("\n\n")
}

fn properties(schema: &Value) -> Option<Table> {
    let properties = schema["properties"].as_array().filter(|all| !all.is_empty())?;
    let mut table =
        Table::new([("PROPERTY", Align::Left), ("TYPE", Align::Left), ("TOKENIZATION", Align::Left)])
            .cut("PROPERTY", 20)
            .cut("TYPE", 16)
            .leave(["TOKENIZATION"]);
    for property in properties {
        let types = property["dataType"].as_array().map(Vec::as_slice).unwrap_or_default();
        let types: Vec<_> = types.iter().filter_map(Value::as_str).collect();
        table.row([text(&property["name"]), types.join(", "), text(&property["tokenization"])]);
    }
    Some(table)
}

/// The unnamed vector is told by the collection itself.
fn vectors(schema: &Value) -> Option<Table> {
    let mut table =
        Table::new([("VECTOR", Align::Left), ("INDEX", Align::Left), ("VECTORIZER", Align::Left)])
            .cut("VECTOR", 20);
    let mut rows = 0;
    if schema["vectorIndexType"].is_string() {
        table.row(["unnamed".to_owned(), text(&schema["vectorIndexType"]), text(&schema["vectorizer"])]);
        rows += 1;
    }
    for (name, vector) in schema["vectorConfig"].as_object().into_iter().flatten() {
        let vectorizer = vector["vectorizer"].as_object().and_then(|one| one.keys().next().cloned());
        table.row([
            name.clone(),
            text(&vector["vectorIndexType"]),
            vectorizer.unwrap_or_else(|| "-".to_owned()),
        ]);
        rows += 1;
    }
    (rows > 0).then_some(table)
}

fn text(value: &Value) -> String {
    value.as_str().filter(|text| !text.is_empty()).unwrap_or("-").to_owned()
}

fn table_of_tenants(tenants: &[BackupTenant]) -> Table {
    let mut table = Table::new([
        ("TENANT", Align::Left),
        ("STATUS", Align::Left),
        ("OBJECTS", Align::Right),
        ("LEFT OUT", Align::Left),
    ])
    .cut("TENANT", 20);
    for tenant in tenants {
        table.row([
            tenant.name.clone(),
            tenant.status.clone(),
            tenant.objects.map_or_else(|| "-".to_owned(), format::count),
            words::left_out(tenant).map(|why| why.replace('_', " ")).unwrap_or_default(),
        ]);
    }
    table
}

fn table_of_files(files: &[BackupFile]) -> Table {
    let mut table = Table::new([("FILE", Align::Left), ("OBJECTS", Align::Right), ("SIZE", Align::Right)])
        .cut("FILE", 30);
    for file in files {
        table.row([file.path.clone(), format::count(file.objects), format::bytes(file.bytes)]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::{User, example, run, snapshot};

    #[test]
    fn a_collection_with_all_there_is_of_it() {
        let response = example::collection_of_backup();
        let schema = serde_json::from_str(&response.schema).expect("JSON");
        let (tenants, files) = (Some(example::tenants_of_backup()), Some(example::files_of_backup()));
        snapshot("show_collection", render(&Shown { response, schema, tenants, files }, None));
    }

    #[tokio::test]
    async fn what_is_asked_for_is_shown() {
        let plain = run("show b Article", [], User::default()).await;
        assert!(plain.out.contains("title") && !plain.out.contains("acme"), "{}", plain.out);
        let tenants = run("show b Article --tenants", [], User::default()).await;
        assert!(tenants.out.contains("acme"), "{}", tenants.out);
        let schema = run("show b Article --schema", [], User::default()).await;
        let schema: Value = serde_json::from_str(&schema.out).expect("JSON and nothing else");
        assert_eq!(schema["class"], "Article");
        let all = run("show b Article --tenants --files --json", [], User::default()).await;
        snapshot("json_collection_of_backup", all.out);
    }
}
