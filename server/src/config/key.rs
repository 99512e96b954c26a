//! Weaviate's key.

use std::fs;
use std::path::Path;

use secrecy::SecretString;

use selvedge_model::error::{Error, Result};

pub const VARIABLE: &str = "WEAVIATE_API_KEY";

/// The key from the file, if one is named, else the one from the environment. An empty variable is as good as none.
pub fn load(file: Option<&Path>, variable: Option<String>) -> Result<Option<SecretString>> {
    let Some(file) = file.filter(|file| !file.as_os_str().is_empty()) else {
        return variable.filter(|key| !key.trim().is_empty()).map(|key| checked(VARIABLE, &key)).transpose();
    };
    let place = format!("--weaviate-api-key-file {}", file.display());
    let text = fs::read_to_string(file).map_err(|error| {
        Error::invalid("weaviate_api_key_file", format!("{place} cannot be read")).caused_by(error)
    })?;
    checked(&place, &text).map(Some)
}

/// The errors say where the key is from, and nothing of what it is.
pub fn checked(place: &str, text: &str) -> Result<SecretString> {
    let key = text.trim();
    if key.is_empty() {
        return Err(Error::invalid("weaviate_api_key", format!("{place} holds no key")));
    }
    if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        let text = format!("the key in {place} has spaces or characters that no key can have");
        return Err(Error::invalid("weaviate_api_key", text));
    }
    Ok(SecretString::from(key))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_file_goes_before_the_environment() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key");
        fs::write(&file, "from-file\n").unwrap();
        let key = |file, variable: &str| load(file, Some(variable.to_owned()));
        assert_eq!(key(Some(&*file), "from-env").unwrap().unwrap().expose_secret(), "from-file");
        assert_eq!(key(None, "from-env").unwrap().unwrap().expose_secret(), "from-env");
        assert!(key(None, "").unwrap().is_none());

        fs::write(&file, "se cret").unwrap();
        let error = key(Some(&*file), "").unwrap_err();
        assert!(!error.to_string().contains("cret"), "{error}");
    }
}
