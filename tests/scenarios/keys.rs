//! Keys that may not see everything.

use std::sync::Arc;

use anyhow::ensure;
use selvedge_tests::harness::census::Census;
use selvedge_tests::harness::rest::Rest;
use selvedge_tests::harness::seed;
use selvedge_tests::harness::weaviate::{Flavour, Weaviate, WeaviateOptions};
use selvedge_tests::harness::world::World;
use selvedge_tests::stand_in::{Key, Permission, StandInOptions};
use serde_json::{Value, json};

use crate::round_trip::same;

pub const ROOT: &str = "root-key";
pub const CONFINED: &str = "confined-key";

/// Action, domain, collection, and tenant or alias.
pub type Granted = (&'static str, &'static str, &'static str, &'static str);

/// All that Weaviate has, but no aliases.
fn without_aliases() -> Vec<Granted> {
    ["collections", "data", "tenants"]
        .iter()
        .zip(["read_collections", "read_data", "read_tenants"])
        .map(|(domain, action)| (action, *domain, "*", "*"))
        .collect()
}

/// Collections beginning with `Book` and, of `Customer`, two tenants.
fn permissions() -> Vec<Granted> {
    vec![
        ("read_collections", "collections", "Book*", "*"),
        ("read_data", "data", "Book*", "*"),
        ("read_tenants", "tenants", "Book*", "*"),
        ("read_collections", "collections", "Customer", "*"),
        ("read_tenants", "tenants", "Customer", "tenant-1"),
        ("read_tenants", "tenants", "Customer", "tenant-2"),
        ("read_data", "data", "Customer", "tenant-1"),
        ("read_data", "data", "Customer", "tenant-2"),
        ("read_aliases", "aliases", "Book*", "*"),
        ("read_aliases", "aliases", "Customer", "*"),
    ]
}

/// A Weaviate with access control, a key that may do everything, and one that is confined.
async fn guarded(flavour: Flavour, permissions: Vec<Granted>) -> anyhow::Result<(Weaviate, Rest)> {
    guarded_with(flavour, permissions, &[]).await
}

/// The same, with more users, who may do nothing.
pub async fn guarded_with(
    flavour: Flavour,
    permissions: Vec<Granted>,
    others: &[&str],
) -> anyhow::Result<(Weaviate, Rest)> {
    let setting = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let confined = permissions
        .iter()
        .map(|(action, _, collection, part)| Permission::on(action, collection).tenant(part));
    let key = Key { key: CONFINED.into(), user: "confined".into(), permissions: confined.collect() };
    let other = |user: &&str| {
        let (key, user) = (format!("{user}-key"), (*user).to_owned());
        Key { key, user, permissions: Vec::new() }
    };
    let keys: Vec<_> = [key].into_iter().chain(others.iter().map(other)).collect();
    let users: Vec<_> = ["root"].into_iter().chain(keys.iter().map(|key| key.user.as_str())).collect();
    let allowed: Vec<_> = [ROOT].into_iter().chain(keys.iter().map(|key| key.key.as_str())).collect();
    let options = WeaviateOptions {
        api_key: Some(ROOT.to_owned()),
        env: vec![
            setting("AUTHENTICATION_APIKEY_ALLOWED_KEYS", &allowed.join(",")),
            setting("AUTHENTICATION_APIKEY_USERS", &users.join(",")),
            setting("AUTHORIZATION_RBAC_ENABLED", "true"),
            setting("AUTHORIZATION_RBAC_ROOT_USERS", "root"),
        ],
        stand_in: StandInOptions { keys, ..StandInOptions::default() },
        ..WeaviateOptions::default()
    };
    let weaviate = Weaviate::start(flavour, options).await?;
    let rest = Rest::new(&weaviate.rest_url()).with_key(ROOT);
    if flavour == Flavour::Real && !permissions.is_empty() {
        let permission = |(action, domain, collection, part): Granted| {
            let name = if domain == "aliases" { "alias" } else { "tenant" };
            json!({"action": action, domain: {"collection": collection, name: part}})
        };
        let permissions: Value = permissions.into_iter().map(permission).collect();
        rest.post("/v1/authz/roles", &json!({"name": "reader", "permissions": permissions})).await?;
        let assign = json!({"roles": ["reader"], "userType": "db"});
        rest.post("/v1/authz/users/confined/assign", &assign).await?;
    }
    Ok((weaviate, rest))
}

pub async fn a_confined_key_never_makes_a_backup_that_looks_whole(world: &mut World) -> anyhow::Result<()> {
    if !world.since(1, 29) {
        return Ok(());
    }
    let (weaviate, rest) = guarded(world.weaviate.flavour(), permissions()).await?;
    for name in ["Book", "Bookshop", "Secret"] {
        seed::every_type(&rest, name, 12).await?;
    }
    seed::tenanted(&rest, "Customer", 6).await?;
    let mut guarded = World::new(Arc::new(weaviate)).await?;
    guarded.serve_again(None, Some(CONFINED)).await?;

    let checked = guarded.succeed(&["check"]).await?.out;
    ensure!(checked.contains("warn  permissions: the key may not see all collections, tenants"), "{checked}");
    let writes =
        "write permissions: the key cannot restore and clear everything: it lacks create_collections";
    ensure!(checked.contains(writes), "{checked}");
    // What it sees of all there is.
    let ran = guarded.refuse(&["backup", "--id", "all"], 5, "may not read all").await?;
    ensure!(ran.err.contains("read_collections on \"Book*\", \"Customer\""), "{}", ran.err);
    let shown = guarded.succeed(&["show", "all"]).await?.out;
    ensure!(shown.contains("partial") && !shown.contains("Secret"), "{shown}");
    ensure!(shown.contains("may not read all tenants"), "{shown}");

    // Exactly what it may see: nothing is missing, and nothing is said to be.
    guarded.succeed(&["backup", "Book", "Bookshop", "--id", "named"]).await?;
    guarded.succeed(&["backup", "Book*", "--id", "pattern"]).await?;
    let tenants = ["--tenant", "tenant-1", "--tenant", "tenant-2"];
    guarded.succeed(&[&["backup", "Customer", "--id", "tenants"][..], &tenants].concat()).await?;
    // What it may not see is not there for it.
    guarded.refuse(&["backup", "Secret"], 7, "Secret").await?;
    guarded.refuse(&["backup", "Customer", "--tenant", "tenant-3"], 7, "tenant-3").await?;

    let names = ["Book", "Bookshop"];
    let before = Census::take(&rest, &names).await?;
    guarded.serve_again(None, Some(ROOT)).await?;
    guarded.succeed(&["backup", "--id", "whole"]).await?;
    for name in names {
        rest.drop_class(name).await?;
    }
    guarded.succeed(&["restore", "named"]).await?;
    same(&before, &Census::take(&rest, &names).await?)
}

/// Weaviate does not show such a key all tenants, and does not say that there are more: what is not seen is not taken for missing.
pub async fn a_key_that_sees_some_tenants_destroys_none(world: &mut World) -> anyhow::Result<()> {
    if !world.since(1, 29) {
        return Ok(());
    }
    let collections = ["create_collections", "read_collections", "update_collections", "delete_collections"];
    let data = ["create_data", "read_data", "update_data", "delete_data"];
    let mut granted: Vec<Granted> = collections.map(|action| (action, "collections", "*", "*")).to_vec();
    granted.extend(data.map(|action| (action, "data", "*", "*")));
    granted.extend(
        ["create_tenants", "update_tenants", "delete_tenants"].map(|action| (action, "tenants", "*", "*")),
    );
    granted.push(("read_tenants", "tenants", "Customer", "tenant-1"));
    granted.push(("read_tenants", "tenants", "Other", "*"));
    granted.push(("read_aliases", "aliases", "*", "*"));
    let (weaviate, rest) = guarded(world.weaviate.flavour(), granted).await?;
    seed::tenanted(&rest, "Customer", 6).await?;
    let mut guarded = World::new(Arc::new(weaviate)).await?;
    guarded.serve_again(None, Some(ROOT)).await?;
    guarded.succeed(&["backup", "--id", "b"]).await?;
    let copy = ["copy", "Customer", "--rename", "Customer=Other", "--inactive-tenants", "skip"];
    guarded.succeed(&copy).await?;
    let names = ["Customer", "Other"];
    let before = Census::take(&rest, &names).await?;

    guarded.serve_again(None, Some(CONFINED)).await?;
    let commands: [&[&str]; 5] = [
        &["copy", "--since", "last", "--yes"],
        &["clear", "Customer", "--yes"],
        &["restore", "b", "--if-exists", "merge", "--on-conflict", "overwrite"],
        &["restore", "b", "Customer", "--if-exists", "replace", "--yes"],
        &["verify", "b", "--against-live"],
    ];
    for command in commands {
        let ran = guarded.refuse(command, 4, "may not see all tenants of collection \"Customer\"").await?;
        ensure!(ran.err.contains("read_tenants on \"Customer\" tenant \"tenant-1\""), "{}", ran.err);
    }
    same(&before, &Census::take(&rest, &names).await?)?;
    // What it sees it may be asked for.
    guarded.succeed(&["verify", "b", "--against-live", "--tenant", "tenant-1"]).await?;
    guarded.succeed(&["clear", "Customer", "--tenant", "tenant-1", "--yes"]).await?;
    guarded.succeed(&["restore", "b", "--if-exists", "merge", "--tenant", "tenant-1"]).await?;
    same(&before, &Census::take(&rest, &names).await?)
}

/// What takes the place of what is dropped needs permissions that Weaviate asks for only then.
pub async fn a_key_that_could_not_put_it_back_destroys_nothing(world: &mut World) -> anyhow::Result<()> {
    if !world.since(1, 29) {
        return Ok(());
    }
    let everywhere = [
        ("create_collections", "collections"),
        ("read_collections", "collections"),
        ("update_collections", "collections"),
        ("delete_collections", "collections"),
        ("read_data", "data"),
        ("delete_data", "data"),
        ("read_tenants", "tenants"),
        ("update_tenants", "tenants"),
        ("delete_tenants", "tenants"),
        ("read_aliases", "aliases"),
    ];
    let mut granted: Vec<Granted> =
        everywhere.map(|(action, domain)| (action, domain, "*", "*")).into_iter().collect();
    for (name, actions) in [
        ("Able*", &["create_data", "update_data", "create_tenants"][..]),
        ("Uncreated", &["update_data"]),
        ("Unchanged", &["create_data"]),
        ("Customer", &["create_data", "update_data"]),
    ] {
        let domain = |action| if action == "create_tenants" { "tenants" } else { "data" };
        granted.extend(actions.iter().map(|&action| (action, domain(action), name, "*")));
    }
    granted.push(("create_tenants", "tenants", "Customer", "tenant-1"));
    let (weaviate, rest) = guarded(world.weaviate.flavour(), granted).await?;
    let names = ["Able", "AbleCustomer", "Customer", "Unchanged", "Uncreated"];
    for name in names {
        match name.ends_with("Customer") {
            true => seed::tenanted(&rest, name, 3).await?,
            false => seed::every_type(&rest, name, 5).await?,
        }
    }
    let mut guarded = World::new(Arc::new(weaviate)).await?;
    guarded.serve_again(None, Some(ROOT)).await?;
    guarded.succeed(&["backup", "--id", "b"]).await?;
    let before = Census::take(&rest, &names).await?;

    guarded.serve_again(None, Some(CONFINED)).await?;
    let replace = |name| ["restore", "b", name, "--if-exists", "replace", "--yes"];
    for (command, lacking) in [
        (&replace("Uncreated")[..], "create_data on \"Able*\", \"Unchanged\", \"Customer\""),
        (&replace("Unchanged"), "update_data on "),
        (&replace("Customer"), "create_tenants on "),
        (&["clear", "Customer", "--yes"], "create_tenants on "),
        (&["clear", "Customer", "--tenant", "tenant-2", "--yes"], "create_tenants on "),
        (
            &["restore", "b", "Able", "Customer", "--if-exists", "replace", "--yes"],
            "collection \"Customer\" was left as it is",
        ),
    ] {
        let ran = guarded.refuse(command, 4, lacking).await?;
        ensure!(ran.err.contains("was left as it is"), "{}", ran.err);
        same(&before, &Census::take(&rest, &names).await?)?;
    }
    for name in ["Able", "AbleCustomer"] {
        guarded.succeed(&["clear", name, "--yes"]).await?;
        guarded.succeed(&replace(name)).await?;
    }
    guarded.succeed(&["clear", "Customer", "--tenant", "tenant-1", "--yes"]).await?;
    guarded.succeed(&["restore", "b", "Customer", "--tenant", "tenant-1", "--if-exists", "merge"]).await?;
    same(&before, &Census::take(&rest, &names).await?)
}

/// By its own account it looks as if there was no access control.
pub async fn a_key_without_any_role_sees_nothing_and_says_so(world: &mut World) -> anyhow::Result<()> {
    if !world.since(1, 29) {
        return Ok(());
    }
    let (weaviate, rest) = guarded(world.weaviate.flavour(), Vec::new()).await?;
    seed::every_type(&rest, "Book", 12).await?;
    let mut guarded = World::new(Arc::new(weaviate)).await?;
    guarded.serve_again(None, Some(CONFINED)).await?;
    let checked = guarded.run(&["check"]).await.out;
    ensure!(checked.contains("warn  permissions: the key may not see all collections"), "{checked}");
    let ran = guarded.refuse(&["status"], 5, "the server's key sees no collection").await?;
    ensure!(ran.out.contains("it has no read_collections"), "{}", ran.out);
    ensure!(guarded.run(&["backup", "--id", "b"]).await.code != 0, "a backup of nothing looks whole");
    Ok(())
}

/// Weaviate shows such a key no alias, and does not say that there are any.
pub async fn a_key_without_aliases_never_makes_a_backup_that_looks_whole(
    world: &mut World,
) -> anyhow::Result<()> {
    if !world.since(1, 32) {
        return Ok(());
    }
    let (weaviate, rest) = guarded(world.weaviate.flavour(), without_aliases()).await?;
    seed::every_type(&rest, "Book", 12).await?;
    rest.post("/v1/aliases", &json!({"alias": "Tome", "class": "Book"})).await?;
    let mut guarded = World::new(Arc::new(weaviate)).await?;
    guarded.serve_again(None, Some(CONFINED)).await?;
    let ran = guarded.refuse(&["backup", "--id", "b"], 5, "may not read all aliases").await?;
    ensure!(ran.err.contains("read_aliases"), "{}", ran.err);
    ensure!(guarded.succeed(&["show", "b"]).await?.out.contains("aliases"), "the backup does not say it");
    guarded.refuse(&["backup", "--schema-only", "--id", "s"], 5, "may not read all aliases").await.map(drop)
}

/// All that a clear of `Article` takes, and nothing on other names.
fn on_article() -> Vec<Granted> {
    let on = |action| {
        let domain = match action {
            "read_data" | "delete_data" | "update_data" | "create_data" => "data",
            "read_aliases" => "aliases",
            "read_tenants" | "create_tenants" | "delete_tenants" | "update_tenants" => "tenants",
            _ => "collections",
        };
        (action, domain, "Article*", "*")
    };
    [
        "read_collections",
        "create_collections",
        "update_collections",
        "delete_collections",
        "read_data",
        "read_tenants",
        "read_aliases",
    ]
    .map(on)
    .to_vec()
}

/// The schema is tried under another name first, which this key may create as well.
pub async fn a_key_for_one_name_can_clear_it(world: &mut World) -> anyhow::Result<()> {
    if !world.since(1, 29) {
        return Ok(());
    }
    let (weaviate, rest) = guarded(world.weaviate.flavour(), on_article()).await?;
    seed::every_type(&rest, "Article", 12).await?;
    seed::every_type(&rest, "Other", 3).await?;
    let before = Census::take(&rest, &["Article", "Other"]).await?;
    let mut guarded = World::new(Arc::new(weaviate)).await?;
    guarded.serve_again(None, Some(CONFINED)).await?;
    guarded.succeed(&["clear", "Article", "--yes"]).await?;
    same(&before.only(&["Article"]).emptied(), &Census::take(&rest, &["Article"]).await?)?;
    same(&before.only(&["Other"]), &Census::take(&rest, &["Other"]).await?)?;
    let mut classes = rest.classes().await?;
    classes.sort();
    ensure!(classes == ["Article", "Other"], "{classes:?}");
    Ok(())
}
