//! Who may open what a repository holds: recipients, identities and passphrases, none of which is ever an argument.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use secrecy::SecretString;

use super::file::{Section, read_secret};
use super::sources::{Printout, Sources};
use selvedge_archive::Encryption;
use selvedge_model::error::{Error, Result};

pub const PASSPHRASE: &str = "SELVEDGE_PASSPHRASE";

/// What a repository's `encryption` says.
pub fn of_section(mut section: Section, environment: &[(String, String)]) -> Result<Encryption> {
    let place = section.place().to_owned();
    let mut recipients = section.texts("recipients")?;
    if let Some(file) = section.text("recipients_file")? {
        recipients.extend(recipients_in(&read_secret(&place, "recipients_file", &file)?));
    }
    let identity_file = section.text("identity_file")?;
    let identity_command = section.texts("identity_command")?;
    let passphrase_file = section.text("passphrase_file")?;
    let variable = section.text("passphrase_variable")?;
    let passphrase_command = section.texts("passphrase_command")?;
    section.finish()?;
    let identity = Secret { what: "identity", place: &place }.one_of([
        identity_file.map(|file| read_secret(&place, "identity_file", &file)),
        ran(&place, "identity_command", &identity_command),
    ])?;
    let passphrase = Secret { what: "passphrase", place: &place }.one_of([
        passphrase_file.map(|file| read_secret(&place, "passphrase_file", &file)),
        variable.map(|name| from_variable(&place, &name, environment)),
        ran(&place, "passphrase_command", &passphrase_command),
    ])?;
    checked(&place, Encryption { recipients, identity, passphrase })
}

/// What flags and the environment say; None if they say nothing.
pub fn of_flags(sources: &Sources, environment: &[(String, String)]) -> Result<Option<Encryption>> {
    let (flags, place) = (&sources.flags, "--repository");
    let read = |flag: &str, file: &Option<PathBuf>| {
        let file = file.as_ref().map(|file| file.display().to_string());
        file.map(|file| read_secret(place, flag, &file))
    };
    let of = |what| Secret { what, place };
    let identity = of("identity").one_of([read("--identity-file", &flags.identity_file)])?;
    let variable = environment.iter().any(|(name, value)| name == PASSPHRASE && !value.is_empty());
    let passphrase = of("passphrase").one_of([
        read("--passphrase-file", &flags.passphrase_file),
        variable.then(|| from_variable(place, PASSPHRASE, environment)),
    ])?;
    let recipients: Vec<_> = flags.recipients.iter().filter(|text| !text.is_empty()).cloned().collect();
    if recipients.is_empty() && identity.is_none() && passphrase.is_none() {
        return Ok(None);
    }
    checked(place, Encryption { recipients, identity, passphrase }).map(Some)
}

fn checked(place: &str, encryption: Encryption) -> Result<Encryption> {
    let Encryption { recipients, identity, passphrase } = &encryption;
    if passphrase.is_some() && (identity.is_some() || !recipients.is_empty()) {
        let text = format!("{place}: a passphrase goes with neither recipients nor an identity");
        return Err(Error::invalid("encryption", text).hint("keep one of the two ways"));
    }
    Ok(encryption)
}

/// A secret that can come in several ways.
struct Secret<'a> {
    what: &'a str,
    place: &'a str,
}

impl Secret<'_> {
    fn one_of<const N: usize>(&self, ways: [Option<Result<String>>; N]) -> Result<Option<SecretString>> {
        let mut given = ways.into_iter().flatten();
        let Some(first) = given.next() else { return Ok(None) };
        if given.next().is_some() {
            return Err(self.wrong("is given in more than one way"));
        }
        self.of(&first?).map(Some)
    }

    /// Without the line's end that files and programs leave behind it.
    fn of(&self, text: &str) -> Result<SecretString> {
        match text.trim() {
            "" => Err(self.wrong("is empty")),
            text => Ok(SecretString::from(text)),
        }
    }

    fn wrong(&self, what: &str) -> Error {
        Error::invalid("encryption", format!("{}: its {} {what}", self.place, self.what))
    }
}

/// That of a file which `flag` names, read as the server reads it when it starts.
pub fn passphrase_in(flag: &str, file: &Path) -> Result<SecretString> {
    let text = read_secret("the command", flag, &file.display().to_string())?;
    Secret { what: "passphrase", place: flag }.of(&text)
}

fn from_variable(place: &str, name: &str, environment: &[(String, String)]) -> Result<String> {
    let found = environment.iter().find(|(known, value)| known == name && !value.is_empty());
    found.map(|(_, value)| value.clone()).ok_or_else(|| {
        Error::invalid("encryption", format!("{place}: the variable {name} of the environment is not set"))
    })
}

/// What a program prints, such as that of a key service. None if there is none to be run.
fn ran(place: &str, key: &str, words: &[String]) -> Option<Result<String>> {
    let (program, arguments) = words.split_first()?;
    let run = || {
        let failed = |how: String| Error::invalid("encryption", format!("{key} of {place}: {program} {how}"));
        let output = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| failed("cannot be run".to_owned()).caused_by(error))?;
        if !output.status.success() {
            return Err(failed(format!("failed ({})", output.status)));
        }
        String::from_utf8(output.stdout).map_err(|_| failed("printed what is no text".to_owned()))
    };
    Some(run())
}

/// A line each; what comes after a # is for people.
fn recipients_in(text: &str) -> impl Iterator<Item = String> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    lines.filter(|line| !line.is_empty()).map(str::to_owned)
}

/// Recipients are for everybody to know.
pub fn show(encryption: &Encryption, origin: &str, shown: &mut Printout) {
    let Encryption { recipients, identity, passphrase } = encryption;
    if !recipients.is_empty() {
        shown.text("encryption.recipients", recipients.join(", "), origin);
    }
    if identity.is_some() {
        shown.secret("encryption.identity", origin);
    }
    if passphrase.is_some() {
        shown.secret("encryption.passphrase", origin);
    }
}
