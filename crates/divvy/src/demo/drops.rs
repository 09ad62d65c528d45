//! Water on a leaf: round, bright and dark like a spot, and harmless.

use super::blade::{Blade, Place};
use super::colour::Colour;
use super::dice::Dice;
use super::light::Light;
use super::noise::smoothstep;
use super::point::Point;

/// The drops on one leaf.
pub(super) struct Drops(Vec<Drop>);

struct Drop {
    centre: Point,
    radius: f32,
}

impl Drops {
    pub(super) fn roll(dice: &mut Dice, blade: &Blade) -> Self {
        let count = if dice.chance(0.45) { dice.whole(2, 12) } else { 0 };
        let drop = |dice: &mut Dice| {
            let mut place = Place { along: dice.between(0.1, 0.9), across: dice.sign() };
            place.across *= dice.between(0.0, 0.85) * blade.half_width(place);
            Drop { centre: blade.point(place), radius: dice.between(0.012, 0.05) }
        };
        Self((0..count).map(|_| drop(dice)).collect())
    }

    /// What becomes of a leaf's colour at a point.
    pub(super) fn over(&self, leaf: Colour, point: Point, light: &Light) -> Colour {
        self.0.iter().fold(leaf, |colour, drop| drop.over(colour, point, light))
    }
}

impl Drop {
    /// A drop is a lens: dark towards the light, bright where the light leaves it, with the light's own image on top and
    /// a shadow behind.
    fn over(&self, leaf: Colour, point: Point, light: &Light) -> Colour {
        let offset = (point - self.centre) * (1.0 / self.radius);
        let distance = offset.length();
        if distance > 1.6 {
            return leaf;
        }
        let behind = offset + light.slant * 0.5;
        let shadow = 0.35 * (1.0 - smoothstep(0.75, 1.15, behind.length()));
        let inside = 1.0 - smoothstep(0.9, 1.05, distance);
        let towards_light = offset.dot(light.slant);
        let lens = leaf * (1.05 - 0.6 * towards_light - 0.25 * smoothstep(0.7, 1.0, distance));
        let glint = 1.0 - smoothstep(0.1, 0.28, (offset - light.slant * 0.7).length());
        (leaf * (1.0 - shadow)).mix(lens.mix(Colour::WHITE, 0.9 * glint), inside)
    }
}
