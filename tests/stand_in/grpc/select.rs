//! Which properties a Search asks for.

use selvedge_proto::weaviate::{ObjectPropertiesRequest, PropertiesRequest};

use crate::stand_in::contents::Class;
use crate::stand_in::objects::no_such_property;
use crate::stand_in::schema::{Kind, Property, property_name};

pub(super) enum Selected {
    Primitive(String),
    Object(String, Vec<Selected>),
}

impl Selected {
    pub fn name(&self) -> &str {
        match self {
            Self::Primitive(name) | Self::Object(name, _) => name,
        }
    }
}

/// No request at all means everything but references and blobs. `Err` is the text of the refusal.
pub(super) fn select(class: &Class, request: Option<&PropertiesRequest>) -> Result<Vec<Selected>, String> {
    let Some(request) = request else { return Ok(all(&class.properties)) };
    let mut selected = Vec::new();
    for name in &request.non_ref_properties {
        let name = property_name(name);
        let property = class.properties.iter().find(|property| property.name == name).ok_or_else(|| {
            format!(
                "extract properties request: get property by name {name} for class {}: {}",
                class.name(),
                no_such_property(&name, class.name())
            )
        })?;
        selected.push(if property.kind.is_nested() {
            Selected::Object(name, all(&property.nested))
        } else {
            Selected::Primitive(name)
        });
    }
    selected.extend(nested(&request.object_properties));
    let known = |name: &str| class.properties.iter().any(|property| property.name == name);
    match selected.iter().find(|selected| !known(selected.name())) {
        Some(selected) => Err(no_such_property(selected.name(), class.name())),
        None => Ok(selected),
    }
}

fn all(properties: &[Property]) -> Vec<Selected> {
    let wanted =
        properties.iter().filter(|property| !property.kind.is_blob() && property.kind != Kind::Reference);
    wanted
        .map(|property| {
            if property.kind.is_nested() {
                Selected::Object(property.name.clone(), all(&property.nested))
            } else {
                Selected::Primitive(property.name.clone())
            }
        })
        .collect()
}

/// Names of nested properties are asked for with a small first letter, though they are stored as they were given: one
/// with a capital letter is never found so.
fn nested(requests: &[ObjectPropertiesRequest]) -> Vec<Selected> {
    let object = |request: &ObjectPropertiesRequest| {
        let primitive =
            request.primitive_properties.iter().map(|name| Selected::Primitive(property_name(name)));
        let inner = primitive.chain(nested(&request.object_properties)).collect();
        Selected::Object(property_name(&request.prop_name), inner)
    };
    requests.iter().map(object).collect()
}
