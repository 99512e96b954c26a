//! Who may do what on a cluster, as Weaviate's access control has it.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Roles, and who has them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// Those that somebody has made.
    pub roles: Vec<Role>,
    /// Of these, and of those that Weaviate comes with.
    pub assignments: Vec<Assignment>,
}

/// A name for some permissions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    pub name: String,
    /// As Weaviate returned them.
    pub permissions: Vec<Value>,
}

/// All roles of one user or group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    #[serde(flatten)]
    pub holder: Holder,
    pub roles: Vec<String>,
}

/// Who has roles.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Holder {
    pub kind: HolderKind,
    pub name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HolderKind {
    /// Made by Weaviate's API, which made the key, too.
    DbUser,
    /// Of the environment that Weaviate was started with, as is the key.
    DbEnvUser,
    /// Known to a provider of identities.
    OidcUser,
    /// Older versions do not say of which kind.
    User,
    /// Known to a provider of identities.
    Group,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, name } = self;
        match kind {
            HolderKind::DbUser | HolderKind::DbEnvUser | HolderKind::User => write!(f, "user \"{name}\""),
            HolderKind::OidcUser => write!(f, "OIDC user \"{name}\""),
            HolderKind::Group => write!(f, "group \"{name}\""),
        }
    }
}

/// What a permission means where it names nothing.
const EVERYTHING: &str = "*";
/// What it means where it does not say how.
const UNSAID: [(&str, &str); 3] = [("scope", "match"), ("verbosity", "minimal"), ("groupType", "oidc")];

impl Role {
    /// Whether it permits what the other one does, in whatever order. Versions of Weaviate differ in what they spell out.
    pub fn permits_as(&self, other: &Self) -> bool {
        let short = |role: &Self| role.permissions.iter().map(shortened).collect::<Vec<_>>();
        let (ours, theirs) = (short(self), short(other));
        ours.iter().all(|ours| theirs.contains(ours)) && theirs.iter().all(|theirs| ours.contains(theirs))
    }
}

/// A permission without what goes without saying.
fn shortened(permission: &Value) -> Value {
    let mut permission = permission.clone();
    if let Some(fields) = permission.as_object_mut() {
        for scope in fields.values_mut().filter_map(Value::as_object_mut) {
            let goes_without = |key: &str, value: &Value| {
                value.is_null()
                    || *value == EVERYTHING
                    || UNSAID.iter().any(|(of, unsaid)| key == *of && *value == **unsaid)
            };
            scope.retain(|key, value| !goes_without(key, value));
        }
        let is_empty = |scope: &Value| scope.is_null() || scope.as_object().is_some_and(|of| of.is_empty());
        fields.retain(|_, scope| !is_empty(scope));
    }
    permission
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn role(permissions: Vec<Value>) -> Role {
        Role { name: "r".to_owned(), permissions }
    }

    #[test]
    fn neither_order_nor_what_is_spelled_out_makes_another_role() {
        let data = json!({"action": "read_data", "data": {"collection": "A", "tenant": "*", "object": "*"}});
        let short = json!({"action": "read_data", "data": {"collection": "A"}});
        let all = json!({"action": "read_users", "users": {"users": "*"}});
        let bare = json!({"action": "read_users"});
        let both = role(vec![data.clone(), all]);
        assert!(both.permits_as(&role(vec![bare, short.clone()])));
        let narrow = json!({"action": "read_data", "data": {"collection": "A", "tenant": "match"}});
        assert!(!role(vec![narrow]).permits_as(&role(vec![short])), "a tenant may be called so");
        let spelled = json!({"action": "read_roles", "roles": {"role": "r", "scope": "match"}});
        let unsaid = json!({"action": "read_roles", "roles": {"role": "r"}});
        assert!(role(vec![spelled]).permits_as(&role(vec![unsaid])));
        let other = role(vec![json!({"action": "read_data", "data": {"collection": "B"}})]);
        let one = role(vec![data]);
        assert!(!one.permits_as(&other) && !both.permits_as(&one) && !one.permits_as(&both));
    }

    #[test]
    fn an_assignment_is_flat() {
        let holder = Holder { kind: HolderKind::DbEnvUser, name: "x".to_owned() };
        let assignment = Assignment { holder, roles: vec!["r".to_owned()] };
        let json = serde_json::to_value(&assignment).unwrap();
        assert_eq!(json, json!({"kind": "db_env_user", "name": "x", "roles": ["r"]}));
        assert_eq!(serde_json::from_value::<Assignment>(json).unwrap(), assignment);
    }
}
