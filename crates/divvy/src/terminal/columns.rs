//! Texts by the columns that they take up.

/// The columns that a text takes up.
pub(crate) fn width(text: &str) -> usize {
    textwrap::core::display_width(text)
}

/// A text in at most so many columns, with a sign where something was cut off.
pub(crate) fn shortened(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut kept = String::new();
    for letter in text.chars() {
        if width(&kept) + width(letter.encode_utf8(&mut [0; 4])) + 1 > columns {
            break;
        }
        kept.push(letter);
    }
    if columns > 0 { kept + "…" } else { kept }
}
