//! The data formats: what a data file holds, and the encoder and the decoder of each, behind one pair of traits.

mod account;
mod arrays;
mod columns;
mod data_format;
mod decode;
mod encode;
mod foreign;
mod from_lines;
mod from_parquet;
mod into_lines;
mod into_parquet;
mod pieces;
mod rows;

pub use account::Account;
pub use columns::Columns;
pub use data_format::DataFormat;
pub use decode::{Decoder, Wanted};
pub use encode::{Encoder, TenantBatch};
pub use from_lines::{FromLines, Writer};
pub use into_lines::write_line;
pub use pieces::Pieces;
pub use rows::{Rows, Select};
