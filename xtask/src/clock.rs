//! What the test of a clock that is set needs besides Rust: libfaketime, which tells a program another time of day.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::debian::install;
use crate::stage::cargo;

/// The test of a clock that is set, ready to run, or what is missing for it.
pub(crate) fn test() -> Result<Command, String> {
    let library = library()
        .or_else(|| install("libfaketime").then(library).flatten())
        .ok_or("there is no libfaketime here; install the package `libfaketime`")?;
    // Of the whole workspace, as all other tests.
    let mut test =
        cargo(&["test", "--workspace", "--test", "it", "--quiet", "--", "--ignored", "a_clock_that"]);
    test.env("DIVVY_FAKETIME", library);
    Ok(test)
}

/// The library, in the folder for this machine's kind.
fn library() -> Option<PathBuf> {
    let kinds = fs::read_dir("/usr/lib").ok()?.flatten();
    kinds.map(|kind| kind.path().join("faketime/libfaketime.so.1")).find(|file| file.is_file())
}
