//! Jobs: each run of an operation, apart from the call that started it.
//!
//! A stream to a client is a view of a job, never its owner: the job runs on when nobody watches. It ends by itself, by
//! [`Registry::cancel`], or because the server stops.

mod book;
mod job;
mod locks;
mod rate;
mod registry;

pub use job::{Job, Lifecycle, State, View};
pub use rate::Rate;
pub use registry::{Limits, Registry};
