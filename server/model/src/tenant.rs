//! Tenants of a multi-tenant collection.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A tenant and whether it can be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    pub name: String,
    pub status: TenantStatus,
}

/// A tenant's activity status, in the spelling of Weaviate's REST API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TenantStatus {
    #[serde(alias = "ACTIVE")]
    Hot,
    #[serde(alias = "INACTIVE")]
    Cold,
    #[serde(alias = "OFFLOADED")]
    Frozen,
    #[serde(alias = "OFFLOADING")]
    Freezing,
    #[serde(alias = "ONLOADING")]
    Unfreezing,
}

/// Why the objects of a tenant are not in a backup. The aliases are what backups of format 1 say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftOut {
    #[serde(alias = "not chosen")]
    NotChosen,
    Inactive,
    #[serde(alias = "being offloaded", alias = "being loaded")]
    Offloaded,
    /// It was not there any more when its turn came.
    #[serde(alias = "gone before it was read")]
    Gone,
    /// It was active before it was read, and is now, but was not in between.
    #[serde(alias = "not active while it was read")]
    InactiveMeanwhile,
    /// A newer Selvedge knows why.
    #[serde(other)]
    Unknown,
}

impl LeftOut {
    /// None for a tenant that can be read.
    pub fn by_status(status: TenantStatus) -> Option<Self> {
        match status {
            TenantStatus::Hot => None,
            TenantStatus::Cold => Some(Self::Inactive),
            TenantStatus::Frozen | TenantStatus::Freezing | TenantStatus::Unfreezing => Some(Self::Offloaded),
        }
    }
}

impl TenantStatus {
    /// Only these can be read and written.
    pub fn is_active(self) -> bool {
        self == Self::Hot
    }

    /// What a tenant of this status can be created as: Weaviate creates them only as active or inactive.
    pub fn creatable(self) -> Self {
        match self {
            Self::Hot => Self::Hot,
            Self::Cold | Self::Frozen | Self::Freezing | Self::Unfreezing => Self::Cold,
        }
    }
}

impl fmt::Display for TenantStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hot => "active",
            Self::Cold => "inactive",
            Self::Frozen => "offloaded",
            Self::Freezing => "being offloaded",
            Self::Unfreezing => "being loaded",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_a_tenant_was_left_out_may_be_said_in_words_of_the_past_or_of_the_future() {
        let read: Vec<LeftOut> = serde_json::from_str(r#"["inactive", "being loaded", "novelty"]"#).unwrap();
        assert_eq!(read, [LeftOut::Inactive, LeftOut::Offloaded, LeftOut::Unknown]);
    }
}
