//! Which of the things that exist a request means: names, globs, exclusions.

use glob::Pattern;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Result};
use crate::nearest;

/// A list of names and globs to take, and one to leave out. The default takes everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Texts", into = "Texts")]
pub struct Selection {
    include: Vec<Term>,
    exclude: Vec<Term>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Term {
    Name(String),
    Glob(Pattern),
}

/// A selection as it is written down.
#[derive(Serialize, Deserialize)]
struct Texts {
    #[serde(default)]
    collections: Vec<String>,
    #[serde(default)]
    exclude: Vec<String>,
}

impl TryFrom<Texts> for Selection {
    type Error = Error;

    fn try_from(texts: Texts) -> Result<Self> {
        Self::new(&texts.collections, &texts.exclude)
    }
}

impl From<Selection> for Texts {
    fn from(selection: Selection) -> Self {
        let texts = |terms: &[Term]| terms.iter().map(|term| term.text().to_owned()).collect();
        Self { collections: texts(&selection.include), exclude: texts(&selection.exclude) }
    }
}

/// True if `text` is a glob rather than a name: no name in Weaviate has these characters.
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

impl Selection {
    /// An empty `include` selects everything.
    pub fn new(include: &[String], exclude: &[String]) -> Result<Self> {
        let terms = |field, texts: &[String]| -> Result<Vec<Term>> {
            texts.iter().map(|text| Term::parse(field, text)).collect()
        };
        Ok(Self { include: terms("collections", include)?, exclude: terms("exclude", exclude)? })
    }

    /// The names and globs to take; none for everything.
    pub fn included(&self) -> Vec<&str> {
        self.include.iter().map(Term::text).collect()
    }

    pub fn excluded(&self) -> Vec<&str> {
        self.exclude.iter().map(Term::text).collect()
    }

    /// What it means beyond exact names: `*` if nothing is named at all.
    pub fn patterns(&self) -> Vec<&str> {
        if self.include.is_empty() {
            return vec!["*"];
        }
        self.include.iter().filter_map(Term::pattern).collect()
    }

    /// Whether this name was given as it is, and not by a pattern.
    pub fn names(&self, name: &str) -> bool {
        self.include.iter().any(|term| matches!(term, Term::Name(exact) if exact == name))
    }

    /// What is to be left out and is not there.
    pub fn idle_exclusions<'s>(&'s self, names: impl Iterator<Item = &'s str> + Clone) -> Vec<&'s str> {
        let is_idle = |term: &&Term| !names.clone().any(|name| term.matches(name));
        self.exclude.iter().filter(is_idle).map(Term::text).collect()
    }

    /// The names that are meant, in the order given. A term that is to be taken and matches nothing is an error: it is far
    /// more often a typing mistake than a wish for nothing. One that is to be left out is not: then there is none today.
    pub fn apply<'a>(
        &self,
        names: impl Iterator<Item = &'a str> + Clone,
        place: &str,
    ) -> Result<Vec<&'a str>> {
        for term in &self.include {
            if !names.clone().any(|name| term.matches(name)) {
                return Err(term.unmatched(names, place));
            }
        }
        let included =
            |name: &str| self.include.is_empty() || self.include.iter().any(|term| term.matches(name));
        let excluded = |name: &str| self.exclude.iter().any(|term| term.matches(name));
        let is_empty = names.clone().next().is_none();
        let chosen: Vec<_> = names.filter(|name| included(name) && !excluded(name)).collect();
        if chosen.is_empty() && !is_empty {
            return Err(Error::new(
                Kind::CollectionNotFound,
                format!("every collection {place} that is meant is excluded again"),
            )
            .hint("leave out less"));
        }
        Ok(chosen)
    }
}

impl Term {
    fn parse(field: &'static str, text: &str) -> Result<Self> {
        if text.is_empty() {
            return Err(Error::invalid(field, format!("`{field}` holds an empty name")));
        }
        if !is_pattern(text) {
            return Ok(Self::Name(text.to_owned()));
        }
        Pattern::new(text)
            .map(Self::Glob)
            .map_err(|error| Error::invalid(field, format!("\"{text}\" is not a pattern")).caused_by(error))
    }

    fn pattern(&self) -> Option<&str> {
        match self {
            Self::Name(_) => None,
            Self::Glob(pattern) => Some(pattern.as_str()),
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Glob(pattern) => pattern.as_str(),
        }
    }

    fn matches(&self, name: &str) -> bool {
        match self {
            Self::Name(exact) => exact == name,
            Self::Glob(pattern) => pattern.matches(name),
        }
    }

    fn unmatched<'a>(&self, names: impl Iterator<Item = &'a str>, place: &str) -> Error {
        let text = match self {
            Self::Glob(pattern) => format!("no collection {place} matches \"{pattern}\""),
            Self::Name(name) => format!("collection \"{name}\" does not exist {place}"),
        };
        let near = match self {
            Self::Glob(_) => None,
            Self::Name(name) => nearest(name, names),
        };
        let error = Error::new(Kind::CollectionNotFound, text);
        match near {
            Some(near) if near.to_lowercase() == self.text().to_lowercase() => {
                error.hint(format!("names are case-sensitive: did you mean \"{near}\"?"))
            }
            Some(near) => error.hint(format!("did you mean \"{near}\"?")),
            None => error.hint("list what there is on the cluster, or in the backup"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 4] = ["Article", "ArticleDraft", "Author", "Tag"];

    fn apply(include: &[&str], exclude: &[&str]) -> Result<Vec<&'static str>> {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        Selection::new(&owned(include), &owned(exclude))?.apply(NAMES.into_iter(), "on cluster \"default\"")
    }

    #[test]
    fn nothing_means_all() {
        assert_eq!(apply(&[], &[]).unwrap(), NAMES);
        assert_eq!(apply(&[], &["Article*"]).unwrap(), ["Author", "Tag"]);
    }

    #[test]
    fn names_and_globs_mix() {
        assert_eq!(apply(&["Tag", "A*r"], &[]).unwrap(), ["Author", "Tag"]);
        assert_eq!(apply(&["Articl?"], &[]).unwrap(), ["Article"]);
    }

    #[test]
    fn what_is_to_be_left_out_need_not_be_there() {
        assert_eq!(apply(&[], &["Tmp*", "Tag"]).unwrap(), ["Article", "ArticleDraft", "Author"]);
        let selection = Selection::new(&[], &["Tmp*".to_owned(), "Tag".to_owned()]).unwrap();
        assert_eq!(selection.idle_exclusions(NAMES.into_iter()), ["Tmp*"]);
    }

    #[test]
    fn what_matches_nothing_is_an_error_with_a_next_step() {
        let error = apply(&["Article", "Zebra*"], &[]).unwrap_err();
        assert_eq!(error.to_string(), "no collection on cluster \"default\" matches \"Zebra*\"");
        let error = apply(&["article"], &[]).unwrap_err();
        assert_eq!(error.hint_text(), Some("names are case-sensitive: did you mean \"Article\"?"));
        assert_eq!(apply(&["Artilce"], &[]).unwrap_err().hint_text(), Some("did you mean \"Article\"?"));
        assert_eq!(apply(&["[z"], &[]).unwrap_err().kind(), Kind::InvalidRequest);
    }
}
