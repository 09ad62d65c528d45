//! What a person asks for: a preset by name, or a table of settings.

use super::settings::{Augment, OutOfRange, Preset};
use crate::dataset::Dataset;
use crate::error::DataError;
use crate::files::read_text_limited;
use divvy_rules::line_at;
use serde::de::{Error as _, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::path::{Path, PathBuf};
use thiserror::Error;
use toml::{Table, Value};

/// How training pictures are to be changed: a preset, or settings of one's own. In files it is a preset's name, or a table of
/// settings, which may begin from a preset with `preset = "light"`.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "there is one of it in a training")]
pub enum AugmentChoice {
    /// A preset without what the names of the groups forbid.
    Preset(Preset),
    /// Settings that were written down.
    Stated {
        /// All of them.
        augment: Augment,
        /// Whether nobody said anything of mirroring, so that the groups' names may forbid what a preset has of it.
        flips_are_open: bool,
    },
}

impl Default for AugmentChoice {
    fn default() -> Self {
        Self::Preset(Preset::default())
    }
}

impl From<Preset> for AugmentChoice {
    fn from(preset: Preset) -> Self {
        Self::Preset(preset)
    }
}

impl From<Augment> for AugmentChoice {
    /// These settings, whatever the names of the groups say.
    fn from(augment: Augment) -> Self {
        Self::Stated { augment, flips_are_open: false }
    }
}

/// Why a file of settings cannot be used.
#[derive(Debug, Error)]
pub enum AugmentError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] DataError),
    /// It says what it should not.
    #[error("{path}, line {line}: {fault}; docs/augment.md has all settings", path = path.display())]
    Setting {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong there.
        fault: String,
    },
}

impl AugmentChoice {
    /// Reads a TOML file of settings, such as docs/augment.md describes.
    ///
    /// # Errors
    /// What cannot be read, or is no setting, or not in its range, with its line.
    pub fn read(path: &Path) -> Result<Self, AugmentError> {
        /// Nobody writes so many settings.
        const MOST: u64 = 1 << 20;
        Self::from_toml(&read_text_limited(path, MOST)?, path)
    }

    /// Settings from TOML, such as docs/augment.md describes; `path` is where it stands.
    ///
    /// # Errors
    /// [`AugmentError::Setting`] for what is no setting, or not in its range, with its line.
    pub fn from_toml(text: &str, path: &Path) -> Result<Self, AugmentError> {
        toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_at(text, span.start));
            AugmentError::Setting { path: path.to_owned(), line, fault: error.message().to_owned() }
        })
    }

    /// Whether parts of pictures are enlarged to the whole.
    pub fn crops(self) -> bool {
        self.all().crop.is_some()
    }

    /// All settings, for pictures of this dataset.
    pub fn settings(self, dataset: &Dataset) -> Augment {
        if self.leaves_out_flips() { self.all().suited_to(dataset) } else { self.all() }
    }

    /// The same with nothing left open: a run writes down what was done.
    pub fn resolved(self, dataset: &Dataset) -> Self {
        self.settings(dataset).into()
    }

    /// Whether `written` can be what a run wrote down for this choice: its settings, with or without mirroring.
    pub fn may_have_become(self, written: Self) -> bool {
        let (asked, found) = (self.all(), written.all());
        let fits = |asked: f64, found: f64| found == asked || (found == 0.0 && self.leaves_out_flips());
        fits(asked.flip, found.flip)
            && fits(asked.flip_vertical, found.flip_vertical)
            && Augment { flip: found.flip, flip_vertical: found.flip_vertical, ..asked } == found
    }

    /// All settings, for pictures whose groups forbid nothing.
    fn all(self) -> Augment {
        match self {
            Self::Preset(preset) => preset.augment(),
            Self::Stated { augment, .. } => augment,
        }
    }

    /// Whether mirroring is left out where the names of the groups forbid it.
    pub fn leaves_out_flips(self) -> bool {
        match self {
            Self::Preset(preset) => preset != Preset::None,
            Self::Stated { augment, flips_are_open } => {
                flips_are_open && augment.flip + augment.flip_vertical > 0.0
            }
        }
    }

    /// From a table, on top of the preset that it names.
    fn from_table(mut stated: Table) -> Result<Self, String> {
        let preset = match stated.remove("preset") {
            None => Preset::None,
            Some(Value::String(name)) => name.parse().map_err(|()| unknown_preset(&name))?,
            Some(other) => return Err(format!("preset = {other}: give {}", names())),
        };
        let flips_are_open = !["flip", "flip_vertical"].iter().any(|flip| stated.contains_key(*flip));
        let mut all = Table::try_from(preset.augment()).map_err(|error| error.to_string())?;
        for (key, value) in stated {
            match (all.get_mut(&key), value) {
                // Of a table that the preset has, what is not stated stays; a policy is one whole.
                (Some(Value::Table(old)), Value::Table(new)) if key != "policy" => old.extend(new),
                (_, value) => drop(all.insert(key, value)),
            }
        }
        let augment: Augment = all.try_into().map_err(|error: toml::de::Error| error.message().to_owned())?;
        augment
            .check()
            .map_err(|OutOfRange { setting, found, wanted }| format!("{setting} is {found}; {wanted}"))?;
        Ok(Self::Stated { augment, flips_are_open })
    }
}

fn names() -> String {
    Preset::ALL.map(Preset::name).join(", ")
}

fn unknown_preset(name: &str) -> String {
    format!("no preset is called '{name}'; there are {}", names())
}

impl Serialize for AugmentChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Preset(preset) => preset.serialize(serializer),
            Self::Stated { augment, .. } => augment.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for AugmentChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameOrTable;

        impl<'de> Visitor<'de> for NameOrTable {
            type Value = AugmentChoice;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{} or a table of settings", names())
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<AugmentChoice, E> {
                // What earlier versions called the default.
                let name = if name == "auto" { Preset::default().name() } else { name };
                name.parse().map(AugmentChoice::Preset).map_err(|()| E::custom(unknown_preset(name)))
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<AugmentChoice, M::Error> {
                let table = Table::deserialize(MapAccessDeserializer::new(map))?;
                AugmentChoice::from_table(table).map_err(M::Error::custom)
            }
        }

        deserializer.deserialize_any(NameOrTable)
    }
}

impl fmt::Display for Augment {
    /// The settings that change something, as in TOML, or `none`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usual = Table::try_from(Self::none()).unwrap_or_default();
        let all = Table::try_from(self).unwrap_or_default();
        let told: Vec<_> = all
            .iter()
            .filter(|(key, value)| usual.get(*key) != Some(value))
            .map(|(key, value)| format!("{key} = {value}"))
            .collect();
        if told.is_empty() { f.write_str("none") } else { f.write_str(&told.join(", ")) }
    }
}
