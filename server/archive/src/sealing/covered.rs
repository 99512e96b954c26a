//! JSON of which a part stays in the open: what must be known of it by those who cannot read it.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Something that has a cover.
pub trait Covered: Serialize + DeserializeOwned + Sync {
    /// What stays in the open when the rest is sealed.
    type Cover: Serialize + DeserializeOwned + Clone;

    fn cover(&self) -> Self::Cover;
}

/// What can be read of it.
#[derive(Debug, Clone)]
pub enum Opened<T: Covered> {
    Whole(T),
    /// It is sealed, and there is no key for it.
    Cover(T::Cover),
}

impl<T: Covered> Opened<T> {
    pub fn cover(&self) -> T::Cover {
        match self {
            Self::Whole(whole) => whole.cover(),
            Self::Cover(cover) => cover.clone(),
        }
    }

    pub fn whole(&self) -> Option<&T> {
        match self {
            Self::Whole(whole) => Some(whole),
            Self::Cover(_) => None,
        }
    }
}

/// How it is in a file.
#[derive(Debug, Serialize, Deserialize)]
pub struct UnderCover<C> {
    pub cover: C,
    /// In base64.
    pub sealed: String,
}
