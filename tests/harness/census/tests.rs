use serde_json::json;

use super::*;
use crate::harness::seed;
use crate::stand_in::{StandIn, StandInOptions};

fn census(name: &str, object: &str) -> Census {
    let text = format!(r#"{{"objects":[{object}]}}"#);
    let page = Page::parse(&text).expect("a page");
    let objects = page.objects.into_iter().map(|listed| {
        let key = Key { tenant: String::new(), id: listed.id.clone() };
        (key, listed.try_into().expect("an object"))
    });
    let schema = json!({"properties": [{"name": "n"}]});
    let collection = Collection { schema, tenants: BTreeMap::new(), objects: objects.collect() };
    Census { collections: [(name.to_owned(), collection)].into() }
}

#[test]
fn a_minus_is_a_difference() {
    let zero = census("A", r#"{"id":"1","properties":{"n":0},"vector":[0,1]}"#);
    let minus = census("B", r#"{"id":"1","properties":{"n":-0},"vector":[-0,1]}"#);
    assert_eq!(zero.differences(&zero, &[]), [""; 0]);
    assert_eq!(
        zero.differences(&minus, &[("A", "B")]),
        [
            "B: object 1: property n was 0, is -0.0",
            "B: object 1: its vector was 2 floats, is 2 floats; the shape is the same, the floats are not",
        ]
    );
}

#[test]
fn nothing_may_be_missing_or_new() {
    let one = census("A", r#"{"id":"1","properties":{"n":5e-324},"vectors":{"m":[[1,2],[3,4]],"s":[1]}}"#);
    let other = census("A", r#"{"id":"2","properties":{}}"#);
    assert_eq!(one.differences(&other, &[]), ["A: object 1 is missing", "A: object 2 was not there before"]);
    assert_eq!(
        one.differences(&census("A", r#"{"id":"1","properties":{},"vectors":{"m":[1,2]}}"#), &[]),
        [
            "A: object 1: property n was 5e-324, is absent",
            "A: object 1: vector m was 2 vectors of 2 floats, is 2 floats",
            "A: object 1: vector s was 1 floats, is absent",
        ]
    );
    assert_eq!(
        one.differences(&census("B", ""), &[]),
        ["A: the collection is missing", "B: the collection was not there before"]
    );
}

#[test]
fn schemas_are_compared_down_to_the_value() {
    let one = census("A", "");
    let mut other = one.clone();
    other.collections.get_mut("A").expect("A").schema =
        json!({"properties": [{"name": "m"}], "vectorizer": "none"});
    assert_eq!(
        one.differences(&other, &[]),
        [r#"A: schema.properties[0].name was "n", is "m""#, r#"A: schema.vectorizer was absent, is "none""#]
    );
}

#[tokio::test]
async fn one_changed_object_among_many_is_found() -> anyhow::Result<()> {
    let stand_in = StandIn::start(StandInOptions::default()).await?;
    let rest = Rest::new(&stand_in.rest_url());
    seed::every_type(&rest, "Every", 20).await?;
    seed::named_vectors(&rest, "Named", 20).await?;
    seed::tenanted(&rest, "Tenanted", 5).await?;
    let names = ["Every", "Named", "Tenanted"];
    let before = Census::take(&rest, &names).await?;
    assert_eq!((before.collections(), before.objects()), (3, 20 + 20 + 66));
    assert_eq!(before.differences(&Census::take(&rest, &names).await?, &[]), [""; 0]);

    let id = "ffffffff-ffff-ffff-ffff-ffffffffffff";
    rest.write(&[json!({"class": "Every", "id": id, "properties": {"number": -0.0}})]).await?;
    rest.put("/v1/schema/Tenanted/tenants", &json!([{"name": "tenant-4", "activityStatus": "COLD"}])).await?;
    let found = before.differences(&Census::take(&rest, &names).await?, &[]);
    assert!(found.iter().any(|line| line.contains(&format!("Every: object {id}: property"))), "{found:?}");
    assert!(found.iter().any(|line| line.starts_with("Tenanted: tenant tenant-4 was ")), "{found:?}");
    assert!(found.iter().all(|line| line.contains(id) || line.contains("tenant-4")), "{found:?}");
    Ok(())
}

#[test]
fn references_are_beacons_in_order() {
    let one = |beacons: &[&str]| {
        let list: Vec<_> = beacons
            .iter()
            .map(|end| json!({"beacon": format!("weaviate://localhost/{end}"), "href": format!("/v1/{end}")}))
            .collect();
        let mut census = census("A", &json!({"id": "1", "properties": {"r": list}}).to_string());
        census.collections.get_mut("A").expect("A").schema =
            json!({"properties": [{"name": "r", "dataType": ["A", "B"]}]});
        census
    };
    let before = one(&["A/1", "B/2", "B/2"]);
    assert_eq!(before.differences(&before, &[]), [""; 0]);
    for after in [one(&["B/2", "A/1", "B/2"]), one(&["A/1", "B/2"])] {
        assert_eq!(before.differences(&after, &[]).len(), 1);
    }
    let mut after = one(&["Z/1", "B/2", "B/2"]);
    let mut renamed = after.collections.remove("A").expect("A");
    renamed.schema = json!({"properties": [{"name": "r", "dataType": ["Z", "B"]}]});
    after.collections.insert("Z".to_owned(), renamed);
    assert_eq!(before.differences(&after, &[("A", "Z")]), [""; 0]);
    assert_eq!(after.differences(&before, &[("Z", "B")]).len(), 2);
}

#[tokio::test]
async fn seeded_references_are_counted() -> anyhow::Result<()> {
    let stand_in = StandIn::start(StandInOptions::default()).await?;
    let rest = Rest::new(&stand_in.rest_url());
    let names = seed::references(&rest, "Linked", 40).await?;
    let before = Census::take(&rest, &names).await?;
    assert_eq!((before.collections(), before.objects()), (2, 80));
    let texts: Vec<&String> = before
        .collections
        .values()
        .flat_map(|collection| collection.objects.values())
        .flat_map(|object| object.properties.iter().filter(|(name, _)| *name != "text").map(|(_, text)| text))
        .collect();
    assert!(texts.len() > 40 && texts.iter().all(|text| !text.contains("href")), "{texts:?}");

    // What is written again has no references any more.
    let id = "ffffffff-ffff-ffff-ffff-ffffffffffff";
    rest.write(&[json!({"class": "Linked", "id": id, "properties": {"text": "number 2"}})]).await?;
    let object = rest.get(&format!("/v1/objects/Linked/{id}")).await?;
    assert_eq!(object["properties"], json!({"text": "number 2"}));
    Ok(())
}
