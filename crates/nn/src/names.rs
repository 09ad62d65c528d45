//! Names as people type them: finding what was meant, and quoting what was found.

use std::fmt;

/// A name that means nothing here, with the names that would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownName {
    /// What was being named, e.g. `activation`.
    pub what: &'static str,
    /// The name found.
    pub found: String,
    /// Every name that would have been accepted.
    pub known: Vec<&'static str>,
}

impl UnknownName {
    pub(crate) fn new(
        what: &'static str,
        found: &str,
        known: impl IntoIterator<Item = &'static str>,
    ) -> Self {
        Self { what, found: found.to_owned(), known: known.into_iter().collect() }
    }
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no {} is called {}", self.what, quoted(&self.found))?;
        match nearest(&self.found, self.known.iter().copied()) {
            Some(near) => write!(f, "; did you mean `{near}`?")?,
            None => write!(f, ".")?,
        }
        write!(f, " Known: {}", self.known.join(", "))
    }
}

impl std::error::Error for UnknownName {}

/// The candidate most like `found`, where one is alike enough to be worth suggesting.
pub(crate) fn nearest<'a>(found: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Below this Jaro-Winkler similarity a suggestion confuses more than it helps.
    const ALIKE: f64 = 0.75;
    /// Nobody types longer names, and comparing takes the product of both lengths.
    const LONGEST: usize = 120;
    if found.len() > LONGEST {
        return None;
    }
    let found = found.to_lowercase();
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST)
        .map(|candidate| (strsim::jaro_winkler(&found, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// `text` in backticks, printable and short whatever a file may hold.
pub(crate) fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    let shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    let ellipsis = if text.chars().nth(LONGEST).is_some() { "…" } else { "" };
    format!("`{shown}{ellipsis}`")
}

/// Splits `"name"` or `"name(number)"`.
///
/// `None` when the text has parentheses that do not hold one finite number.
pub(crate) fn name_and_number(text: &str) -> Option<(&str, Option<f32>)> {
    let Some((name, rest)) = text.split_once('(') else { return Some((text, None)) };
    let number: f32 = rest.strip_suffix(')')?.trim().parse().ok()?;
    number.is_finite().then_some((name, Some(number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_keyboard_finds_its_name() {
        let known = ["filters", "kernel", "strides", "padding"];
        assert_eq!(nearest("filtres", known), Some("filters"));
        assert_eq!(nearest("Stride", known), Some("strides"));
        assert_eq!(nearest("zzz", known), None);
        assert_eq!(nearest(&"kernel".repeat(100_000), [&*"kernel".repeat(100_001)]), None);
    }

    #[test]
    fn the_message_says_what_was_meant_and_what_exists() {
        let error = UnknownName::new("activation", "rleu", ["relu", "tanh"]);
        assert_eq!(
            error.to_string(),
            "no activation is called `rleu`; did you mean `relu`? Known: relu, tanh"
        );
        assert_eq!(
            UnknownName::new("task", "?", ["binary"]).to_string(),
            "no task is called `?`. Known: binary"
        );
    }

    #[test]
    fn quoting_tames_hostile_text() {
        assert_eq!(quoted("a\nb"), "`a\\nb`");
        assert_eq!(quoted(&"x".repeat(1000)).chars().count(), 63);
    }

    #[test]
    fn numbers_in_parentheses() {
        assert_eq!(name_and_number("relu"), Some(("relu", None)));
        assert_eq!(name_and_number("elu(0.5)"), Some(("elu", Some(0.5))));
        for bad in ["elu(", "elu()", "elu(x)", "elu(inf)", "elu(1)x"] {
            assert_eq!(name_and_number(bad), None, "{bad}");
        }
    }
}
