//! Who may call what.
//!
//! A call comes with a token or with a certificate, which is that of a caller in the file of callers. What a caller may do is
//! decided twice: by the method, before anything is decoded ([`Guard`]), and by what the request asks for
//! ([`Caller::check`]), as a restore may replace collections.

mod callers;
mod guard;
mod rights;
mod token;

pub use callers::Callers;
pub use guard::Guard;
pub use rights::{Caller, Role, role_of};
pub use token::{Token, TokenHash};
