//! Finding the job that somebody means: by its id, a beginning of it, or as the last one.

use std::collections::BTreeSet;

use selvedge_model::error::{Error, Kind, Result};
use selvedge_model::nearest_or;
use uuid::Uuid;

use super::Registry;
use crate::jobs::State;

/// Stands for the newest job.
const LAST: &str = "last";
/// Digits that a beginning needs: fewer are more likely to be a mistake than to be meant.
const LEAST_DIGITS: usize = 6;
/// What to do where nothing else can be said.
const LIST: &str = "list the jobs that there are";
/// Candidates that are named.
const NAMED: usize = 5;

impl Registry {
    /// The id of the job that is meant by its id, by a beginning of it that no other has, or by "last". Whether there is a job of
    /// a whole id is not looked at.
    pub async fn resolve(&self, text: &str) -> Result<String> {
        if let Ok(id) = Uuid::try_parse(text) {
            return Ok(id.to_string());
        }
        let digits = digits(text);
        if text != LAST && digits.is_none() {
            return Err(unknown(text));
        }
        // What cannot be listed may hold the one that is meant: none but that one is to be cancelled, or gone on with.
        let known = self.known_ids(|_, error| Err(error)).await?;
        match digits {
            None => {
                let newest = known.last().map(Uuid::to_string);
                newest.ok_or_else(|| Error::new(Kind::JobNotFound, "there are no jobs yet"))
            }
            Some(digits) => chosen(text, &digits, &known),
        }
    }

    /// That there is no such job, and which one may have been meant.
    pub(super) async fn unknown(&self, id: &str) -> Error {
        // That they cannot be listed is no better reason.
        let known = self.known_ids(|repository, error| {
            tracing::warn!(repository, %error, "its jobs cannot be listed");
            Ok(())
        });
        let known = known.await.unwrap_or_default();
        // One that was refused is known, and cannot be had all the same.
        let others = known.iter().map(Uuid::to_string).filter(|other| other != id);
        unknown(id).hint(nearest_or(id, others, LIST))
    }

    /// Of this server's jobs, and of all that are written down. `unlisted` hears of repositories whose jobs cannot be listed.
    async fn known_ids(&self, unlisted: fn(&str, Error) -> Result<()>) -> Result<BTreeSet<Uuid>> {
        let mut known = BTreeSet::new();
        for repository in self.places.repositories() {
            match repository.job_ids().await {
                Ok(ids) => known.extend(ids.iter().filter_map(|id| Uuid::try_parse(id).ok())),
                Err(error) => unlisted(repository.name(), error)?,
            }
        }
        // Last: what is written of one that was refused may be about to be removed.
        for job in self.book().newest_first(None) {
            match job.state() {
                State::Refused => known.remove(&job.id),
                _ => known.insert(job.id),
            };
        }
        Ok(known)
    }
}

fn unknown(id: &str) -> Error {
    Error::new(Kind::JobNotFound, format!("there is no job \"{id}\"")).hint(LIST)
}

/// The digits of what may be the beginning of an id; None if it cannot be.
fn digits(text: &str) -> Option<String> {
    let digits = text.replace('-', "").to_ascii_lowercase();
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(digits)
}

fn chosen(text: &str, digits: &str, known: &BTreeSet<Uuid>) -> Result<String> {
    if digits.len() < LEAST_DIGITS {
        let error = format!("\"{text}\" is too short for the beginning of a job's id");
        return Err(Error::invalid("job_id", error)
            .hint(format!("give at least {LEAST_DIGITS} characters of it, or \"{LAST}\"")));
    }
    let begun = |id: &&Uuid| id.simple().to_string().starts_with(digits);
    // Newest first.
    let candidates: Vec<String> = known.iter().rev().filter(begun).map(Uuid::to_string).collect();
    match candidates.as_slice() {
        [] => Err(unknown(text)),
        [one] => Ok(one.clone()),
        several => {
            let named = several.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
            let more = if several.len() > NAMED { ", …" } else { "" };
            let error = format!("{} jobs begin with \"{text}\": {named}{more}", several.len());
            Err(Error::invalid("job_id", error).hint("give more of the id"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDS: [&str; 3] = [
        "01a2159e-994c-763b-a51f-941940696248",
        "01a215a1-a35c-702a-a044-0ad70768f5e3",
        "01a215a1-a36c-702a-a044-0ad70768f5e3",
    ];

    fn choose(text: &str) -> Result<String> {
        let known = IDS.iter().map(|id| Uuid::try_parse(id).unwrap()).collect();
        chosen(text, &digits(text).unwrap(), &known)
    }

    #[test]
    fn a_beginning_is_enough_if_no_other_job_has_it() {
        assert_eq!(choose("01a2159e").unwrap(), IDS[0]);
        assert_eq!(choose("01A215A1-A36").unwrap(), IDS[2]);
        assert_eq!(choose("01a215a1a35").unwrap(), IDS[1]);
        assert_eq!(choose("01a21600").unwrap_err().kind(), Kind::JobNotFound);
        assert_eq!(choose("01a21").unwrap_err().kind(), Kind::InvalidRequest);
        let several = choose("01a215a1").unwrap_err();
        assert_eq!(several.kind(), Kind::InvalidRequest);
        assert!(several.to_string().ends_with(&format!(": {}, {}", IDS[2], IDS[1])), "{several}");
    }

    #[test]
    fn other_words_are_no_beginnings() {
        for text in ["", "-", "last", "no-such-job", "01a2159e?"] {
            assert_eq!(digits(text), None, "{text}");
        }
    }
}
