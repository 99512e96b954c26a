//! age: keys wrapped for recipients, and opened with identities.

use std::fmt;
use std::io::{Read, Write};

use age::secrecy::{ExposeSecret, SecretString};
use age::{DecryptError, Decryptor, Encryptor, IdentityFile, scrypt, x25519};
use zeroize::Zeroizing;

use super::{Encryption, Key};
use crate::layout;
use selvedge_model::error::{Error, Kind, Result};

type Recipient = Box<dyn age::Recipient + Send + Sync>;
type Identity = Box<dyn age::Identity + Send + Sync>;

/// For whom keys are wrapped, and what opens them.
pub struct Keyring {
    recipients: Vec<Recipient>,
    /// None opens nothing.
    identities: Vec<Identity>,
}

/// The work of guessing a passphrase, as a power of two, that is done for a file that says so: some seconds, and a GiB.
const MOST_WORK: u8 = 20;
/// Tests guess nothing.
const LEAST_WORK: u8 = 2;

impl Keyring {
    /// Without recipients, the identities' own are meant. `of` is how messages call what it is for.
    pub fn new(encryption: &Encryption, of: &str) -> Result<Self> {
        let mut recipients = Vec::new();
        for recipient in &encryption.recipients {
            recipients.push(parse_recipient(recipient.trim()).ok_or_else(|| {
                // It may be an identity that ended up in the wrong place.
                Error::invalid("encryption", format!("{of}: one of its recipients is none of age"))
                    .hint("a recipient begins with age1; an identity, which is secret, belongs into a file of its own")
            })?);
        }
        let mut identities = Vec::new();
        if let Some(text) = &encryption.identity {
            let wrong = || {
                Error::invalid("encryption", format!("{of}: its identity is none of age"))
                    .hint("a file of identities has lines that begin with AGE-SECRET-KEY-1")
            };
            let read = || IdentityFile::from_buffer(text.expose_secret().as_bytes());
            if recipients.is_empty() {
                recipients = identities_in(text).map(|own| Box::new(own.to_public()) as _).collect();
            }
            identities = read().map_err(|_| wrong())?.into_identities().map_err(|_| wrong())?;
            if identities.is_empty() {
                return Err(wrong());
            }
        }
        if recipients.is_empty() {
            let text = format!("{of}: its encryption names no recipients");
            return Err(Error::invalid("encryption", text)
                .hint("name recipients, an identity_file or a passphrase_file; make an identity with \"selvedge-server key new\""));
        }
        Ok(Self { recipients, identities })
    }

    /// Whether it opens anything.
    pub fn opens(&self) -> bool {
        !self.identities.is_empty()
    }

    /// What is in `key.age`.
    pub fn wrap(&self, key: &Key) -> Result<Vec<u8>> {
        let recipients = self.recipients.iter().map(|recipient| &**recipient as &dyn age::Recipient);
        encrypt(Encryptor::with_recipients(recipients), key.bytes())
    }

    /// None if it has no identity for it.
    pub fn open(&self, wrapped: &[u8]) -> Result<Option<Key>, String> {
        let identities = self.identities.iter().map(|identity| &**identity as &dyn age::Identity);
        match decrypt(wrapped, identities) {
            Ok(bytes) => Key::from_bytes(&bytes).map(Some).ok_or_else(|| "it holds no key".to_owned()),
            Err(DecryptError::NoMatchingKeys) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// A new identity for whoever has the passphrase: what is in `identity.age`. Takes about a second, so that it cannot be guessed.
pub fn make_identity(passphrase: &SecretString) -> Result<Vec<u8>> {
    wrap_identity(&x25519::Identity::generate().to_string(), passphrase)
}

/// What is in `identity.age`, for whoever has another passphrase.
pub fn wrap_identity(identity: &SecretString, passphrase: &SecretString) -> Result<Vec<u8>> {
    let mut recipient = scrypt::Recipient::new(passphrase.clone());
    if cfg!(test) {
        recipient.set_work_factor(LEAST_WORK);
    }
    let recipients = std::iter::once(&recipient as &dyn age::Recipient);
    encrypt(Encryptor::with_recipients(recipients), identity.expose_secret().as_bytes())
}

/// What a file of identities would hold.
pub fn unwrap_identity(wrapped: &[u8], passphrase: &SecretString) -> Result<SecretString, DecryptError> {
    let mut identity = scrypt::Identity::new(passphrase.clone());
    identity.set_max_work_factor(MOST_WORK);
    let bytes = decrypt(wrapped, std::iter::once(&identity as &dyn age::Identity))?;
    let text = String::from_utf8(bytes.to_vec()).map_err(|_| DecryptError::InvalidHeader)?;
    Ok(SecretString::from(text))
}

pub fn wrong_passphrase(place: &str) -> Error {
    let text = format!("the passphrase for {place} does not open {}", layout::identity());
    Error::new(Kind::KeyMissing, text).hint(
        "correct the passphrase; or, if the file is damaged, bring it back from a copy of the repository",
    )
}

/// An identity and its recipient, for somebody who has none yet.
pub fn new_identity() -> (SecretString, String) {
    let identity = x25519::Identity::generate();
    (identity.to_string(), identity.to_public().to_string())
}

/// The recipients of all identities in a file, a line each.
pub fn recipient_of(identity: &SecretString) -> String {
    identities_in(identity).map(|identity| format!("{}\n", identity.to_public())).collect()
}

fn identities_in(text: &SecretString) -> impl Iterator<Item = x25519::Identity> {
    text.expose_secret().lines().filter_map(|line| line.trim().parse().ok())
}

/// Keys that are in a device can be named too: it is asked only when something is to be read.
fn parse_recipient(text: &str) -> Option<Recipient> {
    if let Ok(recipient) = text.parse::<x25519::Recipient>() {
        return Some(Box::new(recipient));
    }
    if let Ok(recipient) = text.parse::<age::tag::Recipient>() {
        return Some(Box::new(recipient));
    }
    let recipient = text.parse::<age::tagpq::Recipient>().ok()?;
    Some(Box::new(recipient))
}

fn encrypt(encryptor: Result<Encryptor, age::EncryptError>, bytes: &[u8]) -> Result<Vec<u8>> {
    let cannot = || Error::internal("a key cannot be encrypted for its recipients");
    let write = |encryptor: Encryptor| {
        let mut writer = encryptor.wrap_output(Vec::new())?;
        writer.write_all(bytes)?;
        writer.finish()
    };
    let encryptor = encryptor.map_err(|error| cannot().caused_by(error))?;
    write(encryptor).map_err(|error| cannot().caused_by(error))
}

fn decrypt<'a>(
    wrapped: &[u8],
    identities: impl Iterator<Item = &'a dyn age::Identity>,
) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
    let mut bytes = Zeroizing::new(Vec::new());
    Decryptor::new_buffered(wrapped)?.decrypt(identities)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({} recipients, {} identities)", self.recipients.len(), self.identities.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyring(recipients: &[&str], identity: Option<&SecretString>) -> Result<Keyring> {
        let recipients = recipients.iter().map(|recipient| (*recipient).to_owned()).collect();
        let encryption = Encryption { recipients, identity: identity.cloned(), passphrase: None };
        Keyring::new(&encryption, "repository \"r\"")
    }

    #[test]
    fn each_of_several_opens_and_nobody_else() {
        let ((a, to_a), (b, to_b), (c, _)) = (new_identity(), new_identity(), new_identity());
        let key = Key::random().unwrap();
        let writer = keyring(&[&to_a, &to_b], None).unwrap();
        let wrapped = writer.wrap(&key).unwrap();
        assert!(!writer.opens() && writer.open(&wrapped).unwrap().is_none(), "it can only write");
        for identity in [&a, &b] {
            let opened = keyring(&[], Some(identity)).unwrap().open(&wrapped).unwrap().unwrap();
            assert_eq!(opened.bytes(), key.bytes());
        }
        assert!(keyring(&[], Some(&c)).unwrap().open(&wrapped).unwrap().is_none());
        assert!(keyring(&[], Some(&a)).unwrap().open(&wrapped[..wrapped.len() - 1]).is_err(), "cut off");
    }

    #[test]
    fn an_identity_in_the_place_of_a_recipient_is_not_repeated() {
        let (identity, _) = new_identity();
        let error = keyring(&[identity.expose_secret()], None).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("SECRET"), "{error}");
        assert!(keyring(&[], Some(&SecretString::from("nonsense"))).is_err());
        assert!(keyring(&[], None).is_err());
    }

    #[test]
    fn a_passphrase_opens_its_identity() {
        let passphrase = SecretString::from("correct horse");
        let wrapped = make_identity(&passphrase).unwrap();
        let identity = unwrap_identity(&wrapped, &passphrase).unwrap();
        assert!(keyring(&[], Some(&identity)).is_ok());
        assert!(unwrap_identity(&wrapped, &SecretString::from("another")).is_err());
        let again = wrap_identity(&identity, &SecretString::from("another")).unwrap();
        let other = unwrap_identity(&again, &SecretString::from("another")).unwrap();
        assert_eq!(other.expose_secret(), identity.expose_secret());
    }
}
