//! Roles of a cluster, and who has them.

use std::sync::Arc;

use anyhow::ensure;
use reqwest::Method;
use selvedge_tests::harness::rest::Rest;
use selvedge_tests::harness::seed;
use selvedge_tests::harness::weaviate::Weaviate;
use selvedge_tests::harness::world::{Server, World, local, serve_at};
use serde_json::{Value, json};

use crate::keys::{CONFINED, Granted, ROOT, guarded_with};

/// What the role `editor` permits: one collection by its name, and those whose names begin with the same letters.
fn editing(collection: &str) -> Value {
    json!([
        {"action": "read_collections", "collections": {"collection": collection}},
        {"action": "update_data", "data": {"collection": collection, "tenant": "*", "object": "*"}},
        {"action": "read_data", "data": {"collection": "Art*", "tenant": "*", "object": "*"}},
    ])
}

async fn create(rest: &Rest, role: &str, permissions: &Value) -> anyhow::Result<()> {
    rest.post("/v1/authz/roles", &json!({"name": role, "permissions": permissions})).await.map(drop)
}

async fn give(rest: &Rest, user: &str, roles: &[&str]) -> anyhow::Result<()> {
    let body = json!({"roles": roles, "userType": "db"});
    rest.post(&format!("/v1/authz/users/{user}/assign"), &body).await.map(drop)
}

/// What a role permits, in an order that does not depend on the server; null if there is no such role.
async fn permissions(rest: &Rest, role: &str) -> anyhow::Result<Value> {
    let (status, found) = rest.call(Method::GET, &format!("/v1/authz/roles/{role}"), None).await?;
    ensure!(status == 200 || status == 404, "{status} {found}");
    Ok(sorted(found["permissions"].clone()))
}

fn sorted(mut list: Value) -> Value {
    if let Some(items) = list.as_array_mut() {
        items.sort_by_key(ToString::to_string);
    }
    list
}

/// All roles, what they permit, and who has them, but for one user.
async fn all_but(rest: &Rest, has_groups: bool, user: &str) -> anyhow::Result<Vec<Value>> {
    let mut all = Vec::new();
    for role in rest.get("/v1/authz/roles").await?.as_array().into_iter().flatten() {
        let name = role["name"].as_str().unwrap_or_default();
        let of = |what: &str| format!("/v1/authz/roles/{name}/{what}-assignments");
        let mut users = rest.get(&of("user")).await?;
        users.as_array_mut().into_iter().for_each(|users| users.retain(|one| one["userId"] != user));
        let groups = if has_groups { rest.get(&of("group")).await? } else { Value::Null };
        let permissions = sorted(role["permissions"].clone());
        all.push(json!({"name": name, "permissions": permissions, "users": sorted(users), "groups": groups}));
    }
    Ok(all)
}

/// A world on a Weaviate with access control, with an `Article` and a role for it that a user has. The server has a root key.
async fn edited(world: &World, granted: Vec<Granted>, others: &[&str]) -> anyhow::Result<(World, Rest)> {
    let (weaviate, rest) = guarded_with(world.weaviate.flavour(), granted, others).await?;
    seed::every_type(&rest, "Article", 12).await?;
    create(&rest, "editor", &editing("Article")).await?;
    give(&rest, "confined", &["editor"]).await?;
    let mut guarded = World::new(Arc::new(weaviate)).await?;
    guarded.serve_again(None, Some(ROOT)).await?;
    Ok((guarded, rest))
}

/// Another server on the repository of a world.
async fn serve(world: &World, weaviate: &Weaviate, key: Option<&str>) -> anyhow::Result<Server> {
    serve_at(&weaviate.rest_url(), &weaviate.grpc_url(), local(world.folder())?, key).await
}

pub async fn they_come_back_with_who_has_them(world: &mut World) -> anyhow::Result<()> {
    if !world.since(1, 30) {
        return Ok(());
    }
    let has_groups = world.since(1, 33);
    let (source, rest) = edited(world, Vec::new(), &["leaver"]).await?;
    give(&rest, "confined", &["viewer"]).await?;
    give(&rest, "leaver", &["editor", "viewer"]).await?;
    if has_groups {
        let body = json!({"roles": ["editor"], "groupType": "oidc"});
        rest.post("/v1/authz/groups/%2Fstaff/assign", &body).await?;
    }
    source.succeed(&["backup", "--id", "b"]).await?;
    ensure!(source.backup_file("b", "access.json").is_file(), "nothing was written");
    let shown = source.succeed(&["show", "b"]).await?.out;
    ensure!(shown.contains("access    ") && shown.contains("role holders"), "{shown}");
    source.succeed(&["verify", "b"]).await?;

    let (weaviate, there) = guarded_with(world.weaviate.flavour(), Vec::new(), &[]).await?;
    let server = serve(&source, &weaviate, Some(ROOT)).await?;
    let ran = source.run_on(&server, &["restore", "b", "--roles"]).await;
    ensure!(ran.code == 0, "{ran:?}");
    ensure!(ran.err.contains("not on the cluster: user \"leaver\"; "), "{ran:?}");
    ensure!(ran.err.contains("give them editor, viewer"), "{ran:?}");
    let before = all_but(&rest, has_groups, "leaver").await?;
    let after = all_but(&there, has_groups, "leaver").await?;
    ensure!(before == after, "{before:?}\n{after:?}");

    // Without access control, Weaviate would say that it has created roles.
    let open = serve(&source, &world.weaviate, None).await?;
    let ran = source.run_on(&open, &["restore", "b", "--roles"]).await;
    ensure!(ran.code == 2 && ran.err.contains("it has no access control"), "{ran:?}");
    ensure!(world.rest.classes().await?.is_empty());
    let ran = source.run_on(&open, &["restore", "b"]).await;
    ensure!(ran.code == 0, "{ran:?}");
    // What has no access control has none in its backup, and no remark of it.
    let ran = source.run_on(&open, &["backup", "--id", "open"]).await;
    ensure!(ran.code == 0 && !ran.err.contains("roles"), "{ran:?}");
    ensure!(!source.backup_file("open", "access.json").exists(), "access was made up");
    let restore = ["restore", "open", "--rename", "Article=New", "--roles"];
    source.refuse(&restore, 2, "has no roles").await.map(drop)
}

pub async fn what_is_there_is_left_as_it_is(world: &mut World) -> anyhow::Result<()> {
    if !world.since(1, 30) {
        return Ok(());
    }
    let (guarded, rest) = edited(world, Vec::new(), &[]).await?;
    guarded.succeed(&["backup", "--id", "b"]).await?;
    rest.delete("/v1/authz/roles/editor").await?;
    create(&rest, "editor", &editing("Other")).await?;
    let before = all_but(&rest, false, "").await?;

    let restore = ["restore", "b", "--rename", "Article=Copy", "--roles"];
    let plan = guarded.succeed(&[&restore[..], &["--dry-run"]].concat()).await?.out;
    ensure!(plan.contains("permit something else on the cluster stay as they are: editor"), "{plan}");
    let ran = guarded.succeed(&restore).await?;
    for told in ["role \"editor\" permits something else on the cluster", "given to nobody"] {
        ensure!(ran.err.contains(told), "{}", ran.err);
    }
    let after = all_but(&rest, false, "").await?;
    ensure!(before == after, "{before:?}\n{after:?}");
    Ok(())
}

pub async fn they_follow_a_rename(world: &mut World) -> anyhow::Result<()> {
    if !world.since(1, 30) {
        return Ok(());
    }
    let (guarded, rest) = edited(world, Vec::new(), &[]).await?;
    guarded.succeed(&["backup", "--id", "b"]).await?;
    rest.delete("/v1/authz/roles/editor").await?;

    let restore = ["restore", "b", "--rename", "Article=Copy", "--roles"];
    let plan = guarded.succeed(&[&restore[..], &["--dry-run"]].concat()).await?.out;
    ensure!(plan.contains("roles are created: editor"), "{plan}");
    ensure!(permissions(&rest, "editor").await?.is_null(), "a dry run creates roles");
    guarded.succeed(&["restore", "b", "--rename", "Article=Plain"]).await?;
    ensure!(permissions(&rest, "editor").await?.is_null(), "roles were created that nobody asked for");
    guarded.succeed(&restore).await?;
    let found = permissions(&rest, "editor").await?;
    ensure!(found == sorted(editing("Copy")), "{found}");
    let users = rest.get("/v1/authz/roles/editor/user-assignments").await?;
    ensure!(users == json!([{"userId": "confined", "userType": "db_env_user"}]), "{users}");

    // Once more changes nothing.
    let again = guarded.succeed(&[&restore[..], &["--if-exists", "merge"]].concat()).await?;
    ensure!(!again.err.contains("role \"editor\""), "{}", again.err);
    ensure!(permissions(&rest, "editor").await? == found);
    Ok(())
}

/// All that Weaviate has, but nothing of roles.
fn without_roles() -> Vec<Granted> {
    ["collections", "data", "tenants", "aliases"]
        .into_iter()
        .zip(["read_collections", "read_data", "read_tenants", "read_aliases"])
        .map(|(domain, action)| (action, domain, "*", "*"))
        .collect()
}

pub async fn a_key_that_may_not_read_them_says_so(world: &mut World) -> anyhow::Result<()> {
    if !world.since(1, 32) {
        return Ok(());
    }
    let (mut guarded, rest) = edited(world, without_roles(), &[]).await?;
    guarded.serve_again(None, Some(CONFINED)).await?;
    let ran = guarded.succeed(&["backup", "--id", "b"]).await?;
    let told = "roles and who has them are not in the backup";
    ensure!(ran.err.contains(told) && ran.err.contains("it has no read_roles"), "{}", ran.err);
    ensure!(!guarded.backup_file("b", "access.json").exists(), "roles that nobody may read");
    let shown = guarded.succeed(&["show", "b"]).await?.out;
    ensure!(shown.contains("(full)") && shown.contains(&format!("note: {told}")), "{shown}");
    guarded.serve_again(None, Some(ROOT)).await?;
    guarded.refuse(&["restore", "b", "--rename", "Article=Copy", "--roles"], 2, told).await?;
    ensure!(rest.classes().await? == ["Article"], "something was restored");
    Ok(())
}

/// All that a restore of a schema takes, and to read roles.
fn without_creating_roles() -> Vec<Granted> {
    let on = |action: &'static str, domain| (action, domain, "*", "*");
    vec![
        on("read_collections", "collections"),
        on("create_collections", "collections"),
        on("update_collections", "collections"),
        on("delete_collections", "collections"),
        on("read_data", "data"),
        on("read_tenants", "tenants"),
        on("read_aliases", "aliases"),
        on("read_roles", "roles"),
    ]
}

pub async fn what_a_key_may_not_create_makes_the_job_partial(world: &mut World) -> anyhow::Result<()> {
    // Before, there is no permission to read aliases.
    if !world.since(1, 32) {
        return Ok(());
    }
    let (mut guarded, rest) = edited(world, without_creating_roles(), &[]).await?;
    guarded.succeed(&["backup", "--id", "b"]).await?;
    rest.delete("/v1/authz/roles/editor").await?;
    guarded.serve_again(None, Some(CONFINED)).await?;
    let restore = ["restore", "b", "--schema-only", "--rename", "Article=Copy", "--roles"];
    let ran = guarded.refuse(&restore, 5, "roles were not created: editor").await?;
    ensure!(ran.err.contains("give the key's role this permission in Weaviate"), "{}", ran.err);
    let mut classes = rest.classes().await?;
    classes.sort();
    ensure!(classes == ["Article", "Copy"], "{classes:?}");
    ensure!(permissions(&rest, "editor").await?.is_null());
    Ok(())
}
