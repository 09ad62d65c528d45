//! Files of other programs.

use std::path::Path;

use safetensors::tensor::SafeTensorError;

use crate::ModelError;

/// What the start of a file that is no safetensors file says about it.
pub(super) fn unreadable(bytes: &[u8], error: &SafeTensorError, path: &Path) -> ModelError {
    let foreign = |found| ModelError::Foreign { path: path.to_owned(), found };
    match bytes {
        [] => foreign("an empty file"),
        [0x89, b'H', b'D', b'F', ..] => foreign("an HDF5 file, as Keras writes for .h5"),
        [b'P', b'K', 3, 4, ..] => foreign("a zip archive, as Keras writes for .keras and PyTorch for .pt"),
        [0x80, 2..=5, ..] => foreign("a Python pickle, as older PyTorch writes"),
        [_, _, _, _, b'T', b'F', b'L', b'3', ..] => foreign("a TensorFlow Lite model"),
        [0xff, 0xd8, 0xff, ..] | [0x89, b'P', b'N', b'G', ..] => foreign("a picture"),
        _ if bytes.starts_with(b"version https://git-lfs") => {
            foreign("a git-LFS pointer; run `git lfs pull` to get the file itself")
        }
        // The eight bytes before a header give its length; what follows is JSON in every safetensors file.
        [_, _, _, _, _, _, _, _, b'{', ..] => ModelError::damaged(path, &error),
        _ => foreign("a file of an unknown format"),
    }
}
