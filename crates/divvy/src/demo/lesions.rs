//! Spots of a disease on a leaf.

use super::blade::{Blade, Place};
use super::colour::Colour;
use super::dice::Dice;
use super::noise::{Noise, smoothstep};
use super::point::Point;

/// The smallest radius of a spot in sides of the picture: at 64 pixels it is still four pixels wide.
const SMALLEST: f32 = 0.038;
const LARGEST: f32 = 0.072;
/// How far from its middle a spot and its halo can show, in radii.
const REACH: f32 = 3.0;
/// Of how many diseases the one that shows best on the leaf is taken.
const CANDIDATES: usize = 4;

/// The spots of one leaf, which look alike as those of one disease do.
pub(super) struct Lesions {
    spots: Vec<Spot>,
    look: Look,
}

struct Spot {
    centre: Point,
    radius: f32,
    long_axis: Point,
    elongation: f32,
}

/// The rings of a spot, from the middle outwards.
struct Look {
    core: Colour,
    rim: Colour,
    halo: Colour,
    /// Where the core ends, in radii.
    core_size: f32,
    halo_strength: f32,
    ragged: Noise,
    raggedness: f32,
}

impl Lesions {
    /// Spots well inside the blade and inside the picture, whose far corner is `frame`.
    pub(super) fn roll(dice: &mut Dice, blade: &Blade, frame: Point) -> Self {
        let wanted = dice.whole(5, 12) as usize;
        let mut spots: Vec<Spot> = Vec::with_capacity(wanted);
        // A crowded leaf takes fewer; the first attempts always find room for some.
        for _ in 0..40 * wanted {
            let spot = Spot::roll(dice, blade);
            if spot.is_within(frame) && spots.iter().all(|other| spot.is_apart_from(other)) {
                spots.push(spot);
                if spots.len() == wanted {
                    break;
                }
            }
        }
        Self { spots, look: Look::roll(dice, blade.base_colour()) }
    }

    /// What becomes of a leaf's colour at a point of the picture.
    pub(super) fn over(&self, leaf: Colour, point: Point) -> Colour {
        // The nearest spot alone counts: where two meet, they run into one another, and no halo covers dead tissue.
        let nearest = self
            .spots
            .iter()
            .map(|spot| (spot.distance(point), spot.radius))
            .min_by(|(a, _), (b, _)| a.total_cmp(b));
        match nearest {
            Some((distance, radius)) if distance < REACH => {
                self.look.over(leaf, distance, point * (1.0 / radius))
            }
            _ => leaf,
        }
    }
}

impl Spot {
    fn roll(dice: &mut Dice, blade: &Blade) -> Self {
        let mut place = Place { along: dice.between(0.14, 0.86), across: dice.sign() };
        place.across *= dice.between(0.05, 0.8) * blade.half_width(place);
        Self {
            centre: blade.point(place),
            radius: dice.between(SMALLEST, LARGEST),
            long_axis: Point::towards(dice.angle()),
            elongation: dice.between(1.0, 1.35),
        }
    }

    fn is_within(&self, frame: Point) -> bool {
        let Point { x, y } = self.centre;
        let margin = self.radius;
        (margin..frame.x - margin).contains(&x) && (margin..frame.y - margin).contains(&y)
    }

    fn is_apart_from(&self, other: &Self) -> bool {
        (self.centre - other.centre).length() > 0.9 * (self.radius + other.radius)
    }

    /// Distance from the centre in radii.
    fn distance(&self, point: Point) -> f32 {
        let offset = point - self.centre;
        let (long, short) = (offset.dot(self.long_axis), offset.dot(self.long_axis.turned()));
        Point::new(long / self.elongation, short * self.elongation).length() / self.radius
    }
}

impl Look {
    fn roll(dice: &mut Dice, leaf: Colour) -> Self {
        let clarity = |(core, rim): (Colour, Colour)| core.contrast(leaf).min(rim.contrast(leaf));
        let mut clearest = Self::colours(dice);
        for _ in 1..CANDIDATES {
            let other = Self::colours(dice);
            if clarity(other) > clarity(clearest) {
                clearest = other;
            }
        }
        let (core, rim) = clearest;
        Self {
            core,
            rim,
            halo: Colour::hsv(dice.between(46.0, 60.0), dice.between(0.5, 0.75), dice.between(0.7, 0.9)),
            core_size: dice.between(0.35, 0.85),
            halo_strength: dice.pick([0.0, 0.4, 0.8]),
            ragged: dice.noise(),
            raggedness: dice.between(0.1, 0.4),
        }
    }

    /// Core and rim of one of several diseases.
    fn colours(dice: &mut Dice) -> (Colour, Colour) {
        match dice.whole(0, 3) {
            // Leaf spot: dead tissue in a darker ring.
            0 => (
                Colour::hsv(dice.between(28.0, 40.0), dice.between(0.25, 0.5), dice.between(0.6, 0.8)),
                Colour::hsv(dice.between(8.0, 24.0), dice.between(0.55, 0.8), dice.between(0.22, 0.36)),
            ),
            // Blight: brown throughout.
            1 => (
                Colour::hsv(dice.between(16.0, 30.0), dice.between(0.5, 0.75), dice.between(0.25, 0.42)),
                Colour::hsv(dice.between(14.0, 26.0), dice.between(0.5, 0.75), dice.between(0.15, 0.3)),
            ),
            // Tar spot: black.
            2 => (
                Colour::hsv(dice.between(0.0, 40.0), dice.between(0.1, 0.4), dice.between(0.06, 0.16)),
                Colour::hsv(dice.between(0.0, 40.0), dice.between(0.1, 0.4), dice.between(0.12, 0.24)),
            ),
            // Rust: orange pustules.
            _ => (
                Colour::hsv(dice.between(14.0, 28.0), dice.between(0.75, 0.92), dice.between(0.65, 0.85)),
                Colour::hsv(dice.between(10.0, 20.0), dice.between(0.7, 0.9), dice.between(0.35, 0.5)),
            ),
        }
    }

    /// The leaf's colour `smooth` radii from the middle of a spot; the texture there is that of the point `grain`.
    fn over(&self, leaf: Colour, smooth: f32, grain: Point) -> Colour {
        let texture = self.ragged.fractal(grain.x * 1.6, grain.y * 1.6, 2);
        let distance = smooth * (1.0 + self.raggedness * texture);
        let halo = self.halo_strength * (1.0 - smoothstep(0.9, 1.7, distance));
        let dead = 1.0 - smoothstep(0.88, 1.08, distance);
        let ring = smoothstep(self.core_size - 0.15, self.core_size + 0.15, distance);
        let tissue = self.core.mix(self.rim, ring) * (1.0 + 0.25 * texture);
        leaf.mix(self.halo, halo).mix(tissue, 0.96 * dead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spotted_leaf_has_several_spots_that_differ_from_it() {
        for stream in 0..500 {
            let mut dice = Dice::new(5, stream);
            let frame = Point::new(1.22, 0.82);
            let blade = Blade::roll(&mut dice, frame * 0.5);
            let lesions = Lesions::roll(&mut dice, &blade, frame);
            assert!(lesions.spots.len() >= 3, "leaf {stream} has {} spots", lesions.spots.len());
            for spot in &lesions.spots {
                let shown = lesions.over(blade.base_colour(), spot.centre);
                let contrast = shown.contrast(blade.base_colour());
                assert!(contrast > 0.15, "leaf {stream}: a spot as pale as {contrast}");
            }
        }
    }
}
