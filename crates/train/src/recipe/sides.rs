//! How large photos are, in pixels, while a network learns from them and when it classifies them.

use super::{Facts, LEAST, Machine, PHOTO_NETWORK, Stated};
use crate::config::Length;

/// The sides that photos may come to while a network learns from them, the usual one first.
const LEARNT: [usize; 4] = [96, 80, 64, 48];
/// By how much larger they are classified where parts of them are enlarged while it learns: things look 1.17 times as large in these, the mean of 1/sqrt(a) over
/// shares a from a half to 1.
const WHOLE: usize = 16;
/// Multiplications that [`PHOTO_NETWORK`] makes for each pixel of a picture.
pub(super) const OF_PIXEL: f64 = 23_904.0;
/// What a step costs beside classifying: forward, and backward to the data and to the weights.
const PASSES: f64 = 3.0;

/// The time that a training has for so many photos.
#[derive(Clone, Copy)]
pub(super) struct Time {
    minutes: f64,
    machine: Machine,
    images: usize,
}

impl Time {
    /// None where nobody has said how long a training may take.
    pub(super) fn of(facts: &Facts, stated: &Stated) -> Option<Self> {
        let (machine, images) = (facts.machine, facts.parts.images);
        stated.minutes.map(|minutes| Self { minutes, machine, images })
    }

    /// How often each picture would be seen, were all of that side.
    fn epochs(self, side: usize) -> f64 {
        let of_epoch = PASSES * OF_PIXEL * (side * side * self.images.max(1)) as f64;
        self.minutes * 60.0 * self.machine.speed() / of_epoch
    }

    /// How often each picture will be seen, about: pictures that grow cost less, and fewer products are computed than are reckoned. Where 54 epochs
    /// at the usual side are reckoned, 91 were seen, and 240 where 109 are.
    pub(super) fn seen(self) -> f64 {
        2.0 * self.epochs(LEARNT[0])
    }

    /// Half as many epochs as there would be if nothing were said of the time.
    fn least_epochs(self) -> f64 {
        f64::from(Length::Auto.epochs(self.images).unwrap_or(1)) / 2.0
    }
}

/// The side that photos are classified at, the largest that leaves time for enough epochs, and whether it is less than usual. `crops` tells whether parts of
/// them are enlarged while the network learns.
pub(super) fn photo_size(time: Option<Time>, crops: bool) -> (usize, bool) {
    let leaves_time = |side: usize| time.is_none_or(|time| time.epochs(side) >= time.least_epochs());
    let [usual, .., least] = LEARNT;
    let learnt = LEARNT.into_iter().find(|side| leaves_time(*side)).unwrap_or(least);
    (if crops { learnt + WHOLE } else { learnt }, learnt < usual)
}

/// The sides that pictures begin with and come to while a network learns to classify pictures of `size`: none where all are of that one. Where parts
/// of photos are enlarged (`crops`), six sevenths of it are as much as they come to.
pub(crate) fn learnt_sides(architecture: &str, size: usize, crops: bool) -> (Option<usize>, Option<usize>) {
    let end = if crops { in_grains(size * 6 / 7) } else { size };
    match begun_with(end) {
        Some(start) if architecture == PHOTO_NETWORK => (Some(start), crops.then_some(end)),
        _ => (None, None),
    }
}

/// The side that pictures begin with which come to `end`: two thirds of it, unless that is too small.
pub(super) fn begun_with(end: usize) -> Option<usize> {
    Some(in_grains(end * 2 / 3)).filter(|start| *start >= LEAST)
}

/// Sides are multiples of eight, where nobody has stated them.
fn in_grains(side: usize) -> usize {
    side / 8 * 8
}
