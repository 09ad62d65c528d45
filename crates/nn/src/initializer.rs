//! First values of parameters.

use std::f64::consts::TAU;
use std::fmt;
use std::str::FromStr;

use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::error::ShapeError;
use crate::names::{UnknownName, name_and_number};

/// How a parameter is filled before training; names, formulas and defaults are Keras's.
///
/// With `n_in` and `n_out` the number of inputs and outputs of one unit (for a convolution, times the taps of its
/// kernel), the uniform kinds draw from `[−√(3s), √(3s))` and the normal kinds from a normal distribution of variance
/// `s` that is cut off at two standard deviations, its own variance before the cut enlarged to make up for it.
///
/// | kind | `s` | source |
/// |---|---|---|
/// | Glorot | `2 / (n_in + n_out)` | Glorot and Bengio 2010 |
/// | He | `2 / n_in` | He et al. 2015 |
/// | Lecun | `1 / n_in` | Klambauer et al. 2017 |
///
/// One more is PyTorch's, from which torchvision's networks start: `he_normal_fan_out` draws from a normal distribution of
/// variance `2 / n_out` that is not cut off.
///
/// `whitening` is for the kernel of a convolution that reads the pictures: its filters follow from these ([`Whitening`](crate::Whitening)) and are left as they
/// are by training. Until pictures were seen they are those of `glorot_uniform`.
///
/// In files it is a string: `"glorot_uniform"`, or `"random_normal(0.02)"` where a parameter is not the default.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Initializer {
    /// 0.
    Zeros,
    /// 1.
    Ones,
    /// One value.
    Constant {
        /// The value; 0 by default.
        value: f32,
    },
    /// Uniform on `[−limit, limit)`.
    RandomUniform {
        /// The largest magnitude; 0.05 by default.
        limit: f32,
    },
    /// Normal.
    RandomNormal {
        /// Standard deviation; 0.05 by default.
        deviation: f32,
    },
    /// Normal, values beyond two standard deviations drawn again.
    TruncatedNormal {
        /// Standard deviation before the cut; 0.05 by default.
        deviation: f32,
    },
    /// Uniform after Glorot: the default of kernels.
    GlorotUniform,
    /// Truncated normal after Glorot.
    GlorotNormal,
    /// Uniform after He: for layers followed by `relu`.
    HeUniform,
    /// Truncated normal after He: for layers followed by `relu`.
    HeNormal,
    /// Normal of variance `2 / n_out`, not cut off: PyTorch's `kaiming_normal_(mode="fan_out")`.
    HeNormalFanOut,
    /// Uniform of variance `1 / n_in`.
    LecunUniform,
    /// Truncated normal of variance `1 / n_in`.
    LecunNormal,
    /// What makes patches of the pictures white, kept as it is.
    Whitening,
}

/// How many values one unit reads and is read by.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Fans {
    input: f64,
    output: f64,
}

impl Fans {
    /// Of a parameter in Keras's layout: `[in, out]`, or `[height, width, in, out]`.
    fn of(shape: &[usize]) -> Self {
        match *shape {
            [] => Self { input: 1.0, output: 1.0 },
            [size] => Self { input: size as f64, output: size as f64 },
            [ref taps @ .., input, output] => {
                let taps: f64 = taps.iter().map(|&size| size as f64).product();
                Self { input: input as f64 * taps, output: output as f64 * taps }
            }
        }
    }

    fn glorot(self) -> f64 {
        2.0 / (self.input + self.output)
    }

    fn he(self) -> f64 {
        2.0 / self.input
    }

    fn lecun(self) -> f64 {
        1.0 / self.input
    }
}

impl Initializer {
    /// Every initialiser, parameters at their defaults.
    pub const ALL: [Self; 14] = [
        Self::Zeros,
        Self::Ones,
        Self::Constant { value: 0.0 },
        Self::RandomUniform { limit: 0.05 },
        Self::RandomNormal { deviation: 0.05 },
        Self::TruncatedNormal { deviation: 0.05 },
        Self::GlorotUniform,
        Self::GlorotNormal,
        Self::HeUniform,
        Self::HeNormal,
        Self::HeNormalFanOut,
        Self::LecunUniform,
        Self::LecunNormal,
        Self::Whitening,
    ];

    /// The name, without parameters.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Zeros => "zeros",
            Self::Ones => "ones",
            Self::Constant { .. } => "constant",
            Self::RandomUniform { .. } => "random_uniform",
            Self::RandomNormal { .. } => "random_normal",
            Self::TruncatedNormal { .. } => "truncated_normal",
            Self::GlorotUniform => "glorot_uniform",
            Self::GlorotNormal => "glorot_normal",
            Self::HeUniform => "he_uniform",
            Self::HeNormal => "he_normal",
            Self::HeNormalFanOut => "he_normal_fan_out",
            Self::LecunUniform => "lecun_uniform",
            Self::LecunNormal => "lecun_normal",
            Self::Whitening => "whitening",
        }
    }

    /// Fills `out`, a parameter of the given shape in Keras's layout, with the next values of `rng`.
    ///
    /// The same generator state gives the same values on every machine whose `ln` and `cos` round alike.
    pub fn fill(&self, shape: &[usize], rng: &mut impl Rng, out: &mut [f32]) {
        let fans = Fans::of(shape);
        match *self {
            Self::Zeros => out.fill(0.0),
            Self::Ones => out.fill(1.0),
            Self::Constant { value } => out.fill(value),
            Self::RandomUniform { limit } => fill_uniform(f64::from(limit), rng, out),
            Self::RandomNormal { deviation } => fill_normal(f64::from(deviation), rng, out),
            Self::TruncatedNormal { deviation } => fill_truncated(f64::from(deviation), rng, out),
            Self::GlorotUniform | Self::Whitening => fill_uniform((3.0 * fans.glorot()).sqrt(), rng, out),
            Self::GlorotNormal => fill_scaled(fans.glorot(), rng, out),
            Self::HeUniform => fill_uniform((3.0 * fans.he()).sqrt(), rng, out),
            Self::HeNormal => fill_scaled(fans.he(), rng, out),
            Self::HeNormalFanOut => fill_normal((2.0 / fans.output).sqrt(), rng, out),
            Self::LecunUniform => fill_uniform((3.0 * fans.lecun()).sqrt(), rng, out),
            Self::LecunNormal => fill_scaled(fans.lecun(), rng, out),
        }
    }

    fn parameter(self) -> Option<f32> {
        match self {
            Self::Constant { value } => Some(value),
            Self::RandomUniform { limit } => Some(limit),
            Self::RandomNormal { deviation } | Self::TruncatedNormal { deviation } => Some(deviation),
            _ => None,
        }
    }

    fn with_parameter(self, number: f32) -> Option<Self> {
        match self {
            Self::Constant { .. } => Some(Self::Constant { value: number }),
            Self::RandomUniform { .. } => Some(Self::RandomUniform { limit: number }),
            Self::RandomNormal { .. } => Some(Self::RandomNormal { deviation: number }),
            Self::TruncatedNormal { .. } => Some(Self::TruncatedNormal { deviation: number }),
            _ => None,
        }
    }

    /// Refuses parameters that are no number, or a negative spread, and what is for other parameters; [`Conv2d`](crate::Conv2d) checks itself what whitens.
    pub(crate) fn check(self) -> Result<(), ShapeError> {
        let refuse = |number: f32, wanted| {
            Err(ShapeError::Setting { setting: self.name(), found: number.to_string(), wanted })
        };
        match (self, self.parameter()) {
            (_, Some(number)) if !number.is_finite() => refuse(number, "a finite number"),
            (Self::Whitening, _) => Err(ShapeError::Setting {
                setting: "an initializer",
                found: self.name().to_owned(),
                wanted: "another: it is for the kernel of a conv2d that reads the pictures",
            }),
            (Self::Constant { .. }, _) | (_, None) => Ok(()),
            (_, Some(spread)) if spread < 0.0 => refuse(spread, "a number of at least 0"),
            _ => Ok(()),
        }
    }
}

/// Uniform on `[0, 1)`, a multiple of 2⁻³².
fn uniform(rng: &mut impl Rng) -> f64 {
    f64::from(rng.next_u32()) / (1_u64 << 32) as f64
}

/// Standard normal, by the transform of Box and Muller (1958).
pub(crate) fn normal(rng: &mut impl Rng) -> f64 {
    // 1 - u is never 0, so the logarithm is finite.
    let radius = (-2.0 * (1.0 - uniform(rng)).ln()).sqrt();
    radius * (TAU * uniform(rng)).cos()
}

fn fill_uniform(limit: f64, rng: &mut impl Rng, out: &mut [f32]) {
    out.fill_with(|| ((2.0 * uniform(rng) - 1.0) * limit) as f32);
}

fn fill_normal(deviation: f64, rng: &mut impl Rng, out: &mut [f32]) {
    out.fill_with(|| (normal(rng) * deviation) as f32);
}

fn fill_truncated(deviation: f64, rng: &mut impl Rng, out: &mut [f32]) {
    out.fill_with(|| {
        loop {
            let value = normal(rng);
            if value.abs() < 2.0 {
                break (value * deviation) as f32;
            }
        }
    });
}

/// A truncated normal whose variance after the cut is `variance`.
fn fill_scaled(variance: f64, rng: &mut impl Rng, out: &mut [f32]) {
    /// Standard deviation of a standard normal cut off at ±2.
    const AFTER_CUT: f64 = 0.879_625_661_034_239_8;
    fill_truncated(variance.sqrt() / AFTER_CUT, rng, out);
}

impl fmt::Display for Initializer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self.parameter() {
            Some(number) if !Self::ALL.contains(self) => write!(f, "({number})"),
            _ => Ok(()),
        }
    }
}

impl FromStr for Initializer {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let unknown = || UnknownName::new("initialiser", text, Self::ALL.iter().map(Self::name));
        let (name, number) = name_and_number(text).ok_or_else(unknown)?;
        let default = Self::ALL.into_iter().find(|one| one.name() == name).ok_or_else(unknown)?;
        number.map_or(Some(default), |number| default.with_parameter(number)).ok_or_else(unknown)
    }
}

impl TryFrom<String> for Initializer {
    type Error = UnknownName;

    fn try_from(text: String) -> Result<Self, UnknownName> {
        text.parse()
    }
}

impl From<Initializer> for String {
    fn from(initializer: Initializer) -> Self {
        initializer.to_string()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    struct Sample {
        mean: f64,
        deviation: f64,
        largest: f64,
    }

    fn sample(initializer: Initializer, shape: &[usize]) -> Sample {
        let mut values = vec![0.0_f32; shape.iter().product()];
        initializer.fill(shape, &mut ChaCha8Rng::seed_from_u64(7), &mut values);
        let n = values.len() as f64;
        let values = values.iter().map(|&value| f64::from(value));
        let mean = values.clone().sum::<f64>() / n;
        let variance = values.clone().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
        Sample {
            mean,
            deviation: variance.sqrt(),
            largest: values.fold(0.0, |most, value| most.max(value.abs())),
        }
    }

    /// A standard deviation estimated from n values is off by about σ/√(2n); these samples have 57,600 values or more.
    fn assert_close(found: f64, wanted: f64) {
        assert!((found - wanted).abs() <= 0.02 * wanted, "found {found}, wanted {wanted}");
    }

    #[test]
    fn scaled_kinds_have_the_published_deviation() {
        // A 3x3 kernel of 80 inputs and 80 outputs a tap: fans of 720; a dense one of 300 inputs, 200 outputs.
        let conv = [3, 3, 80, 80];
        let dense = [300, 200];
        for (initializer, of_conv, of_dense) in [
            (Initializer::GlorotUniform, 2.0 / 1440.0, 2.0 / 500.0),
            (Initializer::GlorotNormal, 2.0 / 1440.0, 2.0 / 500.0),
            (Initializer::HeUniform, 2.0 / 720.0, 2.0 / 300.0),
            (Initializer::HeNormal, 2.0 / 720.0, 2.0 / 300.0),
            (Initializer::LecunUniform, 1.0 / 720.0, 1.0 / 300.0),
            (Initializer::LecunNormal, 1.0 / 720.0, 1.0 / 300.0),
        ] {
            for (shape, variance) in [(&conv[..], of_conv), (&dense[..], of_dense)] {
                let sample = sample(initializer, shape);
                let deviation = f64::sqrt(variance);
                assert_close(sample.deviation, deviation);
                assert!(sample.mean.abs() < 0.02 * deviation, "{initializer}: mean {}", sample.mean);
                // √3 deviations for the uniform kinds; 2 / 0.8796 for the normal ones.
                let limit = if initializer.name().ends_with("uniform") { 3.0_f64.sqrt() } else { 2.273_7 };
                let limit = limit * deviation;
                assert!(sample.largest <= limit && sample.largest > 0.99 * limit, "{initializer}");
            }
        }
    }

    #[test]
    fn plain_kinds_have_their_parameters() {
        let shape = [100_000];
        assert_close(sample(Initializer::RandomNormal { deviation: 0.05 }, &shape).deviation, 0.05);
        assert!(sample(Initializer::RandomNormal { deviation: 0.05 }, &shape).largest > 0.15);
        assert_close(
            sample(Initializer::RandomUniform { limit: 0.2 }, &shape).deviation,
            0.2 / 3.0_f64.sqrt(),
        );
        // A 3x3 kernel of 32 inputs and 200 outputs.
        let fan_out = sample(Initializer::HeNormalFanOut, &[3, 3, 32, 200]);
        assert_close(fan_out.deviation, (2.0_f64 / 1800.0).sqrt());
        assert!(fan_out.largest > 3.0 * fan_out.deviation, "it is not cut off");
        let truncated = sample(Initializer::TruncatedNormal { deviation: 1.0 }, &shape);
        assert_close(truncated.deviation, 0.8796);
        assert!(truncated.largest <= 2.0);
        assert_eq!(sample(Initializer::Ones, &shape).mean, 1.0);
        assert_eq!(sample(Initializer::Zeros, &shape).largest, 0.0);
        assert_eq!(sample(Initializer::Constant { value: 0.5 }, &shape).mean, 0.5);
    }

    #[test]
    fn the_same_seed_gives_the_same_values() {
        let fill = |seed| {
            let mut values = [0.0_f32; 64];
            Initializer::HeNormal.fill(&[8, 8], &mut ChaCha8Rng::seed_from_u64(seed), &mut values);
            values
        };
        assert_eq!(fill(1), fill(1));
        assert_ne!(fill(1), fill(2));
    }

    #[test]
    fn names_round_trip() {
        let odd = [Initializer::Constant { value: -0.5 }, Initializer::RandomNormal { deviation: 0.02 }];
        for initializer in Initializer::ALL.into_iter().chain(odd) {
            assert_eq!(initializer.to_string().parse(), Ok(initializer));
        }
        assert!("glorot_uniform(2)".parse::<Initializer>().is_err());
        let message = "xavier_uniform".parse::<Initializer>().unwrap_err().to_string();
        assert!(message.contains("glorot_uniform"), "{message}");
    }

    #[test]
    fn parameters_are_checked() {
        assert!(Initializer::RandomNormal { deviation: -1.0 }.check().is_err());
        assert!(Initializer::Constant { value: f32::INFINITY }.check().is_err());
        assert!(Initializer::Constant { value: -1.0 }.check().is_ok());
    }
}
