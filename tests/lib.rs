//! What the tests of Selvedge stand on: an in-memory Weaviate, and the launcher that puts it or a real one in their way.
//!
//! Support for tests only: a panic here is a failed test, so `expect` with a reason is fine.
#![forbid(unsafe_code)]
#![allow(clippy::expect_used)]

pub mod harness;
pub mod stand_in;
