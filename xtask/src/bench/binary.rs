//! A build of divvy: one that is there, or one that is made of a revision.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::stage;

/// The program at a path, or the release build of a git revision. A revision is built once, in a working tree of its own below
/// `target/bench`.
pub(super) fn find(name: &str) -> Result<PathBuf> {
    if Path::new(name).is_file() {
        return Path::new(name).canonicalize().with_context(|| name.to_owned());
    }
    let Some(commit) = commit(name)? else {
        bail!(
            "`{name}` is neither a program nor a git revision; give the path of a divvy binary, or a revision such as HEAD~1"
        );
    };
    build(&commit)
}

/// The commit that a revision names, if it is one.
fn commit(revision: &str) -> Result<Option<String>> {
    let mut git = git();
    git.args(["rev-parse", "--verify", "--quiet", "--end-of-options"]).arg(format!("{revision}^{{commit}}"));
    let output = git.output().context("git does not start")?;
    let commit = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(output.status.success().then_some(commit))
}

/// The release build of a commit.
fn build(commit: &str) -> Result<PathBuf> {
    let folder = crate::root().join("target").join("bench");
    let tree = folder.join(commit);
    let program = tree.join("target").join("release").join(format!("divvy{}", std::env::consts::EXE_SUFFIX));
    if program.is_file() {
        return Ok(program);
    }
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    if !tree.exists() {
        // A tree that was deleted by hand is still on git's list; --force takes its place.
        let mut add = git();
        add.args(["worktree", "add", "--force", "--detach", "--quiet"]).arg(&tree).arg(commit);
        stage::run("check out", add)?;
    }
    let mut cargo = stage::cargo(&["build", "--release", "--quiet", "--package", "divvy"]);
    cargo.current_dir(&tree).env("CARGO_TARGET_DIR", tree.join("target"));
    stage::run("build", cargo)?;
    Ok(program)
}

/// Git in this repository.
fn git() -> Command {
    let mut git = Command::new("git");
    git.current_dir(crate::root());
    git
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_taken_as_it_is() {
        let here = std::env::current_exe().unwrap();
        assert_eq!(find(here.to_str().unwrap()).unwrap(), here.canonicalize().unwrap());
    }

    #[test]
    fn what_is_nothing_is_refused() {
        for name in ["no/such/program", "--upload-pack=x", ""] {
            let error = find(name).unwrap_err().to_string();
            assert!(error.contains("neither a program nor a git revision"), "{error}");
        }
    }
}
