//! Training, validation and test parts, and the names people give them.

use std::fmt;

/// What a sample is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// To learn from.
    Train,
    /// To choose by: the best epoch, the threshold.
    Validation,
    /// To judge the finished model by; never touched by training.
    Test,
}

impl Part {
    /// All parts.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// Its name in lists and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }

    /// The part that a folder's name stands for, as people write it: `train`, `Training_Set`, `val`, `dev`, `test-data`...
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.trim().to_lowercase().replace(['-', ' ', '.'], "_");
        let stem = ["_set", "set", "_data", "_images", "_split"]
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix))
            .unwrap_or(&name);
        match stem {
            "train" | "training" => Some(Self::Train),
            "val" | "valid" | "validation" | "validate" | "dev" => Some(Self::Validation),
            "test" | "testing" | "eval" | "evaluation" | "holdout" => Some(Self::Test),
            _ => None,
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_known_by_the_names_people_write() {
        let known = [
            (
                Part::Train,
                ["train", "Training", "training_set", "TRAIN-DATA", "trainset", "train set"].as_slice(),
            ),
            (
                Part::Validation,
                &["val", "valid", "Validation", "validation_set", "dev", "devset", "val_images"],
            ),
            (Part::Test, &["test", "testing", "test_set", "Testset", "eval", "evaluation", "holdout"]),
        ];
        for (part, names) in known {
            for name in names {
                assert_eq!(Part::from_name(name), Some(part), "{name}");
            }
        }
        for name in ["trains", "cats", "test2", "", "set", "valley"] {
            assert_eq!(Part::from_name(name), None, "{name}");
        }
    }

    #[test]
    fn a_part_is_known_by_its_own_name() {
        for part in Part::ALL {
            assert_eq!(Part::from_name(part.name()), Some(part));
        }
    }
}
