//! Paths in commands that are there to be typed.

use std::path::Path;

/// A path as it is typed in a shell: in quotes where it holds what a shell would read otherwise.
pub(crate) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/\\._-+:@%,=~".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// The command itself as it was typed, so that what is printed to be typed works: `divvy`, or where cargo built it.
pub(crate) fn program() -> String {
    std::env::args_os().next().map_or_else(|| "divvy".to_owned(), |name| quoted(Path::new(&name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_the_path_back() {
        assert_eq!(quoted(Path::new("runs/photos-2")), "runs/photos-2");
        assert_eq!(quoted(Path::new("my photos")), "'my photos'");
        assert_eq!(quoted(Path::new("it's")), r"'it'\''s'");
        assert_eq!(quoted(Path::new("")), "''");
    }
}
