use super::*;
use crate::TextColumn;

fn property(name: &str, kind: ValueKind, list: bool) -> Property {
    Property::new(name, kind, list)
}

fn schema() -> Vec<Property> {
    let nested = vec![property("n", ValueKind::Number, false), property("A", ValueKind::Text, true)];
    vec![
        property("text", ValueKind::Text, false),
        property("int", ValueKind::Int, false),
        property("number", ValueKind::Number, false),
        property("numbers", ValueKind::Number, true),
        property("geo", ValueKind::GeoCoordinates, false),
        property("phone", ValueKind::PhoneNumber, false),
        property("hash", ValueKind::BlobHash, false),
        Property { nested: nested.clone(), ..property("object", ValueKind::Object, false) },
        Property { nested, ..property("objects", ValueKind::Object, true) },
        Property { targets: vec!["Author".to_owned()], ..property("by", ValueKind::Reference, true) },
    ]
}

fn batch(json: &str, references: &str) -> Batch {
    let mut batch = Batch::new(&[], true);
    batch.ids.push(Uuid::from_u128(7));
    batch.creation_times.push(1);
    batch.update_times.push(1);
    batch.properties.push(json);
    if let Some(column) = &mut batch.references {
        column.push(references);
    }
    batch
}

fn digest_of(batch: &Batch) -> Result<Digest, Unfit> {
    let mut total = Digest::default();
    Digester::new(&schema(), &[]).each(None, batch, |_, _, digest| total += digest)?;
    Ok(total)
}

fn digest(json: &str) -> Digest {
    digest_of(&batch(json, "")).unwrap()
}

#[test]
fn the_same_value_in_another_spelling_is_the_same() {
    for (one, other) in [
        (r#"{"text":"<é"}"#, r#"{"text":"\u003c\u00e9"}"#),
        (r#"{"number":1e21}"#, r#"{"number":1000000000000000000000}"#),
        (r#"{"number":3.0}"#, r#"{"number":3}"#),
        (r#"{"int":-0}"#, r#"{"int":0}"#),
        (r#"{"int":9223372036854775808}"#, r#"{"int":9.223372036854775808e18}"#),
        (r#"{"number":null}"#, "{}"),
        (r#"{"geo":{"latitude":52.3,"longitude":4.9}}"#, r#"{"geo":{"longitude":4.9,"latitude":52.299999}}"#),
        (r#"{"phone":{"input":"1","valid":true}}"#, r#"{"phone":{"defaultCountry":"","input":"1"}}"#),
        (r#"{"hash":"aa"}"#, "{}"),
    ] {
        assert_eq!(digest(one), digest(other), "{one} {other}");
    }
}

#[test]
fn what_differs_differs() {
    let mut seen: Vec<(Digest, &str)> = Vec::new();
    for json in [
        "{}",
        r#"{"text":""}"#,
        r#"{"text":"a"}"#,
        r#"{"number":0}"#,
        r#"{"number":-0.0}"#,
        r#"{"number":5e-324}"#,
        r#"{"int":0}"#,
        r#"{"numbers":[]}"#,
        r#"{"numbers":[0]}"#,
        r#"{"numbers":[0,0]}"#,
        r#"{"geo":{"latitude":52.3,"longitude":4.9}}"#,
        r#"{"geo":{"latitude":52.3,"longitude":-4.9}}"#,
        r#"{"object":{}}"#,
        r#"{"object":{"n":null}}"#,
        r#"{"object":{"A":[],"n":1}}"#,
        r#"{"objects":[]}"#,
        r#"{"objects":[{}]}"#,
        r#"{"objects":[{"n":1},{"n":2}]}"#,
        r#"{"objects":[{"n":2},{"n":1}]}"#,
    ] {
        let digest = digest(json);
        let same = seen.iter().find(|(other, _)| *other == digest);
        assert!(same.is_none(), "{json} and {same:?}");
        seen.push((digest, json));
    }
}

#[test]
fn ids_tenants_references_and_vectors_count() {
    let plain = batch("{}", "");
    let mut other_id = plain.clone();
    other_id.ids[0] = Uuid::from_u128(8);
    assert_ne!(digest_of(&plain).unwrap().properties, digest_of(&other_id).unwrap().properties);
    let mut of_tenant = Digest::default();
    Digester::new(&schema(), &[]).each(Some("t"), &plain, |_, _, digest| of_tenant += digest).unwrap();
    assert_ne!(of_tenant, digest_of(&plain).unwrap());

    let id = "7c1e9d0a-5b7f-4a57-9f0e-3d0f4a7b2c11";
    let to = |beacons: &str| digest_of(&batch("{}", &format!(r#"{{"by":[{beacons}]}}"#))).unwrap().references;
    let full = format!(r#""weaviate://localhost/Author/{id}""#);
    assert_ne!(to(""), HashSum::default(), "an empty list is something");
    assert_ne!(to(&full), to(""));
    assert_ne!(to(&full), to(&format!("{full},{full}")));
    assert_eq!(to(&full), to(&format!(r#""weaviate://localhost/{id}""#)), "one target needs no name");
}

#[test]
fn changed_members_are_named_by_what_they_are() {
    let digester = Digester::new(&schema(), &[]);
    let was = r#"{"geo":{"latitude":52.3,"longitude":4.9},"hash":"aa","number":1,"phone":{"input":"1"},"text":"a"}"#;
    let is = r#"{"geo":{"longitude":4.9,"latitude":52.299999},"number":1.0,"phone":{"input":"1","valid":true},"text":"b"}"#;
    assert_eq!(digester.changed_properties(was, is), ["text"]);
    assert_eq!(digester.changed_properties(was, "{}"), ["geo", "number", "phone", "text"]);
    let to = |beacon: &str| format!(r#"{{"by":["weaviate://localhost/{beacon}"]}}"#);
    assert!(digester.changed_references(&to("Author/7c1e"), &to("7c1e")).is_empty());
    assert_eq!(digester.changed_references(&to("Author/7c1e"), ""), ["by"]);
}

#[test]
fn what_does_not_fit_is_told_with_the_object() {
    for json in [r#"{"none":1}"#, r#"{"text":1}"#, r#"{"numbers":1}"#, r#"{"text":"","int":1}"#, "[]", "{} 1"]
    {
        let error = digest_of(&batch(json, "")).unwrap_err();
        assert!(error.0.contains("00000000-0000-0000-0000-000000000007"), "{json}: {}", error.0);
    }
}

#[test]
fn digests_add_up_and_come_back_from_json() {
    let (a, b) = (digest(r#"{"text":"a"}"#), digest(r#"{"text":"b"}"#));
    assert_eq!([a, b].into_iter().sum::<Digest>(), b + a);
    let json = serde_json::to_string(&(a + b)).unwrap();
    assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), a + b);
    let mut column = TextColumn::default();
    column.push("");
    assert_eq!((a + b).fingerprint().len(), 64);
}

#[test]
fn the_hashes_of_an_object_are_its_digest() {
    let full = batch(
        r#"{"text":"a"}"#,
        r#"{"by":["weaviate://localhost/Author/7c1e9d0a-5b7f-4a57-9f0e-3d0f4a7b2c11"]}"#,
    );
    for digest in [digest_of(&full).unwrap(), digest("{}")] {
        assert_eq!(Digest::from_hashes(digest.to_hashes()), digest);
    }
    let one = Digest { properties: HashSum(1), ..Digest::default() };
    assert_eq!(one.to_hashes()[..2], [1, 0], "little-endian, properties first");
}
