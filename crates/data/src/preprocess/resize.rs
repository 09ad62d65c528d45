//! Fitting an image to a size.

use super::Preprocess;
use crate::decode::{Channels, ImageFault, Picture, Pixels};
use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8, U8x3};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::ops::Range;

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
    fit_to(pixels, recipe, (recipe.height(), recipe.width()))
}

/// Fits `pixels`, already of the recipe's channels, to another size in the recipe's way.
pub(super) fn fit_to(pixels: Pixels, recipe: &Preprocess, (height, width): (usize, usize)) -> Pixels {
    if (pixels.height(), pixels.width()) == (height, width) {
        return pixels;
    }
    let whole = Area::of(&pixels);
    match recipe.fit() {
        Fit::Stretch => resize(&pixels, whole, (height, width), recipe.filter()),
        Fit::Crop => resize(&pixels, whole.cropped_to(height, width), (height, width), recipe.filter()),
        Fit::Pad => pad(&pixels, recipe, (height, width)),
    }
}

/// An image with its sides scaled each on its own, antialiased.
pub(crate) fn scaled(pixels: &Pixels, height: usize, width: usize) -> Pixels {
    resize(pixels, Area::of(pixels), (height, width), Filter::Bilinear)
}

/// An area of a picture, brought to another height and width, antialiased. Beyond the area's edges, its neighbours in the picture count;
/// what lies below these is not decoded.
///
/// # Errors
/// An [`ImageFault`] where what is needed cannot be decoded.
pub(crate) fn resize_area<'a>(
    picture: &'a Picture<'_>,
    area: Area,
    [height, width]: [usize; 2],
) -> Result<Cow<'a, Pixels>, ImageFault> {
    let sides = [picture.height(), picture.width()];
    if area == Area::whole(sides) && sides == [height, width] {
        return picture.whole();
    }
    let rows = needed(area.top, area.height, height, sides[0]);
    let columns = needed(area.left, area.width, width, sides[1]);
    let pixels = picture.upper(rows.end)?;
    Ok(Cow::Owned(resize_columns(&pixels, area, columns, (height, width), Filter::Bilinear)))
}

/// What of a side is needed of an area that begins at `start` and has a `length`: as far as the filter reaches, and one more for
/// rounding.
fn needed(start: f64, length: f64, target: usize, side: usize) -> Range<usize> {
    let reach = (length / target as f64).max(1.0) + 1.0;
    let first = (start - reach).floor().max(0.0) as usize;
    first..((start + length + reach).ceil() as usize).min(side)
}

/// The part of an image that is resized, in pixels and fractions of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Area {
    pub(crate) top: f64,
    pub(crate) left: f64,
    pub(crate) height: f64,
    pub(crate) width: f64,
}

impl Area {
    fn of(pixels: &Pixels) -> Self {
        Self::whole([pixels.height(), pixels.width()])
    }

    fn whole([height, width]: [usize; 2]) -> Self {
        Self { top: 0.0, left: 0.0, height: height as f64, width: width as f64 }
    }

    /// The largest area in the middle that has the proportions of `height` to `width`.
    fn cropped_to(self, height: usize, width: usize) -> Self {
        let (have, want) = (self.width / self.height, width as f64 / height as f64);
        let (tall, wide) = if have >= want {
            (self.height, (want * self.height).min(self.width))
        } else {
            ((self.width / want).min(self.height), self.width)
        };
        let (top, left) = ((self.height - tall) * 0.5, (self.width - wide) * 0.5);
        Self { top, left, height: tall, width: wide }
    }
}

fn pad(pixels: &Pixels, recipe: &Preprocess, (height, width): (usize, usize)) -> Pixels {
    let scale = (height as f64 / pixels.height() as f64).min(width as f64 / pixels.width() as f64);
    let inner_height = ((pixels.height() as f64 * scale).round() as usize).clamp(1, height);
    let inner_width = ((pixels.width() as f64 * scale).round() as usize).clamp(1, width);
    let inner = resize(pixels, Area::of(pixels), (inner_height, inner_width), recipe.filter());

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

/// Resizes an area of an image.
fn resize(pixels: &Pixels, area: Area, size: (usize, usize), filter: Filter) -> Pixels {
    resize_columns(pixels, area, 0..pixels.width(), size, filter)
}

/// Resizes an area of an image: the columns, of which the rows need those given, then the rows.
///
/// One after the other, because `fast_image_resize` (6.1.0) reads outside the image where it does both at once and the first
/// pixel's weight happens to be 0, as it can be in an area that begins inside the image.
fn resize_columns(
    pixels: &Pixels,
    area: Area,
    needed: Range<usize>,
    (height, width): (usize, usize),
    filter: Filter,
) -> Pixels {
    let options = ResizeOptions::new().resize_alg(filter.algorithm()).use_alpha(false);
    let columns = options.crop(needed.start as f64, area.top, needed.len() as f64, area.height);
    let tall = resize_axis(pixels, height, needed.len(), &columns);
    let rows = options.crop(area.left - needed.start as f64, 0.0, area.width, height as f64);
    resize_axis(&tall, height, width, &rows)
}

fn resize_axis(pixels: &Pixels, height: usize, width: usize, options: &ResizeOptions) -> Pixels {
    match pixels.channels() {
        Channels::Grey => resize_typed::<U8>(pixels, height, width, options),
        Channels::Rgb => resize_typed::<U8x3>(pixels, height, width, options),
    }
}

/// For one type of pixel: `Resizer::resize`, which finds the type at run time, would be compiled for some twenty of them.
fn resize_typed<P: PixelTrait>(
    pixels: &Pixels,
    height: usize,
    width: usize,
    options: &ResizeOptions,
) -> Pixels {
    let channels = pixels.channels();
    let (from_width, from_height) = (pixels.width() as u32, pixels.height() as u32);
    let source = TypedImageRef::<P>::from_buffer(from_width, from_height, pixels.as_bytes())
        .expect("Pixels hold as many bytes as their size says");
    let mut bytes = vec![0; height * width * channels.count()];
    let mut target = TypedImage::<P>::from_buffer(width as u32, height as u32, &mut bytes)
        .expect("the target has as many bytes as its size says");
    Resizer::new()
        .resize_typed(&source, &mut target, options)
        .expect("source and target have the same pixel type and sizes above zero");
    Pixels::new(height, width, channels, bytes).expect("the target has the size asked for")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::f64::consts::PI;

    /// The filters' kernels and half widths, as Pillow's documentation and `Resample.c` define them.
    fn kernel(filter: Filter, x: f64) -> f64 {
        let x = x.abs();
        let sinc = |x: f64| if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) };
        match filter {
            Filter::Box => f64::from(u8::from(x <= 0.5)),
            Filter::Bilinear => (1.0 - x).max(0.0),
            Filter::Bicubic if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
            Filter::Bicubic if x < 2.0 => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
            Filter::Lanczos3 if x < 3.0 => sinc(x) * sinc(x / 3.0),
            Filter::Bicubic | Filter::Lanczos3 => 0.0,
        }
    }

    fn half_width(filter: Filter) -> f64 {
        match filter {
            Filter::Box => 0.5,
            Filter::Bilinear => 1.0,
            Filter::Bicubic => 2.0,
            Filter::Lanczos3 => 3.0,
        }
    }

    /// Resizes one line, its kernel widened by the reduction.
    fn resize_line(line: &[f64], len: usize, filter: Filter) -> Vec<f64> {
        let scale = line.len() as f64 / len as f64;
        let stretch = scale.max(1.0);
        let reach = half_width(filter) * stretch;
        (0..len)
            .map(|i| {
                let centre = (i as f64 + 0.5) * scale;
                let first = ((centre - reach + 0.5).floor().max(0.0)) as usize;
                let last = ((centre + reach + 0.5).floor() as usize).min(line.len());
                let weights: Vec<f64> =
                    (first..last).map(|j| kernel(filter, (j as f64 + 0.5 - centre) / stretch)).collect();
                let total: f64 = weights.iter().sum();
                weights.iter().zip(&line[first..last]).map(|(w, v)| w * v).sum::<f64>() / total
            })
            .collect()
    }

    /// Resizes one channel without rounding. Columns first, as `fast_image_resize` does, because a filter with negative
    /// lobes can shoot beyond black or white in the first pass, which bytes between the passes cut off.
    fn resize_plane(
        plane: &[u8],
        (h, w): (usize, usize),
        (to_h, to_w): (usize, usize),
        filter: Filter,
    ) -> Vec<f64> {
        let cut_off = |v: f64| v.clamp(0.0, 255.0);
        let mut tall = vec![vec![0.0; w]; to_h];
        for x in 0..w {
            let column: Vec<f64> = (0..h).map(|y| f64::from(plane[y * w + x])).collect();
            for (row, v) in tall.iter_mut().zip(resize_line(&column, to_h, filter)) {
                row[x] = cut_off(v);
            }
        }
        tall.iter().flat_map(|row| resize_line(row, to_w, filter)).map(cut_off).collect()
    }

    fn recipe(height: usize, width: usize, channels: Channels) -> Preprocess {
        Preprocess::new(height, width, channels).expect("the size is allowed")
    }

    fn pixels(height: usize, width: usize, channels: Channels, seed: usize) -> Pixels {
        let value = |i: usize| ((i + seed).wrapping_mul(2_654_435_761) >> 13) as u8;
        let bytes = (0..height * width * channels.count()).map(value).collect();
        Pixels::new(height, width, channels, bytes).expect("the bytes fill the size")
    }

    proptest! {
        #[test]
        fn resizing_agrees_with_the_definition_to_a_grey_level(
            from in (1usize..40, 1usize..40),
            to in (1usize..40, 1usize..40),
            filter in prop::sample::select(vec![Filter::Box, Filter::Bilinear, Filter::Bicubic, Filter::Lanczos3]),
            rgb in any::<bool>(),
            seed in 0usize..1000,
        ) {
            // A box that ends exactly on a pixel's centre takes it or leaves it by rounding.
            prop_assume!(filter != Filter::Box || (from.0 % to.0 == 0 && from.1 % to.1 == 0));
            // Half a level is lost to rounding after each pass; negative lobes enlarge what the first has lost.
            let tolerance = if matches!(filter, Filter::Box | Filter::Bilinear) { 1.2 } else { 1.6 };
            let channels = if rgb { Channels::Rgb } else { Channels::Grey };
            let source = pixels(from.0, from.1, channels, seed);
            let fitted = fit(source.clone(), &recipe(to.0, to.1, channels).with_filter(filter));
            for c in 0..channels.count() {
                let plane: Vec<u8> = source.as_bytes().iter().skip(c).step_by(channels.count()).copied().collect();
                let expected = resize_plane(&plane, from, to, filter);
                let found = fitted.as_bytes().iter().skip(c).step_by(channels.count());
                for (found, expected) in found.zip(expected) {
                    prop_assert!((f64::from(*found) - expected).abs() <= tolerance, "{} for {}", found, expected);
                }
            }
        }
    }

    /// One line resized as `docs/model-file.md` has it, to the bit: the stretch from `from` to `to` of it becomes `len` bytes.
    fn documented_line(line: &[u8], (from, to): (f64, f64), len: usize, filter: Filter) -> Vec<u8> {
        let scale = (to - from) / len as f64;
        let stretch = scale.max(1.0);
        let reach = half_width(filter) * stretch;
        let weights: Vec<(usize, Vec<f64>)> = (0..len)
            .map(|i| {
                let centre = from + (i as f64 + 0.5) * scale;
                let first = (centre - reach).floor().max(0.0) as usize;
                let last = ((centre + reach).ceil() as usize).min(line.len());
                // A box holds its right end, not its left one.
                let weight =
                    |x: f64| if filter == Filter::Box && x == -0.5 { 0.0 } else { kernel(filter, x) };
                let raw: Vec<f64> =
                    (first..last).map(|j| weight((j as f64 - (centre - 0.5)) * (1.0 / stretch))).collect();
                let total: f64 = raw.iter().sum();
                (first, raw.iter().map(|w| w / total).collect())
            })
            .collect();
        let largest = weights.iter().flat_map(|(_, weights)| weights).copied().fold(0.0, f64::max);
        let bits =
            (0..21).find(|&bits| (largest * f64::from(2 << bits)).round() >= 32_768.0).unwrap_or(21_u32);
        let byte = |(first, weights): &(usize, Vec<f64>)| {
            let products = weights
                .iter()
                .zip(&line[*first..])
                .map(|(w, &v)| (w * f64::from(1 << bits)).round() as i32 * i32::from(v));
            ((products.sum::<i32>() + (1 << (bits - 1))) >> bits).clamp(0, 255) as u8
        };
        weights.iter().map(byte).collect()
    }

    /// One channel resized as `docs/model-file.md` has it: columns, then rows, where they change at all.
    fn documented_plane(plane: &[u8], (h, w): (usize, usize), recipe: &Preprocess) -> Vec<u8> {
        let (to_h, to_w, filter) = (recipe.height(), recipe.width(), recipe.filter());
        let (have, want) = (w as f64 / h as f64, to_w as f64 / to_h as f64);
        let (mut tall, mut wide) = (h as f64, w as f64);
        if recipe.fit() == Fit::Crop && (have - want).abs() >= f64::EPSILON {
            if have >= want {
                wide = want * h as f64;
            } else {
                tall = w as f64 / want;
            }
        }
        let (top, left) = ((h as f64 - tall) * 0.5, (w as f64 - wide) * 0.5);
        let columns = (0..w).map(|x| {
            let column: Vec<u8> = (0..h).map(|y| plane[y * w + x]).collect();
            documented_line(&column, (top, top + tall), to_h, filter)
        });
        let columns: Vec<Vec<u8>> = columns.collect();
        (0..to_h)
            .flat_map(|y| {
                let row: Vec<u8> = columns.iter().map(|column| column[y]).collect();
                documented_line(&row, (left, left + wide), to_w, filter)
            })
            .collect()
    }

    proptest! {
        #[test]
        fn resizing_is_the_documented_arithmetic_to_the_bit(
            from in (1usize..40, 1usize..40),
            to in (1usize..40, 1usize..40),
            filter in prop::sample::select(vec![Filter::Box, Filter::Bilinear, Filter::Bicubic, Filter::Lanczos3]),
            fit_by in prop::sample::select(vec![Fit::Stretch, Fit::Crop]),
            rgb in any::<bool>(),
            seed in 0usize..1000,
        ) {
            let channels = if rgb { Channels::Rgb } else { Channels::Grey };
            let recipe = recipe(to.0, to.1, channels).with_filter(filter).with_fit(fit_by);
            let source = pixels(from.0, from.1, channels, seed);
            let plane = |pixels: &Pixels, c: usize| -> Vec<u8> {
                pixels.as_bytes().iter().skip(c).step_by(channels.count()).copied().collect()
            };
            let fitted = fit(source.clone(), &recipe);
            for c in 0..channels.count() {
                prop_assert_eq!(plane(&fitted, c), documented_plane(&plane(&source, c), from, &recipe));
            }
        }
    }

    /// Where `fast_image_resize` does both axes at once, it reads outside these images.
    #[test]
    fn a_first_weight_of_zero_does_no_harm() {
        for (from, to) in [((8, 33), (7, 27)), ((33, 8), (27, 7))] {
            let recipe = recipe(to.0, to.1, Channels::Grey).with_filter(Filter::Bicubic).with_fit(Fit::Crop);
            let source = pixels(from.0, from.1, Channels::Grey, 0);
            let expected = documented_plane(source.as_bytes(), from, &recipe);
            assert_eq!(fit(source, &recipe).as_bytes(), expected);
        }
    }

    proptest! {
        #[test]
        fn an_area_does_not_hang_on_what_lies_below_the_rows_it_needs(
            from in (2usize..80, 2usize..40),
            to in (1usize..40, 1usize..40),
            place in (0.0f64..1.0, 0.0f64..1.0),
            part in (0.05f64..1.0, 0.05f64..1.0),
        ) {
            let whole = pixels(from.0, from.1, Channels::Rgb, 3);
            let (height, width) = (from.0 as f64 * part.0, from.1 as f64 * part.1);
            let (top, left) = (place.0 * (from.0 as f64 - height), place.1 * (from.1 as f64 - width));
            let (height, width) = (height.max(1.0).min(from.0 as f64 - top), width.max(1.0).min(from.1 as f64 - left));
            let area = Area { top, left, height, width };
            let rows = needed(top, height, to.0, from.0).end;
            let upper = Pixels::new(rows, from.1, Channels::Rgb, whole.as_bytes()[..rows * from.1 * 3].to_vec());
            let upper = upper.expect("so many rows of the whole");
            let resized = |pixels: &Pixels| resize(pixels, area, to, Filter::Bilinear);
            prop_assert_eq!(resized(&upper), resized(&whole));
        }
    }

    #[test]
    fn cropping_takes_the_middle() {
        let source = pixels(6, 10, Channels::Rgb, 1);
        let fitted = fit(source.clone(), &recipe(6, 6, Channels::Rgb).with_fit(Fit::Crop));
        for (row, whole) in fitted.as_bytes().chunks_exact(18).zip(source.as_bytes().chunks_exact(30)) {
            assert_eq!(row, &whole[6..24]);
        }
    }

    #[test]
    fn padding_keeps_everything_between_even_bars() {
        let source = pixels(3, 6, Channels::Rgb, 1);
        let recipe = recipe(6, 6, Channels::Rgb).with_fit(Fit::Pad).with_background([1, 2, 3]);
        let fitted = fit(source.clone(), &recipe);
        let rows: Vec<&[u8]> = fitted.as_bytes().chunks_exact(18).collect();
        for bar in [rows[0], rows[4], rows[5]] {
            assert_eq!(bar, [1, 2, 3].repeat(6));
        }
        assert_eq!(rows[1..4].concat(), source.as_bytes());
        let tall =
            fit(pixels(4096, 1, Channels::Grey, 1), &self::recipe(2, 2, Channels::Grey).with_fit(Fit::Pad));
        assert_eq!((tall.height(), tall.width()), (2, 2));
    }
}
