//! Tokens, and what is kept of them.

use std::fmt;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

/// What a caller shows. Whoever has it is the caller.
#[derive(Debug)]
pub struct Token(SecretString);

/// All that the server keeps of a token. That it is a plain hash will do: a token is random, and long. Equality takes the same
/// time wherever two differ.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHash(blake3::Hash);

/// So that a token is known for one where it should not be.
const PREFIX: &str = "selvedge_";

impl Token {
    /// A new one, of 244 random bits.
    pub fn generate() -> Self {
        let random = [Uuid::new_v4(), Uuid::new_v4()].map(|part| part.simple().to_string()).concat();
        Self(format!("{PREFIX}{random}").into())
    }

    pub fn hash(&self) -> TokenHash {
        TokenHash::of(self.0.expose_secret())
    }

    /// To be shown once.
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }
}

impl TokenHash {
    pub fn of(token: &str) -> Self {
        Self(blake3::hash(token.as_bytes()))
    }
}

impl FromStr for TokenHash {
    type Err = blake3::HexError;

    fn from_str(hex: &str) -> Result<Self, Self::Err> {
        blake3::Hash::from_hex(hex).map(Self)
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.to_hex().fmt(f)
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}
