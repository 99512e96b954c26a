//! Encryption at rest.
//!
//! A backup, and the journal of a job, has one random key of 256 bits, which is in `key.age` beside what it is for, encrypted by
//! age for each recipient. Whoever has an identity of one of them can read it with any program that knows age. All else comes of
//! it: each data file has a key of its own and is encrypted as Parquet's own specification has it, so that other tools read it
//! too, and each JSON file is sealed as a whole. A name of a collection is nowhere in the open, not even in the name of a folder.
//!
//! Who has recipients and no identity can make backups, and read none but those that it makes itself, until it ends.
//!
//! age does not say who has encrypted something. So this keeps what is in a backup from those who can read the store; it does
//! not tell a backup from one that somebody who can write there has put in its place.

use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;
use selvedge_model::error::Result;

mod config;
mod covered;
mod holder;
mod key;
mod keyring;
mod keys;
mod rewrap;

pub use self::config::Encryption;
pub use self::covered::{Covered, Opened, UnderCover};
pub use self::key::{FileKey, Key, KeyText};
pub use self::keyring::Keyring;
pub use self::keyring::new_identity;
pub use self::keys::Keys;
pub use self::rewrap::Rewrapped;

/// None where nothing is sealed.
pub type Seal = Option<Arc<Key>>;

/// What is to be written as a whole.
pub fn sealed(seal: &Seal, path: &Path, bytes: Vec<u8>) -> Result<Bytes> {
    match seal {
        None => Ok(bytes.into()),
        Some(key) => key.file(path).seal(bytes),
    }
}

/// None if it is not what was sealed.
pub fn opened(seal: &Seal, path: &Path, bytes: Bytes) -> Option<Bytes> {
    match seal {
        None => Some(bytes),
        Some(key) => key.file(path).open(&bytes).map(Bytes::from),
    }
}
