//! Vectors and tenants of objects, fitting and not.

use selvedge_proto::weaviate::vectors::VectorType;
use selvedge_proto::weaviate::{BatchObject, Vectors};

use super::{Client, batch};
use crate::stand_in_agrees::Transcript;

pub async fn play(client: &mut Client, transcript: &mut Transcript) {
    for (at, (class, vectors, legacy)) in cases().into_iter().enumerate() {
        let object = BatchObject {
            uuid: format!("00000000-0000-0000-0000-0000000c{at:04x}"),
            collection: class.into(),
            vector_bytes: floats(&legacy).into(),
            vectors,
            ..BatchObject::default()
        };
        transcript.push((format!("BatchObjects of vectors {at} {class}"), batch(client, vec![object]).await));
    }
    let in_tenant = |uuid: &str, tenant: &str| BatchObject {
        uuid: uuid.into(),
        collection: "mt".into(),
        tenant: tenant.into(),
        ..BatchObject::default()
    };
    let id = "00000000-0000-0000-0000-0000000000ff";
    let objects = ["", "a", "b", "nope", "a"].map(|tenant| in_tenant(id, tenant)).to_vec();
    transcript.push(("BatchObjects of tenants".into(), batch(client, objects).await));
    transcript.push((
        "BatchObjects without id".into(),
        batch(client, vec![in_tenant("", "a"), in_tenant("x", "a")]).await,
    ));
    transcript.push(("BatchObjects of nothing".into(), batch(client, vec![]).await));
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn named(name: &str, values: &[f32]) -> Vectors {
    let kind = VectorType::SingleFp32.into();
    Vectors { name: name.into(), vector_bytes: floats(values).into(), r#type: kind }
}

fn multi(name: &str, dimension: u16, values: &[f32]) -> Vectors {
    let bytes = [dimension.to_le_bytes().to_vec(), floats(values)].concat();
    Vectors { name: name.into(), vector_bytes: bytes.into(), r#type: VectorType::MultiFp32.into() }
}

/// The class, its named vectors, the legacy one.
fn cases() -> Vec<(&'static str, Vec<Vectors>, Vec<f32>)> {
    vec![
        ("Flat", vec![], vec![1.0, -0.0, f32::MIN_POSITIVE / 2.0]),
        ("Flat", vec![], vec![1.0]),
        ("Flat", vec![named("default", &[3.0, 4.0, 5.0])], vec![]),
        ("Flat", vec![named("nope", &[3.0])], vec![]),
        ("Named", vec![named("a", &[1.5, f32::MAX]), multi("m", 2, &[1.0, 2.0, 3.0, 4.0])], vec![]),
        ("Named", vec![named("a", &[1.5])], vec![]),
        ("Named", vec![multi("m", 3, &[1.0, 2.0, 3.0])], vec![]),
        ("Named", vec![named("nope", &[1.5])], vec![]),
        ("Named", vec![named("a", &[])], vec![]),
        ("OneNamed", vec![named("only", &[])], vec![]),
        ("OneNamed", vec![named("only", &[1.0, 2.0])], vec![]),
        ("OneNamed", vec![named("more", &[1.0, 2.0])], vec![]),
        ("OneNamed", vec![named("more", &[1.0])], vec![]),
        ("Named", vec![], vec![1.0]),
        ("Named", vec![], vec![]),
        ("Single", vec![], vec![1.0, 3.0]),
        ("Mixed", vec![named("n", &[1.0, 2.0])], vec![7.0]),
        ("Oai", vec![], vec![]),
        ("Oai", vec![], vec![5.0]),
        ("OaiNamed", vec![named("v", &[5.0, 6.0])], vec![]),
        ("OaiNamed", vec![named("w", &[5.0, 6.0])], vec![]),
        ("Nope", vec![], vec![]),
        ("Odd", vec![], vec![f32::NAN, f32::INFINITY]),
    ]
}
