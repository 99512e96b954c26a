//! What cannot be proven to be there because the key may not see everything.
//!
//! Weaviate leaves out of its lists what a key may not see, without a word. So whether a list is complete is decided by the
//! key's own permissions.

use super::BackupRequest;
use super::remarks::Remarks;
use selvedge_model::{Collection, Selection};
use selvedge_weaviate::{Permissions, ShardCoverage};

/// Nothing for exact names: what is named is there, or is told to be missing.
pub fn of_selection(permissions: &Permissions, selection: &Selection) -> Vec<String> {
    let hidden = |pattern: &str| !permissions.sees_collections(pattern);
    let unseen: Vec<_> = selection.patterns().into_iter().filter(|pattern| hidden(pattern)).collect();
    if unseen.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "the server's key may not read all collections that {} means ({}), so there may be others that are not in the backup",
        unseen.iter().map(|pattern| format!("\"{pattern}\"")).collect::<Vec<_>>().join(" and "),
        permissions.describe("read_collections")
    )]
}

/// Of a collection's tenants and aliases.
pub fn of_lists(permissions: &Permissions, request: &BackupRequest, collection: &Collection) -> Remarks {
    let mut remarks = Remarks::default();
    let name = &collection.name;
    let hidden = |what: &str, action: &str| {
        format!(
            "the server's key may not read all {what} ({}), so there may be others that are not in the backup",
            permissions.describe(action)
        )
    };
    if collection.multi_tenant && request.tenants.is_empty() && !permissions.sees_all_tenants(name) {
        remarks.gap("tenants_unseen", hidden("tenants", "read_tenants"));
    }
    if !permissions.sees_aliases(name) {
        remarks.gap("aliases_unseen", hidden("aliases", "read_aliases"));
    }
    remarks
}

/// Of a collection's objects.
pub fn of_shards(shards: ShardCoverage) -> Remarks {
    let mut remarks = Remarks::default();
    if shards == ShardCoverage::Unknown {
        let text = "the server's key may read neither the shards (read_tenants) nor the nodes (read_nodes), so it cannot be \
                    proven that all shards were up";
        remarks.gap("shards_unproven", text);
    }
    remarks
}
