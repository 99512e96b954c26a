//! Names of properties and vectors: of one collection, or of all that have such a one.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// `title` of every collection, or `Article.title`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Part {
    /// None for all.
    pub collection: Option<String>,
    pub name: String,
}

impl Part {
    pub fn is_of(&self, collection: &str) -> bool {
        self.collection.as_deref().is_none_or(|own| own == collection)
    }

    pub fn is(&self, collection: &str, name: &str) -> bool {
        self.name == name && self.is_of(collection)
    }
}

/// What is said of a part of a collection; what is said of it alone goes first.
pub fn most_specific<'a>(said: &'a BTreeMap<Part, String>, collection: &str, name: &str) -> Option<&'a str> {
    let of = |collection: Option<&str>| {
        said.get(&Part { collection: collection.map(str::to_owned), name: name.to_owned() })
    };
    of(Some(collection)).or_else(|| of(None)).map(String::as_str)
}

impl FromStr for Part {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        // None of these names can hold a dot.
        Ok(match text.split_once('.') {
            Some((collection, name)) => {
                Self { collection: Some(collection.to_owned()), name: name.to_owned() }
            }
            None => Self { collection: None, name: text.to_owned() },
        })
    }
}

impl From<String> for Part {
    fn from(text: String) -> Self {
        let Ok(part) = text.parse();
        part
    }
}

impl From<Part> for String {
    fn from(part: Part) -> Self {
        part.to_string()
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(collection) = &self.collection {
            write!(f, "{collection}.")?;
        }
        f.write_str(&self.name)
    }
}
