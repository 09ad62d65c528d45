//! The list of rules.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

use crate::page::Page;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Works, but probably not as meant.
    Warning,
    /// Cannot work.
    Error,
}

impl Severity {
    /// Every severity, the mildest first.
    pub const ALL: [Self; 3] = [Self::Note, Self::Warning, Self::Error];

    /// The name in messages and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What must be known before a rule can be decided, and so the earliest moment at which it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// The network and the settings: decided before anything is read.
    Build,
    /// The labels: decided when they are read.
    Labels,
    /// The pictures and how they are divided.
    Data,
    /// How the training goes.
    Training,
    /// Nothing: the mistake cannot be written down in divvy. Its page says what makes that so.
    Design,
}

impl Stage {
    /// When it is, in words.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Build => "when the network is built",
            Self::Labels => "when labels are read",
            Self::Data => "when the pictures are looked at",
            Self::Training => "while training runs",
            Self::Design => "never: it cannot be written in divvy",
        }
    }
}

/// The one place where rules are listed: `ID name, severity as a rule, when it is decided`.
macro_rules! rules {
    ($($ID:ident $name:literal $severity:ident $stage:ident,)*) => {
        /// A mistake with a number, by which messages, settings and `divvy explain` speak of it.
        ///
        /// The letter says what it is about: H heads, L losses, Y labels, M metrics, W weights, P preparing pictures, V
        /// validation, T training.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Rule {
            $(
                #[doc = concat!("`", $name, "`")]
                $ID,
            )*
        }

        impl Rule {
            /// Every rule, in the order of the numbers.
            pub const ALL: &'static [Self] = &[$(Self::$ID),*];

            /// The number: `H01`.
            pub fn id(self) -> &'static str {
                match self {
                    $(Self::$ID => stringify!($ID),)*
                }
            }

            /// The name: `softmax-one-unit`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$ID => $name,)*
                }
            }

            /// How bad a finding of it is unless it says otherwise.
            pub fn severity(self) -> Severity {
                match self {
                    $(Self::$ID => Severity::$severity,)*
                }
            }

            /// When it is decided.
            pub fn stage(self) -> Stage {
                match self {
                    $(Self::$ID => Stage::$stage,)*
                }
            }

            /// What `divvy explain` prints.
            pub fn page(self) -> Page {
                match self {
                    $(Self::$ID => Page::new(include_str!(concat!("../pages/", stringify!($ID), ".md"))),)*
                }
            }
        }
    };
}

rules! {
    H01 "softmax-one-unit" Error Build,
    H02 "sigmoids-exclusive" Error Build,
    H03 "softmax-multilabel" Error Labels,
    H04 "units-classes" Error Build,
    H05 "not-a-probability" Error Build,
    H06 "output-is-a-map" Error Build,
    H07 "layer-after-head" Error Build,
    H08 "bounded-number" Error Build,
    L01 "double-softmax" Error Build,
    L02 "double-sigmoid" Error Build,
    L03 "logits-as-probabilities" Error Build,
    L04 "cce-one-unit" Error Build,
    L05 "sparse-cce-one-unit" Error Build,
    L06 "bce-on-softmax" Error Build,
    L07 "cce-on-sigmoids" Error Build,
    L08 "mse-on-probabilities" Error Build,
    L09 "nll-without-log" Error Build,
    L10 "negative-loss" Error Training,
    L11 "at-known-floor" Warning Training,
    Y01 "label-range" Error Labels,
    Y02 "label-encoding" Error Labels,
    Y03 "label-shape" Error Labels,
    Y04 "class-order" Note Data,
    Y05 "class-missing-from-part" Warning Data,
    Y06 "positive-unnamed" Note Labels,
    Y07 "conflicting-labels" Warning Data,
    M01 "exact-equality" Error Build,
    M02 "threshold-on-logits" Error Build,
    M03 "argmax-one-column" Error Build,
    M04 "ambiguous-accuracy" Note Build,
    M05 "at-the-prior" Warning Training,
    M06 "element-wise-multilabel" Error Build,
    M07 "auc-of-decisions" Error Build,
    W01 "weights-unused" Error Design,
    W02 "reweighted-uncalibrated" Warning Design,
    P01 "double-scaling" Warning Build,
    P02 "resize-differs" Warning Design,
    P03 "channel-order" Warning Design,
    P04 "exif-mixed" Note Data,
    P05 "label-breaking-augment" Warning Data,
    P06 "file-type-mismatch" Note Data,
    P07 "colour-profile" Note Data,
    P08 "unreadable-picture" Error Data,
    P09 "blank-picture" Warning Data,
    P10 "dark-or-bright" Note Data,
    P11 "blurred" Note Data,
    P12 "tiny-picture" Note Data,
    P13 "odd-shape" Note Data,
    V01 "augmented-validation" Warning Design,
    V02 "leak-duplicate" Warning Data,
    V03 "leak-group" Warning Data,
    V04 "split-unseeded" Warning Design,
    V05 "test-used-to-choose" Warning Data,
    V06 "validation-too-small" Warning Data,
    V07 "copies-before-split" Warning Data,
    T01 "norm-tiny-batch" Error Build,
    T02 "frozen-norm-training" Warning Design,
    T03 "monitor-missing" Error Build,
    T04 "nothing-trainable" Error Build,
    T05 "flatten-heavy" Warning Build,
    T06 "shortcut" Warning Data,
    T07 "overfitting" Note Training,
    T08 "standstill" Note Training,
}

/// A number or name that no rule has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownRule {
    /// What was given.
    pub found: String,
}

impl fmt::Display for UnknownRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Nobody types longer names, and what is shown should fit a line.
        const LONGEST: usize = 40;
        let found: String = self.found.chars().take(LONGEST).flat_map(char::escape_debug).collect();
        write!(f, "no rule is called `{found}`")?;
        match nearest(&found) {
            Some(rule) => write!(f, "; did you mean `{}` ({})?", rule.id(), rule.name()),
            None => write!(f, "; `divvy explain` lists them"),
        }
    }
}

impl std::error::Error for UnknownRule {}

/// The rule whose number or name is most like `found`, where one is alike enough to be worth suggesting.
fn nearest(found: &str) -> Option<Rule> {
    const ALIKE: f64 = 0.8;
    let likeness = |rule: &Rule| {
        if is_number_of(found, *rule) {
            1.0
        } else {
            strsim::jaro_winkler(&found.to_lowercase(), rule.name())
        }
    };
    let scored = Rule::ALL.iter().map(|rule| (likeness(rule), *rule));
    scored.filter(|(score, _)| *score >= ALIKE).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, rule)| rule)
}

/// Whether `found` is the rule's number with a zero too few or too many: `h1`.
fn is_number_of(found: &str, rule: Rule) -> bool {
    let (letter, number) = rule.id().split_at(1);
    let is_letter = |c: char| c.eq_ignore_ascii_case(&letter.chars().next().unwrap_or_default());
    let digits = found.strip_prefix(is_letter).and_then(|digits| digits.parse::<u16>().ok());
    digits.is_some() && digits == number.parse().ok()
}

impl FromStr for Rule {
    type Err = UnknownRule;

    /// By number or name, whatever the case.
    fn from_str(text: &str) -> Result<Self, UnknownRule> {
        let is_meant =
            |rule: &&Self| rule.id().eq_ignore_ascii_case(text) || rule.name().eq_ignore_ascii_case(text);
        Self::ALL.iter().find(is_meant).copied().ok_or_else(|| UnknownRule { found: text.to_owned() })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_found_by_its_number_and_by_its_name() {
        for &rule in Rule::ALL {
            for text in [rule.id(), rule.name(), &rule.id().to_lowercase(), &rule.name().to_uppercase()] {
                assert_eq!(text.parse(), Ok(rule), "{text}");
            }
            let json = serde_json::to_string(&rule).unwrap();
            assert_eq!(serde_json::from_str::<Rule>(&json).unwrap(), rule);
        }
    }

    #[test]
    fn what_is_no_rule_is_told_with_what_is_near() {
        for (text, said) in [
            ("H1", "no rule is called `H1`; did you mean `H01` (softmax-one-unit)?"),
            ("softmax-1-unit", "no rule is called `softmax-1-unit`; did you mean `H01` (softmax-one-unit)?"),
            ("??", "no rule is called `??`; `divvy explain` lists them"),
        ] {
            assert_eq!(text.parse::<Rule>().unwrap_err().to_string(), said);
        }
    }

    #[test]
    fn numbers_rise_within_their_letter_and_names_are_unique() {
        let ids: Vec<&str> = Rule::ALL.iter().map(|rule| rule.id()).collect();
        for pair in ids.windows(2) {
            let (letter, next) = (&pair[0][..1], &pair[1][..1]);
            assert!(letter != next || pair[0] < pair[1], "{pair:?}");
        }
        let names: std::collections::HashSet<_> = Rule::ALL.iter().map(|rule| rule.name()).collect();
        assert_eq!(names.len(), Rule::ALL.len());
    }
}
