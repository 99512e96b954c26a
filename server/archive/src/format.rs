//! The data format: what a data file holds, and the one encoder and the one decoder of it.

mod arrays;
mod columns;
mod decode;
mod encode;
mod pieces;
mod rows;

pub use columns::Columns;
pub use decode::Decoder;
pub use encode::{Encoder, TenantBatch};
pub use pieces::Pieces;
pub use rows::{Rows, Select};
