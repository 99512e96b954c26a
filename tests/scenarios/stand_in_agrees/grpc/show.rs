//! Replies as text: maps sorted, and floats so that no two look alike.

use prost::Message;
use selvedge_proto::weaviate::value::Kind;
use selvedge_proto::weaviate::{Properties, SearchReply, Value, list_value};

pub fn show(reply: &SearchReply) -> String {
    let results = reply.results.iter().map(|result| {
        let properties = result.properties.clone().unwrap_or_default();
        let properties = match Properties::decode(properties.non_ref_props) {
            Ok(properties) => show_properties(&properties),
            Err(error) => format!("undecodable: {error}"),
        };
        let mut metadata = result.metadata.clone();
        if let Some(metadata) = &mut metadata {
            metadata.vectors.sort_by(|a, b| a.name.cmp(&b.name));
        }
        format!("\n    {metadata:?} {properties}")
    });
    results.collect()
}

fn show_properties(properties: &Properties) -> String {
    let mut fields: Vec<String> =
        properties.fields.iter().map(|(name, value)| format!("{name}={}", show_value(value))).collect();
    fields.sort();
    format!("{{{}}}", fields.join(", "))
}

fn show_value(value: &Value) -> String {
    match &value.kind {
        Some(Kind::ObjectValue(properties)) => show_properties(properties),
        Some(Kind::ListValue(list)) => match &list.kind {
            Some(list_value::Kind::ObjectValues(objects)) => {
                format!("objects{:?}", objects.values.iter().map(show_properties).collect::<Vec<_>>())
            }
            kind => format!("{kind:?}"),
        },
        kind => format!("{kind:?}"),
    }
}
