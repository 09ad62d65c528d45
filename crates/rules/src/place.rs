//! Where something was found.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Where something was found: a file and a line where there are such, and what there is at fault (a layer, a setting, a group).
///
/// Prints as `net.toml:12, layer 'head'`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The file or folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// The line in the file, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The name of the layer at fault, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<String>,
    /// What is at fault there, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub what: String,
}

impl Place {
    /// Something that is in no file, or not known to be.
    pub fn of(what: impl Into<String>) -> Self {
        Self { what: what.into(), ..Self::default() }
    }

    /// A layer, by its name and type.
    pub fn layer(name: &str, type_label: &str) -> Self {
        let what = format!("layer `{name}` ({type_label})");
        Self { layer: Some(name.to_owned()), what, ..Self::default() }
    }

    /// A file or folder as a whole.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self { file: Some(path.into()), ..Self::default() }
    }

    /// A line of a file, from 1.
    pub fn line_of(path: impl Into<PathBuf>, line: usize) -> Self {
        Self { file: Some(path.into()), line: Some(line), ..Self::default() }
    }

    /// The same, in the file and at the line given.
    pub fn inside(self, path: &Path, line: Option<usize>) -> Self {
        Self { file: Some(path.to_owned()), line, ..self }
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl From<String> for Place {
    fn from(what: String) -> Self {
        Self::of(what)
    }
}

impl From<&str> for Place {
    fn from(what: &str) -> Self {
        Self::of(what)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}", file.display())?;
        }
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        let comma = if self.file.is_some() && !self.what.is_empty() { ", " } else { "" };
        write!(f, "{comma}{}", self.what)
    }
}

/// The line of a text, from 1, on which byte `at` lies.
pub fn line_at(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|&byte| byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_from_one() {
        let text = "é = 1\nb\n\nc";
        let at = |found: char| text.find(found).unwrap();
        assert_eq!([0, 1, at('b'), at('c'), 99].map(|at| line_at(text, at)), [1, 1, 2, 4, 4]);
    }

    #[test]
    fn prints_what_is_known() {
        assert_eq!(Place::of("layer `head`").to_string(), "layer `head`");
        assert_eq!(Place::file("photos").to_string(), "photos");
        assert_eq!(Place::line_of("net.toml", 3).to_string(), "net.toml:3");
        let inside = Place::of("units").inside(Path::new("net.toml"), Some(3));
        assert_eq!(inside.to_string(), "net.toml:3, units");
        assert!(Place::default().is_empty() && !inside.is_empty());
    }
}
