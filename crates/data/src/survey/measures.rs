//! What is measured of a picture.

use crate::decode::{Channels, Pixels, luma};
use crate::preprocess::scaled;

/// The longest side at which sharpness is measured, in pixels; longer ones are reduced to it, so that a photograph of 12 megapixels is
/// held to what is seen of it and not to the grain of its sensor.
const SHARPNESS_SIDE: usize = 256;
/// The shortest side, in pixels, of which sharpness means anything: on smaller ones a line and a blot are alike.
const SHORTEST_SHARP: usize = 64;
/// The mean square of slopes, in steps of 256 a pixel, below which there are no edges but those of noise.
const NO_EDGES: f64 = 1.0;

/// What is measured of an upright picture. Light is in steps of 256.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Measures {
    /// The mean of red, green and blue.
    pub(crate) colour: [f32; 3],
    /// The largest standard deviation of red, green and blue.
    pub(crate) deviation: f32,
    /// The mean luma (ITU-R BT.601).
    pub(crate) light: f32,
    /// Luma that one pixel in a hundred does not exceed.
    pub(crate) darkest: u8,
    /// Luma that one pixel in a hundred reaches or exceeds.
    pub(crate) brightest: u8,
    /// How fine the edges are; `None` where the picture is too small or too plain to tell, or was reduced already. See
    /// [`sharpness`].
    pub(crate) sharpness: Option<f32>,
}

impl Measures {
    /// Measures a picture at its own size.
    pub(crate) fn of(pixels: &Pixels) -> Self {
        Self { sharpness: sharpness(&pixels.grey()), ..Self::of_kept(pixels) }
    }

    /// Measures what is kept of a picture, at another size than its own: all but the sharpness.
    pub(crate) fn of_kept(pixels: &Pixels) -> Self {
        let ([red, green, blue], luma) = Histogram::of_colours_and_luma(pixels);
        let colours = [red, green, blue];
        Self {
            colour: colours.each_ref().map(|colour| colour.mean() as f32),
            deviation: colours.iter().map(Histogram::deviation).fold(0.0, f64::max) as f32,
            light: luma.mean() as f32,
            darkest: luma.percentile(1),
            brightest: luma.percentile(99),
            sharpness: None,
        }
    }
}

/// How often each value occurs.
#[derive(Clone, Copy)]
struct Histogram {
    counts: [u64; 256],
    total: u64,
}

impl Histogram {
    /// Of red, green and blue, and of the luma, in one pass. Of a grey picture all are the same.
    fn of_colours_and_luma(pixels: &Pixels) -> ([Self; 3], Self) {
        let total = (pixels.height() * pixels.width()) as u64;
        let mut all = [Self { counts: [0; 256], total }; 4];
        let [red, green, blue, light] = &mut all;
        match pixels.channels() {
            Channels::Rgb => {
                for &rgb in pixels.as_bytes().as_chunks::<3>().0 {
                    let [r, g, b] = rgb.map(usize::from);
                    red.counts[r] += 1;
                    green.counts[g] += 1;
                    blue.counts[b] += 1;
                    light.counts[usize::from(luma(rgb))] += 1;
                }
            }
            Channels::Grey => {
                pixels.as_bytes().iter().for_each(|&value| light.counts[usize::from(value)] += 1);
                all = [all[3]; 4];
            }
        }
        let [red, green, blue, luma] = all;
        ([red, green, blue], luma)
    }

    /// The mean of a function of the values.
    fn mean_of(&self, of: impl Fn(f64) -> f64) -> f64 {
        let sum: f64 = self.counts.iter().enumerate().map(|(value, &n)| n as f64 * of(value as f64)).sum();
        sum / self.total as f64
    }

    fn mean(&self) -> f64 {
        self.mean_of(|value| value)
    }

    fn deviation(&self) -> f64 {
        let mean = self.mean();
        self.mean_of(|value| (value - mean).powi(2)).sqrt()
    }

    /// The least value that `percent` in a hundred do not exceed.
    fn percentile(&self, percent: u64) -> u8 {
        let mut seen = 0;
        let reaches = |&n: &u64| {
            seen += n;
            seen * 100 >= percent * self.total
        };
        self.counts.iter().position(reaches).unwrap_or(255) as u8
    }
}

/// The variance of the Laplacian over the mean square of the slopes, of a grey picture reduced to a longest side of 256 pixels.
///
/// The variance of the Laplacian alone (Pech-Pacheco et al. 2000, *ICPR*) falls with contrast and with the share of plain
/// background as it does with blur: a black cat before a wall would be called blurred. Divided by the slopes it tells how quickly edges rise, whatever there
/// is of them: for an edge blurred by a Gaussian of deviation s it is about `1 / (2 s^2)`.
fn sharpness(grey: &Pixels) -> Option<f32> {
    if grey.height().min(grey.width()) < SHORTEST_SHARP {
        return None;
    }
    let reduced = reduced(grey);
    let (height, width) = (reduced.height(), reduced.width());
    let light = reduced.as_bytes();
    let (mut curves, mut squares, mut slopes, mut n) = (0.0, 0.0, 0.0, 0.0);
    for y in 1..height.saturating_sub(1) {
        for x in 1..width.saturating_sub(1) {
            let at = |y: usize, x: usize| f64::from(light[y * width + x]);
            let (left, right, above, below) = (at(y, x - 1), at(y, x + 1), at(y - 1, x), at(y + 1, x));
            let curve = left + right + above + below - 4.0 * at(y, x);
            curves += curve;
            squares += curve * curve;
            slopes += ((right - left).powi(2) + (below - above).powi(2)) / 4.0;
            n += 1.0;
        }
    }
    let variance = squares / n - (curves / n).powi(2);
    (slopes > NO_EDGES * n).then(|| (variance / (slopes / n)) as f32)
}

/// The picture with a longest side of at most 256 pixels.
fn reduced(grey: &Pixels) -> Pixels {
    let longest = grey.height().max(grey.width());
    let side = |side: usize| (side * SHARPNESS_SIDE).div_ceil(longest).max(1);
    if longest <= SHARPNESS_SIDE {
        grey.clone()
    } else {
        scaled(grey, side(grey.height()), side(grey.width()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(height: usize, width: usize, light: impl Fn(usize, usize) -> f64) -> Pixels {
        let bytes = (0..height * width).map(|i| light(i / width, i % width).round() as u8).collect();
        Pixels::new(height, width, Channels::Grey, bytes).expect("the bytes fill it")
    }

    #[test]
    fn light_and_colour_are_those_of_the_pixels() {
        // A hundred pixels: one black, one white, the rest a colour.
        let mut bytes = [200, 100, 50].repeat(100);
        bytes[..3].fill(0);
        bytes[3..6].fill(255);
        let measures = Measures::of(&Pixels::new(10, 10, Channels::Rgb, bytes).expect("100 pixels"));
        for (found, colour) in measures.colour.into_iter().zip([200.0, 100.0, 50.0]) {
            assert!((found - (98.0 * colour + 255.0) / 100.0).abs() < 1e-4, "{found}");
        }
        // 0.299 * 200 + 0.587 * 100 + 0.114 * 50 is 124.2.
        assert!((measures.light - (98.0 * 124.0 + 255.0) / 100.0).abs() < 0.01, "{}", measures.light);
        assert_eq!((measures.darkest, measures.brightest), (0, 124));
        // Blue: 98 of 50, a 0 and a 255.
        let mean: f64 = (98.0 * 50.0 + 255.0) / 100.0;
        let variance = (98.0 * (50.0 - mean).powi(2) + mean.powi(2) + (255.0 - mean).powi(2)) / 100.0;
        assert!((f64::from(measures.deviation) - variance.sqrt()).abs() < 1e-3, "{}", measures.deviation);
    }

    /// An edge blurred by a Gaussian has the slope of a Gaussian, whose own slope has the mean square `1 / (2 s^2)` of it.
    #[test]
    fn sharpness_tells_how_an_edge_is_blurred_and_nothing_else() {
        // Sharp enough for the rounding to whole levels not to count.
        for s in [1.5, 2.0] {
            // An edge by the error function, as its integral in small steps.
            let gauss = |t: f64| (-t * t / (2.0 * s * s)).exp() / (s * (2.0 * std::f64::consts::PI).sqrt());
            let edge = |x: usize| -> f64 {
                (0..16_000)
                    .map(|t| f64::from(t) / 100.0)
                    .filter(|t| *t < x as f64)
                    .map(|t| gauss(t - 80.0) / 100.0)
                    .sum()
            };
            let row: Vec<f64> = (0..160).map(edge).collect();
            for contrast in [100.0, 200.0] {
                let picture = grey(80, 160, |_, x| 20.0 + contrast * row[x]);
                let found = f64::from(sharpness(&picture).expect("it has an edge"));
                let expected = 1.0 / (2.0 * s * s);
                assert!((found / expected - 1.0).abs() < 0.25, "{s}, {contrast}: {found}, {expected}");
            }
        }
    }

    #[test]
    fn what_is_small_or_plain_has_no_sharpness() {
        assert_eq!(sharpness(&grey(63, 200, |y, x| ((x * y) % 256) as f64)), None);
        assert_eq!(sharpness(&grey(100, 200, |_, x| 90.0 + (x % 2) as f64)), None);
        assert!(sharpness(&grey(64, 3000, |y, x| ((x * y) % 256) as f64)).is_some());
    }
}
