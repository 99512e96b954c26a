//! Properties of a class: defaults and refusals.

use serde_json::{Value, json};

use super::{Fields, Kind, property_name};
use crate::stand_in::Version;

const RESERVED: [&str; 3] = ["_additional", "_id", "id"];
const RESERVED_SUFFIXES: [&str; 6] =
    ["_searchable", "_rangeable", "_temp", "__meta_count", "_propertyLength", "_nullState"];
const TOKENIZATIONS: [&str; 5] = ["word", "lowercase", "whitespace", "field", "trigram"];
const INDEX_FLAGS: [&str; 3] = ["indexFilterable", "indexSearchable", "indexRangeFilters"];
/// What comes back of a property; anything else that is sent is dropped.
const KEPT: [&str; 10] = [
    "name",
    "dataType",
    "description",
    "tokenization",
    "moduleConfig",
    "nestedProperties",
    "disableDuplicatedReferences",
    INDEX_FLAGS[0],
    INDEX_FLAGS[1],
    INDEX_FLAGS[2],
];

/// The property as it is stored; `class_exists` tells which reference targets there are.
pub(super) fn complete(
    property: &Value,
    version: Version,
    class_exists: &dyn Fn(&str) -> bool,
) -> Result<Value, String> {
    let mut fields = property.as_object().cloned().unwrap_or_default();
    let name = property_name(fields.get("name").and_then(Value::as_str).unwrap_or_default());
    check_name(&name)?;
    fields.insert("name".into(), json!(name));
    let kind = check_type(&fields, &name, version, class_exists)?;
    check_nested(&mut fields, kind, &name)?;
    tokenize(&mut fields, kind)?;
    index(&mut fields, kind)?;
    fields.retain(|key, value| {
        KEPT.contains(&key.as_str()) && !is_blank(value) || INDEX_FLAGS.contains(&key.as_str())
    });
    Ok(fields.into())
}

/// What is not shown, whether it was given or not.
fn is_blank(value: &Value) -> bool {
    value.is_null() || [json!(""), json!([])].contains(value)
}

fn check_name(name: &str) -> Result<(), String> {
    if !super::create::is_name(name, 231, |first| first == '_' || first.is_ascii_alphabetic()) {
        return Err(format!(
            "'{name}' is not a valid property name. Property names in Weaviate are restricted to valid GraphQL names, \
             which must be “/[_A-Za-z][_0-9A-Za-z]{{0,230}}/”"
        ));
    }
    if RESERVED.contains(&name) {
        return Err(format!("'{name}' is a reserved property name"));
    }
    match RESERVED_SUFFIXES.iter().find(|suffix| name.ends_with(**suffix)) {
        Some(suffix) => Err(format!(
            "'{name}' is not a valid property name: suffix '{suffix}' is reserved for internal indices"
        )),
        None => Ok(()),
    }
}

fn check_type(
    fields: &Fields,
    name: &str,
    version: Version,
    class_exists: &dyn Fn(&str) -> bool,
) -> Result<Kind, String> {
    let types: Vec<String> = fields
        .get("dataType")
        .and_then(Value::as_array)
        .map(|types| types.iter().filter_map(Value::as_str).map(String::from).collect())
        .unwrap_or_default();
    let listed = if version.is_recent() { format!("[{}]: ", types.join(" ")) } else { String::new() };
    let invalid = |why: &str| format!("property '{name}': invalid dataType: {listed}{why}");
    if types.is_empty() {
        return Err(invalid("dataType must have at least one element"));
    }
    match Kind::of(&types) {
        Some(Kind::BlobHash) if !version.has_blob_hash() => {
            Err(invalid("unknown primitive data type 'blobHash'"))
        }
        Some(Kind::Reference) => {
            for target in &types {
                if !super::create::is_name(target, 255, |first| first.is_ascii_uppercase()) {
                    return Err(invalid(&format!("'{target}' is not a valid class name")));
                }
                if !class_exists(target) {
                    return Err(invalid("reference property to nonexistent class"));
                }
            }
            Ok(Kind::Reference)
        }
        Some(kind) => Ok(kind),
        None => Err(invalid(&format!("unknown primitive data type '{}'", types[0]))),
    }
}

fn check_nested(fields: &mut Fields, kind: Kind, path: &str) -> Result<(), String> {
    let nested = fields.get_mut("nestedProperties").and_then(Value::as_array_mut);
    let is_empty = nested.as_ref().is_none_or(|nested| nested.is_empty());
    if !kind.is_nested() {
        return if is_empty {
            Ok(())
        } else {
            Err(format!(
                "property '{path}': nestedProperties not allowed for data types other than object/object[]"
            ))
        };
    }
    if is_empty {
        return Err(format!(
            "property '{path}': At least one nested property is required for data type object/object[]"
        ));
    }
    for property in nested.into_iter().flatten() {
        *property = complete_nested(property, path)?;
    }
    Ok(())
}

fn complete_nested(property: &Value, parent: &str) -> Result<Value, String> {
    let mut fields = property.as_object().cloned().unwrap_or_default();
    let name = fields.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    if !super::create::is_name(&name, usize::MAX, |first| first == '_' || first.is_ascii_alphabetic()) {
        return Err(format!(
            "'{name}' is not a valid nested property name of '{parent}'. NestedProperty names in Weaviate are \
             restricted to valid GraphQL names, which must be “/[_A-Za-z][_0-9A-Za-z]*/”"
        ));
    }
    let path = format!("{parent}.{name}");
    let type_name = property["dataType"][0].as_str().unwrap_or_default();
    if type_name.starts_with("string") {
        return Err(format!(
            "property '{path}': data type '{type_name}' is deprecated and not allowed as nested property"
        ));
    }
    let kind = match Kind::named(type_name) {
        None => return Err(format!("property '{path}': reference data type not allowed")),
        Some(Kind::Geo | Kind::Phone) => {
            return Err(format!("property '{path}': data type '{type_name}' not allowed as nested property"));
        }
        Some(kind) => kind,
    };
    check_nested(&mut fields, kind, &path)?;
    tokenize(&mut fields, kind)?;
    fields.entry(INDEX_FLAGS[0]).or_insert(json!(!kind.is_blob()));
    index(&mut fields, kind)?;
    fields.retain(|key, _| KEPT.contains(&key.as_str()));
    Ok(fields.into())
}

/// Also turns `string` into `text`, with the tokenization that it used to have.
fn tokenize(fields: &mut Fields, kind: Kind) -> Result<(), String> {
    let type_name = fields["dataType"][0].as_str().unwrap_or_default().to_owned();
    let given = fields.get("tokenization").and_then(Value::as_str).filter(|given| !given.is_empty());
    let given = given.map(String::from);
    let is_string = type_name.starts_with("string");
    let refused = given.as_deref().filter(|given| {
        let known = if is_string { &["word", "field"][..] } else { &TOKENIZATIONS[..] };
        !kind.is_text() || !known.contains(given)
    });
    match refused {
        Some(_) if kind == Kind::Reference => {
            return Err("tokenization is not allowed for reference data type".into());
        }
        Some(_) if kind.is_nested() => {
            return Err("tokenization is not allowed for object/object[] data types".into());
        }
        Some(_) if !kind.is_text() => {
            return Err(format!("tokenization is not allowed for data type '{type_name}'"));
        }
        Some(given) => {
            return Err(format!("tokenization '{given}' is not allowed for data type '{type_name}'"));
        }
        None => {}
    }
    if !kind.is_text() {
        fields.remove("tokenization");
        return Ok(());
    }
    let tokenization = match given.as_deref() {
        None | Some("word") if is_string => "whitespace",
        None => "word",
        Some(given) => given,
    };
    fields.insert("tokenization".into(), json!(tokenization));
    fields.insert("dataType".into(), json!([type_name.replace("string", "text")]));
    Ok(())
}

fn index(fields: &mut Fields, kind: Kind) -> Result<(), String> {
    if let Some(inverted) = fields.remove("indexInverted").filter(|inverted| !inverted.is_null()) {
        if INDEX_FLAGS.iter().any(|flag| fields.contains_key(*flag)) {
            return Err("`indexInverted` is deprecated and can not be set together with `indexFilterable`, \
                        `indexSearchable` or `indexRangeFilters`"
                .into());
        }
        fields.insert(INDEX_FLAGS[0].into(), inverted.clone());
        fields.insert(INDEX_FLAGS[1].into(), json!(inverted == json!(true) && kind.is_text()));
    }
    for (flag, default) in INDEX_FLAGS.into_iter().zip([true, kind.is_text(), false]) {
        let value = fields.entry(flag).or_insert(json!(default));
        if value.is_null() {
            *value = json!(default);
        }
    }
    if fields[INDEX_FLAGS[1]] == json!(true) && !kind.is_text() {
        return Err("`indexSearchable` is allowed only for text/text[] data types. For other data types set false or \
                    leave empty"
            .into());
    }
    if fields[INDEX_FLAGS[2]] == json!(true) && !matches!(kind, Kind::Int | Kind::Number | Kind::Date) {
        return Err(
            "`indexRangeFilters` is allowed only for number/int/date data types. For other data types set \
                    false or leave empty"
                .into(),
        );
    }
    Ok(())
}
