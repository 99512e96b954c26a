//! What a repository promises: what comes back is what was written, what was damaged is told, what is not committed
//! is not there.

mod catalog;
mod commit;
mod counting_store;
mod damage;
mod encryption;
mod faulty_store;
mod inheriting;
mod listing;
mod marker;
mod other_formats;
mod projections;
mod round_trip;
pub(super) mod samples;
