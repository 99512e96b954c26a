//! `GET /v1/users/own-info`: who somebody is, and what they may do.

use serde_json::{Value, json};

use super::{Permission, Rights};
use crate::stand_in::schema::class_name;

/// Who holds the key that may do everything.
pub(super) const ALMIGHTY: &str = "tester";
/// The actions of the role `root`, in the server's order.
pub(super) const ROOT: [&str; 38] = [
    "create_roles",
    "read_roles",
    "update_roles",
    "delete_roles",
    "manage_backups",
    "manage_namespaces",
    "assign_and_revoke_users",
    "create_users",
    "read_users",
    "update_users",
    "delete_users",
    "read_cluster",
    "assign_and_revoke_groups",
    "read_groups",
    "read_nodes",
    "create_collections",
    "read_collections",
    "update_collections",
    "delete_collections",
    "create_data",
    "read_data",
    "update_data",
    "delete_data",
    "create_tenants",
    "read_tenants",
    "update_tenants",
    "delete_tenants",
    "create_replicate",
    "read_replicate",
    "update_replicate",
    "delete_replicate",
    "create_aliases",
    "read_aliases",
    "update_aliases",
    "delete_aliases",
    "create_mcp",
    "read_mcp",
    "update_mcp",
];

impl Rights {
    /// Without access control nobody has a role, and neither has a user who may do nothing.
    pub fn own_info(&self, is_controlled: bool) -> Value {
        let (user, roles) = match &self.confined {
            Some(key) if key.permissions.is_empty() => (key.user.as_str(), Value::Null),
            Some(key) => {
                let role = role(&role_of(&key.user), &key.permissions);
                (key.user.as_str(), json!([role]))
            }
            None if is_controlled => {
                (ALMIGHTY, json!([role("root", &ROOT.map(|action| Permission::on(action, "*")))]))
            }
            None => (ALMIGHTY, Value::Null),
        };
        json!({"groups": null, "roles": roles, "username": user})
    }
}

/// The name of the role that gives a key its permissions.
pub(super) fn role_of(user: &str) -> String {
    format!("role-of-{user}")
}

fn role(name: &str, permissions: &[Permission]) -> Value {
    json!({"name": name, "permissions": permissions.iter().map(shown).collect::<Vec<_>>()})
}

pub(super) fn shown(permission: &Permission) -> Value {
    let Permission { action, collection, part } = permission;
    let name = collection;
    let collection = class_name(collection);
    let domain = action.rsplit('_').next().unwrap_or_default();
    let scope = match domain {
        "collections" | "backups" => json!({"collection": collection}),
        "data" => json!({"collection": collection, "object": "*", "tenant": part}),
        "tenants" => json!({"collection": collection, "tenant": part}),
        "aliases" => json!({"alias": part, "collection": collection}),
        "replicate" => json!({"collection": collection, "shard": part}),
        "nodes" if collection.is_empty() => json!({"verbosity": "minimal"}),
        "nodes" => json!({"collection": collection, "verbosity": "verbose"}),
        "roles" => json!({"role": name, "scope": "all"}),
        "users" => json!({"users": name}),
        "groups" => json!({"group": name, "groupType": "oidc"}),
        "namespaces" => json!({"namespace": "*"}),
        _ => return json!({"action": action}),
    };
    json!({"action": action, domain: scope})
}
