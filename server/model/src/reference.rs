//! Cross-references of objects: lists of beacons by property.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use super::{Property, TextColumn};

const LOCAL: &str = "weaviate://localhost/";

/// The references of one object: beacons in their order, doubles included, by property.
pub type References = BTreeMap<String, Vec<String>>;

/// Parses what [`super::Batch::references`] holds for an object.
pub fn parse_references(json: &str) -> Result<References, String> {
    if json.is_empty() {
        return Ok(References::new());
    }
    serde_json::from_str(json).map_err(|error| format!("its references are not valid: {error}"))
}

/// A column of references as if the collections had other names.
pub fn rename_references(
    column: &TextColumn,
    names: &BTreeMap<String, String>,
) -> Result<TextColumn, String> {
    let mut renamed = TextColumn::default();
    for json in column.iter() {
        let mut references = parse_references(json)?;
        for beacon in references.values_mut().flatten() {
            *beacon = Beacon::parse(beacon).renamed(names).to_string();
        }
        let text = match references.is_empty() {
            true => String::new(),
            false => serde_json::to_string(&references).map_err(|error| error.to_string())?,
        };
        renamed.push(&text);
    }
    Ok(renamed)
}

/// Where a reference points: `weaviate://localhost/Author/<id>`, or without the name of a collection in old data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beacon<'a> {
    pub collection: Option<Cow<'a, str>>,
    pub id: &'a str,
}

impl<'a> Beacon<'a> {
    pub fn parse(text: &'a str) -> Self {
        let path = text.strip_prefix(LOCAL).unwrap_or(text);
        match path.rsplit_once('/') {
            Some((collection, id)) => Self { collection: Some(collection.into()), id },
            None => Self { collection: None, id: path },
        }
    }

    /// As text that is the same for all that point to the same object: an id means the same in capitals, and Weaviate keeps
    /// them in some of its calls and not in others.
    pub fn canonical(&self) -> String {
        let id = self.id.to_ascii_lowercase();
        Beacon { collection: self.collection.clone(), id: &id }.to_string()
    }

    /// With the name that its collection has elsewhere.
    pub fn renamed(mut self, names: &BTreeMap<String, String>) -> Self {
        if let Some(new) = self.collection.as_deref().and_then(|old| names.get(old)) {
            self.collection = Some(new.clone().into());
        }
        self
    }
}

impl fmt::Display for Beacon<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(LOCAL)?;
        if let Some(collection) = &self.collection {
            write!(f, "{collection}/")?;
        }
        f.write_str(self.id)
    }
}

impl Property {
    /// A beacon of this property with the name of its collection, where there is only one that it can be.
    pub fn complete<'a>(&'a self, beacon: &'a str) -> Beacon<'a> {
        let mut beacon = Beacon::parse(beacon);
        if let (None, [only]) = (&beacon.collection, self.targets.as_slice()) {
            beacon.collection = Some(only.as_str().into());
        }
        beacon
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ValueKind;

    #[test]
    fn beacons_come_back_and_are_renamed_and_completed() {
        let names = BTreeMap::from([("Author".to_owned(), "Writer".to_owned())]);
        let full = "weaviate://localhost/Author/7c1e";
        assert_eq!(Beacon::parse(full).to_string(), full);
        assert_eq!(Beacon::parse(full).renamed(&names).to_string(), "weaviate://localhost/Writer/7c1e");
        let bare = "weaviate://localhost/7c1e";
        assert_eq!(Beacon::parse(bare).renamed(&names).to_string(), bare);
        let mut by = Property::new("by", ValueKind::Reference, true);
        by.targets = vec!["Author".to_owned()];
        assert_eq!(by.complete(bare).to_string(), full);
        assert_eq!(by.complete("weaviate://localhost/7C1E").canonical(), full);
        by.targets.push("Editor".to_owned());
        assert_eq!(by.complete(bare).to_string(), bare);
    }
}
