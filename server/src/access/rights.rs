//! What each role may do.

use std::fmt;
use std::str::FromStr;

use selvedge_model::error::{Error, Kind, Result};
use selvedge_ops::{IfExists, OnConflict, Operation};

/// Each may do what the one before may, and more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Role {
    /// See what there is: collections, backups, jobs.
    Read,
    /// Back up, restore beside what is there and merge into it, verify, export, import; cancel and resume such jobs.
    Operate,
    /// Clear, replace, overwrite, delete, prune, release what is held, and restore who may do what on a cluster.
    Destroy,
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// None where nobody has to say who calls.
    pub name: Option<String>,
    pub role: Role,
}

impl Caller {
    /// Where nobody has to say who calls.
    pub const ANYBODY: Self = Self { name: None, role: Role::Destroy };

    /// Fails unless the caller may do what this needs. `what` completes "may not".
    pub fn check(&self, needed: Role, what: &str) -> Result<()> {
        if self.role >= needed {
            return Ok(());
        }
        let text = format!("{self} has the role \"{}\" and may not {what}", self.role);
        Err(Error::new(Kind::CallerNotAllowed, text)
            .hint(format!("call with a token of the role \"{needed}\"; who runs the server gives them")))
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name.as_deref().unwrap_or("whoever calls"))
    }
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Operate => "operate",
            Self::Destroy => "destroy",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        [Self::Read, Self::Operate, Self::Destroy].into_iter().find(|role| role.name() == text).ok_or(())
    }
}

/// What a method needs at least; None if it needs nothing but to be reached. One that is not listed needs everything.
pub fn role_of_method(path: &str) -> Option<Role> {
    let (service, method) = path.trim_start_matches('/').split_once('/').unwrap_or((path, ""));
    match (service, method) {
        // For who looks whether the server runs, and has no token to show: Kubernetes among others.
        ("grpc.health.v1.Health", _) => None,
        ("grpc.reflection.v1.ServerReflection" | "grpc.reflection.v1alpha.ServerReflection", _) => {
            Some(Role::Read)
        }
        ("selvedge.v1.CollectionService", "ListCollections")
        | (
            "selvedge.v1.BackupService",
            "ListBackups" | "GetBackup" | "GetBackupCollection" | "ListBackupTenants" | "ListBackupFiles",
        )
        | ("selvedge.v1.ServerService", "GetStatus")
        | ("selvedge.v1.JobService", "ListJobs" | "GetJob" | "WatchJob") => Some(Role::Read),
        ("selvedge.v1.CollectionService", "Backup" | "CompareReplicas" | "Copy" | "Restore")
        | ("selvedge.v1.BackupService", "HoldBackup" | "VerifyBackup" | "ExportBackup" | "DiffBackup" | "ImportBackup")
        | ("selvedge.v1.ServerService", "Check")
        // Its reasons are Weaviate's, which quote values.
        | ("selvedge.v1.JobService", "CancelJob" | "ListFailures" | "ResumeJob") => Some(Role::Operate),
        _ => Some(Role::Destroy),
    }
}

/// What an operation needs, and in words what of it.
pub fn role_of(operation: &Operation) -> (Role, &'static str) {
    match operation {
        Operation::Clear(_) => (Role::Destroy, "clear collections"),
        Operation::Restore(restore) if restore.if_exists == IfExists::Replace => {
            (Role::Destroy, "replace collections")
        }
        Operation::Restore(restore)
            if restore.behind_alias.as_ref().is_some_and(|behind| behind.drop_previous.is_some()) =>
        {
            (Role::Destroy, "drop the collection behind an alias")
        }
        Operation::Restore(restore) if restore.on_conflict == OnConflict::Overwrite => {
            (Role::Destroy, "overwrite objects")
        }
        Operation::Restore(restore) if restore.roles => (Role::Destroy, "restore roles"),
        Operation::Backup(_) => (Role::Operate, "make backups"),
        Operation::Restore(_) => (Role::Operate, "restore"),
        Operation::Verify(_) => (Role::Operate, "verify backups"),
        Operation::Repair(_) => (Role::Destroy, "repair collections"),
        Operation::Copy(copy) if copy.if_exists == IfExists::Replace || copy.since.is_some() => {
            (Role::Destroy, "copy onto collections")
        }
        Operation::Copy(_) => (Role::Operate, "copy collections"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every method that the server has, by its descriptor: a new one needs everything until somebody lists it.
    #[test]
    fn every_method_has_its_role() {
        use prost::Message;
        let set = prost_types::FileDescriptorSet::decode(selvedge_proto::FILE_DESCRIPTOR_SET).unwrap();
        let mut lines = Vec::new();
        for file in set.file.iter().filter(|file| file.package().starts_with("selvedge")) {
            for service in &file.service {
                for method in &service.method {
                    let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    let role = role_of_method(&path).unwrap();
                    lines.push(format!("{} {}", method.name(), role.name()));
                }
            }
        }
        lines.sort();
        assert_eq!(
            lines,
            [
                "Backup operate",
                "CancelJob operate",
                "Check operate",
                "Clear destroy",
                "CompareReplicas operate",
                "Copy operate",
                "DeleteBackup destroy",
                "DiffBackup operate",
                "ExportBackup operate",
                "GetBackup read",
                "GetBackupCollection read",
                "GetJob read",
                "GetStatus read",
                "HoldBackup operate",
                "ImportBackup operate",
                "ListBackupFiles read",
                "ListBackupTenants read",
                "ListBackups read",
                "ListCollections read",
                "ListFailures operate",
                "ListJobs read",
                "PruneBackups destroy",
                "ReleaseBackup destroy",
                "Repair destroy",
                "Restore operate",
                "ResumeJob operate",
                "Undo destroy",
                "VerifyBackup operate",
                "WatchJob read",
            ]
        );
        assert_eq!(role_of_method("/selvedge.v1.JobService/Other"), Some(Role::Destroy));
        assert_eq!(role_of_method("*"), Some(Role::Destroy));
    }
}
