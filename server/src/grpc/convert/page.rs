//! Pages of lists.

use prost::Message;
use selvedge_proto::v1;
use uuid::Uuid;

use selvedge_model::error::{Error, Result};

const MAX_PAGE: u32 = 1000;
/// Clients refuse messages over 4 MiB unless told otherwise.
const MAX_BYTES: usize = 3 << 20;

/// How many entries a page may have: 0, or more than is allowed, means as many as is allowed.
pub fn page_size(asked: u32) -> usize {
    let size = if asked == 0 { MAX_PAGE } else { asked.min(MAX_PAGE) };
    usize::try_from(size).unwrap_or(usize::MAX)
}

/// A part of what does not change, and the token for the next one: empty on the last page.
pub fn page_of<'l, T>(all: &'l [T], size: u32, token: &str) -> Result<(&'l [T], String)> {
    let unknown = || Error::invalid("page_token", "`page_token` is not one that this server gave");
    let from: usize = if token.is_empty() { 0 } else { token.parse().map_err(|_| unknown())? };
    let rest = all.get(from..).ok_or_else(unknown)?;
    let page = &rest[..rest.len().min(page_size(size))];
    let to = from + page.len();
    Ok((page, if to < all.len() { to.to_string() } else { String::new() }))
}

/// Whether any client will take the message.
pub fn fits_in_a_message(message: &impl Message) -> bool {
    message.encoded_len() <= MAX_BYTES
}

/// The job that the page before ended with.
pub fn jobs_after(token: &str) -> Result<Option<Uuid>> {
    if token.is_empty() {
        return Ok(None);
    }
    Uuid::try_parse(token)
        .map(Some)
        .map_err(|_| Error::invalid("page_token", "`page_token` is not one that this server gave"))
}

/// The first of `jobs`, as many as fit on a page; at least one if there are any.
pub fn page_of_jobs(jobs: impl Iterator<Item = v1::Job>, page_size: usize) -> v1::ListJobsResponse {
    let mut page: Vec<v1::Job> = Vec::new();
    let mut bytes = 0;
    for job in jobs {
        bytes += job.encoded_len();
        if page.len() == page_size || (bytes > MAX_BYTES && !page.is_empty()) {
            let next_page_token = page.last().map(|job| job.id.clone()).unwrap_or_default();
            return v1::ListJobsResponse { jobs: page, next_page_token };
        }
        page.push(job);
    }
    v1::ListJobsResponse { jobs: page, next_page_token: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_all_of_it_and_no_other_token_is_taken() {
        let all = [1, 2, 3, 4, 5];
        assert_eq!(page_of(&all, 2, "").unwrap(), (&all[..2], "2".to_owned()));
        assert_eq!(page_of(&all, 2, "4").unwrap(), (&all[4..], String::new()));
        assert_eq!(page_of(&all, 0, "").unwrap(), (&all[..], String::new()));
        assert_eq!(page_of(&all[..0], 0, "").unwrap(), (&all[..0], String::new()));
        for token in ["6", "-1", "x"] {
            assert_eq!(page_of(&all, 2, token).unwrap_err().field(), Some("page_token"));
        }
    }

    #[test]
    fn a_page_ends_by_number_or_by_size_and_the_last_has_no_token() {
        let jobs = |count: usize, summary: usize| {
            (0..count).map(move |n| v1::Job {
                id: n.to_string(),
                summary: "x".repeat(summary),
                ..v1::Job::default()
            })
        };
        let shape = |page: v1::ListJobsResponse| (page.jobs.len(), page.next_page_token);
        assert_eq!(shape(page_of_jobs(jobs(3, 1), page_size(2))), (2, "1".to_owned()));
        assert_eq!(shape(page_of_jobs(jobs(3, 1), page_size(3))), (3, String::new()));
        assert_eq!(shape(page_of_jobs(jobs(9, 1 << 20), page_size(0))), (2, "1".to_owned()));
        assert_eq!(shape(page_of_jobs(jobs(2, 5 << 20), page_size(0))), (1, "0".to_owned()));
    }
}
