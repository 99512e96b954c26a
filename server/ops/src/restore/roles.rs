//! Roles, and who gets them: only where that is asked for, as it changes who may do what. What the cluster has is neither changed
//! nor taken away.

use std::collections::{BTreeMap, BTreeSet};

use selvedge_archive::{BackupReader, Manifest};
use selvedge_model::error::{Error, Kind, Result, listed};
use selvedge_model::{Access, Assignment, Holder, Reason, Role};
use selvedge_weaviate::{Cluster, is_given_by_environment};
use serde_json::Value;

use crate::{Context, RestoreRequest};

/// The roles that are asked for, with the collections' new names; None if none are. Fails if they could not be restored.
pub async fn check(
    cluster: &Cluster,
    backup: &BackupReader,
    request: &RestoreRequest,
    names: &BTreeMap<String, String>,
) -> Result<Option<Access>> {
    if !request.roles {
        return Ok(None);
    }
    let Some(mut access) = backup.access().await? else { return Err(without_roles(backup.manifest())) };
    if there(cluster).await?.is_empty() {
        return Err(unseen(cluster).await?);
    }
    let permissions = access.roles.iter_mut().flat_map(|role| &mut role.permissions);
    permissions.for_each(|permission| rename(permission, names));
    Ok(Some(access))
}

fn without_roles(manifest: &Manifest) -> Error {
    let id = &manifest.id;
    let mut told = manifest.remarks.iter().map(|remark| &remark.reason);
    let is_why = |reason: &&Reason| {
        matches!(reason, Reason::AccessUnseen { permission: _ } | Reason::AccessUnread { error: _ })
    };
    let text = match told.find(is_why) {
        Some(reason) => format!("backup {id}: {reason}"),
        None => {
            format!("backup {id} has no roles: its cluster had no access control, or it was not to have them")
        }
    };
    Error::invalid("roles", text)
        .hint("leave out `roles`, or restore what was backed up with a key that may read roles and users")
}

/// There is no cluster with access control that has no role at all.
async fn unseen(cluster: &Cluster) -> Result<Error> {
    let permissions = cluster.permissions().await?;
    let name = cluster.name();
    if !permissions.are_told() {
        let text = format!("cluster \"{name}\" shows no roles: it has no access control");
        return Ok(Error::invalid("roles", text)
            .hint("turn on Weaviate's access control (AUTHORIZATION_RBAC_ENABLED), or leave out `roles`"));
    }
    let text = format!(
        "the key may not read the roles of cluster \"{name}\" ({}), and would not see which are missing",
        permissions.describe("read_roles")
    );
    Ok(Error::new(Kind::WeaviatePermissionDenied, text).hint(
        "give the key's role read_roles, create_roles, read_users, assign_and_revoke_users and assign_and_revoke_groups in \
         Weaviate, or leave out `roles`",
    ))
}

/// A name that is a pattern may mean other collections as well, and stays as it is.
fn rename(permission: &mut Value, names: &BTreeMap<String, String>) {
    let fields = permission.as_object_mut().into_iter().flat_map(|fields| fields.values_mut());
    for named in fields.filter_map(|scope| scope.get_mut("collection")) {
        if let Some(new) = named.as_str().and_then(|old| names.get(old)) {
            *named = Value::from(new.as_str());
        }
    }
}

async fn there(cluster: &Cluster) -> Result<BTreeMap<String, Role>> {
    Ok(cluster.roles().await?.into_iter().map(|role| (role.name.clone(), role)).collect())
}

/// What would be done, a sentence each.
pub async fn plan(cluster: &Cluster, access: &Access) -> Result<Vec<String>> {
    let there = there(cluster).await?;
    let (mut missing, mut others) = (Vec::new(), Vec::new());
    for role in &access.roles {
        match there.get(&role.name) {
            None => missing.push(&role.name),
            Some(found) if !found.permits_as(role) => others.push(&role.name),
            Some(_) => {}
        }
    }
    let is_given = |role: &String| !is_given_by_environment(role) && !others.contains(&role);
    let getting = access.assignments.iter().filter(|one| one.roles.iter().any(is_given));
    let holders: Vec<_> = getting.map(|one| one.holder.to_string()).collect();
    let mut notes = Vec::new();
    if !missing.is_empty() {
        notes.push(format!("roles are created: {}", listed(&missing)));
    }
    if !others.is_empty() {
        let others = listed(&others);
        notes.push(format!("roles that permit something else on the cluster stay as they are: {others}"));
    }
    if !holders.is_empty() {
        let holders = listed(&holders);
        notes.push(format!("roles are given, to users as far as they are on the cluster: {holders}"));
    }
    Ok(notes)
}

/// Creates the roles that are missing, and gives roles to those who had them. All of it can be done again. Returns what could not be
/// done, a sentence each.
pub async fn restore(job: &Context, cluster: &Cluster, access: &Access) -> Result<Vec<String>> {
    let there = there(cluster).await?;
    let mut granting = Granting { job, cluster, withheld: BTreeSet::new(), missing: BTreeMap::new() };
    let (mut uncreated, mut ungiven) = (Vec::new(), Vec::new());
    for role in &access.roles {
        if let Err(error) = granting.role(role, there.get(&role.name)).await? {
            uncreated.push((role.name.clone(), error));
        }
    }
    let of_environment = there.into_values().filter(|role| is_given_by_environment(&role.name));
    let held = match cluster.access(of_environment.collect()).await {
        Ok(seen) => seen.access.assignments,
        // It only matters for what is told.
        Err(error) => {
            granting.unless_passing(error)?;
            Vec::new()
        }
    };
    for assignment in &access.assignments {
        granting.tell_environment(assignment, &held);
        if let Err(error) = granting.give(assignment).await? {
            ungiven.push((assignment.holder.to_string(), error));
        }
    }
    granting.tell_missing();
    let gaps = [gap("roles were not created", &uncreated), gap("roles were not given", &ungiven)];
    Ok(gaps.into_iter().flatten().collect())
}

/// As many as a warning has room for.
const NAMED_AT_ONCE: usize = 10;

/// What Weaviate refused. The next one may be taken all the same.
type Taken = std::result::Result<(), Error>;

struct Granting<'a> {
    job: &'a Context,
    cluster: &'a Cluster,
    /// Roles that are given to nobody.
    withheld: BTreeSet<&'a str>,
    /// Users who are not there, by the roles that they would have.
    missing: BTreeMap<Vec<String>, Vec<String>>,
}

impl<'a> Granting<'a> {
    async fn role(&mut self, role: &'a Role, there: Option<&Role>) -> Result<Taken> {
        let name = &role.name;
        match there {
            Some(found) if found.permits_as(role) => return Ok(Ok(())),
            Some(_) => {
                let text = format!(
                    "role \"{name}\" permits something else on the cluster: it is left as it is, and given to nobody"
                );
                self.job.progress.warn("role_left_alone", text, name.clone());
                self.withheld.insert(name);
                return Ok(Ok(()));
            }
            None => {}
        }
        let Err(error) = self.cluster.create_role(role).await else { return Ok(Ok(())) };
        let error = self.unless_passing(error)?;
        // A repeated call finds what the first one made.
        if self::there(self.cluster).await?.get(name).is_some_and(|found| found.permits_as(role)) {
            return Ok(Ok(()));
        }
        self.job.progress.warn_of_gap("role_not_created", error.to_string(), name.clone());
        self.withheld.insert(name);
        Ok(Err(error))
    }

    async fn give(&mut self, assignment: &Assignment) -> Result<Taken> {
        let Assignment { holder, roles } = assignment;
        let given = |role: &&String| !is_given_by_environment(role) && !self.withheld.contains(role.as_str());
        let roles: Vec<_> = roles.iter().filter(given).cloned().collect();
        if roles.is_empty() {
            return Ok(Ok(()));
        }
        match self.cluster.give_roles(holder, &roles).await {
            Ok(true) => Ok(Ok(())),
            Ok(false) => {
                self.missing.entry(roles).or_default().push(holder.to_string());
                Ok(Ok(()))
            }
            Err(error) => self.give_singly(holder, &roles, error).await,
        }
    }

    /// Weaviate refuses all if it refuses one.
    async fn give_singly(&self, holder: &Holder, roles: &[String], error: Error) -> Result<Taken> {
        let mut refused = self.unless_passing(error)?;
        for role in roles.iter().filter(|_| roles.len() > 1) {
            if let Err(error) = self.cluster.give_roles(holder, std::slice::from_ref(role)).await {
                refused = self.unless_passing(error)?.context(format_args!("role \"{role}\""));
            }
        }
        self.job.progress.warn_of_gap("roles_not_given", refused.to_string(), holder.name.clone());
        Ok(Err(refused))
    }

    /// Names all of them: each has to be given a new key by somebody.
    fn tell_missing(&self) {
        for (roles, holders) in &self.missing {
            for holders in holders.chunks(NAMED_AT_ONCE) {
                let text = format!(
                    "not on the cluster: {}; no backup has the keys of users: create them, which makes new keys, and give them {}",
                    holders.join(", "),
                    roles.join(", ")
                );
                self.job.progress.warn("user_missing", text, "");
            }
        }
    }

    /// Says which roles of the environment somebody had and has not here; `held` are those that are seen here.
    fn tell_environment(&self, assignment: &Assignment, held: &[Assignment]) {
        let Assignment { holder, roles } = assignment;
        let here = held.iter().find(|here| here.holder == *holder);
        let has = |role: &String| here.is_some_and(|here| here.roles.contains(role));
        for role in roles.iter().filter(|role| is_given_by_environment(role) && !has(role)) {
            let text = format!(
                "{holder} had role \"{role}\", which only the environment gives that Weaviate is started with"
            );
            self.job.progress.warn("role_of_environment", text, holder.name.clone());
        }
    }

    /// An outage is no refusal: another attempt goes on when it has passed.
    fn unless_passing(&self, error: Error) -> Result<Error> {
        match error.is_transient() || error.kind() == Kind::Cancelled {
            true => Err(error.also("everything else of the restore is done")),
            false => Ok(error),
        }
    }
}

/// The first refusal stands for all: they are likely to have the same cause.
fn gap(what: &str, refused: &[(String, Error)]) -> Option<String> {
    let (_, first) = refused.first()?;
    let names: Vec<_> = refused.iter().map(|(name, _)| name).collect();
    let next = first.hint_text().map_or_else(String::new, |hint| format!(" ({hint})"));
    Some(format!("{what}: {}: {first}{next}", listed(&names)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_name_itself_is_renamed() {
        let names = [("Article".to_owned(), "Copy".to_owned())].into();
        let permission =
            |name: &str| json!({"action": "read_data", "data": {"collection": name, "tenant": "Article"}});
        for (named, expected) in [("Article", "Copy"), ("Article*", "Article*"), ("*", "*"), ("Else", "Else")]
        {
            let mut renamed = permission(named);
            rename(&mut renamed, &names);
            assert_eq!(renamed, permission(expected));
        }
        let mut role = json!({"action": "read_roles", "roles": {"role": "Article", "scope": "all"}});
        let before = role.clone();
        rename(&mut role, &names);
        assert_eq!(role, before);
    }
}
