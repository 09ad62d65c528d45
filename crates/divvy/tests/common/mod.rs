//! What the tests of the command share: pictures made up on the spot, and the command itself.

#![allow(dead_code, reason = "each test file uses some of it")]

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use image::{Rgb, RgbImage};
use tempfile::TempDir;

/// A folder that is gone when the test is over.
pub(crate) struct Desk {
    root: TempDir,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    /// A desk with thirty reddish and thirty bluish pictures in `photos`.
    pub(crate) fn with_photos() -> Self {
        let desk = Self::new();
        desk.photos("photos", 30);
        desk
    }

    /// As [`Desk::with_photos`], and a model of them in `run`.
    pub(crate) fn with_model() -> Self {
        let desk = Self::with_photos();
        desk.train("photos", "run", &[]).assert().success();
        desk
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// So many pictures of each colour below `folder`.
    pub(crate) fn photos(&self, folder: &str, each: u32) {
        for group in ["blue", "red"] {
            for number in 0..each {
                self.picture(&format!("{folder}/{group}/{number}.png"), group, number);
            }
        }
    }

    /// A noisy picture of a colour.
    pub(crate) fn picture(&self, name: &str, group: &str, number: u32) {
        let (red, blue) = if group == "red" { (180, 60) } else { (60, 180) };
        let picture = RgbImage::from_fn(20 + number % 7, 24, |x, y| {
            let noise = ((x * 7919 + y * 104_729 + number * 1_299_709) % 61) as u8;
            Rgb([red + noise, 90 + noise, blue + noise])
        });
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        picture.save(path).unwrap();
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// The command, in this folder.
    pub(crate) fn divvy(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(arguments).current_dir(self.root.path());
        command
    }

    /// A short training that suffices for the two colours.
    pub(crate) fn train(&self, photos: &str, run: &str, more: &[&str]) -> Command {
        let mut command = self.divvy(&["train", photos, "--out", run]);
        command.args(["--arch", "small.toml", "--size", "16"]).args(more);
        self.write("small.toml", SMALL);
        for (flag, usual) in [("--epochs", "6"), ("--lr", "0.02"), ("--batch", "16")] {
            if !more.contains(&flag) {
                command.args([flag, usual]);
            }
        }
        command
    }

    /// What the command says on standard error when it refuses: exit code 2, and one line, with a line of help at most.
    pub(crate) fn refuses(&self, arguments: &[&str]) -> String {
        refusal(self.divvy(arguments))
    }

    /// Every file below a folder with its content.
    pub(crate) fn files(&self, folder: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let walk = walkdir::WalkDir::new(self.path(folder)).sort_by_file_name();
        let files = walk.into_iter().map(Result::unwrap).filter(|entry| entry.file_type().is_file());
        files.map(|entry| (entry.path().to_owned(), fs::read(entry.path()).unwrap())).collect()
    }
}

/// A network that learns two colours in no time.
pub(crate) const SMALL: &str = r#"
[[layer]]
type = "conv2d"
filters = 4
kernel = 3
activation = "relu"

[[layer]]
type = "global_avg_pool2d"

[[layer]]
type = "dense"
units = 8
activation = "relu"
"#;

pub(crate) fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_divvy"))
}

/// As [`Desk::refuses`], for a command that is made up already.
pub(crate) fn refusal(mut command: Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{command:?} said:\n{said}");
    let errors: Vec<&str> = said.lines().filter(|line| line.starts_with("error: ")).collect();
    let [error] = errors[..] else { panic!("{command:?} said not one error but:\n{said}") };
    let after: Vec<&str> = said.lines().skip_while(|line| *line != error).skip(1).collect();
    assert!(
        after.len() <= 1 && after.iter().all(|line| line.starts_with("help: ")),
        "{command:?} said:\n{said}"
    );
    error.trim_start_matches("error: ").to_owned()
}
