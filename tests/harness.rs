//! What a scenario is started with.

pub mod authority;
pub mod census;
pub mod faulty_store;
pub mod full_store;
pub mod interrupt;
pub mod object_server;
pub mod programs;
pub mod raw_codec;
pub mod rest;
pub mod schemas;
pub mod seed;
pub mod stage;
pub mod tls_front;
pub mod valve;
pub mod weaviate;
pub mod world;
