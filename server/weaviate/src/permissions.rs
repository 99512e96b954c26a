//! What the key may see, by its own account: the only way to know whether Weaviate's lists are complete for it.

use glob::Pattern;
use selvedge_model::Tenant;
use selvedge_model::error::{Error, Kind, Result};
use serde_json::Value;

use super::Cluster;
use super::version::Feature;

/// The permissions of the key. Without role-based access control, and for keys of root users, nothing is restricted.
#[derive(Debug, Clone, Default)]
pub struct Permissions(Option<Vec<Permission>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Permission {
    action: String,
    /// Scopes, in which `*` stands for any text. Of what is about roles, users or groups, one of them.
    collection: String,
    /// A tenant, or an alias; of what is about roles, how far it goes.
    part: String,
}

const EVERYTHING: &str = "*";
const READ_ALIASES: &str = "read_aliases";
const READ_ROLES: &str = "read_roles";
/// How far a permission goes that is about roles: all of them, or those that permit no more than the key's own.
const ALL_ROLES: &str = "all";
const MATCHING_ROLES: &str = "match";

impl Cluster {
    /// Asks Weaviate what the key may do. Versions without such a call have no permissions to restrict it.
    pub async fn permissions(&self) -> Result<Permissions> {
        let action = "read the key's own permissions";
        let has_aliases = self.connect().await?.version.has(Feature::Aliases);
        match self.retrying(|| self.rest.get(action, "/v1/users/own-info", &[])).await {
            Ok(Some(info)) => {
                let permissions = Permissions::parse(&info, has_aliases);
                if permissions.are_told() || !self.is_refused_nodes().await? {
                    return Ok(permissions);
                }
                // Without access control everybody may see the nodes: it is a key that has no role.
                Ok(Permissions(Some(Vec::new())))
            }
            Ok(None) => Ok(Permissions::default()),
            // What Weaviate answers to somebody who has no key, and needs none.
            Err(error) if error.kind() == Kind::WeaviateUnauthenticated => Ok(Permissions::default()),
            Err(error) => Err(error),
        }
    }

    /// Whether the key may not even see which nodes there are.
    async fn is_refused_nodes(&self) -> Result<bool> {
        match self.retrying(|| self.rest.get("list the nodes", "/v1/nodes", &[])).await {
            Ok(_) => Ok(false),
            Err(error) if error.kind() == Kind::WeaviatePermissionDenied => Ok(true),
            Err(error) => Err(error),
        }
    }
}

impl Permissions {
    fn parse(info: &Value, has_aliases: bool) -> Self {
        let Some(roles) = info["roles"].as_array() else { return Self(None) };
        let permissions = roles.iter().flat_map(|role| role["permissions"].as_array()).flatten();
        let mut permissions: Vec<_> = permissions.filter_map(Permission::parse).collect();
        if !has_aliases {
            // Where there are none, none is hidden.
            let everything = || EVERYTHING.to_owned();
            let action = READ_ALIASES.to_owned();
            permissions.push(Permission { action, collection: everything(), part: everything() });
        }
        Self(Some(permissions))
    }

    /// Whether a list of collections that match this name or pattern is complete.
    pub fn sees_collections(&self, pattern: &str) -> bool {
        self.grants("read_collections", |permission| covers(&permission.collection, pattern))
    }

    /// Whether a list of a collection's tenants is complete.
    pub fn sees_all_tenants(&self, collection: &str) -> bool {
        self.grants("read_tenants", |permission| {
            permission.part == EVERYTHING && matches(&permission.collection, collection)
        })
    }

    /// Whether a tenant is in the list of a collection's tenants, if it is there.
    pub fn sees_tenant(&self, collection: &str, tenant: &str) -> bool {
        self.grants("read_tenants", |permission| {
            matches(&permission.part, tenant) && matches(&permission.collection, collection)
        })
    }

    /// Whether a list of the aliases that point to a collection is complete.
    pub fn sees_aliases(&self, collection: &str) -> bool {
        self.grants(READ_ALIASES, |permission| {
            permission.part == EVERYTHING && matches(&permission.collection, collection)
        })
    }

    /// Fails if the key surely may not do something to a collection, of which these are the tenants, that is needed to put back
    /// what is about to be destroyed. Of scopes that are more than names with `*`, the best is believed.
    pub fn require(&self, actions: &[&str], collection: &str, tenants: &[Tenant]) -> Result<()> {
        match actions.iter().find(|action| self.surely_lacks(action, collection, tenants)) {
            None => Ok(()),
            Some(action) => {
                let text = format!(
                    "collection \"{collection}\" was left as it is: the server's key could not put it back afterwards ({})",
                    self.describe(action)
                );
                Err(Error::new(Kind::WeaviatePermissionDenied, text)
                    .hint(format!("give the key {action} on all of the collection")))
            }
        }
    }

    /// Which of these the key surely may not do to everything in some collection.
    pub fn lacking<'a>(&self, actions: &[&'a str], collections: &[String]) -> Vec<&'a str> {
        let lacks = |action: &str| collections.iter().any(|name| self.surely_lacks(action, name, &[]));
        actions.iter().filter(|action| lacks(action)).copied().collect()
    }

    fn surely_lacks(&self, action: &str, collection: &str, tenants: &[Tenant]) -> bool {
        let Some(permissions) = &self.0 else { return false };
        let permissions = permissions.iter().filter(|permission| {
            permission.action == action && may_match(&permission.collection, collection)
        });
        let parts: Vec<_> = permissions.map(|permission| permission.part.as_str()).collect();
        let may = |tenant: &str| parts.iter().any(|part| may_match(part, tenant));
        match tenants {
            [] => !may(EVERYTHING),
            tenants => !tenants.iter().all(|tenant| may(&tenant.name)),
        }
    }

    /// Whether there is access control, by the key's own account. Where it is not told, there is none, or nobody knows.
    pub fn are_told(&self) -> bool {
        self.0.is_some()
    }

    /// What keeps the key from seeing all roles and all who have them, in words; `groups` as far as there are such.
    pub fn hidden_access(&self, groups: bool) -> Vec<String> {
        let all_of = |action: &str| self.grants(action, |permission| permission.collection == EVERYTHING);
        let seen = [
            (READ_ROLES, self.sees_all_roles()),
            ("read_users", all_of("read_users")),
            ("read_groups", !groups || all_of("read_groups")),
        ];
        seen.into_iter().filter(|(_, seen)| !seen).map(|(action, _)| self.describe(action)).collect()
    }

    /// Weaviate looks for what permissions on matching roles show only where those on all roles show nothing.
    fn sees_all_roles(&self) -> bool {
        let has = |scope: &str| self.grants(READ_ROLES, |permission| permission.part == scope);
        let on_each = |scope: &str| {
            self.grants(READ_ROLES, |permission| {
                permission.part == scope && permission.collection == EVERYTHING
            })
        };
        on_each(ALL_ROLES) || (on_each(MATCHING_ROLES) && !has(ALL_ROLES))
    }

    fn grants(&self, action: &str, suffices: impl Fn(&Permission) -> bool) -> bool {
        let Some(permissions) = &self.0 else { return true };
        permissions.iter().any(|permission| permission.action == action && suffices(permission))
    }

    /// What the key has of one action, in words.
    pub fn describe(&self, action: &str) -> String {
        let granted = self.0.iter().flatten().filter(|permission| permission.action == action);
        let scopes: Vec<_> = granted.map(Permission::scope).collect();
        match scopes.as_slice() {
            [] => format!("it has no {action}"),
            scopes => format!("{action} on {}", scopes.join(", ")),
        }
    }
}

impl Permission {
    fn parse(value: &Value) -> Option<Self> {
        let action = value["action"].as_str()?;
        // `read_tenants` has its scopes under `tenants`, and so on.
        let domain = action.split_once('_').map_or(action, |(_, domain)| domain);
        let scope = |name: &str| value[domain][name].as_str().unwrap_or(EVERYTHING).to_owned();
        let (collection, part) = match domain {
            "roles" => {
                let part = value[domain]["scope"].as_str().unwrap_or(MATCHING_ROLES);
                (scope("role"), part.to_owned())
            }
            "users" => (scope("users"), EVERYTHING.to_owned()),
            "groups" => (scope("group"), EVERYTHING.to_owned()),
            "aliases" => (scope("collection"), scope("alias")),
            _ => (scope("collection"), scope("tenant")),
        };
        Some(Self { action: action.to_owned(), collection, part })
    }

    fn scope(&self) -> String {
        match (self.collection.as_str(), self.part.as_str()) {
            (name, EVERYTHING) => format!("\"{name}\""),
            (role, _) if self.action.ends_with("_roles") => format!("\"{role}\""),
            (collection, alias) if self.action.ends_with("_aliases") => {
                format!("\"{collection}\" alias \"{alias}\"")
            }
            (collection, tenant) => format!("\"{collection}\" tenant \"{tenant}\""),
        }
    }
}

/// Whether a name is in a scope. Scopes are regular expressions of a kind; of those that are more than names with `*`,
/// nothing is believed.
fn matches(scope: &str, name: &str) -> bool {
    is_plain(scope) && Pattern::new(scope).is_ok_and(|pattern| pattern.matches(name))
}

/// Whether a name is in a scope, as far as that can be told.
fn may_match(scope: &str, name: &str) -> bool {
    !is_plain(scope) || matches(scope, name)
}

/// Whether everything that a name or glob can mean is in a scope.
fn covers(scope: &str, pattern: &str) -> bool {
    let literal = pattern.find(['*', '?', '[']).map_or(pattern, |end| &pattern[..end]);
    let prefix = scope.strip_suffix('*').filter(|prefix| is_plain(prefix) && !prefix.contains('*'));
    scope == pattern || prefix.is_some_and(|prefix| literal.starts_with(prefix))
}

fn is_plain(scope: &str) -> bool {
    scope.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '*'))
}

#[cfg(test)]
mod tests {
    use selvedge_model::TenantStatus;
    use serde_json::json;

    use super::*;

    #[test]
    fn roles_are_only_all_there_where_they_are_granted() {
        let hidden = |permissions: Value, groups: bool| {
            let info = json!({"roles": [{"permissions": permissions}]});
            Permissions::parse(&info, true).hidden_access(groups)
        };
        let roles = |role: &str, scope: &str| json!({"action": "read_roles", "roles": {"role": role, "scope": scope}});
        let users = json!({"action": "read_users", "users": {"users": "*"}});
        for scope in ["all", "match"] {
            assert!(hidden(json!([roles("*", scope), users]), false).is_empty(), "{scope}");
        }
        let mixed = hidden(json!([roles("*", "match"), roles("a*", "all"), users]), false);
        assert_eq!(mixed, ["read_roles on \"*\", \"a*\""]);
        let some = json!([roles("*", "all"), {"action": "read_users", "users": {"users": "a*"}}]);
        assert_eq!(hidden(some, true), ["read_users on \"a*\"", "it has no read_groups"]);
        assert!(Permissions::default().hidden_access(true).is_empty());
    }

    #[test]
    fn only_what_surely_is_not_granted_is_refused() {
        let on = |collection: &str, tenant: &str| {
            let scope = json!({"collection": collection, "tenant": tenant});
            json!({"action": "create_tenants", "tenants": scope})
        };
        let may = |granted: &[Value], tenants: &[&str]| {
            let info = json!({"roles": [{"permissions": granted}]});
            let tenant = |name: &&str| Tenant { name: (*name).to_owned(), status: TenantStatus::Hot };
            let tenants: Vec<_> = tenants.iter().map(tenant).collect();
            Permissions::parse(&info, true).require(&["create_tenants"], "Books", &tenants).is_ok()
        };
        assert!(may(&[on("B*", "*")], &[]) && may(&[on("B*", "*")], &["t1", "t2"]));
        assert!(may(&[on("Books", "t1"), on("*", "t2")], &["t1", "t2"]));
        assert!(may(&[on("Books|Others", "*")], &["t1"]) && may(&[on("Books", "t[12]")], &["t1"]));
        assert!(!may(&[], &[]) && !may(&[on("Others", "*")], &[]) && !may(&[on("Books", "t1")], &[]));
        assert!(!may(&[on("Books", "t1")], &["t1", "t2"]));
        assert!(Permissions::default().require(&["create_tenants"], "Books", &[]).is_ok());
        let refused = Permissions(Some(Vec::new())).require(&["create_data"], "Books", &[]).unwrap_err();
        assert!(refused.to_string().contains("(it has no create_data)"), "{refused}");
    }

    #[test]
    fn only_what_is_granted_is_complete() {
        let confined = Permissions::parse(
            &json!({"roles": [{"name": "r", "permissions": [
            {"action": "read_collections", "collections": {"collection": "Book*"}},
            {"action": "read_tenants", "tenants": {"collection": "Books", "tenant": "t1"}},
            {"action": "read_tenants", "tenants": {"collection": "Bookshop", "tenant": "*"}},
            {"action": "read_aliases", "aliases": {"collection": "Books", "alias": "B*"}},
            {"action": "read_aliases", "aliases": {"collection": "Bookshop", "alias": "*"}},
        ]}], "username": "u"}),
            true,
        );
        for (pattern, seen) in
            [("*", false), ("B*", false), ("Book*", true), ("Books", true), ("Books?", true)]
        {
            assert_eq!(confined.sees_collections(pattern), seen, "{pattern}");
        }
        assert!(!confined.sees_all_tenants("Books") && confined.sees_all_tenants("Bookshop"));
        assert!(confined.sees_tenant("Books", "t1") && !confined.sees_tenant("Books", "t2"));
        assert!(confined.sees_tenant("Bookshop", "t2"));
        assert!(!confined.sees_aliases("Books") && confined.sees_aliases("Bookshop"));
        assert_eq!(
            confined.describe("read_tenants"),
            "read_tenants on \"Books\" tenant \"t1\", \"Bookshop\""
        );
        assert_eq!(confined.describe("read_data"), "it has no read_data");
        for free in [json!({"roles": null, "username": "u"}), json!({})] {
            assert!(Permissions::parse(&free, true).sees_collections("*"));
        }
        let regex = Permissions::parse(
            &json!({"roles": [{"permissions": [
            {"action": "read_tenants", "tenants": {"collection": "A|B", "tenant": "*"}}]}]}),
            false,
        );
        assert!(!regex.sees_all_tenants("A") && regex.sees_aliases("A"));
    }
}
