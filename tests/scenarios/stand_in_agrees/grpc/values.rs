//! Awkward values, and objects of them as a client of gRPC would send them.

use prost_types::value::Kind;
use selvedge_proto::weaviate::{
    BatchObject, BooleanArrayProperties, IntArrayProperties, NumberArrayProperties, ObjectArrayProperties,
    ObjectProperties, ObjectPropertiesValue, TextArrayProperties, batch_object,
};
use serde_json::Value as Json;

type Fields = serde_json::Map<String, Json>;

/// Values that each go into an object of their own, by REST and by gRPC, one a line.
pub const VALUES: &str = r#"
{"t":3}
{"t":["a"]}
{"t":"\u0000\u2028 ok"}
{"ta":"x"}
{"ta":[1]}
{"ta":["",""]}
{"ta":[]}
{"i":1.5}
{"i":"3"}
{"i":true}
{"i":-0}
{"i":9007199254740993}
{"i":-9007199254740992}
{"i":9223372036854775807}
{"i":-9223372036854775808}
{"ia":[1,-2]}
{"ia":[]}
{"n":"x"}
{"n":-0.0}
{"n":5e-324}
{"n":1.7976931348623157e308}
{"n":1e21}
{"n":3}
{"na":[-0.0,5e-324,1e308,3]}
{"na":[]}
{"b":"true"}
{"b":1}
{"ba":[true,false]}
{"ba":[]}
{"d":"2020-01-01"}
{"d":3}
{"d":"2020-01-02T03:04:05.120000+00:00"}
{"d":"2020-01-02T03:04:05.123456789+02:00"}
{"d":"2020-01-02t03:04:05z"}
{"d":"2020-01-02T03:04:05,5Z"}
{"d":"0000-01-01T00:00:00Z"}
{"da":["2020-01-02T03:04:05.100Z","2020-01-02T03:04:05-00:00"]}
{"da":[]}
{"u":"x"}
{"u":"ABCDEF00-0000-0000-0000-000000000001"}
{"u":"00000000000000000000000000000001"}
{"u":3}
{"ua":["x"]}
{"ua":["ABCDEF00-0000-0000-0000-000000000001"]}
{"ua":[]}
{"g":{"latitude":1}}
{"g":{"latitude":1.1,"longitude":-179.123456789}}
{"g":{"latitude":"1","longitude":2}}
{"g":3}
{"ph":{"input":"0171 1234567","defaultCountry":"de"}}
{"ph":{"input":"+49 171 1234567"}}
{"ph":{"input":"0171 1234567"}}
{"ph":{"input":""}}
{"ph":{"defaultCountry":"DE"}}
{"ph":3}
{"bl":""}
{"bl":"aGVsbG8="}
{"bl":"_-8="}
{"bl":3}
{"bh":"aGVsbG8="}
{"o":3}
{"o":{}}
{"o":{"nope":1}}
{"o":{"X":null,"y":null}}
{"o":{"X":"upper","y":3,"nb":"aGVsbG8=","nh":"aGVsbG8=","ya":[],"z":[]}}
{"o":{"X":3}}
{"o":{"ya":[1,2],"z":[{"q":"2020-01-02T03:04:05.1230+00:00","bl":"aGVsbG8="},{}]}}
{"oa":{}}
{"oa":[]}
{"oa":[{"x":"a","n":-0.0},{},{"x":null}]}
{"oa":[{"x":["a"]}]}
{"t":null}
{}
{"newProp":1}
{"T":"upper"}
"#;

/// The JSON as a client of gRPC would send it.
pub fn object(id: &str, properties: &str) -> anyhow::Result<BatchObject> {
    let fields: Fields = serde_json::from_str(properties)?;
    let value = nested(&fields);
    Ok(BatchObject {
        uuid: id.into(),
        collection: "AllTypes".into(),
        properties: Some(batch_object::Properties {
            non_ref_properties: value.non_ref_properties,
            number_array_properties: value.number_array_properties,
            int_array_properties: value.int_array_properties,
            text_array_properties: value.text_array_properties,
            boolean_array_properties: value.boolean_array_properties,
            object_properties: value.object_properties,
            object_array_properties: value.object_array_properties,
            empty_list_props: value.empty_list_props,
        }),
        ..BatchObject::default()
    })
}

fn nested(fields: &Fields) -> ObjectPropertiesValue {
    let mut value = ObjectPropertiesValue::default();
    let mut scalars = prost_types::Struct::default();
    for (name, json) in fields {
        let prop_name = name.clone();
        match json {
            Json::Array(items) if items.is_empty() => value.empty_list_props.push(prop_name),
            Json::Array(items) if items[0].is_object() => {
                let values = items.iter().filter_map(Json::as_object).map(nested).collect();
                value.object_array_properties.push(ObjectArrayProperties { prop_name, values });
            }
            Json::Array(items) if items[0].is_i64() => {
                let values = items.iter().filter_map(Json::as_i64).collect();
                value.int_array_properties.push(IntArrayProperties { prop_name, values });
            }
            Json::Array(items) if items[0].is_f64() => {
                let bytes: Vec<u8> =
                    items.iter().filter_map(Json::as_f64).flat_map(f64::to_le_bytes).collect();
                value
                    .number_array_properties
                    .push(NumberArrayProperties { prop_name, values_bytes: bytes.into() });
            }
            Json::Array(items) if items[0].is_boolean() => {
                let values = items.iter().filter_map(Json::as_bool).collect();
                value.boolean_array_properties.push(BooleanArrayProperties { prop_name, values });
            }
            Json::Array(items) => {
                let values = items.iter().filter_map(Json::as_str).map(String::from).collect();
                value.text_array_properties.push(TextArrayProperties { prop_name, values });
            }
            Json::Object(inner) if name == "o" => {
                value.object_properties.push(ObjectProperties { prop_name, value: Some(nested(inner)) });
            }
            scalar => {
                scalars.fields.insert(prop_name, in_struct(scalar));
            }
        }
    }
    value.non_ref_properties = Some(scalars);
    value
}

fn in_struct(json: &Json) -> prost_types::Value {
    let kind = match json {
        Json::Null | Json::Array(_) => Kind::NullValue(0),
        Json::Bool(is_true) => Kind::BoolValue(*is_true),
        Json::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Json::String(text) => Kind::StringValue(text.clone()),
        Json::Object(fields) => Kind::StructValue(prost_types::Struct {
            fields: fields.iter().map(|(name, json)| (name.clone(), in_struct(json))).collect(),
        }),
    };
    prost_types::Value { kind: Some(kind) }
}
