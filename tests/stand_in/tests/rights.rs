//! Keys that may not do everything.

use reqwest::Method;
use selvedge_proto::weaviate::weaviate_client::WeaviateClient;
use selvedge_proto::weaviate::{
    AggregateRequest, BatchObject, BatchObjectsRequest, SearchRequest, TenantsGetRequest,
};
use serde_json::{Value, json};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::{Code, Request};

use crate::harness::rest::Rest;
use crate::stand_in::{Key, Permission, StandIn, StandInOptions};

const WORDS: &str = "rbac: authorization, forbidden action: user 'shepherd' has insufficient permissions to";

/// Classes `Fold`, with tenants `a` and `b`, and `Wool`; the key of a shepherd who may see the fold and the data of `a`.
async fn farm() -> anyhow::Result<(StandIn, Rest)> {
    let permissions = vec![
        Permission::on("read_collections", "Fo*"),
        Permission::on("read_tenants", "Fold").tenant("a"),
        Permission::on("read_data", "Fold").tenant("a"),
    ];
    let key = Key { key: "crook".into(), user: "shepherd".into(), permissions };
    let options =
        StandInOptions { api_key: Some("master".into()), keys: vec![key], ..StandInOptions::default() };
    let stand_in = StandIn::start(options).await?;
    let master = Rest::new(&stand_in.rest_url()).with_key("master");
    let tenancy = json!({"enabled": true});
    master.create(&json!({"class": "Fold", "multiTenancyConfig": tenancy})).await?;
    master.create(&json!({"class": "Wool"})).await?;
    master.post("/v1/schema/Fold/tenants", &json!([{"name": "a"}, {"name": "b"}])).await?;
    master.post("/v1/aliases", &json!({"alias": "Barn", "class": "Fold"})).await?;
    let rest = Rest::new(&stand_in.rest_url()).with_key("crook");
    Ok((stand_in, rest))
}

#[tokio::test]
async fn lists_are_shortened_without_a_word() -> anyhow::Result<()> {
    let (stand_in, rest) = farm().await?;
    assert_eq!(rest.classes().await?, ["Fold"]);
    let tenants = rest.get("/v1/schema/Fold/tenants").await?;
    assert_eq!(tenants, json!([{"name": "a", "activityStatus": "HOT"}]));
    assert_eq!(rest.get("/v1/aliases").await?, json!({"aliases": []}));
    let nodes = rest.get("/v1/nodes?output=verbose").await?;
    assert_eq!(nodes["nodes"][0]["shards"], json!([]));
    let master = Rest::new(&stand_in.rest_url()).with_key("master");
    assert_eq!(master.classes().await?.len(), 2);
    assert_eq!(master.get("/v1/nodes?output=verbose").await?["nodes"][0]["stats"]["shardCount"], 3);
    Ok(())
}

#[tokio::test]
async fn everything_else_is_refused() -> anyhow::Result<()> {
    let (_stand_in, rest) = farm().await?;
    rest.get("/v1/schema/Barn").await?;
    rest.get("/v1/meta").await?;
    let data = "read_data [[Domain: data, Collection: Fold, Tenant: *, Object: *]]";
    for (path, asked) in [
        ("/v1/schema/Wool", "read_collections [[Domain: collections, Collection: Wool]]"),
        ("/v1/schema/Nope", "read_collections [[Domain: collections, Collection: Nope]]"),
        ("/v1/schema/Fold/shards", "read_tenants [[Domain: tenants, Collection: Fold, Tenant: *]]"),
        ("/v1/schema/Fold/tenants/b", "read_tenants [[Domain: tenants, Collection: Fold, Tenant: b]]"),
        ("/v1/objects?class=Fold&tenant=a", data),
        ("/v1/nodes", "read_nodes [[Domain: nodes, Verbosity: minimal]]"),
        (
            "/v1/nodes/Fold?output=verbose",
            "read_nodes [[Domain: nodes, Verbosity: verbose, Collection: Fold]]",
        ),
        ("/v1/aliases/Barn", "read_aliases [[Domain: aliases, Collection: Fold, Alias: Barn]]"),
    ] {
        let (status, answer) = rest.call(Method::GET, path, None).await?;
        let text = format!("{WORDS} {asked}");
        let text = if asked == data { format!("msg:{text} code:403 err:{text}") } else { text };
        assert_eq!((status, answer), (403, json!({"error": [{"message": text}]})), "{path}");
    }
    let empty = json!({"objects": []});
    assert_eq!(rest.call(Method::POST, "/v1/batch/objects", Some(&empty)).await?.0, 403);
    assert_eq!(rest.call(Method::DELETE, "/v1/schema/Fold", None).await?.0, 403);
    let query = json!({"query": "{Aggregate{Fold{meta{count}}}}"});
    assert_eq!(rest.call(Method::POST, "/v1/graphql", Some(&query)).await?.0, 403);
    Ok(())
}

#[tokio::test]
async fn grpc_minds_them_too() -> anyhow::Result<()> {
    let (stand_in, _rest) = farm().await?;
    let mut client = WeaviateClient::connect(stand_in.grpc_url()).await?;
    let key: MetadataValue<Ascii> = "Bearer crook".parse()?;
    let search = |tenant: &str| {
        let mut request = Request::new(SearchRequest {
            collection: "Fold".into(),
            tenant: tenant.into(),
            ..SearchRequest::default()
        });
        request.metadata_mut().insert("authorization", key.clone());
        request
    };
    client.search(search("a")).await?;
    let status = client.search(search("b")).await.expect_err("not this tenant");
    let asked = "read_data [[Domain: data, Collection: Fold, Tenant: b, Object: *]]";
    assert_eq!(
        (status.code(), status.message()),
        (Code::PermissionDenied, format!("{WORDS} {asked}").as_str())
    );

    let mut count =
        Request::new(AggregateRequest { collection: "Wool".into(), ..AggregateRequest::default() });
    count.metadata_mut().insert("authorization", key.clone());
    let status = client.aggregate(count).await.expect_err("not this class");
    assert!(status.message().starts_with(&format!("parse params: {WORDS}")), "{status}");

    let mut list = Request::new(TenantsGetRequest { collection: "Fold".into(), params: None });
    list.metadata_mut().insert("authorization", key.clone());
    let tenants = client.tenants_get(list).await?.into_inner().tenants;
    assert_eq!(tenants.iter().map(|tenant| tenant.name.as_str()).collect::<Vec<_>>(), ["a"]);

    let object = BatchObject {
        uuid: "00000000-0000-0000-0000-000000000001".into(),
        collection: "Fold".into(),
        tenant: "a".into(),
        ..BatchObject::default()
    };
    let mut write = Request::new(BatchObjectsRequest { objects: vec![object], consistency_level: None });
    write.metadata_mut().insert("authorization", key);
    let errors = client.batch_objects(write).await?.into_inner().errors;
    let asked = "update_data [[Domain: data, Collection: Fold, Tenant: a, Object: *]]";
    assert_eq!(
        errors.iter().map(|error| error.error.as_str()).collect::<Vec<_>>(),
        [format!("{WORDS} {asked}")]
    );
    Ok(())
}

#[tokio::test]
async fn somebody_can_ask_what_he_may_do() -> anyhow::Result<()> {
    let (stand_in, rest) = farm().await?;
    let permissions = json!([
        {"action": "read_collections", "collections": {"collection": "Fo*"}},
        {"action": "read_tenants", "tenants": {"collection": "Fold", "tenant": "a"}},
        {"action": "read_data", "data": {"collection": "Fold", "object": "*", "tenant": "a"}},
    ]);
    assert_eq!(
        rest.get("/v1/users/own-info").await?,
        json!({
            "groups": null,
            "roles": [{"name": "role-of-shepherd", "permissions": permissions}],
            "username": "shepherd",
        })
    );
    let master = Rest::new(&stand_in.rest_url()).with_key("master");
    let info = master.get("/v1/users/own-info").await?;
    let permissions = info["roles"][0]["permissions"].as_array().cloned().unwrap_or_default();
    let all_data = json!({"action": "read_data", "data": {"collection": "*", "object": "*", "tenant": "*"}});
    assert!(permissions.contains(&all_data), "{info}");

    let options = StandInOptions { api_key: Some("master".into()), ..StandInOptions::default() };
    let plain = StandIn::start(options).await?;
    let info = Rest::new(&plain.rest_url()).with_key("master").get("/v1/users/own-info").await?;
    assert_eq!(info["roles"], Value::Null);
    Ok(())
}

#[tokio::test]
async fn roles_are_made_given_and_shown_to_who_may_see_them() -> anyhow::Result<()> {
    let (stand_in, rest) = farm().await?;
    let master = Rest::new(&stand_in.rest_url()).with_key("master");
    let names = |roles: Value| {
        let roles = roles.as_array().cloned().unwrap_or_default();
        roles.iter().map(|role| role["name"].to_string()).collect::<Vec<_>>().join(",")
    };
    let built_in = r#""admin","read-only","role-of-shepherd","root","viewer""#;
    assert_eq!(names(master.get("/v1/authz/roles").await?), built_in);
    assert_eq!(rest.get("/v1/authz/roles").await?, json!([]));

    let data = json!({"action": "read_data", "data": {"collection": "fold"}});
    let role = json!({"name": "shearer", "permissions": [data, {"action": "read_roles"}]});
    master.post("/v1/authz/roles", &role).await?;
    let whole = json!([
        {"action": "read_data", "data": {"collection": "Fold", "tenant": "*", "object": "*"}},
        {"action": "read_roles", "roles": {"role": "*", "scope": "match"}},
    ]);
    assert_eq!(master.get("/v1/authz/roles/shearer").await?["permissions"], whole);
    assert_eq!(master.call(Method::POST, "/v1/authz/roles", Some(&role)).await?.0, 409);
    let (status, answer) = rest.call(Method::POST, "/v1/authz/roles", Some(&role)).await?;
    assert_eq!(status, 403);
    assert!(answer.to_string().contains("create_roles [[Domain: roles, Role: shearer]]"), "{answer}");

    let to_user = json!({"roles": ["shearer"], "userType": "db"});
    let to_group = json!({"roles": ["shearer"], "groupType": "oidc"});
    for (path, body, status) in [
        ("/v1/authz/users/shepherd/assign", &to_user, 200),
        ("/v1/authz/users/wolf/assign", &to_user, 404),
        ("/v1/authz/groups/%2Fstaff/assign", &to_group, 200),
        ("/v1/authz/users/shepherd/assign", &json!({"roles": ["root"], "userType": "db"}), 403),
        ("/v1/authz/users/shepherd/assign", &json!({"roles": ["nope"], "userType": "db"}), 404),
    ] {
        assert_eq!(master.call(Method::POST, path, Some(body)).await?.0, status, "{path} {body}");
    }
    let of_role = |what: &str| format!("/v1/authz/roles/shearer/{what}-assignments");
    let users = json!([{"userId": "shepherd", "userType": "db_env_user"}]);
    assert_eq!(master.get(&of_role("user")).await?, users);
    assert_eq!(master.get(&of_role("group")).await?, json!([{"groupId": "/staff", "groupType": "oidc"}]));
    assert_eq!(rest.call(Method::GET, &of_role("user"), None).await?.0, 403);
    master.delete("/v1/authz/roles/shearer").await?;
    assert_eq!(master.get(&of_role("user")).await?, json!([]));
    Ok(())
}
