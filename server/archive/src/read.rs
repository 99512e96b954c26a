//! Reading a committed backup.

mod backup;
mod check;
mod collection;
mod damage;
mod file;
mod inherited;
mod keys;
mod modified;
mod stored;

pub use backup::BackupReader;
pub use collection::CollectionReader;
pub use damage::{Damage, DamageKind};
pub use file::FileReader;
pub use keys::{Key, KeyReader};
pub use modified::Modified;
pub(crate) use stored::{Inherited, Stored};
