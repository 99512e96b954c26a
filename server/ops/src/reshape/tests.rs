use serde_json::{Value, json};
use uuid::Uuid;

use selvedge_archive::{Rows, Select};
use selvedge_model::Batch;

use super::*;

fn collection() -> Collection {
    let index = json!({"vectorIndexType": "hnsw", "vectorIndexConfig": {"distance": "dot"}});
    let mut named = index.clone();
    named["vectorizer"] = json!({"text2vec-x": {"properties": ["title", "gone"]}});
    let mut class = json!({
        "class": "A",
        "vectorizer": "text2vec-y",
        "moduleConfig": {"text2vec-y": {"model": "m"}, "generative-z": {}},
        "properties": [
            {"name": "title", "dataType": ["text"], "moduleConfig": {"text2vec-y": {"skip": true}}},
            {"name": "gone", "dataType": ["text"]},
            {"name": "words", "dataType": ["int"], "indexRangeFilters": true, "tokenization": ""},
            {"name": "likes", "dataType": ["A"]},
        ],
        "vectorConfig": {"v": named},
        "objectTtlConfig": {"enabled": true, "deleteOn": "title"},
        "shardingConfig": {"desiredCount": 3},
    });
    class["vectorIndexType"] = index["vectorIndexType"].clone();
    class["vectorIndexConfig"] = index["vectorIndexConfig"].clone();
    Collection::from_schema(class).unwrap()
}

fn renames(pairs: &[(&str, &str)]) -> BTreeMap<Part, String> {
    pairs.iter().map(|(old, new)| (Part::from((*old).to_owned()), (*new).to_owned())).collect()
}

fn shape(reshape: Reshape) -> Shape {
    let collection = collection();
    Shape::of(&reshape, &collection, &collection.vector_spaces, &[]).unwrap().unwrap()
}

fn rows(objects: &[Value], spaces: &[VectorSpace]) -> Rows {
    let mut batch = Batch::new(spaces, true);
    for (number, object) in objects.iter().enumerate() {
        batch.ids.push(Uuid::from_u128(number as u128));
        batch.creation_times.push(1);
        batch.update_times.push(2);
        batch.properties.push(&object.to_string());
        batch.references.as_mut().unwrap().push(if number == 0 { r#"{"likes":["b"]}"# } else { "" });
        batch.vectors.iter_mut().for_each(selvedge_model::Vectors::push_absent);
    }
    Rows { tenant: None, batch, digests: Vec::new() }
}

#[test]
fn nothing_asked_for_is_no_other_shape() {
    let collection = collection();
    assert!(Shape::of(&Reshape::default(), &collection, &[], &[]).unwrap().is_none());
    let other = Reshape { drop_properties: [Part::from("B.title".to_owned())].into(), ..Reshape::default() };
    assert!(Shape::of(&other, &collection, &[], &[]).unwrap().is_none());
    assert_eq!(other.check([&collection].into_iter()).unwrap_err().field(), Some("drop_properties"));
}

#[test]
fn a_schema_follows_its_properties() {
    let shape = shape(Reshape {
        drop_properties: [Part::from("gone".to_owned())].into(),
        rename_properties: renames(&[("title", "general"), ("A.title", "headline"), ("likes", "loves")]),
        to_text: [Part::from("words".to_owned())].into(),
        ..Reshape::default()
    });
    let schema = &shape.collection.schema;
    assert_eq!(schema["vectorConfig"]["v"]["vectorizer"]["text2vec-x"]["properties"], json!(["headline"]));
    assert_eq!(schema["objectTtlConfig"]["deleteOn"], "headline");
    assert_eq!(schema["properties"][1], json!({"name": "words", "dataType": ["text"]}));
    let names: Vec<_> = shape.collection.properties.iter().map(|property| property.name.as_str()).collect();
    assert_eq!(names, ["headline", "words", "loves"]);

    let collection = collection();
    let expiring = Reshape { drop_properties: [Part::from("title".to_owned())].into(), ..Reshape::default() };
    let error = Shape::of(&expiring, &collection, &[], &[]).unwrap_err();
    assert!(error.to_string().contains("expire by property \"title\""), "{error}");
}

#[test]
fn an_unnamed_vector_becomes_a_named_one_or_goes() {
    let renamed =
        shape(Reshape { rename_vectors: renames(&[("", "main"), ("v", "a")]), ..Reshape::default() });
    let schema = &renamed.collection.schema;
    let main = &schema["vectorConfig"]["main"];
    assert_eq!(main["vectorizer"], json!({"text2vec-y": {"model": "m"}}));
    assert_eq!(
        (&main["vectorIndexType"], &main["vectorIndexConfig"]),
        (&json!("hnsw"), &json!({"distance": "dot"}))
    );
    assert!(schema.get("vectorizer").is_none() && schema["moduleConfig"] == json!({"generative-z": {}}));
    // In the order of their new names, and the batch's columns with them.
    let names: Vec<_> = renamed.spaces.iter().map(|space| space.name.as_deref()).collect();
    assert_eq!((names, &renamed.columns[..]), (vec![Some("a"), Some("main")], &[1, 0][..]));
    assert_eq!((renamed.new_vector(""), renamed.old_vector("a")), (Some("main"), Some("v")));

    let drop = |names: &[&str]| {
        let drop_vectors = names.iter().map(|name| Part::from((*name).to_owned())).collect();
        shape(Reshape { drop_vectors, ..Reshape::default() }).collection
    };
    let named = drop(&[""]).schema;
    assert!(named.get("vectorizer").is_none() && !named.to_string().contains("text2vec-y"), "{named}");
    let bare = drop(&["", "v"]);
    assert!(bare.vector_spaces.is_empty() && bare.schema["vectorizer"] == "none", "{}", bare.schema);
}

#[test]
fn objects_follow_their_schema() {
    let shape = shape(Reshape {
        drop_properties: [Part::from("gone".to_owned())].into(),
        rename_properties: renames(&[("title", "headline"), ("likes", "loves")]),
        to_text: [Part::from("words".to_owned())].into(),
        drop_vectors: [Part::from("v".to_owned())].into(),
        ..Reshape::default()
    });
    let objects =
        [json!({"gone": 1, "title": "\u{fc}\\", "words": 12}), json!({"words": [1.5, true, null, "t"]})];
    let mut reshaped = shape.apply(rows(&objects, &collection().vector_spaces)).unwrap();
    let Rows { tenant, batch, .. } = reshaped.remove(0);
    let texts: Vec<_> = batch.properties.iter().collect();
    assert_eq!(
        texts,
        ["{\"headline\":\"\u{fc}\\\\\",\"words\":\"12\"}", r#"{"words":["1.5","true",null,"t"]}"#]
    );
    let references: Vec<_> = batch.references.iter().flat_map(|column| column.iter()).collect();
    assert_eq!(references, [r#"{"loves":["b"]}"#, ""]);
    assert_eq!((tenant, batch.vectors.len()), (None, 1));
}

#[test]
fn objects_are_parted_by_the_tenants_they_name() {
    let by = |property: &str| {
        let tenancy = Tenancy::ByProperty(property.to_owned());
        shape(Reshape { tenancy, ..Reshape::default() })
    };
    let objects =
        [json!({"title": "b", "words": 7}), json!({"title": "a", "words": 7}), json!({"title": "b"})];
    let parted = by("title").apply(rows(&objects, &[])).unwrap();
    let parts: Vec<_> = parted.iter().map(|rows| (rows.tenant.as_deref(), rows.batch.len())).collect();
    assert_eq!(parts, [(Some("a"), 1), (Some("b"), 2)]);
    assert_eq!(parted[1].batch.ids, [Uuid::from_u128(0), Uuid::from_u128(2)]);
    let schema = &parted[1].batch.properties;
    assert_eq!(schema.get(1), r#"{"title":"b"}"#);
    let numbers = by("words").apply(rows(&objects[..2], &[])).unwrap();
    assert_eq!(numbers[0].tenant.as_deref(), Some("7"));
    let error = by("words").apply(rows(&objects, &[])).unwrap_err();
    assert!(
        error.to_string().contains("000000000002") && error.to_string().contains("has no value"),
        "{error}"
    );
    let error = by("title").apply(rows(&[json!({"title": "a b"})], &[])).unwrap_err();
    assert!(error.to_string().contains("is \"a b\""), "{error}");
    // References alone do not tell.
    assert_eq!(by("title").select(Select::References), Select::Texts);
}

#[test]
fn tenants_that_would_be_one_are_refused() {
    let class = json!({"class": "T", "multiTenancyConfig": {"enabled": true}, "properties": []});
    let collection = Collection::from_schema(class).unwrap();
    let rename = |pairs: &[(&str, &str)]| {
        let rename_tenants = pairs.iter().map(|(old, new)| ((*old).to_owned(), (*new).to_owned())).collect();
        Shape::of(&Reshape { rename_tenants, ..Reshape::default() }, &collection, &[], &["a", "b"])
    };
    assert_eq!(rename(&[("a", "b")]).unwrap_err().field(), Some("rename_tenants"));
    let swapped = rename(&[("a", "b"), ("b", "a")]).unwrap().unwrap();
    assert_eq!((swapped.new_tenant("a"), swapped.new_tenant("b"), swapped.new_tenant("c")), ("b", "a", "c"));
    assert!(rename(&[("c", "d")]).unwrap().is_none());
    let out = Reshape { tenancy: Tenancy::OutOf("a".to_owned()), ..Reshape::default() };
    let out = Shape::of(&out, &collection, &[], &["a"]).unwrap().unwrap();
    assert!(!out.collection.multi_tenant);
}
