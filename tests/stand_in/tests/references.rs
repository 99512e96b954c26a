//! References that are added to stored objects.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::rest::Rest;
use crate::stand_in::faults::{Call, Objects};
use crate::stand_in::{StandIn, StandInOptions};

const ID: &str = "00000000-0000-0000-0000-00000000000a";
const NOBODY: &str = "00000000-0000-0000-0000-00000000000b";

/// `Flock` with the one object `ID`, `Wool` without any, and `Fold` with the tenant `a` and the same object there.
async fn farm() -> anyhow::Result<(StandIn, Rest)> {
    let stand_in = StandIn::start(StandInOptions::default()).await?;
    let contents = stand_in.contents();
    contents.create_class(json!({"class": "Wool"}));
    let properties = json!([
        {"name": "name", "dataType": ["text"]},
        {"name": "wool", "dataType": ["Wool"]},
        {"name": "once", "dataType": ["Wool"], "disableDuplicatedReferences": true},
        {"name": "any", "dataType": ["Flock", "Wool"]},
    ]);
    contents.create_class(json!({"class": "Flock", "properties": properties}));
    contents.create_class(json!({
        "class": "Fold", "multiTenancyConfig": {"enabled": true}, "properties": [{"name": "flock", "dataType": ["Flock"]}],
    }));
    let rest = Rest::new(&stand_in.rest_url());
    rest.post("/v1/schema/Fold/tenants", &json!([{"name": "a"}, {"name": "b", "activityStatus": "COLD"}]))
        .await?;
    contents.put(json!({"class": "Flock", "id": ID, "properties": {"name": "dolly", "any": []}}));
    contents.put(json!({"class": "Fold", "id": ID, "tenant": "a"}));
    Ok((stand_in, rest))
}

fn link(from: &str, to: &str) -> Value {
    let [from, to] = [from, to].map(|end| format!("weaviate://localhost/{end}"));
    json!({"from": from, "to": to})
}

async fn answers(rest: &Rest, links: &[Value]) -> anyhow::Result<Vec<Value>> {
    let answers = rest.post("/v1/batch/references", &links.into()).await?;
    Ok(answers.as_array().cloned().unwrap_or_default())
}

#[tokio::test]
async fn they_are_appended_in_order_whether_or_not_there_is_what_they_point_to() -> anyhow::Result<()> {
    let (_stand_in, rest) = farm().await?;
    let path = format!("/v1/objects/Flock/{ID}");
    let from = format!("Flock/{ID}/wool");
    let before = rest.get(&path).await?;
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let to = [NOBODY, ID, NOBODY].map(|id| format!("Wool/{id}"));
    rest.link(&[link(&from, &to[0]), link(&from, &to[1]), link(&from, NOBODY)]).await?;
    let once = format!("Flock/{ID}/once");
    rest.link(&[link(&once, &to[0]), link(&once, &to[0]), link(&once, &to[1])]).await?;

    let after = rest.get(&path).await?;
    let shown = |path: &String| json!({"beacon": format!("weaviate://localhost/{path}"), "href": format!("/v1/objects/{path}")});
    assert_eq!(after["properties"]["wool"], to.iter().map(shown).collect::<Value>());
    assert_eq!(after["properties"]["once"], to[..2].iter().map(shown).collect::<Value>());
    assert_eq!(after["creationTimeUnix"], before["creationTimeUnix"]);
    assert!(after["lastUpdateTimeUnix"].as_i64() > before["lastUpdateTimeUnix"].as_i64(), "{after}");

    rest.write(&[json!({"class": "Flock", "id": ID})]).await?;
    assert_eq!(rest.get(&path).await?["properties"], json!({}));
    Ok(())
}

#[tokio::test]
async fn each_is_refused_by_itself() -> anyhow::Result<()> {
    let (stand_in, rest) = farm().await?;
    stand_in.contents().create_class(json!({"class": "Pen", "multiTenancyConfig": {"enabled": true}}));
    let wool = format!("Wool/{NOBODY}");
    for (from, to, tenant, text) in [
        (format!("Flock/{NOBODY}/wool"), &wool, "", format!("ref batch: object with id {NOBODY} not found")),
        (format!("Flock/{ID}/nope"), &wool, "", "ref batch: property 'nope' not found in schema".into()),
        (
            format!("Flock/{ID}/name"),
            &wool,
            "",
            "ref batch: prop name is present, but not a ref, got: string".into(),
        ),
        (
            format!("Flock/{ID}/any"),
            &wool,
            "",
            "ref batch: prop any is present, but not a ref, got: []interface {}".into(),
        ),
        (format!("Nope/{ID}/x"), &wool, "", "source class \"Nope\" not found in schema".into()),
        (
            format!("Flock/{ID}/wool"),
            &format!("Nope/{ID}"),
            "",
            "target class \"Flock\" not found in schema".into(),
        ),
        (
            format!("Flock/{ID}/wool"),
            &wool,
            "a",
            "class Flock has multi-tenancy disabled, but request was with tenant".into(),
        ),
        (
            format!("Flock/{ID}/wool"),
            &format!("Pen/{ID}"),
            "",
            "invalid reference: cannot reference a multi-tenant enabled class from a non multi-tenant enabled class"
                .into(),
        ),
        (
            format!("Fold/{ID}/flock"),
            &wool,
            "a",
            format!("target: object Wool/{NOBODY} not found for tenant \"\""),
        ),
        (
            format!("Fold/{ID}/flock"),
            &wool,
            "b",
            format!("source: get object Fold/{ID}: determine shard: tenant not active: 'b'"),
        ),
        (
            format!("Fold/{ID}"),
            &"Wool/x".to_owned(),
            "",
            format!(
                "invalid cref URI: must use long-form: path must be of format '/<className>/<uuid>/<propertyName>', but \
                 got '/Fold/{ID}', invalid cref URI: 2nd path segment must be uuid, but got 'x'"
            ),
        ),
    ] {
        let mut refused = link(&from, to);
        refused["tenant"] = tenant.into();
        let found = answers(&rest, &[refused, link(&format!("Flock/{ID}/wool"), &wool)]).await?;
        assert_eq!(found[0]["result"]["errors"]["error"][0]["message"], json!(text), "{from} {to}");
        assert_eq!(found[1]["result"], json!({"status": "SUCCESS"}));
    }
    // Refused, but written all the same.
    let object = rest.get(&format!("/v1/objects/Flock/{ID}")).await?;
    assert_eq!(object["properties"]["any"].as_array().map(Vec::len), Some(1));
    rest.link(&[json!({
        "from": format!("weaviate://localhost/Fold/{ID}/flock"),
        "to": format!("weaviate://localhost/Flock/{ID}"),
        "tenant": "a",
    })])
    .await?;
    Ok(())
}

#[tokio::test]
async fn what_is_no_list_of_urls_is_refused_as_a_whole() -> anyhow::Result<()> {
    let (_stand_in, rest) = farm().await?;
    let path = "/v1/batch/references";
    let (status, answer) = rest.call(Method::POST, path, Some(&json!([]))).await?;
    assert_eq!(status, 422, "{answer}");
    let (status, answer) = rest.call(Method::POST, path, Some(&json!([{"from": "x"}]))).await?;
    let text = "from in body must be of type uri: \"x\"";
    assert_eq!((status, answer), (422, json!({"code": 601, "message": text})));
    let level = format!("{path}?consistency_level=FEW");
    assert_eq!(rest.call(Method::POST, &level, Some(&json!([]))).await?.0, 400);
    Ok(())
}

#[tokio::test]
async fn faults_strike_them_too() -> anyhow::Result<()> {
    let (stand_in, rest) = farm().await?;
    let rule = || stand_in.faults().on(Call::rest("POST", "/v1/batch/references"));
    let one = link(&format!("Flock/{ID}/wool"), &format!("Wool/{ID}"));
    rule().refuse_objects(Objects::Index(1), "store is read-only");
    let found = answers(&rest, &[one.clone(), one.clone()]).await?;
    assert_eq!(found[1]["result"]["errors"]["error"][0]["message"], "store is read-only");
    rule().http(503, "later");
    rest.link(std::slice::from_ref(&one)).await.expect_err("503");
    rule().lose_answer();
    rest.link(&[one]).await.expect_err("no answer");
    let object = rest.get(&format!("/v1/objects/Flock/{ID}")).await?;
    assert_eq!(object["properties"]["wool"].as_array().map(Vec::len), Some(2));
    Ok(())
}
