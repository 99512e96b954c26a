//! Who may do what on the cluster: in the backup as far as the key may read it, and no reason for a backup to fail.

use selvedge_model::error::{Kind, Result};
use selvedge_model::{Access, Reason, Remark};
use selvedge_weaviate::{Cluster, Permissions, SeenAccess};

use super::{BackupRequest, can_pass};

/// What is to be in the backup, and what a person should know of it. Neither where there is no access control.
type Read = (Option<Access>, Option<Remark>);

pub async fn read(cluster: &Cluster, request: &BackupRequest, permissions: &Permissions) -> Result<Read> {
    if !request.tenants.is_empty() {
        // It is of some tenants, and not of a cluster.
        return Ok((None, None));
    }
    match look(cluster, permissions).await {
        Err(error) if error.kind() == Kind::WeaviatePermissionDenied => Ok(unseen(permissions)),
        // When it has passed, the backup is gone on with.
        Err(error) if error.kind() == Kind::Cancelled || can_pass(error.kind()) => Err(error),
        Err(error) => {
            let error = error.to_string();
            Ok((None, Some(Remark::note(Reason::AccessUnread { error }))))
        }
        read => read,
    }
}

async fn look(cluster: &Cluster, permissions: &Permissions) -> Result<Read> {
    let roles = cluster.roles().await?;
    if roles.is_empty() {
        // With access control there are always those that Weaviate comes with.
        return Ok(if permissions.are_told() { unseen(permissions) } else { (None, None) });
    }
    let SeenAccess { access, has_groups } = cluster.access(roles).await?;
    let hidden = permissions.hidden_access(has_groups);
    let in_part = || Remark::note(Reason::AccessInPart { permission: hidden.join("; ") });
    Ok((Some(access), (!hidden.is_empty()).then(in_part)))
}

fn unseen(permissions: &Permissions) -> Read {
    let permission = permissions.describe("read_roles");
    (None, Some(Remark::note(Reason::AccessUnseen { permission })))
}
