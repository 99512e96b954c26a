//! Classes that change: references, time to live, quantizers, dropped vectors.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::rest::Rest;
use crate::stand_in::{StandIn, StandInOptions};

async fn start(options: StandInOptions) -> anyhow::Result<(StandIn, Rest)> {
    let stand_in = StandIn::start(options).await?;
    let rest = Rest::new(&stand_in.rest_url());
    Ok((stand_in, rest))
}

async fn refused(rest: &Rest, method: Method, path: &str, body: &Value) -> anyhow::Result<String> {
    let (status, answer) = rest.call(method, path, Some(body)).await?;
    anyhow::ensure!(status >= 400, "{path} answered {status} {answer}");
    Ok(answer["error"][0]["message"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_reference_needs_its_target_and_looks_the_same_when_it_comes_later() -> anyhow::Result<()> {
    let (_stand_in, rest) = start(StandInOptions::default()).await?;
    let (_old, old) =
        start(StandInOptions { version: "1.27.27".into(), ..StandInOptions::default() }).await?;
    let reference = json!({"name": "r", "dataType": ["Wool"], "description": ""});
    let class = json!({"class": "Flock", "properties": [reference]});
    for (rest, at_creation, later) in [
        (&rest, "bad request: ", "property 'r': invalid dataType: [Wool]: "),
        (&old, "property 'r': invalid dataType: ", "property 'r': invalid dataType: "),
    ] {
        let missing = "reference property to nonexistent class";
        let text = refused(rest, Method::POST, "/v1/schema", &class).await?;
        assert_eq!(text, format!("{at_creation}{missing}"));
        rest.create(&json!({"class": "Later"})).await?;
        let text = refused(rest, Method::POST, "/v1/schema/Later/properties", &reference).await?;
        assert_eq!(text, format!("{later}{missing}"));
        rest.create(&json!({"class": "Wool"})).await?;
        rest.create(&class).await?;
        rest.post("/v1/schema/Later/properties", &reference).await?;
        let given = rest.get("/v1/schema/Flock").await?;
        assert_eq!(rest.get("/v1/schema/Later").await?["properties"], given["properties"]);
    }
    rest.create(&json!({"class": "Self", "properties": [{"name": "r", "dataType": ["Self"]}]})).await?;
    let text = refused(&rest, Method::POST, "/v1/schema/Self/properties", &json!({"name": "x"})).await?;
    assert_eq!(text, "property must contain dataType");
    Ok(())
}

#[tokio::test]
async fn objects_expire_where_the_server_and_the_class_say_so() -> anyhow::Result<()> {
    let ttl = |on: bool, delete_on: &str, seconds: i64| json!({"enabled": on, "deleteOn": delete_on, "defaultTtl": seconds, "filterExpiredObjects": true});
    let class = |ttl: Value| {
        let properties = json!([{"name": "at", "dataType": ["date"]}, {"name": "n", "dataType": ["int"]}]);
        json!({"class": "Milk", "objectTtlConfig": ttl, "properties": properties})
    };
    let (_without, rest) = start(StandInOptions::default()).await?;
    let text = refused(&rest, Method::POST, "/v1/schema", &class(ttl(true, "at", 0))).await?;
    assert!(text.ends_with("Set OBJECTS_TTL_DELETE_SCHEDULE to activate it"), "{text}");

    let (stand_in, rest) = start(StandInOptions { ttl: true, ..StandInOptions::default() }).await?;
    for (setting, part) in [
        (ttl(true, "", 0), "missing value for \"deleteOn\""),
        (ttl(true, "_creationTimeUnix", 5), "Required minimum \"60\" seconds, given \"5\" seconds"),
        (ttl(true, "nope", 0), "not found among collection properties"),
        (ttl(true, "n", 0), "should have \"date\" data type, \"int\" given"),
    ] {
        let text = refused(&rest, Method::POST, "/v1/schema", &class(setting)).await?;
        assert!(text.starts_with("ObjectTTLConfig: ") && text.contains(part), "{text}");
    }
    rest.create(&class(ttl(false, "", 0))).await?;
    let mut whole = rest.get("/v1/schema/Milk").await?;
    whole["objectTtlConfig"] = ttl(true, "_creationTimeUnix", 60);
    let text = refused(&rest, Method::PUT, "/v1/schema/Milk", &whole).await?;
    assert!(text.contains("requires indexed timestamps"), "{text}");
    whole["objectTtlConfig"] = ttl(true, "at", -60);
    rest.put("/v1/schema/Milk", &whole).await?;
    assert_eq!(rest.get("/v1/schema/Milk").await?["objectTtlConfig"], ttl(true, "at", -60));

    for (number, date) in [(1, "2020-01-01T00:00:00Z"), (2, "2999-01-01T00:00:00Z")] {
        let id = format!("00000000-0000-0000-0000-00000000000{number}");
        stand_in.contents().put(json!({"class": "Milk", "id": id, "properties": {"at": date}}));
    }
    stand_in.contents().put(json!({"class": "Milk"}));
    assert_eq!(super::objects::found(&stand_in, "Milk", "").await?, 2);
    assert_eq!(rest.count("Milk", None).await?, 3);
    whole["objectTtlConfig"]["enabled"] = json!(false);
    rest.put("/v1/schema/Milk", &whole).await?;
    assert_eq!(super::objects::found(&stand_in, "Milk", "").await?, 3);
    Ok(())
}

#[tokio::test]
async fn quantizers_are_turned_on_later_and_properties_sorted() -> anyhow::Result<()> {
    let (_stand_in, rest) = start(StandInOptions::default()).await?;
    let properties = json!([{"name": "b", "dataType": ["int"]}, {"name": "a", "dataType": ["int"]}]);
    rest.create(&json!({"class": "Wool", "properties": properties})).await?;
    for quantizer in ["pq", "sq", "rq"] {
        let mut class = rest.get("/v1/schema/Wool").await?;
        for other in ["pq", "bq", "sq", "rq"] {
            class["vectorIndexConfig"][other]["enabled"] = json!(other == quantizer);
        }
        rest.put("/v1/schema/Wool", &class).await?;
        let shown = rest.get("/v1/schema/Wool").await?;
        assert_eq!(shown["vectorIndexConfig"], class["vectorIndexConfig"]);
        assert_eq!(shown["properties"][0]["name"], "a");
    }
    let mut class = rest.get("/v1/schema/Wool").await?;
    class["vectorIndexConfig"]["rq"]["bits"] = json!(1);
    let text = refused(&rest, Method::PUT, "/v1/schema/Wool", &class).await?;
    assert!(text.ends_with("rq bits is immutable: attempted change from \"8\" to \"1\""), "{text}");
    rest.create(&json!({"class": "Flat", "vectorIndexType": "flat"})).await?;
    let mut class = rest.get("/v1/schema/Flat").await?;
    class["vectorIndexConfig"]["bq"]["enabled"] = json!(true);
    let text = refused(&rest, Method::PUT, "/v1/schema/Flat", &class).await?;
    assert!(text.ends_with("bq is immutable: attempted change from \"false\" to \"true\""), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_dropped_vector_is_read_but_not_written() -> anyhow::Result<()> {
    let path = "/v1/schema/Wool/vectors/n/index";
    let (_without, rest) = start(StandInOptions::default()).await?;
    assert_eq!(rest.call(Method::DELETE, path, None).await?.0, 500);

    let (stand_in, rest) = start(StandInOptions { drops_vectors: true, ..StandInOptions::default() }).await?;
    let contents = stand_in.contents();
    let vectors = json!({"n": {"vectorizer": {"none": {}}}});
    contents.create_class(json!({"class": "Wool", "vectorConfig": vectors}));
    let id = "00000000-0000-0000-0000-000000000001";
    let object = json!({"class": "Wool", "id": id, "vectors": {"n": [1.0, 2.0]}});
    contents.put(object.clone());
    rest.delete(path).await?;
    let dropped = json!({"n": {"vectorizer": {"none": {}}, "vectorIndexType": "none"}});
    let class = rest.get("/v1/schema/Wool").await?;
    assert_eq!(class["vectorConfig"], dropped);
    rest.put("/v1/schema/Wool", &class).await?;
    assert_eq!(rest.get("/v1/schema/Wool").await?, class);
    let page = "/v1/objects?class=Wool&include=vector";
    assert_eq!(rest.get(page).await?["objects"][0]["vectors"], json!({"n": [1, 2]}));
    let text = rest.write(std::slice::from_ref(&object)).await.expect_err("it is dropped").to_string();
    assert!(text.contains("vector index for n was dropped; writes targeting it are rejected"), "{text}");
    let mut copy = class;
    copy["class"] = json!("Copy");
    let text = refused(&rest, Method::POST, "/v1/schema", &copy).await?;
    assert!(text.contains("internal sentinel for dropped indexes"), "{text}");

    contents.finish_drop("Wool", "n");
    let class = rest.get("/v1/schema/Wool").await?;
    assert_eq!([&class["vectorConfig"], &class["vectorizer"]], [&Value::Null, &Value::Null]);
    assert!(rest.get(page).await?["objects"][0].get("vectors").is_none());
    Ok(())
}

#[tokio::test]
async fn modules_have_to_be_there() -> anyhow::Result<()> {
    let (_stand_in, rest) =
        start(StandInOptions { modules: Vec::new(), ..StandInOptions::default() }).await?;
    let missing = "no module with name \"text2vec-openai\" present";
    let class = json!({"class": "Wool", "vectorizer": "text2vec-openai"});
    assert_eq!(refused(&rest, Method::POST, "/v1/schema", &class).await?, format!("vectorizer: {missing}"));
    let named = |module: &str| json!({"class": "Wool", "vectorConfig": {"n": {"vectorizer": {module: {}}}}});
    let text = refused(&rest, Method::POST, "/v1/schema", &named("text2vec-openai")).await?;
    assert_eq!(text, format!("target vector \"n\": vectorizer: {missing}"));
    let mut class = named("none");
    class["moduleConfig"] = json!({"generative-foo": {}});
    let text = refused(&rest, Method::POST, "/v1/schema", &class).await?;
    assert_eq!(text, "module with name generative-foo doesn't exist");
    Ok(())
}
