//! Requests in words, as people see them in lists of jobs and in refusals.

use std::fmt;

use selvedge_model::Selection;

use super::{
    BackupRequest, ClearRequest, CopyRequest, IfExists, Level, Operation, Repair, Request, RestoreRequest,
    VerifyRequest,
};

/// Names that are spelled out before the rest is only counted.
const SPELLED_OUT: usize = 3;

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.operation {
            Operation::Backup(request) => backup(f, request),
            Operation::Restore(request) | Operation::Repair(request) => restore(f, request),
            Operation::Clear(request) => clear(f, request),
            Operation::Copy(request) => copy(f, request),
            Operation::Verify(request) => verify(f, request),
        }
    }
}

fn backup(f: &mut fmt::Formatter<'_>, request: &BackupRequest) -> fmt::Result {
    write!(f, "back up {}{}", selection(&request.collections), tenants(&request.tenants))?;
    if request.schema_only {
        f.write_str(", only schemas")
    } else if request.without_vectors {
        f.write_str(", without vectors")
    } else {
        Ok(())
    }
}

fn restore(f: &mut fmt::Formatter<'_>, request: &RestoreRequest) -> fmt::Result {
    let RestoreRequest { backup_id, wanted, if_exists, data_only, .. } = request;
    let verb = match &request.repair {
        Some(Repair { undoes: Some(job), .. }) => return write!(f, "undo job {job} from backup {backup_id}"),
        Some(_) => "repair",
        None if *data_only || *if_exists == IfExists::Merge => "merge",
        None => "restore",
    };
    write!(f, "{verb} {} from backup {backup_id}", selection(&wanted.collections))?;
    f.write_str(&tenants(&wanted.tenants))?;
    let renamed: Vec<_> = wanted.rename.iter().map(|(from, to)| format!("{from} as {to}")).collect();
    if !renamed.is_empty() {
        write!(f, ", {}", list(&renamed))?;
    }
    if let Some(behind) = &request.behind_alias {
        write!(f, ", behind alias {}", behind.alias)?;
    }
    if request.roles {
        f.write_str(", with roles")?;
    }
    if wanted.schema_only { f.write_str(", only schemas") } else { Ok(()) }
}

fn verify(f: &mut fmt::Formatter<'_>, request: &VerifyRequest) -> fmt::Result {
    let (what, id) = (selection(&request.collections), &request.backup_id);
    match request.level {
        Level::Files => write!(f, "verify the files of {what} of backup {id}"),
        Level::Rows => write!(f, "verify the rows of {what} of backup {id}"),
        Level::Restorable => write!(f, "verify that {what} of backup {id} can be restored"),
        Level::AgainstLive => write!(f, "compare {what} of backup {id} with the cluster"),
    }
}

fn copy(f: &mut fmt::Formatter<'_>, request: &CopyRequest) -> fmt::Result {
    let CopyRequest { to, collections, tenants: of, rename, since, .. } = request;
    let what = if since.is_some() { "copy what has changed of" } else { "copy" };
    write!(f, "{what} {} to cluster {to}{}", selection(collections), tenants(of))?;
    let renamed: Vec<_> = rename.iter().map(|(from, to)| format!("{from} as {to}")).collect();
    if renamed.is_empty() { Ok(()) } else { write!(f, ", {}", list(&renamed)) }
}

fn clear(f: &mut fmt::Formatter<'_>, request: &ClearRequest) -> fmt::Result {
    write!(f, "clear {}{}", list(&request.collections), tenants(&request.tenants))
}

fn selection(selection: &Selection) -> String {
    let (included, excluded) = (selection.included(), selection.excluded());
    let mut text = if included.is_empty() { "all collections".to_owned() } else { list(&included) };
    if !excluded.is_empty() {
        text += &format!(" except {}", list(&excluded));
    }
    text
}

fn tenants(tenants: &[String]) -> String {
    match tenants {
        [] => String::new(),
        [one] => format!(", tenant {one}"),
        more => format!(", tenants {}", list(more)),
    }
}

/// "A", "A and B", "A, B and C", "A, B, C and 7 more".
fn list(names: &[impl AsRef<str>]) -> String {
    let names: Vec<_> = names.iter().map(AsRef::as_ref).collect();
    let (spelled, rest) = names.split_at(names.len().min(SPELLED_OUT));
    match (spelled, rest) {
        ([], _) => String::new(),
        ([one], _) => (*one).to_owned(),
        ([first @ .., last], []) => format!("{} and {last}", first.join(", ")),
        (spelled, rest) => format!("{} and {} more", spelled.join(", "), rest.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Wanted;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn text(operation: Operation) -> String {
        let (cluster, repository, lock_timeout) = Default::default();
        Request { cluster, repository, operation, lock_timeout }.to_string()
    }

    #[test]
    fn requests_read_well() {
        let collections = Selection::new(&[], &names(&["Tag*"])).unwrap();
        let request = BackupRequest { collections, without_vectors: true, ..BackupRequest::default() };
        assert_eq!(text(Operation::Backup(request)), "back up all collections except Tag*, without vectors");
        let collections = Selection::new(&names(&["Article", "Author"]), &[]).unwrap();
        let request = BackupRequest { collections, ..BackupRequest::default() };
        assert_eq!(text(Operation::Backup(request)), "back up Article and Author");
        let wanted = Wanted {
            collections: Selection::new(&names(&["A", "B", "C", "D", "E"]), &[]).unwrap(),
            rename: [("A".to_owned(), "A2".to_owned())].into(),
            ..Wanted::default()
        };
        let request = RestoreRequest { wanted, ..RestoreRequest::new("nightly".parse().unwrap()) };
        assert_eq!(
            text(Operation::Restore(Box::new(request))),
            "restore A, B, C and 2 more from backup nightly, A as A2"
        );
        let request = ClearRequest {
            collections: names(&["Article"]),
            tenants: names(&["acme", "b"]),
            ..ClearRequest::default()
        };
        assert_eq!(text(Operation::Clear(request)), "clear Article, tenants acme and b");
    }
}
