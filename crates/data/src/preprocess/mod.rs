//! The one recipe from an image file to the numbers a network sees.

mod detail;
mod resize;
mod scaling;

pub use detail::Detail;
pub(crate) use resize::{Area, resize_area, scaled};
pub use resize::{Filter, Fit};
pub use scaling::Scaling;
pub(crate) use scaling::{Ramp, ScalingSums};

use crate::decode::{self, Channels, ImageError, ImageFault, Limits, Picture, Pixels};
use crate::files::Files;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The longest side an image can be fitted to, in pixels.
pub const MAX_SIDE: usize = 4096;

/// A recipe that cannot be carried out.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PreprocessError {
    /// A side of zero or beyond [`MAX_SIDE`].
    #[error("images cannot be fitted to {width} x {height} pixels; each side must be from 1 to {MAX_SIDE}")]
    Size {
        /// Width asked for.
        width: usize,
        /// Height asked for.
        height: usize,
    },
    /// Means or deviations that do not match the channels or cannot be divided by.
    #[error(
        "the scaling has mean {mean:?} and std {std:?}; {channels} finite numbers each are needed, std above 0"
    )]
    Scaling {
        /// The means given.
        mean: Vec<f32>,
        /// The deviations given.
        std: Vec<f32>,
        /// How many channels there are.
        channels: usize,
    },
}

/// How an image file becomes a network's input `[height, width, channels]`: decoded, turned upright, transparency
/// laid on a background, fitted to the size, scaled.
///
/// Part of the model file: prediction uses exactly the recipe of training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Recipe", into = "Recipe")]
pub struct Preprocess {
    recipe: Recipe,
}

/// The recipe as it stands in a file, not yet checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recipe {
    height: usize,
    width: usize,
    channels: Channels,
    fit: Fit,
    filter: Filter,
    background: [u8; 3],
    apply_orientation: bool,
    scaling: Scaling,
}

impl TryFrom<Recipe> for Preprocess {
    type Error = PreprocessError;

    fn try_from(recipe: Recipe) -> Result<Self, PreprocessError> {
        let (height, width) = (recipe.height, recipe.width);
        if !(1..=MAX_SIDE).contains(&height) || !(1..=MAX_SIDE).contains(&width) {
            return Err(PreprocessError::Size { width, height });
        }
        recipe.scaling.check(recipe.channels)?;
        Ok(Self { recipe })
    }
}

impl From<Preprocess> for Recipe {
    fn from(preprocess: Preprocess) -> Self {
        preprocess.recipe
    }
}

impl Preprocess {
    /// The default recipe for a size in pixels: stretched to it by antialiased bilinear resizing, Exif orientation
    /// applied, transparency on white, bytes scaled to 0..1.
    ///
    /// # Errors
    /// [`PreprocessError::Size`] for a side of 0 or beyond [`MAX_SIDE`].
    pub fn new(height: usize, width: usize, channels: Channels) -> Result<Self, PreprocessError> {
        let recipe = Recipe {
            height,
            width,
            channels,
            fit: Fit::Stretch,
            filter: Filter::Bilinear,
            background: [255; 3],
            apply_orientation: true,
            scaling: Scaling::unit(channels),
        };
        recipe.try_into()
    }

    /// How an image of another shape is fitted.
    pub fn with_fit(mut self, fit: Fit) -> Self {
        self.recipe.fit = fit;
        self
    }

    /// How pixels are resampled.
    pub fn with_filter(mut self, filter: Filter) -> Self {
        self.recipe.filter = filter;
        self
    }

    /// The RGB colour behind transparent pixels and beside padded images.
    pub fn with_background(mut self, background: [u8; 3]) -> Self {
        self.recipe.background = background;
        self
    }

    /// Whether images are turned as their Exif orientation says.
    pub fn with_orientation(mut self, apply: bool) -> Self {
        self.recipe.apply_orientation = apply;
        self
    }

    /// How bytes become numbers.
    ///
    /// # Errors
    /// [`PreprocessError::Scaling`] where it does not match the channels.
    pub fn with_scaling(mut self, scaling: Scaling) -> Result<Self, PreprocessError> {
        scaling.check(self.recipe.channels)?;
        self.recipe.scaling = scaling;
        Ok(self)
    }

    /// Rows of the result.
    pub fn height(&self) -> usize {
        self.recipe.height
    }

    /// Columns of the result.
    pub fn width(&self) -> usize {
        self.recipe.width
    }

    /// Channels of the result.
    pub fn channels(&self) -> Channels {
        self.recipe.channels
    }

    /// The shape of one image, `[height, width, channels]`.
    pub fn shape(&self) -> [usize; 3] {
        [self.recipe.height, self.recipe.width, self.recipe.channels.count()]
    }

    /// Values of one image: height times width times channels.
    pub fn image_len(&self) -> usize {
        self.shape().iter().product()
    }

    /// How an image of another shape is fitted.
    pub fn fit(&self) -> Fit {
        self.recipe.fit
    }

    /// How pixels are resampled.
    pub fn filter(&self) -> Filter {
        self.recipe.filter
    }

    /// How bytes become numbers.
    pub fn scaling(&self) -> &Scaling {
        &self.recipe.scaling
    }

    /// Decodes and fits an image file.
    ///
    /// # Errors
    /// An [`ImageError`] that names the file.
    pub fn load_file(&self, path: &Path, limits: &Limits) -> Result<Pixels, ImageError> {
        Files::Disk
            .read(path, limits.max_file_bytes)
            .map_err(ImageFault::from)
            .and_then(|bytes| self.load_bytes(&bytes, limits))
            .map_err(|fault| ImageError { path: path.to_owned(), fault })
    }

    /// Decodes and fits an image file's content.
    ///
    /// # Errors
    /// An [`ImageFault`].
    pub fn load_bytes(&self, bytes: &[u8], limits: &Limits) -> Result<Pixels, ImageFault> {
        Ok(self.fit_pixels(self.decode(bytes, limits)?))
    }

    /// Decodes an image file's content, upright and with the recipe's channels, at its own size.
    pub(crate) fn decode(&self, bytes: &[u8], limits: &Limits) -> Result<Pixels, ImageFault> {
        let Recipe { channels, background, apply_orientation, .. } = self.recipe;
        decode::decode(bytes, channels, background, apply_orientation, limits)
    }

    /// As [`Self::decode`], but pixels may be decoded when they are wanted.
    pub(crate) fn open(&self, bytes: Vec<u8>, limits: &Limits) -> Result<Picture<'static>, ImageFault> {
        let Recipe { channels, background, apply_orientation, .. } = self.recipe;
        decode::open(bytes, channels, background, apply_orientation, limits)
    }

    /// Fits decoded, upright pixels to the size and channels.
    pub fn fit_pixels(&self, pixels: Pixels) -> Pixels {
        resize::fit(pixels.into_channels(self.recipe.channels), self)
    }

    /// Scales fitted pixels to the values a network sees, `[height, width, channels]`.
    ///
    /// # Panics
    /// If `pixels` were not fitted by this recipe or `values` is not [`Self::image_len`] long.
    pub fn scale_into(&self, pixels: &Pixels, values: &mut [f32]) {
        assert_eq!(pixels.as_bytes().len(), self.image_len(), "pixels are fitted before they are scaled");
        self.recipe.scaling.ramp().scale_bytes(pixels.as_bytes(), values);
    }

    /// The values a network sees for fitted pixels, `[height, width, channels]`.
    ///
    /// # Panics
    /// If `pixels` were not fitted by this recipe.
    pub fn scale(&self, pixels: &Pixels) -> Vec<f32> {
        let mut values = vec![0.0; self.image_len()];
        self.scale_into(pixels, &mut values);
        values
    }

    /// The RGB colour behind transparent pixels and beside padded images.
    pub(crate) fn background(&self) -> [u8; 3] {
        self.recipe.background
    }

    /// Whether images are turned as their Exif orientation says.
    pub(crate) fn applies_orientation(&self) -> bool {
        self.recipe.apply_orientation
    }

    /// The background as a pixel of the recipe's channels.
    fn background_pixel(&self) -> Pixels {
        Pixels::new(1, 1, Channels::Rgb, self.recipe.background.to_vec())
            .expect("three bytes are one RGB pixel")
            .into_channels(self.recipe.channels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe() -> Preprocess {
        let scaling = Scaling { mean: vec![0.5, 0.25, 0.0], std: vec![0.5, 0.25, 1.0] };
        let recipe = Preprocess::new(3, 5, Channels::Rgb).expect("the size is allowed");
        recipe
            .with_scaling(scaling)
            .expect("it has three channels")
            .with_fit(Fit::Crop)
            .with_background([1, 2, 3])
    }

    #[test]
    fn a_recipe_survives_being_stored() {
        let text = serde_json::to_string(&recipe()).expect("it can be written");
        assert_eq!(serde_json::from_str::<Preprocess>(&text).expect("it can be read"), recipe());
    }

    #[test]
    fn a_stored_recipe_that_cannot_be_carried_out_is_refused() {
        let good = serde_json::to_value(recipe()).expect("it can be written");
        for (field, value) in [
            ("height", serde_json::json!(0)),
            ("width", serde_json::json!(MAX_SIDE + 1)),
            ("height", serde_json::json!(-1)),
            ("channels", serde_json::json!("grey")),
            ("scaling", serde_json::json!({ "mean": [0.0, 0.0, 0.0], "std": [1.0, 0.0, 1.0] })),
            ("scaling", serde_json::json!({ "mean": [0.0], "std": [1.0] })),
            ("scaling", serde_json::json!({ "mean": [1e39, 0.0, 0.0], "std": [1.0, 1.0, 1.0] })),
            ("sharpen", serde_json::json!(true)),
        ] {
            let mut bad = good.clone();
            bad[field] = value;
            assert!(serde_json::from_value::<Preprocess>(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn values_are_scaled_by_mean_and_deviation() {
        let pixels = Pixels::new(3, 5, Channels::Rgb, (0..45).map(|i| i * 5).collect()).expect("3 x 5 x 3");
        for (i, value) in recipe().scale(&pixels).into_iter().enumerate() {
            let (mean, std) = [(0.5, 0.5), (0.25, 0.25), (0.0, 1.0)][i % 3];
            let expected = (i as f32 * 5.0 / 255.0 - mean) / std;
            assert!((value - expected).abs() < 1e-6, "{value} for {expected}");
        }
    }
}
