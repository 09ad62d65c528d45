//! What tells that two pictures are one.
//!
//! Equal pictures have one digest. Pictures that were saved anew, resized, mirrored or cropped a little have not, but look the same:
//!
//! 1. Each is stretched to 32 x 32 in grey ([`look`]). The lowest frequencies of its cosine transform are a point in space.
//! 2. Points near each other, or near to where the mirrored picture is, are found by a k-d tree ([`nearest`]).
//! 3. Of each such pair one picture is laid over the other, stretched and shifted a little, and their slopes are compared
//!    ([`align`]): this is the distance that is told.

mod align;
mod look;
mod nearest;

use crate::crew::Crew;
use crate::decode::Pixels;
use align::{Ground, Sheet};
use look::{AREA, Look};
use nearest::Tree;
use sha2::{Digest, Sha256};

/// What of a picture is kept to tell whether another is a copy of it: about 1 KiB, or nearly nothing for a flat picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    /// None for a picture of one colour: all of them are alike.
    digest: Option<Sum>,
    look: Option<Look>,
    /// The mean colour; of a grey picture three times the same.
    colour: Colour,
}

/// Red, green and blue.
type Colour = [u8; 3];

/// The first half of the SHA-256 of a picture's size and pixels.
pub(crate) type Sum = [u8; 16];

impl Fingerprint {
    /// Bytes of a fingerprint on disk.
    pub(crate) const LEN: usize = 1 + size_of::<Sum>() + size_of::<Colour>() + AREA;
    const HAS_DIGEST: u8 = 1;
    const HAS_LOOK: u8 = 2;

    /// The fingerprint of a decoded picture, upright and at its own size.
    pub(crate) fn of(pixels: &Pixels) -> Self {
        let digest = (!is_of_one_colour(pixels)).then(|| digest(pixels));
        Self { digest, look: digest.and_then(|_| Look::of(pixels)), colour: mean_colour(pixels) }
    }

    /// What equal pictures have in common, and only they; none for a picture of one colour.
    pub(crate) fn digest(&self) -> Option<&Sum> {
        self.digest.as_ref()
    }

    /// The fingerprint as it is written to disk.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let has = |is_there: bool, flag: u8| if is_there { flag } else { 0 };
        let flags = has(self.digest.is_some(), Self::HAS_DIGEST) | has(self.look.is_some(), Self::HAS_LOOK);
        let mut bytes = vec![flags];
        bytes.extend(self.digest.unwrap_or_default());
        bytes.extend(self.colour);
        bytes.extend(self.look.as_ref().map_or(&[0; AREA], Look::as_bytes));
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote; none for anything else.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&flags, rest) = bytes.split_first()?;
        let (digest, rest) = rest.split_first_chunk::<{ size_of::<Sum>() }>()?;
        let (colour, look) = rest.split_first_chunk::<{ size_of::<Colour>() }>()?;
        let look: &[u8; AREA] = look.try_into().ok()?;
        (flags <= Self::HAS_DIGEST | Self::HAS_LOOK).then(|| Self {
            digest: (flags & Self::HAS_DIGEST != 0).then_some(*digest),
            look: (flags & Self::HAS_LOOK != 0).then(|| Look::from_bytes(look)),
            colour: *colour,
        })
    }
}

fn is_of_one_colour(pixels: &Pixels) -> bool {
    let mut all = pixels.as_bytes().chunks_exact(pixels.channels().count());
    all.next().is_none_or(|first| all.all(|pixel| pixel == first))
}

fn mean_colour(pixels: &Pixels) -> Colour {
    let channels = pixels.channels().count();
    let mut sums = [0_u64; 3];
    for pixel in pixels.as_bytes().chunks_exact(channels) {
        for (c, sum) in sums.iter_mut().enumerate() {
            *sum += u64::from(pixel[c % channels]);
        }
    }
    let area = (pixels.height() * pixels.width()) as u64;
    sums.map(|sum| (sum / area) as u8)
}

fn digest(pixels: &Pixels) -> Sum {
    let mut hasher = Sha256::new();
    for number in [pixels.height(), pixels.width(), pixels.channels().count()] {
        hasher.update((number as u64).to_le_bytes());
    }
    hasher.update(pixels.as_bytes());
    let mut sum = Sum::default();
    sum.copy_from_slice(&hasher.finalize()[..size_of::<Sum>()]);
    sum
}

/// The farthest that the points of two copies lie from each other. Of photos cropped by 5 % of both sides, 19 in 20 lie within 0.33.
const RADIUS: f32 = 0.5;
/// How many of the nearest points are compared with a picture, and as many with its mirror image.
const MOST: usize = 16;
/// The distance up to which two pictures are taken for copies.
pub(crate) const NEAR: f32 = 0.2;

/// How far the mean colours of two copies lie from each other at the most, in levels of each channel: what lies in the outermost twentieth
/// of a picture hardly moves its mean by more.
const COLOURS_APART: u8 = 16;

/// Two pictures that look the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pair {
    /// Where they stand among those that were compared, the first below the second.
    pub(crate) indices: [usize; 2],
    /// The share of the slopes of one that the other has not, from 0 to [`NEAR`].
    pub(crate) distance: f32,
    /// Whether one is the mirror image of the other.
    pub(crate) mirrored: bool,
}

/// Pictures that look the same.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Alike {
    /// In the order of their indices.
    pub(crate) pairs: Vec<Pair>,
    /// Which pictures have so many others near them that only the nearest were compared, ascending.
    pub(crate) crowded: Vec<usize>,
}

/// Finds those of different pictures that look the same, in time that grows little faster than their number. The result does not
/// depend on the threads. `None` when cancelled.
pub(crate) fn alike(prints: &[&Fingerprint], crew: Crew<'_>) -> Option<Alike> {
    let looks: Vec<(usize, &Look)> =
        prints.iter().enumerate().filter_map(|(index, print)| Some((index, print.look.as_ref()?))).collect();
    let tree = Tree::new(looks.iter().map(|(index, look)| (*index, look.forms())));
    let found = crew.map(looks.len(), |at| candidates(&tree, looks[at].0, looks[at].1))?;
    let is_crowded = found.iter().zip(&looks).filter(|((_, is_crowded), _)| *is_crowded);
    let crowded = is_crowded.map(|(_, (index, _))| *index).collect();
    let mut candidates: Vec<Candidate> = found.into_iter().flat_map(|(candidates, _)| candidates).collect();
    candidates.sort_unstable();
    candidates.dedup();
    let of_one: Vec<&[Candidate]> = candidates.chunk_by(|(a, _), (b, _)| a[0] == b[0]).collect();
    let mut pairs = crew.map(of_one.len(), |at| judge(prints, of_one[at]))?.concat();
    // A picture that is its own mirror image is near in both ways.
    pairs.sort_unstable_by(|a, b| a.indices.cmp(&b.indices).then(a.distance.total_cmp(&b.distance)));
    pairs.dedup_by_key(|pair| pair.indices);
    Some(Alike { pairs, crowded })
}

/// Two pictures that may be copies: the first below the second, and whether in a mirror.
type Candidate = ([usize; 2], bool);

/// The pictures that may be copies of one, and whether there may be more.
fn candidates(tree: &Tree, index: usize, look: &Look) -> (Vec<Candidate>, bool) {
    let forms = look.forms();
    let mut found = (Vec::new(), false);
    for (place, mirrored) in [(forms, false), (forms.mirrored(), true)] {
        let near = tree.near(&place, index, RADIUS, MOST);
        let pair = |other: usize| ([index.min(other), index.max(other)], mirrored);
        found.0.extend(near.neighbours.iter().map(|&other| pair(other)));
        found.1 |= near.may_be_more;
    }
    found
}

/// Those of one picture's candidates that look as it does.
fn judge(prints: &[&Fingerprint], candidates: &[Candidate]) -> Vec<Pair> {
    let one = prints[candidates[0].0[0]];
    let Some(ground) = one.look.as_ref().and_then(Ground::of) else { return Vec::new() };
    let pair = |&(indices, mirrored): &Candidate| {
        let other = prints[indices[1]];
        let mut colours = one.colour.iter().zip(other.colour);
        if !colours.all(|(one, other)| one.abs_diff(other) <= COLOURS_APART) {
            return None;
        }
        let distance = align::distance(&ground, &Sheet::of(other.look.as_ref()?, mirrored));
        (distance <= NEAR).then_some(Pair { indices, distance, mirrored })
    };
    candidates.iter().filter_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Channels;
    use std::sync::atomic::AtomicBool;

    fn crew(threads: usize) -> Crew<'static> {
        Crew { threads, ..Crew::default() }
    }

    fn drawn(width: usize, height: usize, seed: usize) -> Pixels {
        let bytes = (0..width * height)
            .flat_map(|i| {
                let (x, y) = ((i % width) as f32 / width as f32, (i / width) as f32 / height as f32);
                let s = seed as f32;
                let wave = ((s * 1.7).sin() * 9.0 * x + (s * 2.9).cos() * 9.0 * y + s).sin()
                    + ((s * 0.7).cos() * 23.0 * x - (s * 1.3).sin() * 19.0 * y).sin() / 2.0;
                let light = (128.0 + 70.0 * wave) as u8;
                [light, light / 2, 255 - light]
            })
            .collect();
        Pixels::new(height, width, Channels::Rgb, bytes).expect("three bytes a pixel")
    }

    #[test]
    fn a_digest_tells_size_and_pixels() {
        let print = Fingerprint::of(&drawn(20, 10, 1));
        assert_eq!(print.digest(), Fingerprint::of(&drawn(20, 10, 1)).digest());
        let turned =
            Pixels::new(20, 10, Channels::Rgb, drawn(20, 10, 1).into_bytes()).expect("as many bytes");
        let mut changed = drawn(20, 10, 1).into_bytes();
        *changed.last_mut().expect("it has bytes") ^= 1;
        let changed = Pixels::new(10, 20, Channels::Rgb, changed).expect("as many bytes");
        for other in [turned, changed, drawn(20, 10, 2)] {
            assert_ne!(print.digest(), Fingerprint::of(&other).digest());
        }
    }

    #[test]
    fn other_colours_make_another_picture() {
        let print = Fingerprint::of(&drawn(60, 40, 1));
        let turned = |by: u8| {
            let bytes = drawn(60, 40, 1).into_bytes();
            let pixels = bytes
                .chunks_exact(3)
                .flat_map(|rgb| [rgb[0].saturating_add(by), rgb[1], rgb[2].saturating_sub(by)]);
            Fingerprint::of(&Pixels::new(40, 60, Channels::Rgb, pixels.collect()).expect("as many bytes"))
        };
        let pairs =
            |other: &Fingerprint| alike(&[&print, other], crew(1)).expect("it is not cancelled").pairs.len();
        assert_eq!((pairs(&turned(6)), pairs(&turned(40))), (1, 0));
    }

    #[test]
    fn a_picture_of_one_colour_is_like_none() {
        let plain = Pixels::new(9, 9, Channels::Rgb, [7, 8, 9].repeat(81)).expect("three bytes a pixel");
        let print = Fingerprint::of(&plain);
        assert_eq!((print.digest(), &print.look), (None, &None));
        assert_eq!(alike(&[&print, &print], crew(1)), Some(Alike::default()));
    }

    #[test]
    fn a_fingerprint_is_read_as_it_was_written() {
        let plain = Pixels::new(1, 1, Channels::Grey, vec![3]).expect("one byte");
        let faint = Pixels::new(1, 2, Channels::Grey, vec![3, 4]).expect("two bytes");
        for pixels in [drawn(50, 40, 3), plain, faint] {
            let print = Fingerprint::of(&pixels);
            let bytes = print.to_bytes();
            assert_eq!(bytes.len(), Fingerprint::LEN);
            assert_eq!(Fingerprint::from_bytes(&bytes), Some(print));
            assert_eq!(Fingerprint::from_bytes(&bytes[1..]), None);
        }
    }

    #[test]
    fn what_is_alike_does_not_depend_on_threads_and_stops_when_asked() {
        let prints: Vec<Fingerprint> =
            (0..300).map(|i| Fingerprint::of(&drawn(40 + i % 7, 40, i / 2))).collect();
        let prints: Vec<&Fingerprint> = prints.iter().collect();
        let one = alike(&prints, crew(1)).expect("it is not cancelled");
        assert_eq!(alike(&prints, crew(5)).as_ref(), Some(&one));
        for pair in 0..150 {
            let found = one.pairs.iter().find(|found| found.indices == [2 * pair, 2 * pair + 1]);
            assert!(found.is_some_and(|found| !found.mirrored && found.distance < 0.05), "{pair}: {found:?}");
        }
        assert_eq!(alike(&prints, Crew { cancel: Some(&AtomicBool::new(true)), ..crew(2) }), None);
    }
}
