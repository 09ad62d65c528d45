//! Whether mirrored pictures still look like their group: asked of the pictures where the groups' names do not tell.

use super::{Dataset, LabelKind};
use crate::decode::Channels;
use crate::evenly::evenly;
use crate::preprocess::Preprocess;

/// Height and width at which pictures are compared.
const SIDE: usize = 16;
/// The short side, in pixels, up to which pictures are compared: of larger ones the nearest in light says little.
const SMALL: usize = 64;
/// Pictures that are looked at: two of three are looked up among, the third is looked up.
const LOOKED_AT: usize = 3000;
/// The share of a group that is recognised as it is that must be recognised mirrored, too.
const KEPT: f64 = 0.8;
/// How far, from chance to certainty, pictures must be recognised as they are for this to say anything (Cohen's kappa).
const CLEAR: f64 = 0.5;

/// Whether mirrored pictures of most groups look most like pictures of their own group, as far as these are recognised by their nearest neighbour in light.
///
/// Not where pictures are large, have several labels or are hardly recognised that way: nothing is known then. Digits and letters look like others or
/// like none when mirrored; of clothes and flowers most look like themselves.
pub(super) fn mirrored_look_alike(dataset: &Dataset) -> bool {
    let is_small = |&(height, width): &(usize, usize)| height.min(width) <= SMALL;
    let sizes = dataset.sizes(100);
    if dataset.label_kind() != LabelKind::Classes || sizes.is_empty() || !sizes.iter().all(is_small) {
        return false;
    }
    let looks = looks(dataset);
    let (asked, known): (Vec<_>, Vec<_>) = looks.iter().enumerate().partition(|(index, _)| index % 3 == 2);
    let known: Vec<&Look> = known.into_iter().map(|(_, look)| look).collect();
    if known.is_empty() {
        return false;
    }
    let mut groups = vec![Recognised::default(); dataset.classes().len()];
    for (_, look) in asked {
        let is_own = |light: &[u8]| nearest(light, &known) == look.class;
        groups[look.class].add(is_own(&look.light), is_own(&look.mirrored()));
    }
    most_stay(&groups)
}

/// A picture in grey at a glance.
struct Look {
    class: usize,
    /// `[SIDE, SIDE]`.
    light: Vec<u8>,
}

impl Look {
    fn mirrored(&self) -> Vec<u8> {
        let mut light = self.light.clone();
        light.chunks_exact_mut(SIDE).for_each(<[u8]>::reverse);
        light
    }
}

/// Pictures to learn from, spread evenly over all; those that cannot be read are passed over.
fn looks(dataset: &Dataset) -> Vec<Look> {
    let Ok(recipe) = Preprocess::new(SIDE, SIDE, Channels::Grey) else { return Vec::new() };
    let spread = evenly(&dataset.trainable_samples(), LOOKED_AT).into_iter();
    let look = |sample: usize| {
        let pixels = dataset.load(sample, &recipe).ok()?;
        Some(Look { class: *dataset.samples()[sample].label.indices().first()?, light: pixels.into_bytes() })
    };
    spread.filter_map(look).collect()
}

/// The class of the look whose light differs least, the first among equals.
fn nearest(light: &[u8], known: &[&Look]) -> usize {
    let squared = |(a, b): (&u8, &u8)| u32::from(a.abs_diff(*b)).pow(2);
    let distance = |look: &Look| light.iter().zip(&look.light).map(squared).sum::<u32>();
    known.iter().min_by_key(|look| distance(look)).map_or(usize::MAX, |look| look.class)
}

/// How many pictures of a group have their nearest neighbour in it.
#[derive(Clone, Copy, Default)]
struct Recognised {
    pictures: usize,
    as_they_are: usize,
    mirrored: usize,
}

impl Recognised {
    fn add(&mut self, as_it_is: bool, mirrored: bool) {
        self.pictures += 1;
        self.as_they_are += usize::from(as_it_is);
        self.mirrored += usize::from(mirrored);
    }

    fn stays(&self) -> bool {
        self.as_they_are > 0 && self.mirrored as f64 >= KEPT * self.as_they_are as f64
    }
}

/// Whether pictures are recognised clearly, and more than half of the groups are when mirrored.
fn most_stay(groups: &[Recognised]) -> bool {
    let seen: Vec<&Recognised> = groups.iter().filter(|group| group.pictures > 0).collect();
    let pictures: usize = seen.iter().map(|group| group.pictures).sum();
    let right: usize = seen.iter().map(|group| group.as_they_are).sum();
    if seen.len() < 2 {
        return false;
    }
    let (share, chance) = (right as f64 / pictures as f64, 1.0 / seen.len() as f64);
    let is_clear = (share - chance) / (1.0 - chance) >= CLEAR;
    is_clear && 2 * seen.iter().filter(|group| group.stays()).count() > seen.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(counts: &[[usize; 3]]) -> Vec<Recognised> {
        let recognised =
            |&[pictures, as_they_are, mirrored]: &[usize; 3]| Recognised { pictures, as_they_are, mirrored };
        counts.iter().map(recognised).collect()
    }

    #[test]
    fn most_groups_must_stay_and_be_recognised() {
        assert!(most_stay(&groups(&[[100, 90, 80], [100, 95, 90], [100, 90, 5]])));
        assert!(!most_stay(&groups(&[[100, 90, 80], [100, 95, 20], [100, 90, 5]])), "most do not stay");
        assert!(!most_stay(&groups(&[[100, 90, 80], [100, 95, 20]])), "half are not most");
        assert!(!most_stay(&groups(&[[100, 50, 50], [100, 60, 60], [100, 55, 55]])), "hardly recognised");
        assert!(!most_stay(&groups(&[[100, 100, 100]])), "one group is no choice");
        assert!(!most_stay(&[]));
    }

    #[test]
    fn of_digits_in_numpys_comparison_most_do_not_stay_and_of_clothes_they_do() {
        // Of 5,000 pictures of MNIST and of the first 6,000 of Fashion-MNIST, nearest neighbours among 2,000 (numpy, 28 x 28).
        let mnist = [
            [200, 196, 126],
            [227, 225, 222],
            [200, 176, 38],
            [200, 178, 20],
            [200, 180, 142],
            [200, 178, 8],
            [200, 196, 52],
            [200, 184, 72],
            [200, 168, 100],
            [200, 182, 116],
        ];
        let fashion = [
            [100, 77, 73],
            [100, 94, 95],
            [100, 64, 63],
            [100, 84, 82],
            [100, 58, 62],
            [100, 66, 32],
            [100, 61, 55],
            [100, 91, 18],
            [100, 81, 81],
            [100, 97, 0],
        ];
        assert!(!most_stay(&groups(&mnist)));
        assert!(most_stay(&groups(&fashion)));
    }
}
