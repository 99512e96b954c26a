//! Options of the form `KEY=VALUE`.

use std::collections::HashMap;

use crate::ExitCode;
use crate::failure::Failure;

/// Takes `Old=New`, two names of a collection.
pub fn parse_rename(text: &str) -> Result<(String, String), String> {
    parse(text, "Old=New")
}

/// Takes `old=new`, two names of a vector, of which the old one may be empty.
pub fn parse_vector(text: &str) -> Result<(String, String), String> {
    match text.strip_prefix('=') {
        Some(new) if !new.is_empty() => Ok((String::new(), new.to_owned())),
        _ => parse(text, "old=new"),
    }
}

/// Takes `KEY=VALUE`.
pub fn parse_setting(text: &str) -> Result<(String, String), String> {
    parse(text, "KEY=VALUE")
}

fn parse(text: &str, form: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() && !value.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(format!("it must look like {form}")),
    }
}

/// What was given with `option`, by key. Two values for one key are a mistake that a map would hide.
pub fn by_key(option: &str, pairs: Vec<(String, String)>) -> Result<HashMap<String, String>, Failure> {
    let mut map = HashMap::new();
    for (key, value) in pairs {
        if let Some(other) = map.insert(key.clone(), value.clone())
            && other != value
        {
            let text = format!("{option} says two things of {key}: {other} and {value}");
            return Err(Failure::new(ExitCode::Usage, text));
        }
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_gets_one_value() {
        let pair = |text| parse_rename(text).expect("parses");
        let map = by_key("--rename", vec![pair("A=B"), pair("A=B"), pair("C=D")]).expect("fits");
        assert_eq!(map.len(), 2);
        let failure = by_key("--rename", vec![pair("A=B"), pair("A=C")]).expect_err("twice");
        assert_eq!(failure.exit, ExitCode::Usage);
        assert_eq!(failure.message, "--rename says two things of A: B and C");
    }

    #[test]
    fn both_sides_are_needed() {
        for text in ["A=", "=B", "A", "="] {
            assert_eq!(parse_rename(text).expect_err(text), "it must look like Old=New");
        }
        assert_eq!(parse_setting("shards").expect_err("no value"), "it must look like KEY=VALUE");
        assert_eq!(parse_vector("=v"), Ok((String::new(), "v".to_owned())));
        assert!(parse_vector("=").is_err() && parse_vector("v=").is_err());
        assert_eq!(parse_setting("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
    }
}
