//! Another shape on the way: objects without some of their properties or vectors, with other names for them, in other tenants.

mod objects;
mod part;
mod schema;

use std::collections::{BTreeMap, BTreeSet};

use selvedge_model::error::{Error, Result, listed};
use selvedge_model::{Collection, Digester, Property, ValueKind, VectorSpace};
use serde::{Deserialize, Serialize};

pub use part::Part;
pub use schema::forget_modules;

/// What becomes of the objects of a backup on their way. Nothing by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reshape {
    pub drop_properties: BTreeSet<Part>,
    pub rename_properties: BTreeMap<Part, String>,
    /// Properties whose values become texts.
    pub to_text: BTreeSet<Part>,
    /// The name of the unnamed vector is empty.
    pub drop_vectors: BTreeSet<Part>,
    pub rename_vectors: BTreeMap<Part, String>,
    pub tenancy: Tenancy,
    /// New names by the names in the backup.
    pub rename_tenants: BTreeMap<String, String>,
}

/// In which tenants the objects are afterwards.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tenancy {
    /// In theirs.
    #[default]
    Kept,
    /// In the one that the value of a property names.
    ByProperty(String),
    /// All of them in one.
    Into(String),
    /// In none, and only those of this tenant.
    OutOf(String),
}

impl Tenancy {
    /// Whether collections without tenants get some.
    pub fn adds_tenants(&self) -> bool {
        matches!(self, Self::ByProperty(_) | Self::Into(_))
    }
}

/// What becomes of a property.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fate {
    /// None if it is left out.
    name: Option<String>,
    to_text: bool,
}

/// The shape that the objects of one collection get.
#[derive(Debug)]
pub struct Shape {
    /// As the backup would have it if its objects had always had this shape.
    pub collection: Collection,
    /// For each vector of an object, in their order.
    pub spaces: Vec<VectorSpace>,
    pub digester: Digester,
    /// What becomes of it, for people.
    pub notes: Vec<String>,
    properties: BTreeMap<String, Fate>,
    /// New names of the vectors that are kept by the old ones; empty for the unnamed one.
    vectors: BTreeMap<String, String>,
    /// The places in a backup's batch of what is in `spaces`.
    columns: Vec<usize>,
    tenancy: Tenancy,
    tenants: BTreeMap<String, String>,
}

impl Reshape {
    /// Fails if something is named that none of the collections has.
    pub fn check<'a>(&self, collections: impl Iterator<Item = &'a Collection> + Clone) -> Result<()> {
        let properties = |field, parts: Vec<&Part>| {
            check_parts(field, "property", parts, |part| {
                collections.clone().any(|one| {
                    part.is_of(&one.name) && one.properties.iter().any(|property| property.name == part.name)
                })
            })
        };
        let vectors = |field, parts: Vec<&Part>| {
            check_parts(field, "vector", parts, |part| {
                collections.clone().any(|one| {
                    part.is_of(&one.name)
                        && one.vector_spaces.iter().any(|space| vector_name(space) == part.name)
                })
            })
        };
        properties("drop_properties", self.drop_properties.iter().collect())?;
        properties("rename_properties", self.rename_properties.keys().collect())?;
        properties("coerce", self.to_text.iter().collect())?;
        vectors("drop_vectors", self.drop_vectors.iter().collect())?;
        vectors("rename_vectors", self.rename_vectors.keys().collect())
    }
}

fn check_parts(
    field: &'static str,
    what: &str,
    parts: Vec<&Part>,
    is_there: impl Fn(&Part) -> bool,
) -> Result<()> {
    match parts.into_iter().find(|part| !is_there(part)) {
        None => Ok(()),
        Some(stray) => {
            let text = format!("no collection that is restored has a {what} \"{stray}\"");
            Err(Error::invalid(field, text).hint("names are case-sensitive"))
        }
    }
}

fn vector_name(space: &VectorSpace) -> &str {
    space.name.as_deref().unwrap_or_default()
}

impl Shape {
    /// None if nothing changes for a collection. `spaces` are those whose vectors are in the backup, and `held` the tenants.
    pub fn of(
        reshape: &Reshape,
        collection: &Collection,
        spaces: &[VectorSpace],
        held: &[&str],
    ) -> Result<Option<Self>> {
        let mut notes = Vec::new();
        let properties = fates(reshape, collection, &mut notes)?;
        let vectors = vectors(reshape, collection, &mut notes)?;
        check_tenancy(&reshape.tenancy, collection, &mut notes)?;
        let tenants = tenants(reshape, collection, held, &mut notes)?;
        if notes.is_empty() {
            return Ok(None);
        }
        let schema = schema::reshaped(collection, &properties, &vectors, &reshape.tenancy)?;
        let reshaped = Collection::from_schema(schema)?;
        let mut kept: Vec<_> = spaces
            .iter()
            .enumerate()
            .filter_map(|(column, space)| {
                let name = vectors.get(vector_name(space))?;
                let name = Some(name.clone()).filter(|name| !name.is_empty());
                Some((column, VectorSpace { name, ..space.clone() }))
            })
            .collect();
        kept.sort_by(|(_, a), (_, b)| a.name.cmp(&b.name));
        let (columns, spaces): (Vec<_>, Vec<_>) = kept.into_iter().unzip();
        Ok(Some(Self {
            digester: Digester::new(&reshaped.properties, &spaces),
            collection: reshaped,
            spaces,
            notes,
            properties,
            vectors,
            columns,
            tenancy: reshape.tenancy.clone(),
            tenants,
        }))
    }

    pub fn tenancy(&self) -> &Tenancy {
        &self.tenancy
    }

    /// What a vector of the backup is called afterwards; None if it is left out.
    pub fn new_vector(&self, old: &str) -> Option<&str> {
        self.vectors.get(old).map(String::as_str)
    }

    /// What a vector was called.
    pub fn old_vector(&self, new: &str) -> Option<&str> {
        self.vectors.iter().find(|(_, name)| *name == new).map(|(old, _)| old.as_str())
    }

    /// What a tenant of the backup is called afterwards.
    pub fn new_tenant<'a>(&'a self, old: &'a str) -> &'a str {
        self.tenants.get(old).map_or(old, String::as_str)
    }
}

/// What becomes of the properties of which anything does.
fn fates(
    reshape: &Reshape,
    collection: &Collection,
    notes: &mut Vec<String>,
) -> Result<BTreeMap<String, Fate>> {
    let mut fates = BTreeMap::new();
    for property in &collection.properties {
        let is = |part: &Part| part.is(&collection.name, &property.name);
        let old = property.name.as_str();
        if reshape.drop_properties.iter().any(is) {
            notes.push(format!("property \"{old}\" is left out"));
            fates.insert(old.to_owned(), Fate { name: None, to_text: false });
            continue;
        }
        let new = part::most_specific(&reshape.rename_properties, &collection.name, old);
        let to_text = reshape.to_text.iter().any(is) && property.kind != ValueKind::Text;
        if new.is_none() && !to_text {
            continue;
        }
        if let Some(new) = new {
            notes.push(format!("property \"{old}\" becomes \"{new}\""));
        }
        if to_text {
            refuse_no_text(collection, property)?;
            notes.push(format!("the values of property \"{old}\" become texts"));
        }
        fates.insert(old.to_owned(), Fate { name: Some(new.unwrap_or(old).to_owned()), to_text });
    }
    let afterwards = collection.properties.iter().filter_map(|property| match fates.get(&property.name) {
        Some(fate) => fate.name.as_deref(),
        None => Some(property.name.as_str()),
    });
    refuse_doubles("rename_properties", "property", collection, afterwards)?;
    Ok(fates)
}

fn refuse_no_text(collection: &Collection, property: &Property) -> Result<()> {
    use ValueKind::{Boolean, Date, Int, Number, Text, Uuid};
    if matches!(property.kind, Text | Int | Number | Boolean | Date | Uuid) {
        return Ok(());
    }
    let text = format!(
        "the values of property \"{}\" of collection \"{}\" cannot become texts",
        property.name, collection.name
    );
    Err(Error::invalid("coerce", text).hint("numbers, flags, dates and UUIDs can, and lists of them"))
}

fn refuse_doubles<'a>(
    field: &'static str,
    what: &str,
    collection: &Collection,
    names: impl Iterator<Item = &'a str>,
) -> Result<()> {
    let mut seen = BTreeSet::new();
    for name in names {
        // Weaviate takes names of properties that differ only in case for the same.
        if !seen.insert(name.to_lowercase()) {
            let text = format!("collection \"{}\" would have two of {what} \"{name}\"", collection.name);
            return Err(Error::invalid(field, text));
        }
    }
    Ok(())
}

/// New names of the vectors that are kept, by the old ones.
fn vectors(
    reshape: &Reshape,
    collection: &Collection,
    notes: &mut Vec<String>,
) -> Result<BTreeMap<String, String>> {
    let mut vectors = BTreeMap::new();
    for space in &collection.vector_spaces {
        let old = vector_name(space);
        if reshape.drop_vectors.iter().any(|part| part.is(&collection.name, old)) {
            notes.push(format!("{} is left out", space.label()));
            continue;
        }
        let new = part::most_specific(&reshape.rename_vectors, &collection.name, old);
        if let Some(new) = new {
            notes.push(format!("{} becomes \"{new}\"", space.label()));
        }
        vectors.insert(old.to_owned(), new.unwrap_or(old).to_owned());
    }
    refuse_doubles("rename_vectors", "vector", collection, vectors.values().map(String::as_str))?;
    Ok(vectors)
}

fn check_tenancy(tenancy: &Tenancy, collection: &Collection, notes: &mut Vec<String>) -> Result<()> {
    let name = &collection.name;
    match tenancy {
        Tenancy::Kept => return Ok(()),
        Tenancy::OutOf(tenant) if collection.multi_tenant => {
            notes.push(format!("the objects of tenant \"{tenant}\" go into a collection without tenants"));
            return Ok(());
        }
        Tenancy::OutOf(_) => {
            let text = format!("collection \"{name}\" has no tenants");
            return Err(Error::invalid("from_tenant", text).hint("restore it on its own"));
        }
        Tenancy::Into(_) | Tenancy::ByProperty(_) if collection.multi_tenant => {
            let field = if let Tenancy::Into(_) = tenancy { "into_tenant" } else { "tenant_from" };
            let text = format!("collection \"{name}\" has tenants already");
            return Err(Error::invalid(field, text).hint("restore it on its own; tenants can be renamed"));
        }
        Tenancy::Into(tenant) => {
            notes.push(format!("all objects go into tenant \"{tenant}\""));
            return Ok(());
        }
        Tenancy::ByProperty(_) => {}
    }
    let Tenancy::ByProperty(wanted) = tenancy else { return Ok(()) };
    let property = collection.properties.iter().find(|property| property.name == *wanted);
    let invalid = |text: String| Err(Error::invalid("tenant_from", text));
    let Some(property) = property else {
        return invalid(format!("collection \"{name}\" has no property \"{wanted}\""));
    };
    use ValueKind::{Boolean, Int, Text, Uuid};
    if property.list || !matches!(property.kind, Text | Int | Boolean | Uuid) {
        return invalid(format!(
            "the values of property \"{wanted}\" of collection \"{name}\" cannot name tenants"
        ));
    }
    notes.push(format!("objects go into the tenants that property \"{wanted}\" names"));
    Ok(())
}

/// New names of the tenants that get one.
fn tenants(
    reshape: &Reshape,
    collection: &Collection,
    held: &[&str],
    notes: &mut Vec<String>,
) -> Result<BTreeMap<String, String>> {
    if !collection.multi_tenant || reshape.rename_tenants.is_empty() {
        return Ok(BTreeMap::new());
    }
    let has = |old: &String| held.contains(&old.as_str());
    let renamed: BTreeMap<_, _> =
        reshape.rename_tenants.clone().into_iter().filter(|(old, _)| has(old)).collect();
    let mut afterwards = BTreeSet::new();
    for old in held {
        let new = renamed.get(*old).map_or(*old, String::as_str);
        if !afterwards.insert(new) {
            let text = format!("collection \"{}\" would have two of tenant \"{new}\"", collection.name);
            return Err(
                Error::invalid("rename_tenants", text).hint("choose the tenants that are to be restored")
            );
        }
    }
    if !renamed.is_empty() {
        let pairs: Vec<_> = renamed.iter().map(|(old, new)| format!("\"{old}\" becomes \"{new}\"")).collect();
        notes.push(format!("tenant {}", listed(&pairs)));
    }
    Ok(renamed)
}

#[cfg(test)]
mod tests;
