//! Objects of a backup in another shape.

use std::borrow::Cow;
use std::collections::BTreeMap;

use selvedge_archive::{Rows, Select};
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{TextColumn, is_tenant_name};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{Fate, Shape, Tenancy};

impl Shape {
    /// What has to be read for the objects to be put into this shape.
    pub fn select(&self, wanted: Select) -> Select {
        match (wanted, &self.tenancy) {
            // Another shape has other hashes.
            (Select::Hashes, _) => Select::All,
            (Select::References, Tenancy::ByProperty(_)) => Select::Texts,
            (wanted, _) => wanted,
        }
    }

    /// Some rows of one tenant, by the tenants that they belong to now.
    pub fn apply(&self, rows: Rows) -> Result<Vec<Rows>> {
        let Rows { tenant, mut batch, .. } = rows;
        let by_tenant = match &self.tenancy {
            Tenancy::ByProperty(property) => {
                Some(self.by_property(property, &batch.ids, &batch.properties)?)
            }
            _ => None,
        };
        if !self.properties.is_empty() {
            let odd = |row: usize, error: serde_json::Error| self.odd(batch.ids[row], &error.to_string());
            batch.properties =
                each(&batch.properties, |row, json| self.object(json).map_err(|error| odd(row, error)))?;
            batch.references = match batch.references.take() {
                None => None,
                Some(column) => Some(each(&column, |row, json| match json.is_empty() {
                    true => Ok(String::new()),
                    false => self.references(json).map_err(|error| odd(row, error)),
                })?),
            };
        }
        if !batch.vectors.is_empty() {
            let mut vectors: BTreeMap<_, _> = batch.vectors.drain(..).enumerate().collect();
            batch.vectors = self.columns.iter().filter_map(|column| vectors.remove(column)).collect();
        }
        let digests = Vec::new();
        if let Some(by_tenant) = by_tenant {
            let rows = by_tenant.into_iter().map(|(tenant, rows)| Rows {
                tenant: Some(tenant),
                batch: batch.pick(&rows),
                digests: Vec::new(),
            });
            return Ok(rows.collect());
        }
        let tenant = match &self.tenancy {
            Tenancy::Into(tenant) => Some(tenant.clone()),
            Tenancy::OutOf(_) => None,
            _ => tenant.map(|tenant| self.new_tenant(&tenant).to_owned()),
        };
        Ok(vec![Rows { tenant, batch, digests }])
    }

    /// The rows that belong to a tenant, by the value of a property.
    fn by_property(
        &self,
        property: &str,
        ids: &[Uuid],
        objects: &TextColumn,
    ) -> Result<BTreeMap<String, Vec<usize>>> {
        let mut tenants: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (row, json) in objects.iter().enumerate() {
            let values: BTreeMap<String, &RawValue> =
                serde_json::from_str(json).map_err(|error| self.odd(ids[row], &error.to_string()))?;
            let value = values.get(property).map(|value| value.get());
            let name = value.map(|value| match serde_json::from_str(value) {
                Ok(Value::String(text)) => text,
                _ => value.to_owned(),
            });
            let name = name.filter(|name| is_tenant_name(name));
            let Some(name) = name else {
                let text = format!(
                    "object {} of collection \"{}\" belongs to no tenant: its property \"{property}\" {}",
                    ids[row],
                    self.collection.name,
                    value.map_or("has no value".to_owned(), |value| format!("is {value:.70}"))
                );
                return Err(Error::new(Kind::CollectionUnsupported, text)
                    .hint("tenants have names of 1 to 64 letters, digits, `-` and `_`"));
            };
            tenants.entry(name).or_default().push(row);
        }
        Ok(tenants)
    }

    fn object(&self, json: &str) -> serde_json::Result<String> {
        let old: BTreeMap<String, &RawValue> = serde_json::from_str(json)?;
        let mut new = BTreeMap::new();
        for (name, value) in old {
            match self.properties.get(&name) {
                None => drop(new.insert(name, Cow::Borrowed(value))),
                Some(Fate { name: None, .. }) => {}
                Some(Fate { name: Some(name), to_text: false }) => {
                    new.insert(name.clone(), Cow::Borrowed(value));
                }
                Some(Fate { name: Some(name), to_text: true }) => {
                    let text = as_text(serde_json::from_str(value.get())?);
                    new.insert(name.clone(), Cow::Owned(serde_json::value::to_raw_value(&text)?));
                }
            }
        }
        text_of(&new)
    }

    /// Empty if nothing is left of them.
    fn references(&self, json: &str) -> serde_json::Result<String> {
        let old: BTreeMap<String, &RawValue> = serde_json::from_str(json)?;
        let new: BTreeMap<_, _> = old
            .into_iter()
            .filter_map(|(name, value)| match self.properties.get(&name) {
                None => Some((name, value)),
                Some(fate) => Some((fate.name.clone()?, value)),
            })
            .collect();
        if new.is_empty() { Ok(String::new()) } else { text_of(&new) }
    }

    fn odd(&self, id: Uuid, why: &str) -> Error {
        let collection = &self.collection.name;
        Error::new(
            Kind::BackupCorrupt,
            format!("object {id} of collection \"{collection}\" cannot be understood: {why}"),
        )
    }
}

/// A column with a new text for each.
fn each(column: &TextColumn, new: impl Fn(usize, &str) -> Result<String>) -> Result<TextColumn> {
    let mut texts = TextColumn::default();
    for (row, json) in column.iter().enumerate() {
        texts.push(&new(row, json)?);
    }
    Ok(texts)
}

fn text_of(object: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string(object)
}

/// A number or a flag as it is written, and so in a list.
fn as_text(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(as_text).collect(),
        Value::Number(number) => Value::String(number.to_string()),
        Value::Bool(flag) => Value::String(flag.to_string()),
        other => other,
    }
}
