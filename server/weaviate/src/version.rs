//! Weaviate's version, and what depends on it: what our calls rest on, and in `settings` what collections do.

mod settings;

use std::fmt;

use selvedge_model::error::{Error, Kind, Result};
pub use settings::{Misfit, Without, is_internal, is_off, misfits};

/// A version such as 1.39.0; suffixes such as `-rc.0` do not matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u32,
    minor: u32,
    patch: u32,
}

/// What some versions have, or do, and others do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feature {
    /// A backup loses nothing without a word.
    Supported,
    /// gRPC `Aggregate`; elsewhere, GraphQL has to count.
    GrpcAggregate,
    /// Other names for collections.
    Aliases,
    /// Deleting an inactive tenant deletes its objects too. Elsewhere, they stay on disk, and come back with the next tenant of
    /// that name.
    DeletesInactiveTenants,
    /// Over gRPC, an object can be asked for as a whole, whatever the names of its parts.
    ShowsWholeObjects,
    /// Listing objects over REST, the named vectors of those on other nodes are missing.
    LosesNamedVectorsOverRest,
    /// Named vectors can be added to a collection that exists.
    AddsNamedVectors,
}

/// Versions from the first on, and before the second.
type Span = (Version, Version);

const fn since(major: u32, minor: u32, patch: u32) -> Span {
    (Version::new(major, minor, patch), Version::new(u32::MAX, 0, 0))
}

const fn between(from: (u32, u32, u32), before: (u32, u32, u32)) -> Span {
    (Version::new(from.0, from.1, from.2), Version::new(before.0, before.1, before.2))
}

impl Feature {
    /// The versions that have it, with where that is known from.
    const fn spans(self) -> &'static [Span] {
        match self {
            // Seen on 1.25.34, whose gRPC API has what 1.25.0 has by its sources. Before, tenants could not be listed over it.
            Self::Supported => const { &[since(1, 25, 0)] },
            // weaviate/weaviate#6957. Late patches of 1.28 have it too, but Weaviate's own clients do not count on that.
            Self::GrpcAggregate => const { &[since(1, 29, 0)] },
            // Weaviate's documentation of collection aliases.
            Self::Aliases => const { &[since(1, 32, 0)] },
            // Seen on 1.27.27; later patches of 1.30 to 1.32 are mended too, which is not worth telling apart.
            Self::DeletesInactiveTenants => const { &[since(1, 33, 0)] },
            // Seen, and so can late patches of 1.34 and 1.35.
            Self::ShowsWholeObjects => const { &[since(1, 36, 0)] },
            // Read from the server's sources; 1.34 and 1.35 never got the mend.
            Self::LosesNamedVectorsOverRest => {
                const {
                    &[
                        between((1, 34, 11), (1, 35, 0)),
                        between((1, 35, 4), (1, 36, 22)),
                        between((1, 37, 0), (1, 37, 13)),
                        between((1, 38, 0), (1, 38, 4)),
                    ]
                }
            }
            // Weaviate refuses it before.
            Self::AddsNamedVectors => const { &[since(1, 31, 0)] },
        }
    }
}

impl Version {
    pub(crate) const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let core = text.trim_start_matches('v').split(['-', '+']).next()?;
        let mut numbers = core.split('.').map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(Self { major: next()?, minor: next()?, patch: next().unwrap_or(0) })
    }

    pub(crate) fn has(self, what: Feature) -> bool {
        self.is_in(what.spans())
    }

    fn is_in(self, versions: &[Span]) -> bool {
        versions.iter().any(|(first, before)| *first <= self && self < *before)
    }

    /// The first of these versions that is after this one.
    fn next_of(self, versions: &[Span]) -> Option<Self> {
        versions.iter().map(|(first, _)| *first).filter(|first| self < *first).min()
    }

    /// Whether collections can have other names.
    pub fn has_aliases(self) -> bool {
        self.has(Feature::Aliases)
    }

    /// Refuses versions on which a backup would silently lose something.
    pub(crate) fn check_supported(self) -> Result<()> {
        if self.has(Feature::Supported) {
            return Ok(());
        }
        let error = Error::new(Kind::WeaviateVersionUnsupported, format!("Weaviate {self} is too old"));
        Err(match self.next_of(Feature::Supported.spans()) {
            Some(first) => error.hint(format!("upgrade Weaviate to {first} or later")),
            None => error,
        })
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
    fn versions_that_were_never_tried_are_refused() {
        for (version, supported) in
            [("1.24.26", false), ("1.25.0", true), ("1.27.13", true), ("1.29.0", true), ("2.0.0", true)]
        {
            assert_eq!(Version::parse(version).unwrap().check_supported().is_ok(), supported, "{version}");
        }
    }

    #[test]
    fn what_was_mended_is_not_held_against_later_patches() {
        for (version, loses) in [
            ("1.34.10", false),
            ("1.34.11", true),
            ("1.35.0", false),
            ("1.35.4", true),
            ("1.36.22", false),
            ("1.37.12", true),
            ("1.38.4", false),
            ("1.39.0", false),
        ] {
            let version = Version::parse(version).unwrap();
            assert_eq!(version.has(Feature::LosesNamedVectorsOverRest), loses, "{version}");
        }
    }
}
