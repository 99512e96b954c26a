//! What the holder of a key may do, as the server's access control has it.

mod own_info;
mod roles;

use std::sync::Arc;

use axum::http::Method;

use super::refusal::{Outcome, Refusal};
use super::schema::class_name;
pub(crate) use roles::{BUILT_IN, Roles, Subject};

/// An API key that may do what its permissions say, and nothing else.
#[derive(Clone, Debug)]
pub struct Key {
    pub key: String,
    pub user: String,
    pub permissions: Vec<Permission>,
}

/// One action on collections and tenants of these names; a `*` in a name stands for any text.
#[derive(Clone, Debug)]
pub struct Permission {
    /// Such as `read_data`. `read_nodes` is for verbose output, and without a collection for minimal output.
    action: String,
    /// Or a role, a user, a group.
    collection: String,
    /// Of data and tenants; of aliases, the alias.
    part: String,
}

impl Permission {
    /// On whole collections.
    pub fn on(action: &str, collection: &str) -> Self {
        Self { action: action.into(), collection: collection.into(), part: "*".into() }
    }

    /// Only on these tenants of them (or aliases).
    pub fn tenant(self, tenant: &str) -> Self {
        Self { part: tenant.into(), ..self }
    }
}

/// Of whoever makes a call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rights {
    /// `None` may do everything.
    confined: Option<Arc<Key>>,
}

/// What a call asks for. `*` (or nothing) asks for all, which only a permission on all grants.
#[derive(Clone, Copy)]
pub(crate) enum Asked<'a> {
    Collection(&'a str),
    /// Collection and tenant.
    Tenant(&'a str, &'a str),
    /// Collection, tenant, and object.
    Data(&'a str, &'a str, &'a str),
    /// Collection and alias.
    Alias(&'a str, &'a str),
    Role(&'a str),
    User(&'a str),
    Group(&'a str),
    Cluster,
    MinimalNodes,
    /// With the shards of this collection.
    VerboseNodes(&'a str),
}

impl Rights {
    pub fn of(key: &Key) -> Self {
        Self { confined: Some(Arc::new(key.clone())) }
    }

    /// Whether it may do everything.
    pub fn is_root(&self) -> bool {
        self.confined.is_none()
    }

    /// Whether it is this user who calls.
    pub fn is_of(&self, user: &str) -> bool {
        self.confined.as_ref().is_some_and(|key| key.user == user)
    }

    pub fn may(&self, verb: &str, asked: Asked<'_>) -> bool {
        let Some(key) = &self.confined else { return true };
        let (domain, collection, part) = asked.scope();
        let action = format!("{verb}_{domain}");
        key.permissions.iter().filter(|permission| permission.action == action).any(
            |permission| match asked {
                Asked::MinimalNodes => permission.collection.is_empty(),
                Asked::Role(name) | Asked::User(name) | Asked::Group(name) => {
                    fits(&permission.collection, name)
                }
                _ => fits(&class_name(&permission.collection), collection) && fits(&permission.part, part),
            },
        )
    }

    pub fn demand(&self, verb: &str, asked: Asked<'_>) -> Outcome<()> {
        match &self.confined {
            Some(key) if !self.may(verb, asked) => Err(Refusal::Said(
                403,
                format!(
                    "rbac: authorization, forbidden action: user '{}' has insufficient permissions to {verb}_{} [{}]",
                    key.user,
                    asked.scope().0,
                    asked.bracketed()
                ),
            )),
            _ => Ok(()),
        }
    }

    /// Whether this call may write. Often only its body tells to which collections: so to all of them, then.
    pub fn check_write(&self, method: &Method, path: &str) -> Outcome<()> {
        let verb = match method.as_str() {
            "POST" if path.starts_with("/v1/batch/") => "update",
            "POST" => "create",
            "PUT" | "PATCH" => "update",
            "DELETE" => "delete",
            _ => return Ok(()),
        };
        let segments: Vec<&str> = path.split('/').collect();
        match segments.as_slice() {
            ["", "v1", "graphql"] => Ok(()),
            ["", "v1", "objects", class, _, "references", _] => {
                self.demand(verb, Asked::Data(&class_name(class), "*", "*"))
            }
            // Asked with the body, which has the names.
            ["", "v1", "schema"] | ["", "v1", "schema", _, "tenants"] => Ok(()),
            ["", "v1", "schema", class] => self.demand(verb, Asked::Collection(&class_name(class))),
            ["", "v1", "schema", class, ..] => self.demand("update", Asked::Collection(&class_name(class))),
            // The same, or it is asked with the name in the path.
            ["", "v1", "authz", ..] => Ok(()),
            ["", "v1", "aliases", ..] => self.demand(verb, Asked::Alias("*", "*")),
            _ => self.demand(verb, Asked::Data("*", "*", "*")),
        }
    }
}

impl Asked<'_> {
    /// Domain, collection, and part.
    fn scope(&self) -> (&'static str, &str, &str) {
        match self {
            Self::Collection(collection) => ("collections", all(collection), "*"),
            Self::Tenant(collection, tenant) => ("tenants", all(collection), all(tenant)),
            Self::Data(collection, tenant, _) => ("data", all(collection), all(tenant)),
            Self::Alias(collection, alias) => ("aliases", all(collection), all(alias)),
            Self::Role(role) => ("roles", role, "*"),
            Self::User(user) => ("users", user, "*"),
            Self::Group(group) => ("groups", group, "*"),
            Self::Cluster => ("cluster", "*", "*"),
            Self::MinimalNodes => ("nodes", "*", "*"),
            Self::VerboseNodes(collection) => ("nodes", all(collection), "*"),
        }
    }

    /// Of groups, the server says nothing.
    fn bracketed(&self) -> String {
        match self {
            Self::Group(_) => String::new(),
            _ => format!("[{}]", self.shown()),
        }
    }

    fn shown(&self) -> String {
        let (domain, collection, part) = self.scope();
        match self {
            Self::Cluster => format!("Domain: {domain}"),
            Self::MinimalNodes => format!("Domain: {domain}, Verbosity: minimal"),
            Self::VerboseNodes(_) => {
                format!("Domain: {domain}, Verbosity: verbose, Collection: {collection}")
            }
            Self::Collection(_) => format!("Domain: {domain}, Collection: {collection}"),
            Self::Tenant(..) => format!("Domain: {domain}, Collection: {collection}, Tenant: {part}"),
            Self::Data(_, _, object) => {
                format!("Domain: {domain}, Collection: {collection}, Tenant: {part}, Object: {}", all(object))
            }
            Self::Role(role) => format!("Domain: {domain}, Role: {role}"),
            Self::User(user) => format!("Domain: {domain}, User: {user}"),
            Self::Group(group) => format!("Domain: {domain}, Group: {group}"),
            Self::Alias(..) => format!("Domain: {domain}, Collection: {collection}, Alias: {part}"),
        }
    }
}

fn all(name: &str) -> &str {
    if name.is_empty() { "*" } else { name }
}

fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            let mut ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.any(|at| fits(rest, &text[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, text, fit) in [
            ("*", "", true),
            ("*", "Wool", true),
            ("Wo*", "Wool", true),
            ("Wo*", "*", false),
            ("W*l", "Wool", true),
            ("W*l", "Woolen", false),
            ("Wool", "Woolen", false),
        ] {
            assert_eq!(fits(pattern, text), fit, "{pattern} {text}");
        }
    }
}
