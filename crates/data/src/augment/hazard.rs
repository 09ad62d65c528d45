//! Which changes the names of classes forbid.

use crate::dataset::{Dataset, LabelKind};

/// Why pictures mirrored left to right may no longer be what their label says, by the names of the classes: a clause. Names that only
/// may be digits or letters are believed unless the pictures show that they are not.
pub(crate) fn mirror_hazard(dataset: &Dataset) -> Option<String> {
    let characters = || characters(dataset).filter(|_| !dataset.stays_itself_mirrored());
    sided(dataset, ["left", "right"]).or_else(characters)
}

/// The same of pictures mirrored top to bottom.
pub(crate) fn upside_down_hazard(dataset: &Dataset) -> Option<String> {
    characters(dataset)
        .or_else(|| sided(dataset, ["up", "down"]))
        .or_else(|| sided(dataset, ["top", "bottom"]))
}

/// Classes that are digits or letters.
fn characters(dataset: &Dataset) -> Option<String> {
    let names = dataset.classes();
    if names.is_empty() || !names.iter().all(|name| name.chars().count() == 1 || is_number(name)) {
        return None;
    }
    let kind = if names.iter().all(|name| is_number(name)) { "numbers" } else { "single characters" };
    Some(format!("the groups are named by {kind}, and mirrored digits and letters are wrong"))
}

/// A class that is named by one of two sides which mirroring exchanges.
fn sided(dataset: &Dataset, sides: [&str; 2]) -> Option<String> {
    let is_sided = |name: &&String| words(name).any(|word| sides.contains(&word.as_str()));
    let name = dataset.classes().iter().find(is_sided)?;
    let what = match dataset.label_kind() {
        LabelKind::Classes => "group",
        LabelKind::MultiLabel => "label",
    };
    Some(format!("that would exchange {} and {}, and there is a {what} called {name}", sides[0], sides[1]))
}

fn is_number(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_digit())
}

/// The words of a class name, lower case: `turnLeft_sign` is turn, left, sign.
pub(crate) fn words(name: &str) -> impl Iterator<Item = String> {
    let mut words = vec![String::new()];
    let mut previous_is_lower = false;
    for c in name.chars() {
        if !c.is_alphabetic() || (c.is_uppercase() && previous_is_lower) {
            words.push(String::new());
        }
        if c.is_alphabetic() {
            words.last_mut().expect("there is always a last word").extend(c.to_lowercase());
        }
        previous_is_lower = c.is_lowercase();
    }
    words.into_iter()
}
