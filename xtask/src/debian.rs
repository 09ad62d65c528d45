//! What tests need that is no crate: found on the machine, or installed where that is Debian's and we may.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use crate::stage::answers;

/// Where a program lies, of those that are found by name.
pub(crate) fn found(name: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Installs a package.
pub(crate) fn install(package: &str) -> bool {
    let apt = |arguments: &[&str]| {
        let mut apt = Command::new("apt-get");
        apt.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        answers(apt)
    };
    apt(&["update"]) && apt(&["install", "--yes", "--no-install-recommends", package])
}
