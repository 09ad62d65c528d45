//! Very many small pictures.

use std::f32::consts::TAU;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use image::{ImageFormat, Rgb, RgbImage};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Height and width.
const SIDE: u32 = 32;
/// Pictures in a folder.
const A_FOLDER: usize = 1000;

/// What the pictures are like.
#[derive(Clone, Copy)]
pub(super) enum Many {
    /// Scenes of large and small forms, no two alike.
    Different,
    /// One scene, with noise of its own in each.
    Alike,
    /// One scene.
    Equal,
    /// One colour.
    Blank,
}

impl Many {
    pub(super) const ALL: [Self; 4] = [Self::Different, Self::Alike, Self::Equal, Self::Blank];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Different => "different",
            Self::Alike => "alike",
            Self::Equal => "equal",
            Self::Blank => "blank",
        }
    }

    pub(super) fn described(self) -> &'static str {
        match self {
            Self::Different => "no two alike",
            Self::Alike => "all alike",
            Self::Equal => "all equal",
            Self::Blank => "all of one colour",
        }
    }

    /// Writes `n` of them.
    pub(super) fn draw(self, n: usize, folder: &Path) -> Result<()> {
        super::emptied(folder)?;
        for i in 0..n {
            let group = folder.join(["a", "b"][i % 2]).join((i / A_FOLDER).to_string());
            if i % A_FOLDER < 2 {
                fs::create_dir_all(&group)?;
            }
            let path = group.join(format!("{i}.png"));
            let picture = self.picture(i as u64);
            picture.save_with_format(&path, ImageFormat::Png).with_context(|| path.display().to_string())?;
        }
        Ok(())
    }

    fn picture(self, i: u64) -> RgbImage {
        match self {
            Self::Different => scene(i),
            Self::Alike => {
                let mut random = ChaCha8Rng::seed_from_u64(i);
                let mut picture = scene(0);
                for value in picture.iter_mut() {
                    *value = value.saturating_add(random.random_range(0..12));
                }
                picture
            }
            Self::Equal => scene(0),
            Self::Blank => RgbImage::from_pixel(SIDE, SIDE, Rgb([40, 90, 160])),
        }
    }
}

/// Waves of all lengths in all directions, the longer the stronger, as in photos; each colour with a part of its own.
fn scene(seed: u64) -> RgbImage {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut light = [[0.0_f32; 3]; (SIDE * SIDE) as usize];
    for _ in 0..24 {
        let frequency = 0.5 * 2_f32.powf(random.random_range(0.0..=4.0));
        let (angle, phase) = (random.random_range(0.0..TAU), random.random_range(0.0..TAU));
        let strength = [(); 3].map(|()| random.random_range(0.5..=1.0_f32) / frequency);
        // sin(a + b) = sin a cos b + cos a sin b: the angles of columns and rows are needed once.
        let along = |by: f32, phase: f32| -> Vec<(f32, f32)> {
            (0..SIDE).map(|at| (TAU * by * at as f32 / SIDE as f32 + phase).sin_cos()).collect()
        };
        let (columns, rows) = (along(frequency * angle.cos(), phase), along(frequency * angle.sin(), 0.0));
        let places = rows.iter().flat_map(|row| columns.iter().map(move |column| (row, column)));
        for (colours, (row, column)) in light.iter_mut().zip(places) {
            let wave = column.0 * row.1 + column.1 * row.0;
            for (colour, strength) in colours.iter_mut().zip(strength) {
                *colour += strength * wave;
            }
        }
    }
    RgbImage::from_fn(SIDE, SIDE, |x, y| {
        Rgb(light[(y * SIDE + x) as usize].map(|value| (128.0 + 40.0 * value).clamp(0.0, 255.0) as u8))
    })
}
