//! Samples that belong together though none is a copy of another: pictures of one patient, one burst of shots, one camera.

use super::Dataset;
use crate::error::DataError;
use regex::{Regex, RegexBuilder};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The longest expression that is read. One that tells names apart has some twenty characters.
const LONGEST: usize = 500;
/// Bytes that a compiled expression may have, and what it keeps while it searches.
const MOST_BYTES: usize = 1 << 20;

/// Which samples belong together, by the names of their files or by a column of a CSV ([`OpenOptions`](super::OpenOptions)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    by: String,
    /// The samples of each key, ascending.
    by_key: BTreeMap<String, Vec<usize>>,
    /// How many samples have no key.
    without: usize,
}

impl Series {
    /// The column or the expression that tells.
    pub fn by(&self) -> &str {
        &self.by
    }

    /// The series by what tells them, each with its samples, ascending; of one at least.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.by_key.iter().map(|(key, samples)| (key.as_str(), samples.as_slice()))
    }

    /// From a key for each sample; the empty one says that a sample belongs to none.
    fn new(by: &str, keys: impl Iterator<Item = String>) -> Self {
        let mut series = Self { by: by.to_owned(), by_key: BTreeMap::new(), without: 0 };
        for (sample, key) in keys.enumerate() {
            if key.is_empty() {
                series.without += 1;
            } else {
                series.by_key.entry(key).or_default().push(sample);
            }
        }
        series
    }

    /// What is wrong with series that divide nothing.
    fn fault(&self, what: &str) -> Option<String> {
        match self.by_key.iter().next() {
            None => Some(format!("{what} tells the series of no picture")),
            Some((key, samples)) if self.by_key.len() == 1 && self.without == 0 && samples.len() > 1 => {
                Some(format!("{what} puts all pictures into one series, `{key}`, which cannot be divided"))
            }
            Some(_) => None,
        }
    }
}

impl fmt::Display for Series {
    /// `40 series by patient, of 1 to 30 pictures; 2 pictures are in none`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes: BTreeSet<usize> = self.by_key.values().map(Vec::len).collect();
        let (least, most) = (sizes.first().unwrap_or(&0), sizes.last().unwrap_or(&0));
        write!(f, "{} series by {}, of {least} to {most} pictures", self.by_key.len(), self.by)?;
        if self.without > 0 {
            write!(f, "; {} pictures are in none", self.without)?;
        }
        Ok(())
    }
}

impl Dataset {
    /// The samples that belong together, where it was opened with what tells them.
    pub fn series(&self) -> Option<&Series> {
        self.series.as_ref()
    }

    /// The name by which expressions know a sample: as in lists, with `/` between folders on every system.
    pub(crate) fn plain_name(&self, sample: usize) -> String {
        let name = self.sample_name(sample).to_string_lossy().into_owned();
        if cfg!(windows) { name.replace('\\', "/") } else { name }
    }

    /// Finds the series by the cells of the column of that name, one for each sample.
    pub(super) fn with_series_by_column(
        mut self,
        column: &str,
        cells: Vec<String>,
    ) -> Result<Self, DataError> {
        let series = Series::new(column, cells.into_iter());
        if let Some(fault) = series.fault("the column") {
            return Err(self.no_series(column, fault));
        }
        self.series = Some(series);
        Ok(self)
    }

    /// Finds the series by what a regular expression finds in the samples' names.
    pub(super) fn with_series_by_name(mut self, expression: &str) -> Result<Self, DataError> {
        let key = KeyOf::new(expression).map_err(|fault| self.no_series(expression, fault))?;
        let keys = (0..self.samples.len()).map(|sample| key.of(&self.plain_name(sample)).to_owned());
        let series = Series::new(expression, keys);
        if let Some(fault) = series.fault("the expression") {
            let example = if self.samples.is_empty() { String::new() } else { self.plain_name(0) };
            return Err(self.no_series(expression, format!("{fault}; names are like {example}")));
        }
        self.series = Some(series);
        Ok(self)
    }

    fn no_series(&self, by: &str, fault: String) -> DataError {
        DataError::Series { path: self.root.clone(), by: by.to_owned(), fault }
    }
}

/// A regular expression that finds the key of a series in a name: its first group, or all that it matches.
pub(crate) struct KeyOf(Regex);

impl KeyOf {
    /// Compiles an expression; the fault says what is wrong with it. Matching takes time in proportion to the name's length, whatever
    /// the expression.
    pub(crate) fn new(expression: &str) -> Result<Self, String> {
        let length = expression.chars().count();
        if length > LONGEST {
            return Err(format!("it has {length} characters, and no more than {LONGEST} are read"));
        }
        let compiled = RegexBuilder::new(expression)
            .size_limit(MOST_BYTES)
            .dfa_size_limit(MOST_BYTES)
            .nest_limit(50)
            .build();
        // The last line of the message says what is wrong, those before show where.
        let fault = |error: regex::Error| {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            format!("it is no regular expression ({})", last.trim_start_matches("error: "))
        };
        compiled.map(Self).map_err(fault)
    }

    /// The key in a name; empty where there is none.
    pub(crate) fn of<'a>(&self, name: &'a str) -> &'a str {
        let found = self.0.captures(name).and_then(|found| match self.0.captures_len() {
            1 => found.get(0),
            _ => found.get(1),
        });
        found.map_or("", |key| key.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(expression: &str, name: &str) -> String {
        KeyOf::new(expression).expect("it compiles").of(name).to_owned()
    }

    #[test]
    fn the_key_is_the_first_group_or_the_whole_match() {
        assert_eq!(key("p[0-9]+", "sick/p017_01.jpg"), "p017");
        assert_eq!(key("(p[0-9]+)_", "sick/p017_01.jpg"), "p017");
        assert_eq!(key("^[^/]+/([^/]+)/(.*)", "sick/p017/01.jpg"), "p017");
        assert_eq!(key("x|(p)", "x"), "", "the group took no part");
        assert_eq!(key("p[0-9]+", "other.jpg"), "");
    }

    #[test]
    fn expressions_that_would_take_too_much_are_refused() {
        let fault = |expression: &str| KeyOf::new(expression).err().expect("it is refused");
        assert!(fault(&"a".repeat(501)).contains("501 characters"));
        assert!(fault("(unclosed").contains("no regular expression"), "{}", fault("(unclosed"));
        assert!(fault("(((a{100}){100}){100}){100}").contains("size limit"), "{}", fault("(a{1000}){1000}"));
        assert!(KeyOf::new(&format!("{}a{}", "(".repeat(80), ")".repeat(80))).is_err());
        // Expressions that are slow by backtracking are not.
        let name = "a".repeat(4000);
        assert_eq!(key("^(a+)+$", &format!("{name}b")), "");
    }
}
