//! Which server the stand-in is taken for.

/// Major, minor, patch; suffixes such as `-rc.0` are ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32, pub u32);

impl Version {
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let mut parts = text.split('-').next().unwrap_or_default().split('.').map(str::parse::<u32>);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch)), None) => Ok(Self(major, minor, patch)),
            _ => anyhow::bail!("{text:?} is not a version such as 1.39.0"),
        }
    }

    /// gRPC `Aggregate` and `BatchReferences` answer.
    pub fn aggregates(self) -> bool {
        self >= Self(1, 29, 0)
    }

    pub fn has_aliases(self) -> bool {
        self >= Self(1, 32, 0)
    }

    pub fn has_blob_hash(self) -> bool {
        self >= Self(1, 37, 0)
    }

    /// An object that is sent again as it was gets new times.
    pub fn restamps(self) -> bool {
        self >= Self(1, 38, 3)
    }

    /// There is a call that drops a vector index.
    pub fn drops_vectors(self) -> bool {
        self >= Self(1, 37, 0)
    }

    pub fn has_own_info(self) -> bool {
        self >= Self(1, 30, 0)
    }

    /// Of a role, it tells the groups that have it.
    pub fn tells_groups(self) -> bool {
        self >= Self(1, 33, 0)
    }

    /// Multi-vectors, rotational quantization, a legacy index beside named vectors: what 1.27 drops or refuses.
    pub fn is_recent(self) -> bool {
        self >= Self(1, 32, 0)
    }
}
