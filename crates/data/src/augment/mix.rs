//! Pictures of a batch mixed with each other.

use super::change::{Area, happens};
use super::settings::Mix;
use rand::{Rng, RngExt};
use rand_distr::{Beta, Distribution};

/// How a picture's labels are to be mixed: `share` of its own and the rest of that of the next picture in the batch, the first
/// after the last.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Mixing {
    /// All of its own.
    None,
    /// Each value mixed.
    Mixup { share: f32 },
    /// An area taken from the next picture.
    CutMix { area: Area },
}

impl Mix {
    fn draw(&self, [height, width]: [usize; 2], random: &mut impl Rng) -> Mixing {
        let cuts = match (self.mixup > 0.0, self.cutmix > 0.0) {
            (true, true) => random.random::<bool>(),
            (false, true) => true,
            (true, false) => false,
            (false, false) => return Mixing::None,
        };
        if !happens(random, self.probability) {
            return Mixing::None;
        }
        let alpha = if cuts { self.cutmix } else { self.mixup };
        let share = symmetric_beta(alpha, random);
        if !cuts {
            return Mixing::Mixup { share: share as f32 };
        }
        let side = |len: usize| (len as f64 * (1.0 - share).sqrt()) as usize;
        let part = |len: usize, side: usize, centre: usize| {
            let start = centre.saturating_sub(side / 2);
            (start, (centre + side / 2).min(len) - start)
        };
        let (x, y) = (random.random_range(0..width), random.random_range(0..height));
        let ((left, w), (top, h)) = (part(width, side(width), x), part(height, side(height), y));
        if w == 0 || h == 0 {
            return Mixing::None;
        }
        Mixing::CutMix { area: Area { left, top, width: w, height: h } }
    }

    /// Mixes pictures of one shape with their next ones, in place; the share of its own that each picture keeps, and so its label.
    pub(crate) fn apply(
        &self,
        [height, width, channels]: [usize; 3],
        images: &mut [f32],
        random: &mut impl Rng,
    ) -> Vec<f32> {
        let len = height * width * channels;
        let n = images.len() / len;
        if n < 2 {
            return vec![1.0; n];
        }
        // The last picture takes from the first as it was.
        let first = images[..len].to_vec();
        let mut shares = Vec::with_capacity(n);
        for i in 0..n {
            let (own, next) = images[i * len..].split_at_mut(len);
            let next = if i + 1 == n { &first[..] } else { &next[..len] };
            shares.push(match self.draw([height, width], random) {
                Mixing::None => 1.0,
                Mixing::Mixup { share } => {
                    own.iter_mut()
                        .zip(next)
                        .for_each(|(own, next)| *own = share * *own + (1.0 - share) * next);
                    share
                }
                Mixing::CutMix { area } => {
                    for row in area.rows(width, channels) {
                        own[row.clone()].copy_from_slice(&next[row]);
                    }
                    1.0 - (area.width * area.height) as f32 / (height * width) as f32
                }
            });
        }
        shares
    }
}

/// A draw from Beta(alpha, alpha). A tiny alpha, for which both of its parts vanish, gives one of the ends, as in the limit.
fn symmetric_beta(alpha: f64, random: &mut impl Rng) -> f64 {
    let share = Beta::new(alpha, alpha).map_or(1.0, |beta| beta.sample(random));
    if share.is_finite() { share.clamp(0.0, 1.0) } else { f64::from(u8::from(random.random::<bool>())) }
}
