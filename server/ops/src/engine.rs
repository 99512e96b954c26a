//! The one way of moving objects.
//!
//! What a job moves is cut into [`Task`]s: values that can be written down, sent, and split. A fixed number of lanes takes them
//! from one queue for all collections of the job; when the queue is empty, an idle lane takes half of what another one has
//! left. For each task a lane opens a [`Source`], passes its pages to a [`Sink`], and gives back what the sink leaves behind: a
//! [`Record`]. Records are written down, so that what is left of tasks is what no record tells of, whoever goes on with them.
//!
//! ```text
//! backup                  FromWeaviate → IntoBackup, comparing with a backup before it if it has a parent
//! copy                    FromWeaviate → IntoBackup, which is of keys only, and IntoWeaviate beside it
//! restore                 FromArchive  → IntoWeaviate
//! verify against a cluster, and the check after a restore
//!                         FromWeaviate → IntoDigest
//! verify rows             FromArchive  → IntoDigest
//! ```

mod beside;
mod budget;
mod changes;
mod done;
mod ends;
mod from_archive;
mod from_weaviate;
mod into_archive;
mod into_digest;
mod lane;
mod lanes;
pub mod pairs;
mod queue;
mod running;
mod tally;
mod task;

#[cfg(test)]
mod tests;

pub use beside::{Beside, BesideSink, IntoBackup, Moved};
pub use budget::Budget;
pub use changes::{Base, ChangeReader, Changed, Changes, FileRows, Look};
pub use done::Done;
pub use ends::{Broken, Ended, Fetched, Origin, Page, Pages, Record, Sink, Sinks, Source};
pub use from_archive::{FromArchive, may_hold};
pub use from_weaviate::FromWeaviate;
pub use into_archive::IntoArchive;
pub use into_digest::{IntoDigest, Lens};
pub use lane::RecordOf;
pub use lanes::Lanes;
pub use running::Running;
pub use tally::{Misreadings, PartTally, Tally};
pub use task::{Mark, Part, Piece, Task};
