//! Names in requests: how long they may be, and how many.

use std::collections::HashMap;

use selvedge_model::error::{Error, Result};

/// Of the name of a collection in Weaviate; no other name is longer. A request is kept as long as its job is.
const MAX_NAME: usize = 255;
/// In one list of a request.
const MAX_NAMES: usize = 10_000;
pub fn check_names(field: &'static str, names: &[String]) -> Result<()> {
    if names.len() > MAX_NAMES {
        let text = format!("`{field}` holds {} names, and {MAX_NAMES} are the most", names.len());
        return Err(Error::invalid(field, text).hint("use patterns, or several requests"));
    }
    names.iter().try_for_each(|name| check_name(field, name))
}

pub fn check_pairs(field: &'static str, pairs: &HashMap<String, String>) -> Result<()> {
    if pairs.len() > MAX_NAMES {
        let text = format!("`{field}` holds {} names, and {MAX_NAMES} are the most", pairs.len());
        return Err(Error::invalid(field, text));
    }
    pairs.iter().flat_map(|(key, value)| [key, value]).try_for_each(|name| check_name(field, name))
}

/// What is longer cannot be the name of anything, and would be quoted in every list of jobs.
pub fn check_name(field: &'static str, name: &str) -> Result<()> {
    if name.chars().count() <= MAX_NAME {
        return Ok(());
    }
    let start: String = name.chars().take(30).collect();
    Err(Error::invalid(
        field,
        format!("`{field}` holds a name of more than {MAX_NAME} characters: \"{start}…\""),
    ))
}
