//! Requests in words, as people see them in lists of jobs and in refusals.

use selvedge_proto::v1;

/// Names that are spelled out before the rest is only counted.
const SPELLED_OUT: usize = 3;

pub fn backup(request: &v1::BackupRequest) -> String {
    let mut text =
        format!("back up {}", selection(&request.collections, &request.exclude, "all collections"));
    text += &tenants(&request.tenants);
    if request.schema_only {
        text += ", only schemas";
    } else if request.without_vectors {
        text += ", without vectors";
    }
    text
}

pub fn restore(request: &v1::RestoreRequest) -> String {
    let mut text =
        format!("restore {}", selection(&request.collections, &request.exclude, "all collections"));
    text += &format!(" from backup {}", request.backup_id);
    text += &tenants(&request.tenants);
    let mut renamed: Vec<_> = request.rename.iter().map(|(from, to)| format!("{from} as {to}")).collect();
    renamed.sort();
    if !renamed.is_empty() {
        text += &format!(", {}", list(&renamed));
    }
    if request.schema_only {
        text += ", only schemas";
    }
    text
}

pub fn verify(request: &v1::VerifyBackupRequest) -> String {
    let what = selection(&request.collections, &request.exclude, "all collections");
    match (request.against_live, request.level()) {
        (true, _) => format!("compare {what} of backup {} with the cluster", request.backup_id),
        (false, v1::VerifyLevel::Rows) => {
            format!("verify the rows of {what} of backup {}", request.backup_id)
        }
        (false, v1::VerifyLevel::Restorable) => {
            format!("verify that {what} of backup {} can be restored", request.backup_id)
        }
        (false, v1::VerifyLevel::Unspecified | v1::VerifyLevel::Files) => {
            format!("verify the files of {what} of backup {}", request.backup_id)
        }
    }
}

pub fn clear(request: &v1::ClearRequest) -> String {
    format!("clear {}{}", list(&request.collections), tenants(&request.tenants))
}

fn selection(include: &[String], exclude: &[String], all: &str) -> String {
    let mut text = if include.is_empty() { all.to_owned() } else { list(include) };
    if !exclude.is_empty() {
        text += &format!(" except {}", list(exclude));
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
fn list(names: &[String]) -> String {
    let (spelled, rest) = names.split_at(names.len().min(SPELLED_OUT));
    match (spelled, rest) {
        ([], _) => String::new(),
        ([one], _) => one.clone(),
        (spelled, []) => {
            let (last, first) = (&spelled[spelled.len() - 1], &spelled[..spelled.len() - 1]);
            format!("{} and {last}", first.join(", "))
        }
        (spelled, rest) => format!("{} and {} more", spelled.join(", "), rest.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn requests_read_well() {
        let request =
            v1::BackupRequest { exclude: names(&["Tag*"]), without_vectors: true, ..Default::default() };
        assert_eq!(backup(&request), "back up all collections except Tag*, without vectors");
        let request = v1::BackupRequest { collections: names(&["Article", "Author"]), ..Default::default() };
        assert_eq!(backup(&request), "back up Article and Author");
        let request = v1::RestoreRequest {
            backup_id: "nightly".to_owned(),
            collections: names(&["A", "B", "C", "D", "E"]),
            rename: [("A".to_owned(), "A2".to_owned())].into(),
            ..Default::default()
        };
        assert_eq!(restore(&request), "restore A, B, C and 2 more from backup nightly, A as A2");
        let request = v1::ClearRequest {
            collections: names(&["Article"]),
            tenants: names(&["acme", "b"]),
            ..Default::default()
        };
        assert_eq!(clear(&request), "clear Article, tenants acme and b");
    }
}
