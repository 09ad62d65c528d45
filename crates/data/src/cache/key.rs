//! What decoded pictures are found by.

use crate::preprocess::{Detail, Preprocess};
use sha2::{Digest, Sha256};
use std::fmt::{self, Write};

/// The SHA-256 of what decides the pixels: of a file's content, or of a recipe. Equal contents have equal keys, whatever the files are
/// called, and nobody can make others that do.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key([u8; Self::LEN]);

impl Key {
    pub(crate) const LEN: usize = 32;

    /// The key of a file's content.
    pub(crate) fn of_content(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The key of all that happens to a file's content until it is kept: the recipe but for its scaling, which comes after, and
    /// the version of the program, whose decoders may differ from another's by a bit.
    pub(crate) fn of_recipe(recipe: &Preprocess, detail: Detail) -> Self {
        let fields = (
            detail,
            (recipe.height(), recipe.width(), recipe.channels()),
            (recipe.fit(), recipe.filter(), recipe.background(), recipe.applies_orientation()),
            env!("CARGO_PKG_VERSION"),
        );
        Self(Sha256::digest(format!("{fields:?}")).into())
    }

    pub(super) fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    pub(super) fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// Its beginning as 16 hexadecimal digits, for a file's name.
    pub(super) fn short(&self) -> String {
        self.0[..8].iter().fold(String::new(), |mut digits, byte| {
            let _ = write!(digits, "{byte:02x}");
            digits
        })
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(&self.short()).finish()
    }
}
