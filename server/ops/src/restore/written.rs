//! Which objects of a backup a merge has written: those of them that are to get their references, and to be checked.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::engine::Origin;

/// By the row group they are in, and by their tenant: a bit for each object, however many there are.
#[derive(Debug, Default)]
pub struct Written(BTreeMap<Place, Rows>);

type Place = (Origin, Option<Arc<str>>);

/// Some of the rows of a tenant in a row group, a bit each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows(Vec<u8>);

/// What a record tells of a page.
pub type WrittenRows = (Origin, Option<String>, Rows);

impl Written {
    pub fn add(&mut self, (origin, tenant, rows): WrittenRows) {
        self.0.entry((origin, tenant.map(Arc::from))).or_default().add(&rows);
    }

    pub fn of(&self, origin: Option<Origin>, tenant: &Option<Arc<str>>) -> Option<&Rows> {
        self.0.get(&(origin?, tenant.clone()))
    }

    pub fn origins(&self) -> impl Iterator<Item = Origin> {
        self.0.keys().map(|(origin, _)| *origin)
    }
}

impl Rows {
    pub fn has(&self, row: usize) -> bool {
        self.0.get(row / 8).is_some_and(|byte| byte & (1 << (row % 8)) != 0)
    }

    fn add(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        self.0.iter_mut().zip(&other.0).for_each(|(mine, theirs)| *mine |= theirs);
    }
}

impl FromIterator<usize> for Rows {
    fn from_iter<I: IntoIterator<Item = usize>>(rows: I) -> Self {
        let mut bits = Vec::new();
        for row in rows {
            if bits.len() <= row / 8 {
                bits.resize(row / 8 + 1, 0);
            }
            bits[row / 8] |= 1 << (row % 8);
        }
        Self(bits)
    }
}

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for Rows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let hex = String::deserialize(deserializer)?;
        let byte = |at| {
            let digits = hex.get(at..at + 2).ok_or_else(|| de::Error::custom("half a byte"))?;
            u8::from_str_radix(digits, 16).map_err(de::Error::custom)
        };
        (0..hex.len()).step_by(2).map(byte).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_from_what_was_written_down() {
        let rows: Rows = [0, 9, 17].into_iter().collect();
        let json = serde_json::to_string(&rows).unwrap();
        assert_eq!(json, "\"010202\"");
        assert_eq!(serde_json::from_str::<Rows>(&json).unwrap(), rows);
        assert!(serde_json::from_str::<Rows>("\"0\"").is_err());
        let mut written = Written::default();
        let origin = Origin { file: 0, group: 1 };
        written.add((origin, Some("t".to_owned()), rows));
        written.add((origin, Some("t".to_owned()), [3].into_iter().collect()));
        let of = written.of(Some(origin), &Some("t".into())).unwrap();
        let found: Vec<_> = (0..99).filter(|row| of.has(*row)).collect();
        assert_eq!(found, [0, 3, 9, 17]);
        assert!(written.of(Some(origin), &None).is_none());
    }
}
