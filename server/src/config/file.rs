//! The configuration file: TOML, with the settings of the flags at the top, and a section for each cluster and repository.
//!
//! Errors name places and never values: a value may be a secret that ended up in the wrong place.

use std::collections::BTreeMap;
use std::path::Path;

use selvedge_model::error::{Error, Result};
use selvedge_model::nearest;
use toml::{Table, Value};

/// What a file says.
#[derive(Debug, Default)]
pub struct File {
    /// How messages call it.
    pub name: String,
    /// By the name of their flag, with `_` for `-`.
    pub settings: BTreeMap<String, String>,
    pub clusters: BTreeMap<String, Section>,
    pub repositories: BTreeMap<String, Section>,
}

/// A table of the file, whose keys are taken out of it one by one, so that what is left is unknown.
#[derive(Clone)]
pub struct Section {
    /// Such as `[clusters.eu] of selvedge.toml`.
    place: String,
    table: Table,
    known: Vec<&'static str>,
}

impl File {
    /// `settings` are the names that may be at the top.
    pub fn read(path: &Path, settings: &[&'static str]) -> Result<Self> {
        let name = path.display().to_string();
        let bad = |what: &str| Error::invalid("config", format!("{name} {what}"));
        let text = std::fs::read_to_string(path).map_err(|error| {
            bad("cannot be read").hint("name another file with --config").caused_by(error)
        })?;
        Self::parse(&name, &text, settings)
    }

    fn parse(name: &str, text: &str, settings: &[&'static str]) -> Result<Self> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            let line =
                error.span().map_or(1, |span| 1 + text[..span.start.min(text.len())].matches('\n').count());
            Error::invalid("config", format!("{name}, line {line}: this is not TOML"))
                .hint("see https://toml.io; texts are in quotes, and a table's name in brackets")
        })?;
        let mut file = Self { name: name.to_owned(), ..Self::default() };
        let mut top = Section { place: name.to_owned(), table, known: Vec::new() };
        file.clusters = top.sections("clusters", name)?;
        file.repositories = top.sections("repositories", name)?;
        for key in settings {
            if let Some(text) = top.scalar(key)? {
                file.settings.insert((*key).to_owned(), text);
            }
        }
        top.finish()?;
        Ok(file)
    }
}

impl Section {
    /// Of what no file says anything of.
    pub fn empty() -> Self {
        Self { place: String::new(), table: Table::new(), known: Vec::new() }
    }

    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    pub fn place(&self) -> &str {
        &self.place
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.table.remove(key)
    }

    fn wrong(&self, key: &str, should_be: &str) -> Error {
        Error::invalid("config", format!("{key} in {} has to be {should_be}", self.place))
    }

    pub fn text(&mut self, key: &'static str) -> Result<Option<String>> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(key, "a text")),
        }
    }

    /// A text, a number, or true or false, as a flag would have it.
    pub fn scalar(&mut self, key: &'static str) -> Result<Option<String>> {
        let value = self.take(key);
        value.map(|value| scalar(&value).ok_or_else(|| self.wrong(key, "a single value"))).transpose()
    }

    pub fn is_set(&mut self, key: &'static str) -> Result<bool> {
        match self.take(key) {
            None => Ok(false),
            Some(Value::Boolean(set)) => Ok(set),
            Some(_) => Err(self.wrong(key, "true or false")),
        }
    }

    pub fn texts(&mut self, key: &'static str) -> Result<Vec<String>> {
        let Some(value) = self.take(key) else { return Ok(Vec::new()) };
        let texts =
            value.as_array().map(|values| values.iter().map(|value| value.as_str().map(str::to_owned)));
        let texts: Option<Option<Vec<_>>> = texts.map(Iterator::collect);
        texts.flatten().ok_or_else(|| self.wrong(key, "a list of texts"))
    }

    /// A table of texts.
    pub fn pairs(&mut self, key: &'static str) -> Result<Vec<(String, String)>> {
        let Some(value) = self.take(key) else { return Ok(Vec::new()) };
        let Value::Table(table) = value else { return Err(self.wrong(key, "a table")) };
        let pair = |(name, value): (String, Value)| match value {
            Value::String(text) => Ok((name, text)),
            _ => Err(self.wrong(&format!("{key}.{name}"), "a text")),
        };
        table.into_iter().map(pair).collect()
    }

    pub fn section(&mut self, key: &'static str) -> Result<Option<Self>> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Table(table)) => {
                Ok(Some(Self { place: format!("{key} of {}", self.place), table, known: Vec::new() }))
            }
            Some(_) => Err(self.wrong(key, "a table")),
        }
    }

    fn sections(&mut self, key: &'static str, file: &str) -> Result<BTreeMap<String, Self>> {
        let Some(value) = self.take(key) else { return Ok(BTreeMap::new()) };
        let Value::Table(tables) = value else { return Err(self.wrong(key, "tables with names")) };
        let section = |(name, value): (String, Value)| {
            let place = format!("[{key}.{name}] of {file}");
            let is_name = |char: char| char.is_ascii_alphanumeric() || "-_".contains(char);
            match value {
                Value::Table(table) if !name.is_empty() && name.chars().all(is_name) => {
                    Ok((name, Self { place, table, known: Vec::new() }))
                }
                Value::Table(_) => {
                    let text = format!("{place}: a name has letters, digits, - and _ only");
                    Err(Error::invalid("config", text))
                }
                _ => Err(Error::invalid("config", format!("{place} has to be a table"))),
            }
        };
        tables.into_iter().map(section).collect()
    }

    /// A secret: given as it is, or as the name of the file that holds it.
    pub fn secret(&mut self, key: &'static str, file_key: &'static str) -> Result<Option<String>> {
        let (inline, file) = (self.text(key)?, self.text(file_key)?);
        match (inline, file) {
            (Some(_), Some(_)) => {
                Err(Error::invalid("config", format!("{} has both {key} and {file_key}", self.place)))
            }
            (inline, None) => Ok(inline),
            (None, Some(file)) => read_secret(&self.place, file_key, &file).map(Some),
        }
    }

    /// Everything that was not taken, with each `…_file` replaced by what is in the file if `is_setting` knows what it is for.
    pub fn rest(self, is_setting: impl Fn(&str) -> bool) -> Result<Vec<(String, String)>> {
        let Self { place, table, .. } = self;
        let setting = |(key, value): (String, Value)| {
            let text = scalar(&value).ok_or_else(|| {
                Error::invalid("config", format!("{key} in {place} has to be a single value"))
            })?;
            match key.strip_suffix("_file") {
                Some(stem) if !is_setting(&key) && is_setting(stem) => {
                    Ok((stem.to_owned(), read_secret(&place, &key, &text)?))
                }
                _ => Ok((key, text)),
            }
        };
        table.into_iter().map(setting).collect()
    }

    /// Fails if anything is left.
    pub fn finish(self) -> Result<()> {
        let Some(key) = self.table.keys().next() else { return Ok(()) };
        let error = Error::invalid("config", format!("{} has an unknown key: {key}", self.place));
        Err(match nearest(key, &self.known) {
            Some(near) => error.hint(format!("did you mean {near}?")),
            None => error.hint(format!("it may have {}", self.known.join(", "))),
        })
    }
}

impl std::fmt::Debug for Section {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.place)
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Boolean(set) => Some(set.to_string()),
        Value::Float(_) | Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    }
}

pub fn read_secret(place: &str, key: &str, file: &str) -> Result<String> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Error::invalid("config", format!("{key} in {place}: {file} cannot be read")).caused_by(error)
    })?;
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Error {
        File::parse("selvedge.toml", text, &["listen", "max_jobs"]).unwrap_err()
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest() {
        let error = refused("lisen = 'x'");
        assert_eq!(error.to_string(), "selvedge.toml has an unknown key: lisen");
        assert_eq!(error.hint_text(), Some("did you mean listen?"));
        assert_eq!(refused("[repository.a]").hint_text(), Some("did you mean repositories?"));
    }

    #[test]
    fn errors_do_not_repeat_values() {
        for text in
            ["api_key = hunter2", "max_jobs = ['hunter2']", "hunter = 'hunter2'", "clusters = 'hunter2'"]
        {
            let error = refused(text);
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
        assert_eq!(
            refused("listen = 'x'\nmax_jobs =").to_string(),
            "selvedge.toml, line 2: this is not TOML"
        );
    }
}
