//! The gRPC side: decodes requests once, calls the core, encodes what it says. Nothing below knows of tonic.

mod convert;
mod health;
mod services;
mod status;
mod watch;

pub use health::Health;
pub use services::routes;
pub use status::{reason_of, refusal};
