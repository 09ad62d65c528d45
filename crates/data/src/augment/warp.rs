//! Affine resampling of byte images, fast enough to feed a network from a fraction of a core.

use super::affine::Affine;
use crate::decode::Pixels;

/// Fractional bits of source coordinates. Sides up to 4,096 pixels and twice that beyond the edge fit 32 bits.
const FRACTION_BITS: u32 = 16;
const ONE: f32 = (1 << FRACTION_BITS) as f32;
/// Bits of the interpolation weights: a byte times a weight, summed over two pixels, fits a lane.
const WEIGHT_BITS: u32 = 8;
const ONE_WEIGHT: u64 = 1 << WEIGHT_BITS;
/// Bits of a lane. A pixel is a `u64` with a channel in each of its lower lanes, so that one multiplication weighs all
/// channels.
const LANE_BITS: u32 = 16;
/// A one in each lane.
const EACH_LANE: u64 = 0x0001_0001_0001;

/// Resamples images to images of one shape, with room for one of them.
pub(super) struct Canvas {
    /// Height and width of what is made.
    target: [usize; 2],
    /// The image as lanes with one more row and column, whose weight is always zero; it spares the check for the edge.
    padded: Vec<u64>,
}

impl Canvas {
    /// To images `[height, width]`.
    pub(super) fn new(target: [usize; 2]) -> Self {
        Self { target, padded: Vec::new() }
    }

    /// Resamples an image of `C` channels bilinearly through `map`, into levels from 0 to 255. Beyond the edge, the edge repeats.
    pub(super) fn warp<const C: usize>(&mut self, pixels: &Pixels, map: &Affine, values: &mut [f32]) {
        let (height, width) = (pixels.height(), pixels.width());
        self.fill::<C>(pixels);
        let map = self.in_pixels(map, [height, width]);
        let stride = width + 1;
        let (max_x, max_y) = (fixed((width - 1) as f32), fixed((height - 1) as f32));
        let (step_x, step_y) = (fixed(map.xx), fixed(map.yx));
        for (y, row) in values.chunks_exact_mut(self.target[1] * C).enumerate() {
            let mut x_at = fixed(map.x0 + y as f32 * map.xy);
            let mut y_at = fixed(map.y0 + y as f32 * map.yy);
            for value in row.chunks_exact_mut(C) {
                let (column, right) = split(x_at.clamp(0, max_x));
                let (line, below) = split(y_at.clamp(0, max_y));
                let start = line * stride + column;
                let upper = mix(&self.padded[start..start + 2], right);
                let lower = mix(&self.padded[start + stride..start + stride + 2], right);
                let mixed = upper * (ONE_WEIGHT - below) + lower * below;
                for (c, value) in value.iter_mut().enumerate() {
                    *value = f32::from((mixed >> (LANE_BITS * c as u32)) as u16) / ONE_WEIGHT as f32;
                }
                x_at = x_at.wrapping_add(step_x);
                y_at = y_at.wrapping_add(step_y);
            }
        }
    }

    /// The map from the indices of target pixels to those of the pixels of a source of this height and width.
    fn in_pixels(&self, map: &Affine, source: [usize; 2]) -> Affine {
        let [height, width] = self.target;
        let (scale_x, scale_y) = (source[1] as f32 / width as f32, source[0] as f32 / height as f32);
        let centre = |side: usize| (side as f32 - 1.0) / 2.0;
        let (from_x, from_y) = (centre(width), centre(height));
        Affine {
            xx: map.xx * scale_x,
            xy: map.xy * scale_x,
            x0: centre(source[1]) + (map.x0 - from_x * map.xx - from_y * map.xy) * scale_x,
            yx: map.yx * scale_y,
            yy: map.yy * scale_y,
            y0: centre(source[0]) + (map.y0 - from_x * map.yx - from_y * map.yy) * scale_y,
        }
    }

    /// Spreads an image's pixels into lanes.
    fn fill<const C: usize>(&mut self, pixels: &Pixels) {
        let (height, width) = (pixels.height(), pixels.width());
        self.padded.resize((height + 1) * (width + 1), 0);
        let lines = pixels.as_bytes().chunks_exact(width * C);
        for (padded, line) in self.padded.chunks_exact_mut(width + 1).zip(lines) {
            for (pixel, bytes) in padded.iter_mut().zip(line.as_chunks::<C>().0) {
                *pixel = bytes.iter().rev().fold(0, |pixel, &byte| pixel << LANE_BITS | u64::from(byte));
            }
        }
    }
}

/// A coordinate in fixed point; the cast saturates.
fn fixed(x: f32) -> i32 {
    (x * ONE).round() as i32
}

/// The whole part of a fixed-point coordinate, and the weight of the pixel after it.
fn split(at: i32) -> (usize, u64) {
    let weight = (at >> (FRACTION_BITS - WEIGHT_BITS)) as u64 & (ONE_WEIGHT - 1);
    ((at >> FRACTION_BITS) as usize, weight)
}

/// Two neighbouring pixels mixed, rounded to bytes in each lane.
fn mix(pair: &[u64], weight: u64) -> u64 {
    let sum = pair[0] * (ONE_WEIGHT - weight) + pair[1] * weight + EACH_LANE * (ONE_WEIGHT / 2);
    (sum >> WEIGHT_BITS) & (EACH_LANE * 0xff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Channels;
    use proptest::prelude::*;

    fn image(height: usize, width: usize, channels: usize) -> Vec<u8> {
        (0..height * width * channels).map(|i| (i.wrapping_mul(2_654_435_761) >> 11) as u8).collect()
    }

    fn pixels(bytes: &[u8], [height, width, channels]: [usize; 3]) -> Pixels {
        let channels = if channels == 1 { Channels::Grey } else { Channels::Rgb };
        Pixels::new(height, width, channels, bytes.to_vec()).expect("the bytes fill the shape")
    }

    /// Mirrored, zoomed, turned and then shifted by shares of the sides.
    fn warp(bytes: &[u8], shape: [usize; 3], flip: bool, zoom: f32, angle: f32, shift: [f32; 2]) -> Vec<f32> {
        let [height, width, channels] = shape;
        let shift = Affine::shift(shift[0] * width as f32, shift[1] * height as f32);
        let map = Affine::mirror(flip, false).then(Affine::zoom(zoom)).then(Affine::turn(angle)).then(shift);
        let mut canvas = Canvas::new([height, width]);
        let mut values = vec![0.0; bytes.len()];
        match channels {
            1 => canvas.warp::<1>(&pixels(bytes, shape), &map, &mut values),
            _ => canvas.warp::<3>(&pixels(bytes, shape), &map, &mut values),
        }
        values
    }

    #[test]
    fn a_source_of_twice_the_side_is_read_between_its_pixels() {
        let bytes: Vec<u8> = (0..16).map(|i| i * 10).collect();
        let mut values = vec![0.0; 4];
        Canvas::new([2, 2]).warp::<1>(&pixels(&bytes, [4, 4, 1]), &Affine::IDENTITY, &mut values);
        // The mean of each two by two.
        assert_eq!(values, [25.0, 45.0, 105.0, 125.0]);
    }

    #[test]
    fn a_crop_of_a_quarter_is_enlarged_about_its_centre() {
        let bytes: Vec<u8> = (0..64).collect();
        let mut values = vec![0.0; 64];
        Canvas::new([8, 8]).warp::<1>(
            &pixels(&bytes, [8, 8, 1]),
            &Affine::crop([0.5, 0.5], [2.0, -2.0]),
            &mut values,
        );
        // From columns 4 to 8 and rows 0 to 4, a source pixel for each two; the first centre lies at 3.75, above at -0.25.
        assert!((values[0] - 3.75).abs() < 0.6 && (values[1] - 4.25).abs() < 0.6, "{values:?}");
        let last = values[63];
        assert!((last - (3.25 * 8.0 + 7.0)).abs() < 0.6, "{last}");
    }

    #[test]
    fn nothing_changes_nothing_and_mirroring_mirrors_exactly() {
        for shape @ [height, width, channels] in [[5, 7, 3], [4, 1, 1], [1, 6, 3], [8, 8, 1]] {
            let bytes = image(height, width, channels);
            let plain: Vec<f32> = bytes.iter().map(|&v| f32::from(v)).collect();
            assert_eq!(warp(&bytes, shape, false, 1.0, 0.0, [0.0; 2]), plain);
            let mirrored: Vec<f32> = plain
                .chunks_exact(width * channels)
                .flat_map(|row| row.chunks_exact(channels).rev().flatten().copied().collect::<Vec<_>>())
                .collect();
            assert_eq!(warp(&bytes, shape, true, 1.0, 0.0, [0.0; 2]), mirrored);
        }
    }

    #[test]
    fn shifting_by_whole_pixels_repeats_the_edge() {
        let bytes: Vec<u8> = (0..16).map(|i| i * 10).collect();
        let shifted = warp(&bytes, [4, 4, 1], false, 1.0, 0.0, [0.25, -0.5]);
        // One pixel to the right, two up.
        let source = |x: usize, y: usize| f32::from(bytes[(y + 2).min(3) * 4 + x.saturating_sub(1)]);
        let expected: Vec<f32> = (0..16).map(|i| source(i % 4, i / 4)).collect();
        assert_eq!(shifted, expected);
    }

    #[test]
    fn a_quarter_turn_turns() {
        let bytes: Vec<u8> = (0..9).map(|i| i * 20).collect();
        let turned = warp(&bytes, [3, 3, 1], false, 1.0, std::f32::consts::FRAC_PI_2, [0.0; 2]);
        // Clockwise as seen: the left column becomes the top row, from the bottom up.
        let expected: Vec<f32> = [6, 3, 0, 7, 4, 1, 8, 5, 2].iter().map(|&i| f32::from(bytes[i])).collect();
        for (found, expected) in turned.iter().zip(expected) {
            assert!((found - expected).abs() <= 1.0, "{turned:?}");
        }
    }

    /// What stands at a place of the source, between the pixels bilinearly and beyond the edge as at the edge.
    fn sample(bytes: &[u8], [height, width, channels]: [usize; 3], x: f64, y: f64, c: usize) -> f64 {
        let (x, y) = (x.clamp(0.0, width as f64 - 1.0), y.clamp(0.0, height as f64 - 1.0));
        let at = |x: usize, y: usize| {
            f64::from(bytes[(y.min(height - 1) * width + x.min(width - 1)) * channels + c])
        };
        let (left, top) = (x.floor(), y.floor());
        let (l, t) = (left as usize, top as usize);
        let mix = |a: f64, b: f64, part: f64| a + (b - a) * part;
        mix(mix(at(l, t), at(l + 1, t), x - left), mix(at(l, t + 1), at(l + 1, t + 1), x - left), y - top)
    }

    proptest! {
        #[test]
        fn warping_agrees_with_the_definition(
            (height, width) in (1usize..30, 1usize..30),
            rgb in any::<bool>(),
            flip in any::<bool>(),
            zoom in 0.5f32..1.5,
            angle in -3.0f32..3.0,
            shift in [-1.0f32..1.0, -1.0f32..1.0],
        ) {
            let shape = [height, width, if rgb { 3 } else { 1 }];
            let bytes = image(shape[0], shape[1], shape[2]);
            let found = warp(&bytes, shape, flip, zoom, angle, shift);
            let (sin, cos) = (f64::from(angle).sin(), f64::from(angle).cos());
            let (mid_x, mid_y) = ((width as f64 - 1.0) / 2.0, (height as f64 - 1.0) / 2.0);
            for (i, &value) in found.iter().enumerate() {
                let (pixel, c) = (i / shape[2], i % shape[2]);
                // Undone in reverse: the shift, the turn, the zoom, the mirror.
                let x = (pixel % width) as f64 - mid_x - f64::from(shift[0]) * width as f64;
                let y = (pixel / width) as f64 - mid_y - f64::from(shift[1]) * height as f64;
                let (x, y) = (x * cos + y * sin, y * cos - x * sin);
                let (x, y) = (x / f64::from(zoom), y / f64::from(zoom));
                let x = if flip { -x } else { x };
                let expected = sample(&bytes, shape, x + mid_x, y + mid_y, c);
                // Weights of eight bits in both directions, and bytes between them.
                prop_assert!((f64::from(value) - expected).abs() <= 3.0, "{} for {}", value, expected);
            }
        }
    }
}
