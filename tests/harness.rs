//! What a scenario is started with.

pub mod weaviate;
