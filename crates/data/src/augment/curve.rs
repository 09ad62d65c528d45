//! Changes of levels by a table, those of `RandAugment`: each is defined as in Pillow's `ImageOps`.

/// A change of each channel's levels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Curve {
    /// Keeps this many of the eight bits.
    Posterise(u32),
    /// Inverts levels of at least this one.
    Solarise(f32),
    /// Spreads each channel's levels to 0 to 255.
    AutoContrast,
    /// Gives each channel's levels nearly equal shares.
    Equalise,
}

/// How often each level occurs.
type Histogram = [u32; 256];

impl Curve {
    /// Changes an image of interleaved channels, whose levels are rounded first.
    pub(super) fn apply<const C: usize>(self, values: &mut [f32]) {
        let tables = match self {
            Self::Posterise(bits) => [table(|level| level & !(0xff >> bits.min(8)) as u8); C],
            Self::Solarise(from) => {
                [table(|level| if f32::from(level) >= from { 255 - level } else { level }); C]
            }
            Self::AutoContrast => histograms::<C>(values).map(|histogram| spread(&histogram)),
            Self::Equalise => histograms::<C>(values).map(|histogram| equalised(&histogram)),
        };
        for pixel in values.as_chunks_mut::<C>().0 {
            for (value, table) in pixel.iter_mut().zip(&tables) {
                *value = f32::from(table[level(*value)]);
            }
        }
    }
}

fn level(value: f32) -> usize {
    usize::from((value + 0.5) as u8)
}

fn table(curve: impl Fn(u8) -> u8) -> [u8; 256] {
    std::array::from_fn(|level| curve(level as u8))
}

fn histograms<const C: usize>(values: &[f32]) -> [Histogram; C] {
    let mut histograms = [[0; 256]; C];
    for pixel in values.as_chunks::<C>().0 {
        for (value, histogram) in pixel.iter().zip(&mut histograms) {
            histogram[level(*value)] += 1;
        }
    }
    histograms
}

/// Nothing changes where there is one level.
fn spread(histogram: &Histogram) -> [u8; 256] {
    let low = histogram.iter().position(|&count| count > 0).unwrap_or(0);
    let high = histogram.iter().rposition(|&count| count > 0).unwrap_or(255);
    if high <= low {
        return table(|level| level);
    }
    let scale = 255.0 / (high - low) as f64;
    table(|level| (f64::from(level) * scale - low as f64 * scale) as u8)
}

/// As Pillow has it: levels go to the share of pixels below them, in steps of a 255th of all but the last level's.
fn equalised(histogram: &Histogram) -> [u8; 256] {
    let pixels: u32 = histogram.iter().sum();
    let last = histogram.iter().rev().find(|&&count| count > 0).copied().unwrap_or(0);
    let step = (pixels - last) / 255;
    if step == 0 {
        return table(|level| level);
    }
    let mut below = step / 2;
    std::array::from_fn(|level| {
        let share = (below / step).min(255) as u8;
        below += histogram[level];
        share
    })
}
