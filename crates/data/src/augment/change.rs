//! What is done to one picture in one epoch.

use super::affine::Affine;
use super::colour::Colour;
use super::curve::Curve;
use super::settings::{Augment, Crop, Erase};
use super::turn::Turn;
use rand::{Rng, RngExt};

/// What is done to one picture: moved in one resampling, then its levels, colours and sharpness changed, noise added, a part erased.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change {
    /// None where nothing moves.
    pub(super) map: Option<Affine>,
    pub(super) curves: Vec<Curve>,
    pub(super) tones: Vec<Tone>,
    /// 1 where nothing changes.
    pub(super) sharpness: f32,
    /// The standard deviation of a blur in pixels; 0 for none.
    pub(super) blur: f32,
    pub(super) noise: Option<Noise>,
    pub(super) erased: Option<Area>,
}

/// A change of colours; contrast hangs on the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Tone {
    Brightness(f32),
    Contrast(f32),
    Saturation(f32),
    Hue(f32),
}

/// Normally distributed noise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Noise {
    /// In levels.
    pub(super) deviation: f32,
    pub(super) seed: u64,
}

/// A rectangle of pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Default for Change {
    fn default() -> Self {
        Self {
            map: None,
            curves: Vec::new(),
            tones: Vec::new(),
            sharpness: 1.0,
            blur: 0.0,
            noise: None,
            erased: None,
        }
    }
}

impl Change {
    /// Draws a change anew, for pictures `[height, width]`.
    pub(super) fn draw(&mut self, augment: &Augment, shape: [usize; 2], turn: Turn, random: &mut impl Rng) {
        self.curves.clear();
        self.tones.clear();
        let (curves, tones) = (std::mem::take(&mut self.curves), std::mem::take(&mut self.tones));
        *self = Self { curves, tones, ..Self::default() };
        self.draw_map(augment, shape, turn, random);
        self.draw_tones(augment, random);
        if let Some(policy) = augment.policy {
            policy.draw(shape, random, self);
        }
        if let Some(blur) = augment.blur
            && happens(random, blur.probability)
        {
            self.blur = between(random, blur.sigma);
        }
        if augment.noise > 0.0 {
            let deviation = between(random, [0.0, augment.noise]) * 255.0;
            self.noise = Some(Noise { deviation, seed: random.random() });
        }
        if let Some(erase) = augment.erase
            && happens(random, erase.probability)
        {
            self.erased = Area::to_erase(&erase, shape, random);
        }
    }

    /// True where levels stay what they are: the picture is moved at most, and a part of it erased.
    pub(super) fn keeps_levels(&self) -> bool {
        self.curves.is_empty()
            && self.tones.is_empty()
            && self.sharpness == 1.0
            && self.blur == 0.0
            && self.noise.is_none()
    }

    /// Moves the picture, after what moves it already.
    pub(super) fn moves(&mut self, map: Affine) {
        self.map = Some(self.map.unwrap_or(Affine::IDENTITY).then(map));
    }

    fn draw_map(
        &mut self,
        augment: &Augment,
        [height, width]: [usize; 2],
        turn: Turn,
        random: &mut impl Rng,
    ) {
        let (height, width) = (height as f32, width as f32);
        if let Some(crop) = augment.crop {
            self.moves(draw_crop(&crop, [height, width], random));
        }
        if augment.flip > 0.0 || augment.flip_vertical > 0.0 {
            // Two that came by turns would come together.
            let (horizontal, vertical) = (turn.comes(augment.flip), happens(random, augment.flip_vertical));
            if horizontal || vertical {
                self.moves(Affine::mirror(horizontal, vertical));
            }
        }
        if augment.zoom > 0.0 {
            self.moves(Affine::zoom(1.0 + about_zero(random, augment.zoom)));
        }
        if augment.rotate > 0.0 {
            self.moves(Affine::turn(about_zero(random, augment.rotate).to_radians()));
        }
        if augment.shear > 0.0 {
            let [x, y] = [(); 2].map(|()| about_zero(random, augment.shear).to_radians().tan());
            self.moves(Affine::shear(x, 0.0).then(Affine::shear(0.0, y)));
        }
        if augment.shift > 0.0 {
            let (x, y) = (about_zero(random, augment.shift), about_zero(random, augment.shift));
            self.moves(Affine::shift(x * width, y * height));
        }
        self.draw_whole_shift(augment.shift_pixels, random);
    }

    /// Moves the picture by whole pixels, after all else has moved it.
    fn draw_whole_shift(&mut self, most: u32, random: &mut impl Rng) {
        let most = most.cast_signed();
        if most > 0 {
            let [x, y] = [(); 2].map(|()| random.random_range(-most..=most));
            if (x, y) != (0, 0) {
                self.moves(Affine::shift(x as f32, y as f32));
            }
        }
    }

    fn draw_tones(&mut self, augment: &Augment, random: &mut impl Rng) {
        let mut draw = |reach: f64, tone: &dyn Fn(f32) -> Tone| {
            if reach > 0.0 {
                self.tones.push(tone(about_zero(random, reach)));
            }
        };
        draw(augment.brightness, &|by| Tone::Brightness(1.0 + by));
        draw(augment.contrast, &|by| Tone::Contrast(1.0 + by));
        draw(augment.saturation, &|by| Tone::Saturation(1.0 + by));
        draw(augment.hue, &Tone::Hue);
        if augment.grey > 0.0 && happens(random, augment.grey) {
            self.tones.push(Tone::Saturation(0.0));
        }
    }

    /// The change of colours of a picture whose mean colour is `mean`.
    pub(super) fn colour(&self, mean: impl FnOnce() -> [f32; 3]) -> Colour {
        let has_contrast = self.tones.iter().any(|tone| matches!(tone, Tone::Contrast(_)));
        let mean = if has_contrast { mean() } else { [0.0; 3] };
        self.tones.iter().fold(Colour::IDENTITY, |colour, tone| {
            colour.then(match *tone {
                Tone::Brightness(factor) => Colour::brightness(factor),
                Tone::Contrast(factor) => Colour::contrast(factor, colour.luma_of(mean)),
                Tone::Saturation(factor) => Colour::saturation(factor),
                Tone::Hue(share) => Colour::hue(share),
            })
        })
    }
}

/// A part of the picture, as torchvision's `RandomResizedCrop` draws it: ten times until one fits, else all of it.
fn draw_crop(crop: &Crop, [height, width]: [f32; 2], random: &mut impl Rng) -> Affine {
    for _ in 0..10 {
        let (area, aspect) = (between(random, crop.area), log_between(random, crop.aspect));
        let shares = [(area * aspect).sqrt(), (area / aspect).sqrt()];
        if shares.iter().all(|&share| share <= 1.0) {
            let [x, y] = shares.map(|share| (random.random::<f32>() - 0.5) * (1.0 - share));
            return Affine::crop(shares, [x * width, y * height]);
        }
    }
    Affine::IDENTITY
}

impl Area {
    /// As torchvision's `RandomErasing` draws it: ten times until one fits, else none.
    fn to_erase(erase: &Erase, [height, width]: [usize; 2], random: &mut impl Rng) -> Option<Self> {
        let pixels = (height * width) as f32;
        (0..10).find_map(|_| {
            let (area, aspect) = (between(random, erase.area) * pixels, log_between(random, erase.aspect));
            let (h, w) = ((area * aspect).sqrt().round() as usize, (area / aspect).sqrt().round() as usize);
            let fits = (1..=height).contains(&h) && (1..=width).contains(&w);
            fits.then(|| Self {
                left: random.random_range(0..=width - w),
                top: random.random_range(0..=height - h),
                width: w,
                height: h,
            })
        })
    }

    /// The ranges of its rows in an image `[_, width, channels]`.
    pub(super) fn rows(self, width: usize, channels: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
        (self.top..self.top + self.height).map(move |y| {
            let start = (y * width + self.left) * channels;
            start..start + self.width * channels
        })
    }
}

/// Whether something of that probability happens.
pub(super) fn happens(random: &mut impl Rng, probability: f64) -> bool {
    random.random::<f64>() < probability
}

/// A number drawn evenly from `-reach..reach`.
fn about_zero(random: &mut impl Rng, reach: f64) -> f32 {
    (random.random::<f32>() * 2.0 - 1.0) * reach as f32
}

/// A number drawn evenly from a range.
fn between(random: &mut impl Rng, [low, high]: [f64; 2]) -> f32 {
    (low + (high - low) * random.random::<f64>()) as f32
}

/// A number above 0 whose logarithm is drawn evenly from that of a range.
fn log_between(random: &mut impl Rng, range: [f64; 2]) -> f32 {
    between(random, range.map(f64::ln)).exp()
}
