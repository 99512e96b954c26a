//! Making a backup.

mod backup;
mod collection;
mod destination;
mod file;
mod inheriting;
mod open_file;
mod upload;

pub use backup::BackupWriter;
pub use collection::CollectionWriter;
pub use destination::Limits;
pub use file::FileWriter;
pub use inheriting::Inheriting;
pub use open_file::Written;
