//! What Weaviate refused of a restore, object by object. There is no limit to how many there are, so they are read from the
//! job's records a page at a time.

use selvedge_archive::JsonFolder;
use selvedge_model::error::{Error, Result};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::journal::{RECORDS, REFUSED};
pub use crate::restore::FailureKind;

/// Something that Weaviate refused for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectFailure {
    /// Its name on the cluster.
    pub collection: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    pub object: Uuid,
    pub kind: FailureKind,
    /// In Weaviate's words.
    pub reason: String,
}

/// A part of the list.
#[derive(Debug, Default)]
pub struct FailurePage {
    pub failures: Vec<ObjectFailure>,
    /// For the page after it; None on the last one.
    pub next: Option<String>,
}

/// What of a record is of interest here.
#[derive(Deserialize)]
struct Refusing {
    left: Left,
}

#[derive(Deserialize)]
struct Left {
    #[serde(default)]
    failures: Vec<ObjectFailure>,
    /// Of a copy.
    #[serde(default)]
    beside: Option<Box<Left>>,
}

/// At most `size` failures of a job, from where `token` says that the page before ended.
pub async fn list_failures(folder: &JsonFolder, size: usize, token: Option<&str>) -> Result<FailurePage> {
    let (first, mut skip) = match token {
        Some(token) => parse(token)?,
        None => (String::new(), 0),
    };
    let files = folder.list(RECORDS).await?.into_iter().map(|file| file.name);
    let mut names: Vec<_> = files.filter(|name| name.ends_with(REFUSED) && *name >= first).collect();
    names.sort_unstable();
    let mut page = FailurePage::default();
    for name in names {
        // A record that was cut off is none: what it would tell of is done again.
        let Some(Refusing { left }) = folder.read_whole(&name).await? else { continue };
        let left = left.beside.map_or(left.failures, |beside| beside.failures);
        if name != first {
            skip = 0;
        }
        let room = size - page.failures.len();
        let there = left.len();
        page.failures.extend(left.into_iter().skip(skip).take(room));
        if page.failures.len() == size && there > skip + room {
            page.next = Some(format!("{}.{name}", skip + room));
            return Ok(page);
        }
    }
    Ok(page)
}

/// The name of a record, and how many of its failures were listed.
fn parse(token: &str) -> Result<(String, usize)> {
    let parsed = token.split_once('.').and_then(|(skip, name)| Some((name.to_owned(), skip.parse().ok()?)));
    parsed.ok_or_else(|| {
        Error::invalid("page_token", "the page token is not one that a list of failures gave")
            .hint("pass next_page_token of the page before as it is, or leave it out to start from the first")
    })
}

#[cfg(test)]
mod tests {
    use selvedge_archive::{Repository, RepositoryConfig};

    use super::*;

    #[tokio::test]
    async fn pages_follow_each_other_through_all_records() {
        let folder = Repository::open(&RepositoryConfig::new("m", "memory://")).unwrap().job("job");
        let failure = |n: u128| ObjectFailure {
            collection: "A".to_owned(),
            tenant: None,
            object: Uuid::from_u128(n),
            kind: FailureKind::Object,
            reason: "no".to_owned(),
        };
        for (record, range) in [(1, 0..3), (2, 3..10), (3, 10..11)] {
            let failures: Vec<_> = range.map(failure).collect();
            let name = format!("{RECORDS}/A/objects/1-{record}{REFUSED}");
            folder.jot(&name, &serde_json::json!({"left": {"failures": failures}})).await.unwrap();
        }
        for size in [1, 2, 3, 4, 10, 11, 20] {
            let (mut found, mut token, mut pages) = (Vec::new(), None::<String>, 0);
            loop {
                let page = list_failures(&folder, size, token.as_deref()).await.unwrap();
                assert!(page.failures.len() <= size);
                found.extend(page.failures.into_iter().map(|failure| failure.object.as_u128()));
                pages += 1;
                token = page.next;
                if token.is_none() {
                    break;
                }
            }
            assert_eq!(found, (0..11).collect::<Vec<_>>(), "pages of {size}");
            assert!(pages >= 11_usize.div_ceil(size));
        }
        assert!(list_failures(&folder, 1, Some("x")).await.is_err());
    }
}
