//! Weaviate's version, and what depends on it.

use std::fmt;

use selvedge_model::error::{Error, Kind, Result};

/// A version such as 1.39.0; suffixes such as `-rc.0` do not matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u32,
    minor: u32,
    patch: u32,
}

impl Version {
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    pub fn parse(text: &str) -> Option<Self> {
        let core = text.trim_start_matches('v').split(['-', '+']).next()?;
        let mut numbers = core.split('.').map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(Self { major: next()?, minor: next()?, patch: next().unwrap_or(0) })
    }

    /// Refuses versions on which a backup would silently lose something.
    pub fn check_supported(self) -> Result<()> {
        // Before these, gRPC sends the legacy vector only in a field that was deprecated since, and which we do not read.
        let first = match (self.major, self.minor) {
            (1, ..27) => Self::new(1, 27, 14),
            (1, 27) => Self::new(1, 27, 14),
            (1, 28) => Self::new(1, 28, 8),
            (1, 29) => Self::new(1, 29, 1),
            _ => return Ok(()),
        };
        if self >= first {
            return Ok(());
        }
        Err(Error::new(Kind::WeaviateVersionUnsupported, format!("Weaviate {self} is too old"))
            .hint(format!("upgrade Weaviate to {first} or later")))
    }

    /// gRPC `Aggregate`; before, GraphQL has to count.
    pub fn has_grpc_aggregate(self) -> bool {
        self >= Self::new(1, 29, 0)
    }

    /// Other names for collections.
    pub fn has_aliases(self) -> bool {
        self >= Self::new(1, 32, 0)
    }

    /// Deleting an inactive tenant deletes its objects too. Before, they stay on disk, and come back with the next tenant
    /// of that name (seen on 1.27.27; later patches of 1.30 to 1.32 are mended too, which is not worth telling apart).
    pub fn deletes_inactive_tenants(self) -> bool {
        self >= Self::new(1, 33, 0)
    }

    /// Over gRPC, an object can be asked for as a whole, whatever the names of its parts. (So can late patches of 1.34 and
    /// 1.35.)
    pub fn shows_whole_objects(self) -> bool {
        self >= Self::new(1, 36, 0)
    }

    /// Listing objects over REST, the named vectors of those on other nodes are missing. (Bounds of the bug as read from
    /// the server's sources; 1.34 and 1.35 never got the mend.)
    pub fn rest_loses_named_vectors(self) -> bool {
        let between = |from: (u32, u32, u32), mended: (u32, u32, u32)| {
            self >= Self::new(from.0, from.1, from.2) && self < Self::new(mended.0, mended.1, mended.2)
        };
        between((1, 34, 11), (1, 35, 0))
            || between((1, 35, 4), (1, 36, 22))
            || between((1, 37, 0), (1, 37, 13))
            || between((1, 38, 0), (1, 38, 4))
    }

    /// Adding named vectors to a collection that exists.
    pub fn can_add_named_vectors(self) -> bool {
        self >= Self::new(1, 31, 0)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_do_not_matter() {
        assert_eq!(Version::parse("1.39.0-rc.1"), Some(Version::new(1, 39, 0)));
        assert_eq!(Version::parse("1.27.27-0a1b2c3"), Some(Version::new(1, 27, 27)));
        assert_eq!(Version::parse("dev"), None);
    }

    #[test]
    fn versions_that_would_lose_legacy_vectors_are_refused() {
        for (version, supported) in [
            ("1.26.9", false),
            ("1.27.13", false),
            ("1.27.14", true),
            ("1.28.7", false),
            ("1.29.0", false),
            ("1.30.0", true),
            ("2.0.0", true),
        ] {
            assert_eq!(Version::parse(version).unwrap().check_supported().is_ok(), supported, "{version}");
        }
    }
}
