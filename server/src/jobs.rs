//! Jobs: each run of an operation, apart from the call that started it.
//!
//! A stream to a client is a view of a job, never its owner: the job runs on when nobody watches. It ends by itself, by
//! [`Registry::cancel`], or because the server stops. What is written down of it outlives the server: another one can go on.

mod attempt;
mod book;
mod holds;
mod job;
mod journal;
mod leftovers;
mod liveness;
mod locks;
mod process;
mod prune;
mod rate;
mod registry;
mod removal;
mod retention;
mod snapshot;

pub use job::{Asking, Job, Lifecycle, State};
pub use prune::{Incomplete, IncompleteState, Pruned, PrunedLeftover};
pub use rate::Rate;
pub use registry::{Limits, Registry, Shown};
pub use removal::Decision;
pub use retention::Policy;
pub use snapshot::Snapshot;
