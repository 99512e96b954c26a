//! Selvedge's server: backup, restore and clear for Weaviate collections, over gRPC.
//!
//! A call goes `grpc` (wire to domain) → `jobs` (a job of its own, apart from the stream) → `selvedge_ops` (the use case) →
//! `selvedge_weaviate` (the database) and `selvedge_archive` (the repository), which meet only there and share the types of
//! `selvedge_model`.

#![forbid(unsafe_code)]

pub mod access;
pub mod app;
mod changes;
pub mod config;
mod grpc;
mod jobs;
pub mod listener;
mod metrics;
mod readiness;
pub mod traces;
