//! Fitting an image to a size.

use super::Preprocess;
use crate::decode::{Channels, Pixels};
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use serde::{Deserialize, Serialize};

/// How an image of another shape is brought to the target's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// Both sides are scaled on their own: nothing is lost, proportions change.
    Stretch,
    /// The short side is scaled to fit and the long side cropped evenly: proportions stay, edges are lost.
    Crop,
    /// The long side is scaled to fit and the short side padded evenly with the background: nothing is lost.
    Pad,
}

/// How pixels are resampled. Each widens with the reduction, so that shrinking averages (antialiases).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// Plain average of the pixels covered.
    Box,
    /// Triangle filter, as Pillow's `BILINEAR`.
    Bilinear,
    /// Cubic convolution with a = -1/2 (Catmull-Rom), as Pillow's `BICUBIC`.
    Bicubic,
    /// Windowed sinc of three lobes, as Pillow's `LANCZOS`.
    Lanczos3,
}

impl Filter {
    fn algorithm(self) -> ResizeAlg {
        ResizeAlg::Convolution(match self {
            Self::Box => FilterType::Box,
            Self::Bilinear => FilterType::Bilinear,
            Self::Bicubic => FilterType::CatmullRom,
            Self::Lanczos3 => FilterType::Lanczos3,
        })
    }
}

/// Fits `pixels`, already of the recipe's channels, to the recipe's size.
pub(super) fn fit(pixels: Pixels, recipe: &Preprocess) -> Pixels {
    let (height, width) = (recipe.height(), recipe.width());
    if (pixels.height(), pixels.width()) == (height, width) {
        return pixels;
    }
    let options = ResizeOptions::new().resize_alg(recipe.filter().algorithm()).use_alpha(false);
    match recipe.fit() {
        Fit::Stretch => resize(&pixels, height, width, &options),
        Fit::Crop => resize(&pixels, height, width, &options.fit_into_destination(None)),
        Fit::Pad => pad(&pixels, recipe, &options),
    }
}

fn pad(pixels: &Pixels, recipe: &Preprocess, options: &ResizeOptions) -> Pixels {
    let (height, width) = (recipe.height(), recipe.width());
    let scale = (height as f64 / pixels.height() as f64).min(width as f64 / pixels.width() as f64);
    let inner_height = ((pixels.height() as f64 * scale).round() as usize).clamp(1, height);
    let inner_width = ((pixels.width() as f64 * scale).round() as usize).clamp(1, width);
    let inner = resize(pixels, inner_height, inner_width, options);

    let channels = recipe.channels();
    let mut bytes = recipe.background_pixel().as_bytes().repeat(height * width);
    let (top, left) = ((height - inner_height) / 2, (width - inner_width) / 2);
    let row_len = inner_width * channels.count();
    for (y, row) in inner.as_bytes().chunks_exact(row_len).enumerate() {
        let start = ((top + y) * width + left) * channels.count();
        bytes[start..start + row_len].copy_from_slice(row);
    }
    Pixels::new(height, width, channels, bytes).expect("the background was repeated for each pixel")
}

fn resize(pixels: &Pixels, height: usize, width: usize, options: &ResizeOptions) -> Pixels {
    let channels = pixels.channels();
    let kind = match channels {
        Channels::Grey => PixelType::U8,
        Channels::Rgb => PixelType::U8x3,
    };
    let source = ImageRef::new(pixels.width() as u32, pixels.height() as u32, pixels.as_bytes(), kind)
        .expect("Pixels hold as many bytes as their size says");
    let mut target = Image::new(width as u32, height as u32, kind);
    Resizer::new()
        .resize(&source, &mut target, options)
        .expect("source and target have the same pixel type and sizes above zero");
    Pixels::new(height, width, channels, target.into_vec()).expect("the target image has the size asked for")
}
