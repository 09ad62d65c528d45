//! A picture at a glance: small and grey, and its coarsest forms in a few numbers.

use crate::decode::{Channels, Pixels};
use crate::preprocess::scaled;
use std::f64::consts::PI;
use std::sync::LazyLock;

/// Height and width of the small picture.
pub(super) const SIDE: usize = 32;
/// Values of the small picture.
pub(super) const AREA: usize = SIDE * SIDE;
/// The highest frequency of the forms: waves along the rows and along the columns, added.
const HIGHEST: usize = 6;
/// How many numbers tell the forms: all frequencies up to the highest but the mean.
pub(super) const FORMS: usize = (HIGHEST + 1) * (HIGHEST + 2) / 2 - 1;
/// The standard deviation, in steps of 256 of light, below which the small picture is flat: noise of a stored picture would
/// decide how its forms lie.
const FLAT: f64 = 4.0;

/// What of a picture stays when it is saved anew, resized or cropped a little: the picture stretched to 32 x 32 in grey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Look(Box<[u8; AREA]>);

impl Look {
    /// The look of an upright picture; `None` for one that is too flat to be told from another by its look.
    pub(super) fn of(pixels: &Pixels) -> Option<Self> {
        let small = scaled(pixels, SIDE, SIDE).into_channels(Channels::Grey).into_bytes();
        let grey: Box<[u8; AREA]> = small.into_boxed_slice().try_into().ok()?;
        let mean = grey.iter().map(|&v| f64::from(v)).sum::<f64>() / AREA as f64;
        let variance = grey.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / AREA as f64;
        (variance >= FLAT * FLAT).then_some(Self(grey))
    }

    pub(super) fn as_bytes(&self) -> &[u8; AREA] {
        &self.0
    }

    pub(super) fn from_bytes(bytes: &[u8; AREA]) -> Self {
        Self(Box::new(*bytes))
    }

    /// Its light, `[row, column]`, seen in a mirror or not.
    pub(super) fn light(&self, mirrored: bool) -> Vec<f32> {
        let mut light: Vec<f32> = self.0.iter().map(|&v| f32::from(v)).collect();
        if mirrored {
            light.chunks_exact_mut(SIDE).for_each(<[f32]>::reverse);
        }
        light
    }

    /// Its coarsest forms.
    pub(super) fn forms(&self) -> Forms {
        let waves = &*WAVES;
        // Along the rows, then along the columns: the discrete cosine transform is separable.
        let mut along_rows = [[0.0_f32; HIGHEST + 1]; SIDE];
        for (row, sums) in self.0.chunks_exact(SIDE).zip(&mut along_rows) {
            for (wave, sum) in waves.iter().zip(sums) {
                *sum = wave.iter().zip(row).map(|(w, &v)| w * f32::from(v)).sum();
            }
        }
        let mut forms = [0.0; FORMS];
        for (form, (u, v)) in forms.iter_mut().zip(frequencies()) {
            *form = waves[u].iter().zip(&along_rows).map(|(w, row)| w * row[v]).sum();
        }
        let length = forms.iter().map(|form| form * form).sum::<f32>().sqrt();
        if length > 0.0 {
            for form in &mut forms {
                *form /= length;
            }
        }
        Forms(forms)
    }
}

/// The lowest frequencies of a look's discrete cosine transform without the mean, scaled to length 1: what is left of it at a
/// glance, whatever its brightness and contrast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Forms(pub(super) [f32; FORMS]);

impl Forms {
    /// Those of the picture in a mirror: waves with an odd number of half periods along a row change their sign.
    pub(super) fn mirrored(mut self) -> Self {
        for (form, (_, v)) in self.0.iter_mut().zip(frequencies()) {
            if v % 2 == 1 {
                *form = -*form;
            }
        }
        self
    }
}

/// The frequencies of the forms, down the columns and along the rows, the coarsest first.
fn frequencies() -> impl Iterator<Item = (usize, usize)> {
    (1..=HIGHEST).flat_map(|sum| (0..=sum).map(move |v| (sum - v, v)))
}

/// The orthonormal cosines of the discrete cosine transform (type II).
static WAVES: LazyLock<[[f32; SIDE]; HIGHEST + 1]> = LazyLock::new(|| {
    let mut waves = [[0.0; SIDE]; HIGHEST + 1];
    for (k, wave) in waves.iter_mut().enumerate() {
        let scale = if k == 0 { 1.0 } else { 2.0_f64 };
        for (x, value) in wave.iter_mut().enumerate() {
            let angle = PI * (2 * x + 1) as f64 * k as f64 / (2 * SIDE) as f64;
            *value = (angle.cos() * (scale / SIDE as f64).sqrt()) as f32;
        }
    }
    waves
});

#[cfg(test)]
mod tests {
    use super::*;

    /// Smooth stripes and a blob, so that no two forms are alike.
    fn drawn() -> Look {
        let value = |x: usize, y: usize| {
            let (x, y) = (x as f32 / 32.0, y as f32 / 32.0);
            128.0
                + 60.0 * (7.0 * x + 2.0 * y).sin()
                + 50.0 * (-8.0 * ((x - 0.3).powi(2) + (y - 0.7).powi(2))).exp()
        };
        let bytes = (0..AREA).map(|i| value(i % SIDE, i / SIDE) as u8).collect();
        Look::of(&Pixels::new(SIDE, SIDE, Channels::Grey, bytes).expect("a square")).expect("it is not flat")
    }

    #[test]
    fn forms_are_the_cosine_transform_by_its_definition() {
        let look = drawn();
        let transform = |u: usize, v: usize| -> f64 {
            let cosine = |k: usize, x: usize| (PI * (x as f64 + 0.5) * k as f64 / SIDE as f64).cos();
            let scale = |k: usize| if k == 0 { 1.0 } else { 2.0_f64.sqrt() };
            let sum: f64 =
                (0..AREA).map(|i| f64::from(look.0[i]) * cosine(u, i / SIDE) * cosine(v, i % SIDE)).sum();
            sum * scale(u) * scale(v)
        };
        let expected: Vec<f64> = frequencies().map(|(u, v)| transform(u, v)).collect();
        let length = expected.iter().map(|form| form * form).sum::<f64>().sqrt();
        assert_eq!(expected.len(), FORMS);
        for (form, expected) in look.forms().0.iter().zip(expected) {
            assert!((f64::from(*form) - expected / length).abs() < 1e-5, "{form} for {}", expected / length);
        }
    }

    #[test]
    fn mirrored_forms_are_those_of_the_mirrored_picture() {
        let look = drawn();
        let bytes = look.light(true).into_iter().map(|v| v as u8).collect();
        let mirrored = Look::of(&Pixels::new(SIDE, SIDE, Channels::Grey, bytes).expect("a square"));
        let mirrored = mirrored.expect("it is not flat").forms();
        for (a, b) in look.forms().mirrored().0.iter().zip(mirrored.0) {
            assert!((a - b).abs() < 1e-5, "{a} for {b}");
        }
    }

    #[test]
    fn what_is_flat_has_no_look() {
        let of = |low: u8, high: u8| {
            let bytes = (0..64 * 64).map(|i| if i % 64 < 32 { low } else { high }).collect();
            Look::of(&Pixels::new(64, 64, Channels::Grey, bytes).expect("a square"))
        };
        assert_eq!(of(90, 90), None);
        assert_eq!(of(90, 96), None);
        assert!(of(90, 100).is_some());
    }
}
