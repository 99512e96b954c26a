//! Roles, and who has them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Cluster;
use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::{Access, Assignment, Holder, HolderKind, Role};

/// Roles that every Weaviate with access control has. Nobody can make them, or change what they permit.
const BUILT_IN: [&str; 4] = ["admin", "viewer", READ_ONLY, ROOT];
const READ_ONLY: &str = "read-only";
const ROOT: &str = "root";

const ROLES: &str = "/v1/authz/roles";

/// Whether a role is only given by the environment that Weaviate is started with.
pub fn is_given_by_environment(role: &str) -> bool {
    [READ_ONLY, ROOT].contains(&role)
}

/// Who may do what, as far as the key may see it.
#[derive(Debug)]
pub struct SeenAccess {
    pub access: Access,
    /// Whether this Weaviate tells which groups have roles.
    pub has_groups: bool,
}

impl Cluster {
    /// The roles that the key may see, those that Weaviate comes with included. None at all where there is no access control, and
    /// where the key may see none of them: Weaviate does not say which.
    pub async fn roles(&self) -> Result<Vec<Role>> {
        let action = "read the roles";
        match self.believed(|| self.rest.get(action, ROLES, &[])).await {
            Ok(Some(found)) => all_of(action, &found, role),
            Ok(None) => Ok(Vec::new()),
            Err(error) if error.kind() == Kind::WeaviateVersionUnsupported => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Those of the roles that somebody has made, and who has any of them.
    pub async fn access(&self, mut roles: Vec<Role>) -> Result<SeenAccess> {
        let (mut held, mut has_groups) = (BTreeMap::<Holder, Vec<String>>::new(), false);
        for Role { name, .. } in &roles {
            let users = self.users_of_role(name).await?;
            let groups = self.groups_of_role(name).await?;
            has_groups |= groups.is_some();
            for holder in users.into_iter().chain(groups.into_iter().flatten()) {
                held.entry(holder).or_default().push(name.clone());
            }
        }
        roles.retain(|role| !BUILT_IN.contains(&role.name.as_str()));
        let assignments = held.into_iter().map(|(holder, roles)| Assignment { holder, roles }).collect();
        Ok(SeenAccess { access: Access { roles, assignments }, has_groups })
    }

    async fn users_of_role(&self, role: &str) -> Result<Vec<Holder>> {
        let action = format!("read which users have role \"{role}\"");
        match self.of_role(&action, role, "user-assignments").await? {
            Some(found) => all_of(&action, &found, user),
            // As 1.29 has it.
            None => match self.of_role(&action, role, "users").await? {
                Some(found) => all_of(&action, &found, |name| holder(HolderKind::User, name)),
                None => Ok(Vec::new()),
            },
        }
    }

    /// None where Weaviate does not tell.
    async fn groups_of_role(&self, role: &str) -> Result<Option<Vec<Holder>>> {
        let action = format!("read which groups have role \"{role}\"");
        let found = self.of_role(&action, role, "group-assignments").await?;
        let group = |value: &Value| holder(HolderKind::Group, &value["groupId"]);
        found.map(|found| all_of(&action, &found, group)).transpose()
    }

    async fn of_role(&self, action: &str, role: &str, what: &str) -> Result<Option<Value>> {
        let path = format!("{ROLES}/{}/{what}", segment(role));
        match self.believed_in_a_row(|| self.rest.get(action, &path, &[])).await {
            // Only to root users does Weaviate say who is one.
            Err(error) if error.kind() == Kind::WeaviatePermissionDenied && is_given_by_environment(role) => {
                Ok(Some(Value::Null))
            }
            found => found,
        }
    }

    /// Fails if there is one of this name already.
    pub async fn create_role(&self, role: &Role) -> Result<()> {
        let Role { name, permissions } = role;
        let action = format!("create role \"{name}\"");
        let body = json!({"name": name, "permissions": permissions});
        match self.retrying(|| self.rest.post(&action, ROLES, &body)).await? {
            Some(_) => Ok(()),
            None => Err(Error::new(
                Kind::WeaviateVersionUnsupported,
                format!("cannot {action}: this version of Weaviate has no roles"),
            )),
        }
    }

    /// Gives roles that exist to a user or a group, also those that it has already. Returns whether there is such a user.
    pub async fn give_roles(&self, holder: &Holder, roles: &[String]) -> Result<bool> {
        let action = format!("give roles to {holder}");
        let (place, body) = match holder.kind {
            HolderKind::Group => ("groups", json!({"roles": roles, "groupType": "oidc"})),
            HolderKind::OidcUser => ("users", json!({"roles": roles, "userType": "oidc"})),
            HolderKind::DbUser | HolderKind::DbEnvUser => {
                ("users", json!({"roles": roles, "userType": "db"}))
            }
            HolderKind::User => ("users", json!({"roles": roles})),
        };
        let path = format!("/v1/authz/{place}/{}/assign", segment(&holder.name));
        match self.retrying(|| self.rest.post(&action, &path, &body)).await? {
            Some(_) => Ok(true),
            // A group need not be known to be given roles.
            None if holder.kind == HolderKind::Group => {
                let text = format!("cannot {action}: one of them is not on the cluster");
                Err(Error::new(Kind::WeaviateRefused, text).hint("restore again with the roles"))
            }
            None => Ok(false),
        }
    }
}

fn role(value: &Value) -> Option<Role> {
    let permissions = value["permissions"].as_array().cloned().unwrap_or_default();
    Some(Role { name: value["name"].as_str()?.to_owned(), permissions })
}

fn user(value: &Value) -> Option<Holder> {
    let kind = match value["userType"].as_str()? {
        "db_user" => HolderKind::DbUser,
        "db_env_user" => HolderKind::DbEnvUser,
        "oidc" => HolderKind::OidcUser,
        // Of another kind, one of the same name would get its roles.
        _ => return None,
    };
    holder(kind, &value["userId"])
}

fn holder(kind: HolderKind, name: &Value) -> Option<Holder> {
    Some(Holder { kind, name: name.as_str()?.to_owned() })
}

/// What a list holds; nothing of it is left out because it is not understood.
fn all_of<T>(action: &str, list: &Value, one: impl Fn(&Value) -> Option<T>) -> Result<Vec<T>> {
    let unexpected =
        || Error::new(Kind::WeaviateUnintelligible, format!("cannot {action}: unexpected answer"));
    let found: Option<Vec<_>> = list.as_array().into_iter().flatten().map(one).collect();
    found.ok_or_else(unexpected)
}

/// A name as a part of a path. Those of users and groups are others' to choose, and may hold anything.
fn segment(name: &str) -> String {
    let mut segment = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'_' | b'.' | b'~' => segment.push(byte.into()),
            _ => segment.push_str(&format!("%{byte:02X}")),
        }
    }
    segment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_is_one_part_of_a_path() {
        assert_eq!(segment("/staff/ä b?x=1"), "%2Fstaff%2F%C3%A4%20b%3Fx%3D1");
        assert_eq!(segment("a.b-c_d~9"), "a.b-c_d~9");
    }

    #[test]
    fn what_is_not_understood_is_no_empty_list() {
        let list = json!([{"userId": "a", "userType": "db_env_user"}, {"userId": "b", "userType": "oidc"}]);
        let kinds: Vec<_> = all_of("x", &list, user).unwrap().into_iter().map(|user| user.kind).collect();
        assert_eq!(kinds, [HolderKind::DbEnvUser, HolderKind::OidcUser]);
        for strange in [json!([{"userType": "oidc"}]), json!([{"userId": "b", "userType": "novel"}])] {
            let error = all_of("read it", &strange, user).unwrap_err();
            assert_eq!(error.kind(), Kind::WeaviateUnintelligible);
        }
    }
}
