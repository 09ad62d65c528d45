//! What can be asked for: presets, and each setting with its range.

use super::hazard::{mirror_hazard, upside_down_hazard};
use super::policy::Policy;
use crate::dataset::Dataset;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How training pictures are changed at random. Each change but `flip` is drawn anew for every picture in every epoch; 0 and what is left
/// out change nothing. docs/augment.md explains each setting, and [`Augment::check`] knows the ranges.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augment {
    /// The probability of mirroring left to right: each picture is mirrored in this share of the epochs, with 0.5 in every second one.
    pub flip: f64,
    /// The probability of mirroring top to bottom.
    pub flip_vertical: f64,
    /// Shift by up to this share of the side, in both directions; 0 to 1.
    pub shift: f64,
    /// Shift by up to so many whole pixels of the picture as the network sees it, in both directions: nothing is blurred; 0 to 64.
    pub shift_pixels: u32,
    /// Enlarge or shrink by up to this share; 0 to 0.9.
    pub zoom: f64,
    /// Rotate by up to this many degrees either way; 0 to 180.
    pub rotate: f64,
    /// Shear by up to this many degrees either way, along both sides; 0 to 60.
    pub shear: f64,
    /// Multiply all colours by 1 up to this much more or less; 0 to 1.
    pub brightness: f64,
    /// Move all colours from the picture's mean grey, or towards it, by up to this share; 0 to 1.
    pub contrast: f64,
    /// Move each pixel's colours from its grey, or towards it, by up to this share; 0 to 1.
    pub saturation: f64,
    /// Turn hues by up to this share of the circle either way; 0 to 0.5.
    pub hue: f64,
    /// The probability of leaving out the colours.
    pub grey: f64,
    /// Add noise whose standard deviation is up to this share of white; 0 to 1.
    pub noise: f64,
    /// Take a part of the picture, enlarged to the whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crop: Option<Crop>,
    /// Blur some pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blur: Option<Blur>,
    /// Erase a rectangle of some pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub erase: Option<Erase>,
    /// Mix some pictures with their neighbours in the batch, and their labels with them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mix: Option<Mix>,
    /// Draw some operations from a list besides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
}

/// A random resized crop (Szegedy et al. 2015, "Going deeper with convolutions", section 6).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Crop {
    /// The part's share of the area, least and most.
    pub area: [f64; 2],
    /// Its width beside its height, least and most; 1 keeps the picture's proportions.
    pub aspect: [f64; 2],
}

impl Default for Crop {
    fn default() -> Self {
        Self { area: [0.5, 1.0], aspect: [0.75, 1.333] }
    }
}

/// A Gaussian blur.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Blur {
    /// How probable it is.
    pub probability: f64,
    /// Its standard deviation in pixels, least and most.
    pub sigma: [f64; 2],
}

impl Default for Blur {
    fn default() -> Self {
        Self { probability: 0.1, sigma: [0.3, 1.0] }
    }
}

/// Random erasing (Zhong et al. 2017).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Erase {
    /// How probable it is.
    pub probability: f64,
    /// The rectangle's share of the area, least and most.
    pub area: [f64; 2],
    /// Its height beside its width, least and most.
    pub aspect: [f64; 2],
}

impl Default for Erase {
    fn default() -> Self {
        Self { probability: 0.25, area: [0.02, 0.2], aspect: [0.3, 3.3] }
    }
}

/// Mixup (Zhang et al. 2017) and `CutMix` (Yun et al. 2019). Where both are asked for, each has half of the mixed pictures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mix {
    /// How probable it is that a picture is mixed at all.
    pub probability: f64,
    /// Shares of mixup are drawn from Beta(alpha, alpha) with this alpha; 0 for none.
    pub mixup: f64,
    /// The same of `CutMix`.
    pub cutmix: f64,
}

impl Default for Mix {
    fn default() -> Self {
        Self { probability: 0.5, mixup: 0.0, cutmix: 0.0 }
    }
}

/// Settings by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// No change.
    None,
    /// What leaves almost any picture what it is.
    #[default]
    Light,
    /// Crops, turns and colours, for photos and trainings of usual length.
    Standard,
    /// More of it, with a random operation besides, for long trainings.
    Strong,
}

impl Preset {
    /// All, from least to most.
    pub const ALL: [Self; 4] = [Self::None, Self::Light, Self::Standard, Self::Strong];

    /// As it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Light => "light",
            Self::Standard => "standard",
            Self::Strong => "strong",
        }
    }

    /// What it stands for.
    pub fn augment(self) -> Augment {
        match self {
            Self::None => Augment::none(),
            Self::Light => Augment::light(),
            Self::Standard => Augment::standard(),
            Self::Strong => Augment::strong(),
        }
    }
}

impl FromStr for Preset {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|preset| preset.name() == name).ok_or(())
    }
}

impl Augment {
    /// No change.
    pub fn none() -> Self {
        Self::default()
    }

    /// Changes that leave almost any picture what it is: mirrored, shifted and zoomed by up to a tenth, rotated by up to 8 degrees,
    /// a tenth of brightness and contrast.
    pub fn light() -> Self {
        Self { flip: 0.5, shift: 0.1, zoom: 0.1, rotate: 8.0, brightness: 0.1, contrast: 0.1, ..Self::none() }
    }

    /// Mirrored, cropped to half of the area at the least, rotated by up to 10 degrees, a little sheared, and with other light and
    /// colours.
    pub fn standard() -> Self {
        Self {
            flip: 0.5,
            rotate: 10.0,
            shear: 5.0,
            brightness: 0.25,
            contrast: 0.25,
            saturation: 0.25,
            hue: 0.02,
            crop: Some(Crop::default()),
            ..Self::none()
        }
    }

    /// Cropped to a third of the area at the least, with stronger light and colours, sometimes grey, blurred, noisy or partly erased, and
    /// with an operation of `TrivialAugment` besides.
    pub fn strong() -> Self {
        Self {
            flip: 0.5,
            rotate: 15.0,
            brightness: 0.4,
            contrast: 0.4,
            saturation: 0.4,
            hue: 0.05,
            grey: 0.05,
            noise: 0.02,
            crop: Some(Crop { area: [0.33, 1.0], ..Crop::default() }),
            blur: Some(Blur::default()),
            erase: Some(Erase::default()),
            policy: Some(Policy::Trivial {}),
            ..Self::none()
        }
    }

    /// True where pictures stay as they are.
    pub fn is_none(&self) -> bool {
        *self == Self::none()
    }

    /// Without what would change a label of this dataset: mirroring turns left into right, and digits and letters into nothing at
    /// all. [`check::names`](crate::check::names) gives the reason.
    pub fn suited_to(self, dataset: &Dataset) -> Self {
        let unless = |hazard: Option<String>, flip: f64| if hazard.is_some() { 0.0 } else { flip };
        Self {
            flip: unless(mirror_hazard(dataset), self.flip),
            flip_vertical: unless(upside_down_hazard(dataset), self.flip_vertical),
            ..self
        }
    }

    /// Makes sure that each setting is in its range.
    ///
    /// # Errors
    /// The first that is not.
    pub fn check(&self) -> Result<(), OutOfRange> {
        let least_to_most = |setting: &'static str, [low, high]: [f64; 2], least: f64, most: f64| {
            within(setting, low, least, most)?;
            within(setting, high, least, most)?;
            let fault = || OutOfRange {
                setting,
                found: format!("from {low} to {high}"),
                wanted: "give the lesser number first".to_owned(),
            };
            if low <= high { Ok(()) } else { Err(fault()) }
        };
        for (setting, value, most) in [
            ("flip", self.flip, 1.0),
            ("flip_vertical", self.flip_vertical, 1.0),
            ("shift", self.shift, 1.0),
            ("zoom", self.zoom, 0.9),
            ("rotate", self.rotate, 180.0),
            ("shear", self.shear, 60.0),
            ("brightness", self.brightness, 1.0),
            ("contrast", self.contrast, 1.0),
            ("saturation", self.saturation, 1.0),
            ("hue", self.hue, 0.5),
            ("grey", self.grey, 1.0),
            ("noise", self.noise, 1.0),
        ] {
            within(setting, value, 0.0, most)?;
        }
        within("shift_pixels", f64::from(self.shift_pixels), 0.0, 64.0)?;
        if let Some(Crop { area, aspect }) = self.crop {
            least_to_most("crop.area", area, 0.01, 1.0)?;
            least_to_most("crop.aspect", aspect, 0.1, 10.0)?;
        }
        if let Some(Blur { probability, sigma }) = self.blur {
            within("blur.probability", probability, 0.0, 1.0)?;
            least_to_most("blur.sigma", sigma, 0.0, 8.0)?;
        }
        if let Some(Erase { probability, area, aspect }) = self.erase {
            within("erase.probability", probability, 0.0, 1.0)?;
            least_to_most("erase.area", area, 0.0, 1.0)?;
            least_to_most("erase.aspect", aspect, 0.1, 10.0)?;
        }
        if let Some(Mix { probability, mixup, cutmix }) = self.mix {
            within("mix.probability", probability, 0.0, 1.0)?;
            within("mix.mixup", mixup, 0.0, 10.0)?;
            within("mix.cutmix", cutmix, 0.0, 10.0)?;
        }
        match self.policy {
            Some(Policy::Rand { operations, magnitude }) => {
                within("policy.operations", f64::from(operations), 1.0, 4.0)?;
                within("policy.magnitude", magnitude, 0.0, 30.0)
            }
            Some(Policy::Trivial {}) | None => Ok(()),
        }
    }
}

fn within(setting: &'static str, found: f64, least: f64, most: f64) -> Result<(), OutOfRange> {
    if (least..=most).contains(&found) {
        return Ok(());
    }
    Err(OutOfRange { setting, found: found.to_string(), wanted: format!("give {least} to {most}") })
}

/// A setting that is not in its range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutOfRange {
    /// Its name, as `crop.area`.
    pub setting: &'static str,
    /// What was given.
    pub found: String,
    /// What can be given.
    pub wanted: String,
}

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "augment.{} is {}; {}", self.setting, self.found, self.wanted)
    }
}

impl std::error::Error for OutOfRange {}
