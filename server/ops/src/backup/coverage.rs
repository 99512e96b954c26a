//! What cannot be proven to be there because the key may not see everything.
//!
//! Weaviate leaves out of its lists what a key may not see, without a word. So whether a list is complete is decided by the
//! key's own permissions.

use super::BackupRequest;
use selvedge_model::{Collection, Reason, Remark, Selection};
use selvedge_weaviate::{Permissions, ShardCoverage};

/// Nothing for exact names: what is named is there, or is told to be missing.
pub fn of_selection(permissions: &Permissions, selection: &Selection) -> Option<Remark> {
    let patterns = selection.patterns().into_iter();
    let unseen: Vec<_> = patterns.filter(|pattern| !permissions.sees_collections(pattern)).collect();
    let patterns: Vec<_> = unseen.into_iter().map(str::to_owned).collect();
    let permission = permissions.describe("read_collections");
    (!patterns.is_empty()).then(|| Remark::gap(Reason::CollectionsUnseen { patterns, permission }))
}

/// Of a collection's tenants and aliases.
pub fn of_lists(permissions: &Permissions, request: &BackupRequest, collection: &Collection) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let name = &collection.name;
    if collection.multi_tenant && request.tenants.is_empty() && !permissions.sees_all_tenants(name) {
        let permission = permissions.describe("read_tenants");
        remarks.push(Remark::gap(Reason::TenantsUnseen { permission }));
    }
    if !permissions.sees_aliases(name) {
        let permission = permissions.describe("read_aliases");
        remarks.push(Remark::gap(Reason::AliasesUnseen { permission }));
    }
    remarks
}

/// Of a collection's objects.
pub fn of_shards(shards: ShardCoverage) -> Option<Remark> {
    (shards == ShardCoverage::Unknown).then(|| Remark::gap(Reason::ShardsUnproven))
}
