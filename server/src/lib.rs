//! Selvedge's server: backup, restore and clear for Weaviate collections, over gRPC.
//!
//! A call goes `grpc` (wire to domain) → `jobs` (a job of its own, apart from the stream) → `ops` (the use case) →
//! `weaviate` (the database) and `archive` (the repository), which meet only in `ops` and share the types of `model`.

pub mod app;
pub mod archive;
pub mod config;
pub mod error;
mod grpc;
mod jobs;
pub mod model;
pub mod ops;
pub mod weaviate;
