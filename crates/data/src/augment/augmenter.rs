//! Changes applied to pictures, stage by stage, with scratch memory kept from one to the next.

use super::affine::Affine;
use super::change::{Change, Noise};
use super::filter::Filter;
use super::framing::{Framed, framed};
use super::settings::Augment;
use super::turn::Turn;
use super::warp::Canvas;
use crate::decode::{ImageFault, Picture, Pixels};
use crate::preprocess::{Ramp, Scaling};
use rand::Rng;

/// Applies an [`Augment`] to images of one shape.
pub(crate) struct Augmenter<'a> {
    augment: &'a Augment,
    /// Height, width and channels of what is made.
    shape: [usize; 3],
    ramp: Ramp,
    change: Change,
    /// A row of bytes, mirrored.
    row: Vec<u8>,
    canvas: Canvas,
    filter: Filter,
}

impl<'a> Augmenter<'a> {
    /// To images `[height, width, channels]`.
    pub(crate) fn new(augment: &'a Augment, shape: [usize; 3], scaling: &Scaling) -> Self {
        let [height, width, _] = shape;
        Self {
            augment,
            shape,
            ramp: scaling.ramp(),
            change: Change::default(),
            row: Vec::new(),
            canvas: Canvas::new([height, width]),
            filter: Filter::default(),
        }
    }

    /// Changes and scales an image of any height and width.
    ///
    /// # Errors
    /// An [`ImageFault`] where the part of it that is shown cannot be decoded.
    pub(crate) fn apply(
        &mut self,
        picture: &Picture<'_>,
        turn: Turn,
        random: &mut impl Rng,
        values: &mut [f32],
    ) -> Result<(), ImageFault> {
        let [height, width, channels] = self.shape;
        self.change.draw(self.augment, [height, width], turn, random);
        match channels {
            1 => self.stages::<1>(picture, values),
            3 => self.stages::<3>(picture, values),
            _ => unreachable!("channels are one or three"),
        }
    }

    fn stages<const C: usize>(
        &mut self,
        picture: &Picture<'_>,
        values: &mut [f32],
    ) -> Result<(), ImageFault> {
        let Self { shape, ramp, change, canvas, row, .. } = self;
        match framed(picture, &change.map.unwrap_or(Affine::IDENTITY), [shape[0], shape[1]])? {
            Framed::Ready { pixels, mirrored } if change.keeps_levels() => {
                place::<C>(&pixels, mirrored, row, values, |bytes, values| ramp.scale_bytes(bytes, values));
            }
            Framed::Ready { pixels, mirrored } => {
                place::<C>(&pixels, mirrored, row, values, levels);
                self.change_levels::<C>(values);
            }
            Framed::ToWarp { pixels, map } => {
                canvas.warp::<C>(&pixels, &map, values);
                self.change_levels::<C>(values);
            }
        }
        if let Some(area) = self.change.erased {
            // What is 0 after scaling is the mean of the training pictures.
            area.rows(self.shape[1], C).for_each(|row| values[row].fill(0.0));
        }
        Ok(())
    }

    /// All that changes levels where they are, scaling last.
    fn change_levels<const C: usize>(&mut self, values: &mut [f32]) {
        let Self { shape, ramp, change, filter, .. } = self;
        change.curves.iter().for_each(|curve| curve.apply::<C>(values));
        if !change.tones.is_empty() {
            recolour::<C>(change, values);
        }
        if change.sharpness != 1.0 {
            filter.sharpen(change.sharpness, *shape, values);
        }
        filter.blur(change.blur, *shape, values);
        if let Some(noise) = change.noise {
            noise.add(values);
        }
        ramp.scale_levels(values);
    }
}

/// Puts the rows of an image of the right size where they go, mirrored left to right and top to bottom, each by `put`.
fn place<const C: usize>(
    pixels: &Pixels,
    [sideways, upside_down]: [bool; 2],
    mirrored: &mut Vec<u8>,
    values: &mut [f32],
    put: impl Fn(&[u8], &mut [f32]),
) {
    let row_len = pixels.width() * C;
    let rows = pixels.height();
    for (y, values) in values.chunks_exact_mut(row_len).enumerate() {
        let from = if upside_down { rows - 1 - y } else { y };
        let bytes = &pixels.as_bytes()[from * row_len..][..row_len];
        if sideways {
            mirrored.resize(row_len, 0);
            for (to, from) in mirrored.as_chunks_mut::<C>().0.iter_mut().zip(bytes.as_chunks().0.iter().rev())
            {
                *to = *from;
            }
            put(mirrored, values);
        } else {
            put(bytes, values);
        }
    }
}

/// Bytes as they are.
fn levels(bytes: &[u8], values: &mut [f32]) {
    for (value, &byte) in values.iter_mut().zip(bytes) {
        *value = f32::from(byte);
    }
}

/// Changes colours, pixel by pixel.
pub(super) fn recolour<const C: usize>(change: &Change, values: &mut [f32]) {
    let colour = change.colour(|| mean::<C>(values));
    if C == 1 {
        let (gain, bias) = colour.of_grey();
        for value in values {
            *value = *value * gain + bias;
        }
        return;
    }
    let [r, g, b] = colour.matrix;
    for pixel in values.as_chunks_mut::<3>().0 {
        let [x, y, z] = *pixel;
        *pixel = [r, g, b].map(|[p, q, s]| p * x + q * y + s * z + colour.offset);
    }
}

/// The mean colour.
fn mean<const C: usize>(values: &[f32]) -> [f32; 3] {
    let pixels = values.as_chunks::<C>().0;
    let sum = pixels.iter().fold([0.0; C], |sum: [f32; C], pixel| std::array::from_fn(|c| sum[c] + pixel[c]));
    std::array::from_fn(|c| sum[c % C] / pixels.len() as f32)
}

impl Noise {
    /// Adds to each value the sum of four evenly distributed numbers, which is normally distributed but for its far tails (Irwin
    /// and Hall).
    fn add(self, values: &mut [f32]) {
        /// The standard deviation of a sum of four numbers from 0 to 65,535: `2^16 sqrt(4 / 12)`.
        const DEVIATION: f32 = 37_837.227;
        let scale = self.deviation / DEVIATION;
        for (value, i) in values.iter_mut().zip(0_u64..) {
            let bits = mixed(self.seed.wrapping_add(i.wrapping_mul(GOLDEN)));
            let sum: u32 = [0, 16, 32, 48].iter().map(|shift| (bits >> shift) as u32 & 0xffff).sum();
            *value += (sum as f32 - 131_070.0) * scale;
        }
    }
}

/// 2^64 divided by the golden ratio: the step of `SplitMix64`.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The output of `SplitMix64` (Steele, Lea and Flood 2014).
fn mixed(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
