//! Beacons: the URLs that references are written as.

use std::fmt;

use uuid::Uuid;

/// The only host that there is.
pub(super) const LOCAL: &str = "localhost";

/// Where a reference points to.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub host: String,
    /// Old references may have none, and so may new ones that are about to be completed.
    pub class: Option<String>,
    pub id: Uuid,
}

impl Target {
    pub fn path(&self) -> String {
        match &self.class {
            Some(class) => format!("{class}/{}", self.id),
            None => self.id.to_string(),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "weaviate://{}/{}", self.host, self.path())
    }
}

/// The property that a reference is added to.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub host: String,
    pub class: String,
    pub id: Uuid,
    /// The id as it was given, which is how it is repeated.
    pub spelled: String,
    pub property: String,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "weaviate://{}/{}/{}/{}", self.host, self.class, self.spelled, self.property)
    }
}

pub(super) fn target(beacon: &str) -> Result<Target, String> {
    let (host, path) = split(beacon);
    let segments: Vec<&str> = path.split('/').collect();
    let (class, id, place) = match segments.as_slice() {
        // The server prints the error that it does not have here.
        _ if path.is_empty() => return Err("invalid cref URI: %!w(<nil>)".into()),
        [_, id] => ("", id, 1),
        [_, class, id] => (*class, id, 2),
        _ => {
            return Err(format!(
                "invalid cref URI: path must be of format '<class>/<uuid>', but got '{path}'"
            ));
        }
    };
    let id = Uuid::parse_str(id)
        .map_err(|_| format!("invalid cref URI: {place}nd path segment must be uuid, but got '{id}'"))?;
    let class = Some(class.to_owned()).filter(|class| !class.is_empty());
    Ok(Target { host: host.into(), class, id })
}

pub(super) fn source(beacon: &str) -> Result<Source, String> {
    let (host, path) = split(beacon);
    let segments: Vec<&str> = path.split('/').collect();
    let [_, class, spelled, property] = segments.as_slice() else {
        return Err(format!(
            "invalid cref URI: must use long-form: path must be of format '/<className>/<uuid>/<propertyName>', but got \
             '{path}'"
        ));
    };
    // It is the wrong segment that the server prints.
    let id = Uuid::parse_str(spelled)
        .map_err(|_| format!("invalid cref URI: 2nd path segment must be uuid, but got '{property}'"))?;
    if class.is_empty() {
        return Err("className cannot be empty".into());
    }
    if class.starts_with(char::is_lowercase) {
        return Err(format!("className must start with an uppercase letter, but got {class}"));
    }
    if property.is_empty() {
        return Err("property cannot be empty".into());
    }
    let [class, spelled, property] = [class, spelled, property].map(|part| (*part).to_owned());
    Ok(Source { host: host.into(), class, id, spelled, property })
}

/// Whether it is a URL at all, which is asked before anything is read.
pub(crate) fn is_uri(text: &str) -> bool {
    text.starts_with('/') || scheme(text).is_some()
}

/// Host and path, of whatever there is of them.
fn split(url: &str) -> (&str, &str) {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let (has_scheme, rest) = scheme(url).map_or((false, url), |rest| (true, rest));
    match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None if has_scheme && !rest.starts_with('/') => ("", ""),
        None => ("", rest),
    }
}

/// What follows the scheme.
fn scheme(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once(':')?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    (scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && scheme.chars().all(fits))
        .then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beacons_are_read_as_the_server_reads_them() {
        let id = "00000000-0000-0000-0000-00000000000A";
        let read = |beacon: &str| target(beacon).map(|target| target.to_string());
        let local = "weaviate://localhost";
        assert_eq!(read(&format!("{local}/A/{id}")), Ok(format!("{local}/A/{}", id.to_lowercase())));
        assert_eq!(read(&format!("{local}/{id}")), Ok(format!("{local}/{}", id.to_lowercase())));
        for (beacon, text) in [
            ("weaviate://localhost", "%!w(<nil>)"),
            ("foo", "path must be of format '<class>/<uuid>', but got 'foo'"),
            ("weaviate://localhost/a/b/c", "path must be of format '<class>/<uuid>', but got '/a/b/c'"),
            ("weaviate://localhost/A/b", "2nd path segment must be uuid, but got 'b'"),
            ("weaviate://localhost/b", "1nd path segment must be uuid, but got 'b'"),
        ] {
            assert_eq!(read(beacon), Err(format!("invalid cref URI: {text}")));
        }
        let from = format!("weaviate://localhost/A/{id}/p");
        assert_eq!(source(&from).map(|source| source.to_string()), Ok(from));
        assert!(source(&format!("weaviate://localhost/a/{id}/p")).is_err());
        assert_eq!([is_uri("foo"), is_uri("/foo"), is_uri("a://b"), is_uri("")], [false, true, true, false]);
    }
}
