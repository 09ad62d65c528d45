//! Crumbs of soil, seeds and pebbles beside and under a leaf.

use super::colour::Colour;
use super::dice::Dice;
use super::light::Light;
use super::noise::smoothstep;
use super::point::Point;

/// What lies around.
pub(super) struct Litter(Vec<Crumb>);

struct Crumb {
    centre: Point,
    radius: f32,
    long_axis: Point,
    elongation: f32,
    colour: Colour,
}

impl Litter {
    /// Nothing.
    pub(super) fn none() -> Self {
        Self(Vec::new())
    }

    /// Crumbs anywhere in a picture whose far corner is `frame`.
    pub(super) fn roll(dice: &mut Dice, frame: Point) -> Self {
        let count = if dice.chance(0.5) { dice.whole(2, 10) } else { 0 };
        Self((0..count).map(|_| Crumb::roll(dice, frame)).collect())
    }

    /// What becomes of the ground's colour at a point.
    pub(super) fn over(&self, ground: Colour, point: Point, light: &Light) -> Colour {
        self.0.iter().fold(ground, |colour, crumb| crumb.over(colour, point, light))
    }
}

impl Crumb {
    fn roll(dice: &mut Dice, frame: Point) -> Self {
        Self {
            centre: Point::new(dice.between(0.0, frame.x), dice.between(0.0, frame.y)),
            radius: dice.between(0.008, 0.04),
            long_axis: Point::towards(dice.angle()),
            elongation: dice.between(1.0, 1.5),
            colour: Colour::hsv(dice.between(10.0, 45.0), dice.between(0.15, 0.75), dice.between(0.15, 0.65)),
        }
    }

    fn over(&self, ground: Colour, point: Point, light: &Light) -> Colour {
        let offset = (point - self.centre) * (1.0 / self.radius);
        if offset.length() > 2.5 {
            return ground;
        }
        let distance = |offset: Point| {
            let (long, short) = (offset.dot(self.long_axis), offset.dot(self.long_axis.turned()));
            Point::new(long / self.elongation, short * self.elongation).length()
        };
        let shadow = 0.6 * (1.0 - smoothstep(0.7, 1.2, distance(offset + light.slant * 0.6)));
        let body = 1.0 - smoothstep(0.85, 1.05, distance(offset));
        let rounded = self.colour * light.on_slope(offset * 0.8);
        (ground * (1.0 - shadow)).mix(rounded, body)
    }
}
