//! Single changes beside those of Pillow and torchvision: `tests/reference/augment.py` made their values.

use super::super::affine::Affine;
use super::super::change::{Change, Tone};
use super::super::curve::Curve;
use super::super::filter::Filter;
use super::super::warp::Canvas;
use crate::decode::{Channels, Pixels};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Reference {
    height: usize,
    width: usize,
    picture: Vec<u8>,
    made: BTreeMap<String, Vec<f32>>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../../../tests/reference/augment.json")).unwrap()
}

impl Reference {
    fn levels(&self) -> Vec<f32> {
        self.picture.iter().map(|&byte| f32::from(byte)).collect()
    }

    /// The largest distance from what another program made, over pixels at least `margin` from the edge, in levels.
    fn distance(&self, name: &str, values: &[f32], margin: usize) -> f32 {
        let inner = |i: &usize| {
            let (x, y) = (i / 3 % self.width, i / 3 / self.width);
            (margin..self.width - margin).contains(&x) && (margin..self.height - margin).contains(&y)
        };
        let off = |i: usize| (values[i].clamp(0.0, 255.0) - self.made[name][i]).abs();
        (0..values.len()).filter(inner).map(off).fold(0.0, f32::max)
    }
}

#[test]
fn colours_change_as_in_torchvision() {
    let reference = reference();
    for (name, tone) in [
        ("brightness", Tone::Brightness(1.3)),
        ("contrast", Tone::Contrast(0.6)),
        ("saturation", Tone::Saturation(1.7)),
        ("grey", Tone::Saturation(0.0)),
    ] {
        let mut values = reference.levels();
        let change = Change { tones: vec![tone], ..Change::default() };
        super::super::augmenter::recolour::<3>(&change, &mut values);
        let off = reference.distance(name, &values, 0);
        assert!(off < 0.1, "{name}: {off}");
    }
}

#[test]
fn levels_change_as_in_pillow() {
    let reference = reference();
    for (name, curve) in [
        ("posterise", Curve::Posterise(3)),
        ("solarise", Curve::Solarise(130.0)),
        ("auto_contrast", Curve::AutoContrast),
        ("equalise", Curve::Equalise),
    ] {
        let mut values = reference.levels();
        curve.apply::<3>(&mut values);
        assert_eq!(values, reference.made[name], "{name}");
    }
}

#[test]
fn pictures_are_sharpened_and_blurred_as_in_torchvision() {
    let reference = reference();
    let shape = [reference.height, reference.width, 3];
    let mut filter = Filter::default();
    let mut values = reference.levels();
    filter.sharpen(0.3, shape, &mut values);
    let off = reference.distance("sharpness", &values, 0);
    // It rounds the smoothed picture to levels.
    assert!(off < 0.6, "{off}");

    let mut values = reference.levels();
    filter.blur(1.0, shape, &mut values);
    // Beyond the edge it mirrors.
    let off = reference.distance("blur", &values, 3);
    assert!(off < 0.05, "{off}");
}

#[test]
fn pictures_move_as_in_torchvision() {
    let reference = reference();
    let Reference { height, width, .. } = reference;
    let pixels = Pixels::new(height, width, Channels::Rgb, reference.picture.clone()).unwrap();
    for (name, map, margin) in [
        ("turn", Affine::turn(20_f32.to_radians()), 4),
        ("zoom", Affine::zoom(1.4), 0),
        ("shift", Affine::shift(3.0, -2.0), 3),
        ("shear", Affine::shear(-15_f32.to_radians().tan(), 0.0), 3),
    ] {
        let mut values = vec![0.0; reference.picture.len()];
        Canvas::new([height, width]).warp::<3>(&pixels, &map, &mut values);
        let off = reference.distance(name, &values, margin);
        // Weights of eight bits in both directions, and bytes between them.
        assert!(off < 2.0, "{name}: {off}");
    }
}
