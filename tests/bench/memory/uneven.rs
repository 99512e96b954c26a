//! Objects that are light as far as one has read, and then are not: what the next page weighs cannot be known.

use prost_types::value::Kind;
use prost_types::{Struct, Value as ProtoValue};
use selvedge_proto::weaviate::{BatchObject, batch_object};
use selvedge_tests::harness::seed::Dice;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Peak;
use crate::data;
use crate::ground::Ground;
use crate::report;

const LIGHT: usize = 2_000;
const HEAVY: usize = 500;
const HEAVY_BYTES: usize = 2_000_000;
/// Heavy objects in one request of the loader's.
const HEAVY_A_REQUEST: usize = 10;

/// Of a backup, and of a restore by another server.
pub async fn measure(ground: &mut Ground<'_>) -> anyhow::Result<[Peak; 2]> {
    let what = format!("{LIGHT} light objects, then {HEAVY} of {} MB, over REST", HEAVY_BYTES / 1_000_000);
    report::step(&what);
    let (source, copy) = (ground.stage.name("Source"), ground.stage.name("Copy"));
    ground.create(&class(&source)).await?;
    let mut dice = Dice::of("uneven");
    let light = (0..LIGHT).map(|place| object(&source, place, "light".to_owned()));
    ground.bare.load(data::batched(data::OBJECTS_A_REQUEST, light)).await?;
    let heavy = (LIGHT..LIGHT + HEAVY).map(|place| object(&source, place, heavy(&mut dice)));
    ground.bare.load(data::batched(HEAVY_A_REQUEST, heavy)).await?;
    ground.selvedge.start_afresh().await?;
    ground.selvedge.run(&["backup", "--id", "first", &source]).await?;
    let of_backup = ground.peak(&format!("{what}: backup"))?;
    ground.selvedge.start_afresh().await?;
    ground.selvedge.run(&["restore", "first", "--rename", &format!("{source}={copy}")]).await?;
    let of_restore = ground.peak(&format!("{what}: restore"))?;
    ground.clear(&[&source, &copy]).await?;
    Ok([of_backup, of_restore])
}

/// A collection with a reference is read over REST, where nothing limits what an answer weighs. No object has one. The text
/// is not indexed: it is not Weaviate that is measured.
fn class(name: &str) -> Value {
    json!({
        "class": name,
        "vectorizer": "none",
        "vectorIndexType": "flat",
        "properties": [
            {"name": "body", "dataType": ["text"], "indexFilterable": false, "indexSearchable": false},
            {"name": "other", "dataType": [name]},
        ],
    })
}

/// The ids of all are in the order of their places, and evenly spread, as if there were no order.
fn object(collection: &str, place: usize, body: String) -> BatchObject {
    let step = u128::MAX / (LIGHT + HEAVY + 1) as u128;
    let id = Uuid::from_u128(step * (place as u128 + 1));
    let field = ("body".to_owned(), ProtoValue { kind: Some(Kind::StringValue(body)) });
    BatchObject {
        uuid: id.to_string(),
        collection: collection.to_owned(),
        properties: Some(batch_object::Properties {
            non_ref_properties: Some(Struct { fields: [field].into() }),
            ..batch_object::Properties::default()
        }),
        ..BatchObject::default()
    }
}

/// Nothing that could be compressed to much less than half.
fn heavy(dice: &mut Dice) -> String {
    let mut text = String::with_capacity(HEAVY_BYTES + 16);
    while text.len() < HEAVY_BYTES {
        text += &format!("{:016x}", dice.throw());
    }
    text
}
