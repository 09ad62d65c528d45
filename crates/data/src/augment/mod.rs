//! Random changes to training images that leave their class what it is.

mod warp;

use crate::dataset::{Dataset, LabelKind};
use crate::preprocess::Scaling;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};
use warp::{Affine, Canvas};

/// How far training images may be changed at random. Each change is drawn anew for every image in every epoch.
///
/// Images are resampled bilinearly, once for all geometric changes; beyond the edge, the edge repeats.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augment {
    /// Mirror left to right, half of the time.
    pub flip: bool,
    /// Shift by up to this share of the side, in both directions; 0 to 1.
    pub shift: f32,
    /// Enlarge or shrink by up to this share; 0 to 0.5.
    pub zoom: f32,
    /// Rotate by up to this many degrees either way; 0 to 180.
    pub rotate: f32,
    /// Brighten or darken by up to this share of full white; 0 to 1.
    pub brightness: f32,
    /// Raise or lower contrast about mid-grey by up to this share; 0 to 1.
    pub contrast: f32,
}

impl Default for Augment {
    fn default() -> Self {
        Self::none()
    }
}

impl Augment {
    /// No change.
    pub fn none() -> Self {
        Self { flip: false, shift: 0.0, zoom: 0.0, rotate: 0.0, brightness: 0.0, contrast: 0.0 }
    }

    /// Changes that leave almost any picture what it is: mirrored, shifted and zoomed by up to a tenth, rotated by up to 8 degrees,
    /// a tenth of brightness and contrast.
    pub fn light() -> Self {
        Self { flip: true, shift: 0.1, zoom: 0.1, rotate: 8.0, brightness: 0.1, contrast: 0.1 }
    }

    /// [`Self::light`] without what would change a label of this dataset: mirroring turns left into right, and digits and letters
    /// into nothing at all. [`check::names`](crate::check::names) gives the reason.
    pub fn light_for(dataset: &Dataset) -> Self {
        Self { flip: mirror_hazard(dataset).is_none(), ..Self::light() }
    }

    /// True where images stay as they are.
    pub fn is_none(&self) -> bool {
        *self == Self::none()
    }

    fn moves_pixels(&self) -> bool {
        self.flip || self.shift != 0.0 || self.zoom != 0.0 || self.rotate != 0.0
    }
}

/// Why mirrored images may no longer be what their label says, by the names of the classes: a clause about mirroring.
pub(crate) fn mirror_hazard(dataset: &Dataset) -> Option<String> {
    let names = dataset.classes();
    if !names.is_empty() && names.iter().all(|name| name.chars().count() == 1 || is_number(name)) {
        let kind = if names.iter().all(|name| is_number(name)) { "numbers" } else { "single characters" };
        return Some(format!("the groups are named by {kind}, and mirrored digits and letters are wrong"));
    }
    let sided = names.iter().find(|name| words(name).any(|word| word == "left" || word == "right"))?;
    let what = match dataset.label_kind() {
        LabelKind::Classes => "group",
        LabelKind::MultiLabel => "label",
    };
    Some(format!("that would exchange left and right, and there is a {what} called {sided}"))
}

fn is_number(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_digit())
}

/// The words of a class name, lower case: `turnLeft_sign` is turn, left, sign.
pub(crate) fn words(name: &str) -> impl Iterator<Item = String> {
    let mut words = vec![String::new()];
    let mut previous_is_lower = false;
    for c in name.chars() {
        if !c.is_alphabetic() || (c.is_uppercase() && previous_is_lower) {
            words.push(String::new());
        }
        if c.is_alphabetic() {
            words.last_mut().expect("there is always a last word").extend(c.to_lowercase());
        }
        previous_is_lower = c.is_lowercase();
    }
    words.into_iter()
}

/// Applies an [`Augment`] to images of one shape, with scratch memory kept from one to the next.
pub(crate) struct Augmenter<'a> {
    augment: &'a Augment,
    gain_and_bias: Vec<(f32, f32)>,
    canvas: Canvas,
}

impl<'a> Augmenter<'a> {
    /// For images `[height, width, channels]`.
    pub(crate) fn new(augment: &'a Augment, shape: [usize; 3], scaling: &Scaling) -> Self {
        Self { augment, gain_and_bias: scaling.gain_and_bias(), canvas: Canvas::new(shape) }
    }

    /// Changes and scales an image.
    pub(crate) fn apply(&mut self, bytes: &[u8], random: &mut impl Rng, values: &mut [f32]) {
        let map = self.draw_map(random);
        let tone = self.draw_tone(random);
        if self.augment.moves_pixels() {
            self.canvas.warp(bytes, &map, &tone, values);
        } else {
            self.canvas.scale(bytes, &tone, values);
        }
    }

    fn draw_map(&self, random: &mut impl Rng) -> Affine {
        let augment = self.augment;
        let flip = random.random::<bool>() && augment.flip;
        let zoom = 1.0 + within(random, augment.zoom, 0.5);
        let angle = within(random, augment.rotate, 180.0).to_radians();
        let shift = [within(random, augment.shift, 1.0), within(random, augment.shift, 1.0)];
        self.canvas.map(flip, zoom, angle, shift)
    }

    /// The scaling after a change of brightness and contrast, as `byte * gain + bias` for each channel.
    fn draw_tone(&self, random: &mut impl Rng) -> Vec<(f32, f32)> {
        let brightness = within(random, self.augment.brightness, 1.0) * 255.0;
        let contrast = 1.0 + within(random, self.augment.contrast, 1.0);
        // contrast * (byte - 127.5) + 127.5 + brightness, put into gain * x + bias
        let offset = 127.5 * (1.0 - contrast) + brightness;
        self.gain_and_bias.iter().map(|&(gain, bias)| (gain * contrast, gain * offset + bias)).collect()
    }
}

/// A number drawn evenly from `-reach..reach`, where `reach` is at most `most`.
fn within(random: &mut impl Rng, reach: f32, most: f32) -> f32 {
    (random.random::<f32>() * 2.0 - 1.0) * reach.clamp(0.0, most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Channels;
    use crate::rng::{Purpose, keyed};

    fn augmented(augment: &Augment, bytes: &[u8], draw: u64) -> Vec<f32> {
        let mut values = vec![0.0; bytes.len()];
        let scaling = Scaling::unit(Channels::Rgb);
        let mut augmenter = Augmenter::new(augment, [4, 4, 3], &scaling);
        augmenter.apply(bytes, &mut keyed(Purpose::Augment, 0, 0, draw), &mut values);
        values
    }

    #[test]
    fn no_augmentation_is_scaling_alone() {
        let bytes: Vec<u8> = (0..48).map(|i| i * 5).collect();
        let mut scaled = vec![0.0; 48];
        Scaling::unit(Channels::Rgb).apply(&bytes, &mut scaled);
        for draw in 0..20 {
            assert_eq!(augmented(&Augment::none(), &bytes, draw), scaled);
        }
    }

    #[test]
    fn brightness_and_contrast_stay_within_their_reach() {
        let bytes = [51; 48]; // 0.2 of white
        let values = |augment: Augment| -> Vec<f32> {
            (0..200).map(|draw| augmented(&augment, &bytes, draw)[0]).collect()
        };
        let range = |values: &[f32]| {
            (values.iter().copied().fold(1.0, f32::min), values.iter().copied().fold(0.0, f32::max))
        };
        let (low, high) = range(&values(Augment { brightness: 0.1, ..Augment::none() }));
        assert!((0.1..0.11).contains(&low) && (0.29..=0.3).contains(&high), "{low} {high}");
        // 0.2 lies 0.3 below mid-grey; half of that more or less.
        let (low, high) = range(&values(Augment { contrast: 0.5, ..Augment::none() }));
        assert!((0.05..0.06).contains(&low) && (0.34..=0.35).contains(&high), "{low} {high}");
    }

    #[test]
    fn half_of_the_images_are_mirrored() {
        let bytes: Vec<u8> = (0..48).collect();
        let plain = augmented(&Augment::none(), &bytes, 0);
        let flip = Augment { flip: true, ..Augment::none() };
        let mirrored = (0..1000).filter(|&draw| augmented(&flip, &bytes, draw) != plain).count();
        assert!((430..570).contains(&mirrored), "{mirrored}");
    }

    #[test]
    fn settings_beyond_reason_do_no_harm() {
        let wild = f32::MAX;
        for value in [wild, -wild, f32::NAN, f32::INFINITY] {
            let augment = Augment {
                flip: true,
                shift: value,
                zoom: value,
                rotate: value,
                brightness: value,
                contrast: value,
            };
            (0..50).for_each(|draw| drop(augmented(&augment, &[7; 48], draw)));
        }
    }
}
