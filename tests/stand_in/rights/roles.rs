//! Roles, and who has them, as the server keeps them. With access control, there are always those that it comes with.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::Permission;
use super::own_info::{ALMIGHTY, ROOT, role_of, shown};
use crate::stand_in::StandInOptions;
use crate::stand_in::schema::class_name;

/// Roles that nobody can make.
pub(crate) const BUILT_IN: [&str; 4] = ["admin", "viewer", "read-only", "root"];

/// Who a role can be given to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    Oidc,
    Db,
    Group,
}

#[derive(Default)]
pub(crate) struct Roles {
    /// Permissions by role; empty without access control.
    permissions: BTreeMap<String, Vec<Value>>,
    held: BTreeMap<(Subject, String), BTreeSet<String>>,
    /// Who has a key.
    users: BTreeSet<String>,
}

impl Roles {
    pub fn new(options: &StandInOptions) -> Self {
        let mut roles = Self::default();
        if options.keys.is_empty() {
            return roles;
        }
        let all = ROOT.iter().map(|action| shown(&Permission::on(action, "*")));
        let all: Vec<_> = all.collect();
        let action = |permission: &Value| permission["action"].as_str().unwrap_or_default().to_owned();
        let read = all.iter().filter(|permission| action(permission).starts_with("read_"));
        let read: Vec<_> = read.cloned().collect();
        for (name, permissions) in BUILT_IN.into_iter().zip([&all, &read, &read, &all]) {
            roles.permissions.insert(name.to_owned(), permissions.clone());
        }
        roles.users.insert(ALMIGHTY.to_owned());
        roles.give(Subject::Db, ALMIGHTY, &["root".to_owned()]);
        for key in &options.keys {
            roles.users.insert(key.user.clone());
            if !key.permissions.is_empty() {
                let name = role_of(&key.user);
                roles.permissions.insert(name.clone(), key.permissions.iter().map(shown).collect());
                roles.give(Subject::Db, &key.user, &[name]);
            }
        }
        roles
    }

    /// Sorted by name.
    pub fn all(&self) -> impl Iterator<Item = (&String, &Vec<Value>)> {
        self.permissions.iter()
    }

    pub fn get(&self, name: &str) -> Option<&Vec<Value>> {
        self.permissions.get(name)
    }

    /// Without access control nothing comes of it.
    pub fn create(&mut self, name: &str, permissions: &[Value]) {
        if !self.permissions.is_empty() {
            self.permissions.insert(name.to_owned(), permissions.iter().map(complete).collect());
        }
    }

    pub fn delete(&mut self, name: &str) {
        self.permissions.remove(name);
        for roles in self.held.values_mut() {
            roles.remove(name);
        }
    }

    pub fn is_user(&self, name: &str) -> bool {
        self.users.contains(name)
    }

    pub fn give(&mut self, subject: Subject, name: &str, roles: &[String]) {
        self.held.entry((subject, name.to_owned())).or_default().extend(roles.iter().cloned());
    }

    /// Sorted by name.
    pub fn holders(&self, subject: Subject, role: &str) -> Vec<&str> {
        let holders = self.held.iter().filter(|((of, _), roles)| *of == subject && roles.contains(role));
        holders.map(|((_, name), _)| name.as_str()).collect()
    }
}

/// With what goes without saying, and without what the action is not about.
fn complete(permission: &Value) -> Value {
    let action = permission["action"].as_str().unwrap_or_default();
    let domain = action.rsplit('_').next().unwrap_or_default();
    let mut whole = shown(&Permission::on(action, "*"));
    if domain == "roles" {
        whole[domain]["scope"] = json!("match");
    }
    for (name, value) in permission[domain].as_object().into_iter().flatten() {
        let value = match value.as_str() {
            Some(class) if name == "collection" => class_name(class).into(),
            _ => value.clone(),
        };
        whole[domain][name.as_str()] = value;
    }
    whole
}
