use serde_json::json;

use super::*;

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
