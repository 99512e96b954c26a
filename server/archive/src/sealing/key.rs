//! The key of a backup or of a job, and what is sealed with it.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;
use parquet::encryption::decrypt::FileDecryptionProperties;
use parquet::encryption::encrypt::FileEncryptionProperties;
use parquet::errors::ParquetError;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use selvedge_model::error::{Error, Result};

const KEY_BYTES: usize = 32;
/// What a sealed file begins with: no JSON does, and no JSON Lines.
const MAGIC: &[u8; 8] = b"selvedg\x01";

/// Whatever is sealed in one folder is sealed with what comes of this.
pub struct Key(Zeroizing<[u8; KEY_BYTES]>);

/// The key of one file: another one has another, so no two can take each other's place.
#[derive(Clone)]
pub struct FileKey {
    key: Zeroizing<[u8; KEY_BYTES]>,
    /// Where the file is in the repository.
    path: String,
}

impl Key {
    pub fn random() -> Result<Self> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        SystemRandom::new()
            .fill(&mut *key)
            .map_err(|_| Error::internal("the system has no random bytes for a key"))?;
        Ok(Self(key))
    }

    /// None if there are not as many bytes as a key has.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(Zeroizing::new(bytes.try_into().ok()?)))
    }

    pub fn bytes(&self) -> &[u8] {
        &*self.0
    }

    /// What the folder of a collection is called, which tells nothing of its name.
    pub fn folder(&self, collection: &str) -> String {
        let hash = self.derived("selvedge collection folder v1", collection);
        hash[..16].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// `path` is that in the repository.
    pub fn file(&self, path: &Path) -> FileKey {
        FileKey { key: self.derived("selvedge file v1", path.as_ref()), path: path.to_string() }
    }

    fn derived(&self, purpose: &str, name: &str) -> Zeroizing<[u8; KEY_BYTES]> {
        let material = Zeroizing::new([self.bytes(), name.as_bytes()].concat());
        Zeroizing::new(blake3::derive_key(purpose, &material))
    }
}

/// The key of a file, to be kept in what is itself sealed: 64 hex digits.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyText(Zeroizing<String>);

impl KeyText {
    /// None if it is none.
    pub fn of_file(&self, path: &Path) -> Option<FileKey> {
        let hash = blake3::Hash::from_hex(self.0.as_bytes()).ok()?;
        Some(FileKey { key: Zeroizing::new(*hash.as_bytes()), path: path.to_string() })
    }
}

impl FileKey {
    pub fn to_text(&self) -> KeyText {
        KeyText(Zeroizing::new(self.to_hex()))
    }

    pub fn to_hex(&self) -> String {
        self.key.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub fn bytes(&self) -> &[u8] {
        &*self.key
    }

    /// As Parquet's own encryption takes it: the footer too, which has names and statistics.
    pub fn encryption(&self) -> Result<Arc<FileEncryptionProperties>, ParquetError> {
        FileEncryptionProperties::builder(self.bytes().to_vec())
            .with_aad_prefix(self.path.as_bytes().to_vec())
            // Other tools cannot guess it.
            .with_aad_prefix_storage(true)
            .build()
    }

    /// What it is bound to is in the file, and nothing else is taken for it.
    pub fn decryption(&self) -> Result<Arc<FileDecryptionProperties>, ParquetError> {
        let properties = FileDecryptionProperties::builder(self.bytes().to_vec());
        properties.with_aad_prefix(self.path.as_bytes().to_vec()).build()
    }

    /// Seals a whole file. The same bytes come out the same, so that a create whose answer was lost can be told from another's.
    pub fn seal(&self, bytes: Vec<u8>) -> Result<Bytes> {
        let mut nonce = [0; NONCE_LEN];
        let of = Zeroizing::new(blake3::derive_key("selvedge nonce v1", self.bytes()));
        nonce.copy_from_slice(&blake3::keyed_hash(&of, &bytes).as_bytes()[..NONCE_LEN]);
        let sealed = self.encrypt(nonce, bytes)?;
        Ok([&MAGIC[..], &nonce, &sealed].concat().into())
    }

    /// Seals a part of a file that is written once, the `index`th.
    pub fn seal_part(&self, index: usize, bytes: Vec<u8>) -> Result<Bytes> {
        self.encrypt(nonce_of_part(index), bytes).map(Bytes::from)
    }

    /// None if it was not sealed with this key.
    pub fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let rest = sealed.strip_prefix(MAGIC)?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE_LEN>()?;
        self.decrypt(*nonce, rest)
    }

    /// As [`FileKey::open`], of a part.
    pub fn open_part(&self, index: usize, sealed: &[u8]) -> Option<Vec<u8>> {
        self.decrypt(nonce_of_part(index), sealed)
    }

    fn encrypt(&self, nonce: [u8; NONCE_LEN], mut bytes: Vec<u8>) -> Result<Vec<u8>> {
        let cannot = |_| Error::internal(format!("{} cannot be sealed", self.path));
        let key = self.cipher().map_err(cannot)?;
        let nonce = Nonce::assume_unique_for_key(nonce);
        key.seal_in_place_append_tag(nonce, Aad::from(self.path.as_bytes()), &mut bytes).map_err(cannot)?;
        Ok(bytes)
    }

    fn decrypt(&self, nonce: [u8; NONCE_LEN], sealed: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let opened = self.cipher().ok()?.open_in_place(nonce, Aad::from(self.path.as_bytes()), &mut bytes);
        let length = opened.ok()?.len();
        bytes.truncate(length);
        Some(bytes)
    }

    fn cipher(&self) -> Result<LessSafeKey, ring::error::Unspecified> {
        Ok(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, self.bytes())?))
    }
}

/// Whether a file is sealed as a whole.
pub fn is_sealed(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

fn nonce_of_part(index: usize) -> [u8; NONCE_LEN] {
    let mut nonce = [0; NONCE_LEN];
    nonce[..8].copy_from_slice(&(index as u64).to_le_bytes());
    nonce
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyText(…)")
    }
}

impl fmt::Debug for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileKey").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_what_it_has_sealed_in_the_same_place_and_nothing_else() {
        let key = Key::random().unwrap();
        let (here, there) = (Path::from("backups/b/x.json"), Path::from("backups/b/y.json"));
        let sealed = key.file(&here).seal(b"what it says".to_vec()).unwrap();
        assert!(is_sealed(&sealed) && !String::from_utf8_lossy(&sealed).contains("what"));
        assert_eq!(key.file(&here).open(&sealed).unwrap(), b"what it says");
        assert_eq!(key.file(&here).seal(b"what it says".to_vec()).unwrap(), sealed);
        assert!(key.file(&there).open(&sealed).is_none(), "elsewhere");
        assert!(Key::random().unwrap().file(&here).open(&sealed).is_none(), "another key");
        for at in 0..sealed.len() {
            let mut altered = sealed.to_vec();
            altered[at] ^= 1;
            assert!(key.file(&here).open(&altered).is_none(), "altered at {at}");
            assert!(key.file(&here).open(&sealed[..at]).is_none(), "cut at {at}");
        }
    }

    #[test]
    fn parts_stay_in_their_order() {
        let key = Key::random().unwrap().file(&Path::from("data"));
        let first = key.seal_part(0, b"first".to_vec()).unwrap();
        assert_eq!(key.open_part(0, &first).unwrap(), b"first");
        assert!(key.open_part(1, &first).is_none());
    }

    #[test]
    fn a_folder_has_nothing_of_the_name_and_is_the_same_each_time() {
        let key = Key::random().unwrap();
        assert_eq!(key.folder("Article"), key.folder("Article"));
        assert_ne!(key.folder("Article"), Key::random().unwrap().folder("Article"));
        assert_eq!(key.folder("Article").len(), 32);
    }

    #[test]
    fn no_key_is_shown() {
        let key = Key::from_bytes(&[65; 32]).unwrap();
        assert_eq!(format!("{key:?}"), "Key(…)");
        let of_file = key.file(&Path::from("a"));
        assert!(!format!("{of_file:?}").contains("65"));
        assert_eq!(format!("{:?}", of_file.to_text()), "KeyText(…)");
        assert_eq!(of_file.to_text().of_file(&Path::from("a")).unwrap().bytes(), of_file.bytes());
    }
}
