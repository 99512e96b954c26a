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

impl TenantStatus {
    /// Only these can be read and written.
    pub fn is_active(self) -> bool {
        self == Self::Hot
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
