//! File names that are still free.

use std::ffi::{OsStr, OsString};
use std::path::Path;

/// The longest name that the common file systems take, in bytes.
const LONGEST: usize = 255;

/// The first of a name, then the same with `-2`, `-3` and so on before its extension, that `take` takes; `None` where it
/// takes none.
pub(super) fn first_free<E>(
    name: &OsStr,
    mut take: impl FnMut(&OsStr) -> Result<bool, E>,
) -> Result<Option<OsString>, E> {
    for number in 1..=u32::MAX {
        let candidate = numbered(name, number);
        if take(&candidate)? {
            return Ok(Some(candidate));
        }
    }
    Ok(None)
}

fn numbered(name: &OsStr, number: u32) -> OsString {
    if number == 1 {
        return name.to_owned();
    }
    let path = Path::new(name);
    let mut ending = OsString::from(format!("-{number}"));
    if let Some(extension) = path.extension() {
        ending.push(".");
        ending.push(extension);
    }
    let stem = path.file_stem().unwrap_or(name);
    let mut numbered = shortened(stem, LONGEST.saturating_sub(ending.len()));
    numbered.push(ending);
    numbered
}

/// At most `longest` bytes of a name, cut between characters; a name that is not text is left as it is.
fn shortened(stem: &OsStr, longest: usize) -> OsString {
    match stem.to_str() {
        Some(text) => text[..text.floor_char_boundary(longest)].into(),
        None => stem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered_text(name: &str, number: u32) -> String {
        numbered(OsStr::new(name), number).into_string().unwrap()
    }

    #[test]
    fn the_number_stands_before_the_extension() {
        assert_eq!(numbered_text("a.jpg", 1), "a.jpg");
        assert_eq!(numbered_text("a.jpg", 3), "a-3.jpg");
        assert_eq!(numbered_text("a.b.JPG", 2), "a.b-2.JPG");
        assert_eq!(numbered_text("plain", 2), "plain-2");
        assert_eq!(numbered_text(".hidden", 2), ".hidden-2");
    }

    #[test]
    fn a_long_name_makes_room_for_its_number() {
        let name = format!("{}.jpg", "é".repeat(125));
        assert_eq!(name.len(), 254);
        let second = numbered_text(&name, 2);
        assert!(second.ends_with("é-2.jpg") && second.len() <= LONGEST, "{second}");
    }

    #[test]
    fn the_first_that_can_be_taken_is_taken() {
        let taken = ["a.jpg", "a-2.jpg"];
        let free = first_free(OsStr::new("a.jpg"), |name| Ok::<_, ()>(!taken.iter().any(|t| *t == name)));
        assert_eq!(free, Ok(Some("a-3.jpg".into())));
        assert_eq!(first_free(OsStr::new("a"), |_| Err("broken")), Err("broken"));
    }
}
