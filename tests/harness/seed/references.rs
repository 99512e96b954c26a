//! Two collections that refer to each other, in every way there is.

use serde_json::{Value, json};

use super::{Dice, object, with_named_vectors, with_vector};
use crate::harness::rest::Rest;

/// Collection and property of references, and the collections that they may point to: the first one itself, or the other.
const REFERENCES: [(usize, &str, &[usize]); 5] = [
    (0, "itself", &[0]),
    (0, "other", &[1]),
    (0, "several", &[0, 1]),
    (1, "back", &[0]),
    (1, "several", &[1, 0]),
];

/// Makes `name` with a legacy vector and `<name>Other` with named ones, with as many objects each, and returns both names.
/// Some objects have no references at all; of the others some are doubled, and some point to nothing.
pub async fn references(rest: &Rest, name: &str, objects: usize) -> anyhow::Result<[String; 2]> {
    let names = [name.to_owned(), format!("{name}Other")];
    create(rest, &names).await?;
    let mut dice = Dice::of(name);
    let mut ids = [Vec::new(), Vec::new()];
    for (class, name) in names.iter().enumerate() {
        let mut stored = Vec::new();
        for index in 0..objects {
            let mut object = object(name, index, &mut dice);
            object["properties"] = json!({"text": format!("number {index}")});
            stored.push(if class == 0 {
                with_vector(object, &mut dice, 6)
            } else {
                with_named_vectors(object, &mut dice, false)
            });
        }
        ids[class] =
            stored.iter().map(|object| object["id"].as_str().unwrap_or_default().to_owned()).collect();
        rest.write(&stored).await?;
    }
    rest.link(&links(&names, &ids, &mut dice)).await?;
    Ok(names)
}

/// A target has to be there before a property may name it.
async fn create(rest: &Rest, names: &[String; 2]) -> anyhow::Result<()> {
    let text = json!([{"name": "text", "dataType": ["text"]}]);
    let vectors = json!({
        "graph": {"vectorizer": {"none": {}}, "vectorIndexType": "hnsw"},
        "flat": {"vectorizer": {"none": {}}, "vectorIndexType": "flat"},
    });
    rest.create(&json!({"class": names[0], "vectorizer": "none", "properties": text})).await?;
    rest.create(&json!({"class": names[1], "vectorConfig": vectors, "properties": text})).await?;
    for (class, property, targets) in REFERENCES {
        let targets: Vec<&String> = targets.iter().map(|target| &names[*target]).collect();
        let property = json!({"name": property, "dataType": targets, "description": "references"});
        rest.post(&format!("/v1/schema/{}/properties", names[class]), &property).await?;
    }
    Ok(())
}

fn links(names: &[String; 2], ids: &[Vec<String>; 2], dice: &mut Dice) -> Vec<Value> {
    let mut links = Vec::new();
    for (class, property, targets) in REFERENCES {
        for id in &ids[class] {
            let from = format!("weaviate://localhost/{}/{id}/{property}", names[class]);
            for _ in 0..*dice.one_of(&[0, 0, 1, 2, 5]) {
                let target = *dice.one_of(targets);
                let to = if dice.percent(20) { dice.uuid() } else { dice.one_of(&ids[target]).clone() };
                let link =
                    json!({"from": from, "to": format!("weaviate://localhost/{}/{to}", names[target])});
                if dice.percent(20) {
                    links.push(link.clone());
                }
                links.push(link);
            }
        }
    }
    links
}
