//! Operations drawn from a list, for those who do not want to choose.

use super::affine::Affine;
use super::change::{Change, Tone};
use super::curve::Curve;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// Which operations are drawn from the list that both papers use: nothing, shears, shifts, rotation, brightness, saturation, contrast,
/// sharpness, fewer bits, inverted bright levels, spread levels, equal levels. None of them mirrors. Strengths are torchvision's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
pub enum Policy {
    /// `RandAugment` (Cubuk et al. 2019): some operations, all of one strength.
    Rand {
        /// How many; 1 to 4, 2 by default.
        #[serde(default = "two")]
        operations: u8,
        /// How strong; 0 to 30, 9 by default.
        #[serde(default = "nine")]
        magnitude: f64,
    },
    /// `TrivialAugment` in its wide form (Müller and Hutter 2021): one operation of any strength.
    Trivial {},
}

fn two() -> u8 {
    2
}

fn nine() -> f64 {
    9.0
}

/// The strength at which scales end.
const STRONGEST: f64 = 30.0;

/// The strongest of each kind.
struct Range {
    shear: f32,
    /// A share of the side.
    shift: f32,
    degrees: f32,
    /// How far a factor is from 1.
    factor: f32,
    /// Bits that are taken away.
    bits: f32,
}

const RAND: Range = Range { shear: 0.3, shift: 150.0 / 331.0, degrees: 30.0, factor: 0.9, bits: 4.0 };
const TRIVIAL: Range = Range { shear: 0.99, shift: 32.0 / 224.0, degrees: 135.0, factor: 0.99, bits: 6.0 };

impl Policy {
    /// Draws operations and puts them after what is in `change`, for pictures `[height, width]`.
    pub(super) fn draw(self, [height, width]: [usize; 2], random: &mut impl Rng, change: &mut Change) {
        let sides = [height as f32, width as f32];
        match self {
            Self::Rand { operations, magnitude } => {
                let strength = (magnitude / STRONGEST).clamp(0.0, 1.0) as f32;
                (0..operations).for_each(|_| RAND.draw(strength, sides, random, change));
            }
            Self::Trivial {} => {
                let strength = random.random_range(0..=STRONGEST as u8);
                TRIVIAL.draw(f32::from(strength) / STRONGEST as f32, sides, random, change);
            }
        }
    }
}

impl Range {
    fn draw(&self, strength: f32, [height, width]: [f32; 2], random: &mut impl Rng, change: &mut Change) {
        let sign = if random.random::<bool>() { 1.0 } else { -1.0 };
        let [shear, shift] = [self.shear, self.shift].map(|most| sign * strength * most);
        let factor = 1.0 + sign * strength * self.factor;
        match random.random_range(0..14) {
            0 => {}
            1 => change.moves(Affine::shear(shear, 0.0)),
            2 => change.moves(Affine::shear(0.0, shear)),
            3 => change.moves(Affine::shift(shift * width, 0.0)),
            4 => change.moves(Affine::shift(0.0, shift * height)),
            5 => change.moves(Affine::turn((sign * strength * self.degrees).to_radians())),
            6 => change.tones.push(Tone::Brightness(factor)),
            7 => change.tones.push(Tone::Saturation(factor)),
            8 => change.tones.push(Tone::Contrast(factor)),
            9 => change.sharpness *= factor,
            10 => change.curves.push(Curve::Posterise(8 - (strength * self.bits).round() as u32)),
            11 => change.curves.push(Curve::Solarise(255.0 * (1.0 - strength))),
            12 => change.curves.push(Curve::AutoContrast),
            _ => change.curves.push(Curve::Equalise),
        }
    }
}
