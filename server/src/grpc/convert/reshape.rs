//! The shape that a restore gives to objects, on its way in.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use selvedge_proto::v1;
use selvedge_proto::v1::reshape::Tenancy as Wire;

use selvedge_model::error::{Error, Result};
use selvedge_model::{is_property_name, is_tenant_name, is_vector_name};
use selvedge_ops::{Part, Reshape, Tenancy};

use super::names::{check_name, check_names, check_pairs};

/// `tenants` are those that are chosen.
pub fn reshape(wire: v1::Reshape, tenants: &[String]) -> Result<Reshape> {
    check_names("drop_properties", &wire.drop_properties)?;
    check_names("drop_vectors", &wire.drop_vectors)?;
    check_pairs("rename_properties", &wire.rename_properties)?;
    check_pairs("coerce", &wire.coerce)?;
    check_pairs("rename_vectors", &wire.rename_vectors)?;
    check_pairs("rename_tenants", &wire.rename_tenants)?;
    if let Some((property, wanted)) = wire.coerce.iter().find(|(_, wanted)| *wanted != "text") {
        let text = format!("property \"{property}\" cannot become \"{wanted}\"");
        return Err(Error::invalid("coerce", text).hint("properties can become \"text\""));
    }
    let reshape = Reshape {
        drop_properties: parts(wire.drop_properties),
        rename_properties: new_names(
            "rename_properties",
            "property",
            wire.rename_properties,
            is_property_name,
        )?,
        to_text: parts(wire.coerce.into_keys()),
        drop_vectors: parts(wire.drop_vectors),
        rename_vectors: new_names("rename_vectors", "vector", wire.rename_vectors, is_vector_name)?,
        tenancy: tenancy(wire.tenancy)?,
        rename_tenants: wire.rename_tenants.into_iter().collect(),
    };
    check_tenants(&reshape, tenants)?;
    let Reshape { drop_properties, rename_properties, to_text, drop_vectors, rename_vectors, .. } = &reshape;
    let dropped = |part: &&Part| drop_properties.contains(*part);
    if let Some(part) = rename_properties.keys().chain(to_text).find(dropped) {
        let text = format!("property \"{part}\" is to be left out, and something else");
        return Err(Error::invalid("drop_properties", text));
    }
    if let Some(part) = rename_vectors.keys().find(|part| drop_vectors.contains(part)) {
        let text = format!("vector \"{part}\" is to be left out, and to get another name");
        return Err(Error::invalid("drop_vectors", text));
    }
    Ok(reshape)
}

fn parts(names: impl IntoIterator<Item = String>) -> BTreeSet<Part> {
    names.into_iter().map(Part::from).collect()
}

fn new_names(
    field: &'static str,
    what: &str,
    wire: HashMap<String, String>,
    is_name: fn(&str) -> bool,
) -> Result<BTreeMap<Part, String>> {
    match wire.values().find(|new| !is_name(new)) {
        None => Ok(wire.into_iter().map(|(old, new)| (Part::from(old), new)).collect()),
        Some(new) => Err(Error::invalid(field, format!("\"{new}\" cannot be the name of a {what}"))
            .hint("a name is a small letter or `_`, and letters, digits and `_`")),
    }
}

fn tenancy(wire: Option<Wire>) -> Result<Tenancy> {
    Ok(match wire {
        None => Tenancy::Kept,
        Some(Wire::TenantFrom(property)) => {
            check_name("tenant_from", &property)?;
            Tenancy::ByProperty(property)
        }
        Some(Wire::IntoTenant(tenant)) => {
            check_tenant("into_tenant", &tenant)?;
            Tenancy::Into(tenant)
        }
        Some(Wire::FromTenant(tenant)) => {
            check_name("from_tenant", &tenant)?;
            Tenancy::OutOf(tenant)
        }
    })
}

fn check_tenants(reshape: &Reshape, chosen: &[String]) -> Result<()> {
    reshape.rename_tenants.values().try_for_each(|new| check_tenant("rename_tenants", new))?;
    if reshape.tenancy == Tenancy::Kept {
        return Ok(());
    }
    let text = "objects that change from or to a collection without tenants are of no other tenants";
    if !chosen.is_empty() {
        return Err(Error::invalid("tenants", text).hint("leave them out"));
    }
    match reshape.rename_tenants.is_empty() {
        true => Ok(()),
        false => Err(Error::invalid("rename_tenants", text).hint("leave them out")),
    }
}

fn check_tenant(field: &'static str, name: &str) -> Result<()> {
    check_name(field, name)?;
    match is_tenant_name(name) {
        true => Ok(()),
        false => Err(Error::invalid(field, format!("\"{name}\" cannot be the name of a tenant"))
            .hint("it must be 1 to 64 letters, digits, `-` and `_`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(old: &str, new: &str) -> HashMap<String, String> {
        [(old.to_owned(), new.to_owned())].into()
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        let plain = v1::Reshape::default;
        let drop_properties = vec!["a".to_owned()];
        let cases = [
            ("coerce", v1::Reshape { coerce: map("a", "int"), ..plain() }),
            ("rename_properties", v1::Reshape { rename_properties: map("a", "B"), ..plain() }),
            ("rename_vectors", v1::Reshape { rename_vectors: map("", ""), ..plain() }),
            ("rename_tenants", v1::Reshape { rename_tenants: map("a", "b c"), ..plain() }),
            ("into_tenant", v1::Reshape { tenancy: Some(Wire::IntoTenant(String::new())), ..plain() }),
            ("drop_properties", v1::Reshape { drop_properties, rename_properties: map("a", "b"), ..plain() }),
            (
                "rename_tenants",
                v1::Reshape {
                    tenancy: Some(Wire::FromTenant("a".to_owned())),
                    rename_tenants: map("a", "b"),
                    ..plain()
                },
            ),
        ];
        for (field, wire) in cases {
            assert_eq!(reshape(wire, &[]).unwrap_err().field(), Some(field));
        }
        let into = v1::Reshape { tenancy: Some(Wire::IntoTenant("t".to_owned())), ..plain() };
        assert_eq!(reshape(into.clone(), &["t".to_owned()]).unwrap_err().field(), Some("tenants"));
        assert_eq!(reshape(into, &[]).unwrap().tenancy, Tenancy::Into("t".to_owned()));
        assert_eq!(reshape(plain(), &[]).unwrap(), Reshape::default());
    }
}
