//! The digests of a collection, as far as one needs them to compare it part by part.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Buckets, Digest, Digester, Unfit};
use crate::{Batch, Dimensions};

/// What was found in some objects of a collection: adds up, in any order.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Content {
    pub buckets: Buckets,
    /// Empty without multi-tenancy. A tenant without objects need not be there.
    pub tenants: BTreeMap<String, Digest>,
    pub dimensions: Dimensions,
}

impl Content {
    /// Adds a batch of one tenant; None without multi-tenancy. Returns the digest of the batch.
    pub fn add(&mut self, digester: &Digester, tenant: Option<&str>, batch: &Batch) -> Result<Digest, Unfit> {
        self.add_each(digester, tenant, batch, |_| {})
    }

    /// As [`Content::add`], and calls with the digest of each object, in order.
    pub fn add_each(
        &mut self,
        digester: &Digester,
        tenant: Option<&str>,
        batch: &Batch,
        mut found: impl FnMut(Digest),
    ) -> Result<Digest, Unfit> {
        let mut total = Digest::default();
        digester.each(tenant, batch, |_, id: Uuid, digest| {
            self.buckets.add(&id, digest);
            total += digest;
            found(digest);
        })?;
        if let Some(tenant) = tenant {
            match self.tenants.get_mut(tenant) {
                Some(sum) => *sum += total,
                None => drop(self.tenants.insert(tenant.to_owned(), total)),
            }
        }
        self.dimensions.add(digester.spaces(), tenant, batch);
        Ok(total)
    }

    /// Adds one object, of whose vectors nothing is known but that digest.
    pub fn add_digest(&mut self, tenant: Option<&str>, id: &Uuid, digest: Digest) {
        self.buckets.add(id, digest);
        if let Some(tenant) = tenant {
            match self.tenants.get_mut(tenant) {
                Some(sum) => *sum += digest,
                None => drop(self.tenants.insert(tenant.to_owned(), digest)),
            }
        }
    }

    /// Takes away what was added before, but for its dimensions.
    pub fn subtract(&mut self, other: &Self) {
        self.buckets.subtract(&other.buckets);
        for (tenant, digest) in &other.tenants {
            if let Some(sum) = self.tenants.get_mut(tenant) {
                *sum -= *digest;
            }
        }
    }

    pub fn merge(&mut self, other: Self) {
        self.buckets.merge(&other.buckets);
        for (tenant, digest) in other.tenants {
            *self.tenants.entry(tenant).or_default() += digest;
        }
        self.dimensions.merge(other.dimensions);
    }

    pub fn total(&self) -> Digest {
        self.buckets.total()
    }
}
