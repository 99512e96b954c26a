//! A module for each command, or for a few that belong together: arguments, call, output.

pub mod backup;
pub mod check;
pub mod clear;
pub mod collections;
pub mod completions;
pub mod copy;
pub mod diff;
pub mod export;
pub mod import;
pub mod jobs;
pub mod keeping;
mod latest;
pub mod list;
pub mod man;
pub mod prune;
pub mod repair;
pub mod restore;
pub mod show;
mod starting;
pub mod status;
pub mod undo;
pub mod verify;

pub use crate::session::Session;
use starting::{Starting, run_job};
