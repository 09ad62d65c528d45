//! The leaf itself: outline, veins and skin.

use std::f32::consts::{PI, TAU};

use super::colour::Colour;
use super::dice::Dice;
use super::light::Light;
use super::noise::{Noise, lerp, smoothstep};
use super::point::Point;

/// Number of stretches in which an outline is tabulated.
const STRETCHES: usize = 256;

/// A leaf blade: where it lies and what it looks like. Lengths are in sides of the picture unless said otherwise.
pub(super) struct Blade {
    centre: Point,
    axis: Point,
    length: f32,
    bend: f32,
    halves: [Outline; 2],
    tear: Option<Tear>,
    veins: Veins,
    skin: Skin,
}

/// A point of the blade in blade lengths: 0 at the base, 1 at the tip; `across` is signed, 0 on the midrib.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) along: f32,
    pub(super) across: f32,
}

impl Blade {
    /// A leaf about as long as the picture, in the middle of which `centre` lies.
    pub(super) fn roll(dice: &mut Dice, centre: Point) -> Self {
        let shape = Shape::roll(dice);
        Self {
            centre: centre + Point::new(dice.between(-0.09, 0.09), dice.between(-0.09, 0.09)),
            axis: Point::towards(dice.angle()),
            length: dice.between(0.82, 1.12),
            bend: dice.between(-0.35, 0.35),
            halves: [shape.outline(dice.noise()), shape.outline(dice.noise())],
            tear: dice.chance(0.3).then(|| Tear::roll(dice)),
            veins: Veins::roll(dice),
            skin: Skin::roll(dice),
        }
    }

    /// The blade's own colour, without veins or light.
    pub(super) fn base_colour(&self) -> Colour {
        self.skin.base
    }

    /// Where a point of the picture lies on the blade.
    pub(super) fn place(&self, point: Point) -> Place {
        let offset = (point - self.centre) * (1.0 / self.length);
        let along = offset.dot(self.axis) + 0.5;
        Place { along, across: offset.dot(self.axis.turned()) - self.sag(along) }
    }

    /// Where a place on the blade lies in the picture.
    pub(super) fn point(&self, place: Place) -> Point {
        let across = place.across + self.sag(place.along);
        self.centre + (self.axis * (place.along - 0.5) + self.axis.turned() * across) * self.length
    }

    /// How far the midrib runs beside the straight line, in blade lengths.
    fn sag(&self, along: f32) -> f32 {
        self.bend * (along - 0.5) * (along - 0.5)
    }

    /// Half the blade's width on the side and at the height of a place, in blade lengths.
    pub(super) fn half_width(&self, place: Place) -> f32 {
        self.half(place).width(place.along)
    }

    fn half(&self, place: Place) -> &Outline {
        &self.halves[usize::from(place.across > 0.0)]
    }

    /// How far inside the edge a place lies; negative outside. The stalk counts as inside.
    pub(super) fn depth(&self, place: Place) -> f32 {
        let blade = self.half(place).depth(place) * self.length;
        let stalk = self.veins.stalk_depth(place) * self.length;
        let whole = blade.max(stalk);
        self.tear.as_ref().map_or(whole, |tear| whole.min(tear.clearance(self, place) * self.length))
    }

    /// The colour that a place shows in this light.
    pub(super) fn colour(&self, place: Place, light: &Light, pixel: f32) -> Colour {
        let half_width = self.half_width(place).max(0.02);
        let rim = (place.across / half_width).clamp(-1.0, 1.0);
        let vein = self.veins.at(place, rim, pixel / self.length);
        let slope = self.skin.slope(place, rim, vein.slope);
        let lean = self.axis * slope.x + self.axis.turned() * slope.y;
        let colour = self.skin.colour(place, rim).mix(self.skin.vein, vein.line);
        colour * light.on_slope(lean) + Colour::WHITE * (self.skin.gloss * light.glint(lean))
    }
}

/// The recipe of an outline.
struct Shape {
    half_width: f32,
    /// Below 1 the blade is widest near the base, above 1 near the tip.
    skew: f32,
    /// Below 1 base and tip are blunt, above 1 drawn out.
    taper: f32,
    lobes: f32,
    lobe_depth: f32,
    teeth: f32,
    tooth_depth: f32,
    unevenness: f32,
}

impl Shape {
    fn roll(dice: &mut Dice) -> Self {
        let (lobe_depth, tooth_depth) = match dice.whole(0, 3) {
            0 => (dice.between(0.1, 0.24), 0.0),
            1 | 2 => (0.0, dice.between(0.03, 0.09)),
            _ => (0.0, 0.0),
        };
        Self {
            half_width: dice.between(0.2, 0.34),
            skew: dice.between(0.65, 1.25),
            taper: dice.between(0.65, 1.15),
            lobes: dice.between(2.6, 4.4),
            lobe_depth,
            teeth: dice.between(11.0, 24.0),
            tooth_depth,
            unevenness: dice.between(0.01, 0.06),
        }
    }

    /// One half of the blade, uneven in its own way.
    fn outline(&self, noise: Noise) -> Outline {
        let smooth = |along: f32| {
            let bow = (PI * along.powf(self.skew)).sin().max(0.0).powf(self.taper);
            let lobes = 1.0 - self.lobe_depth * (1.0 + (TAU * self.lobes * along).cos());
            self.half_width * bow * lobes * (1.0 + self.unevenness * noise.at(along * 6.0, 0.0))
        };
        // Teeth point to the tip: each rises slowly and breaks off.
        let tooth = |along: f32| 1.0 - self.tooth_depth * (self.teeth * along).fract();
        let station = |index: usize| index as f32 / STRETCHES as f32;
        let widths = std::array::from_fn(|i| smooth(station(i)) * tooth(station(i)));
        let step = 2.0 / STRETCHES as f32;
        let steepness = std::array::from_fn(|i| {
            let ahead = smooth((station(i) + step).min(1.0));
            let behind = smooth((station(i) - step).max(0.0));
            let slope = (ahead - behind) / (2.0 * step);
            1.0 / (1.0 + slope * slope).sqrt()
        });
        Outline { widths, steepness }
    }
}

/// Half the width of a blade from base to tip, in blade lengths.
struct Outline {
    widths: [f32; STRETCHES + 1],
    /// Cosine of the angle between edge and midrib.
    steepness: [f32; STRETCHES + 1],
}

impl Outline {
    fn width(&self, along: f32) -> f32 {
        interpolate(&self.widths, along)
    }

    fn depth(&self, place: Place) -> f32 {
        let beyond = (-place.along).max(place.along - 1.0).max(0.0);
        (self.width(place.along) - place.across.abs()) * interpolate(&self.steepness, place.along) - beyond
    }
}

fn interpolate(table: &[f32; STRETCHES + 1], along: f32) -> f32 {
    let position = along.clamp(0.0, 1.0) * STRETCHES as f32;
    let index = (position as usize).min(STRETCHES - 1);
    lerp(table[index], table[index + 1], position - index as f32)
}

/// A piece torn or eaten out of the edge.
struct Tear {
    along: f32,
    side: f32,
    radius: f32,
    ragged: Noise,
}

impl Tear {
    fn roll(dice: &mut Dice) -> Self {
        Self {
            along: dice.between(0.25, 0.8),
            side: dice.sign(),
            radius: dice.between(0.04, 0.11),
            ragged: dice.noise(),
        }
    }

    /// How far a place is from the missing piece, in blade lengths; negative within.
    fn clearance(&self, blade: &Blade, place: Place) -> f32 {
        let edge = self.side * blade.half_width(Place { along: self.along, across: self.side });
        let distance = Point::new(place.along - self.along, place.across - edge).length();
        let jag = self.ragged.fractal(place.along / self.radius * 2.0, place.across / self.radius * 2.0, 2);
        distance - self.radius * (1.0 + 0.35 * jag)
    }
}

/// Midrib, side veins and stalk. Lengths in blade lengths.
struct Veins {
    pairs: f32,
    /// How much further to the tip a side vein is, for each step outwards.
    slant: f32,
    curve: f32,
    /// How far the veins of one side lie behind those of the other, in gaps.
    alternation: f32,
    midrib: f32,
    visibility: f32,
    relief: f32,
    stalk: f32,
    stalk_curve: f32,
}

/// How a vein shows at a place.
struct Vein {
    line: f32,
    /// The slope of the blade bulging between veins, along the blade.
    slope: f32,
}

impl Veins {
    fn roll(dice: &mut Dice) -> Self {
        Self {
            pairs: dice.between(5.0, 10.0),
            slant: dice.between(0.35, 1.1),
            curve: dice.between(0.0, 1.2),
            alternation: dice.pick([0.0, 0.5]),
            midrib: dice.between(0.006, 0.011),
            visibility: dice.between(0.35, 0.9),
            relief: dice.between(0.05, 0.3),
            stalk: dice.between(0.08, 0.3),
            stalk_curve: dice.between(-0.6, 0.6),
        }
    }

    fn at(&self, place: Place, rim: f32, pixel: f32) -> Vein {
        let out = place.across.abs();
        let gap_side = if place.across > 0.0 { self.alternation } else { 0.0 };
        let phase = (place.along - self.slant * out - self.curve * out * out) * self.pairs + gap_side;
        let distance = (phase - phase.round()).abs() / self.pairs / (1.0 + self.slant * self.slant).sqrt();
        let thinning = 1.0 - 0.7 * rim.abs();
        let side = stroke(distance, 0.45 * self.midrib * thinning, pixel);
        let middle = stroke(out, self.midrib * (1.1 - 0.8 * place.along.clamp(0.0, 1.0)), pixel);
        Vein {
            line: self.visibility * (0.75 * side).max(middle),
            slope: self.relief * (TAU * phase).sin() * (1.0 - rim * rim),
        }
    }

    /// How far inside the stalk a place lies.
    fn stalk_depth(&self, place: Place) -> f32 {
        let below = -place.along;
        let beyond = (below - self.stalk).max(place.along - 0.05).max(0.0);
        let course = self.stalk_curve * below.max(0.0) * below.max(0.0);
        1.3 * self.midrib - (place.across - course).abs() - beyond
    }
}

/// How much of a line `half_width` wide covers what lies at a distance; thinner than a pixel, it pales.
fn stroke(distance: f32, half_width: f32, pixel: f32) -> f32 {
    let drawn = half_width.max(0.6 * pixel);
    (half_width / drawn) * (1.0 - smoothstep(0.5 * drawn, 1.5 * drawn, distance))
}

/// Colour and gloss of a blade.
struct Skin {
    base: Colour,
    shade: Colour,
    vein: Colour,
    margin: Colour,
    /// From which share of the half-width on the margin's colour shows.
    margin_from: f32,
    mottle: Noise,
    mottling: f32,
    gloss: f32,
    fold: f32,
    camber: f32,
    curl: f32,
}

impl Skin {
    fn roll(dice: &mut Dice) -> Self {
        let (hue, saturation, value) = match dice.whole(0, 15) {
            0 | 1 => (dice.between(44.0, 62.0), dice.between(0.55, 0.8), dice.between(0.6, 0.82)),
            2 => (dice.between(352.0, 378.0), dice.between(0.4, 0.65), dice.between(0.5, 0.68)),
            _ => (dice.between(70.0, 138.0), dice.between(0.4, 0.82), dice.between(0.38, 0.74)),
        };
        let toned = dice.between(0.65, 0.85);
        Self {
            base: Colour::hsv(hue, saturation, value),
            shade: Colour::hsv(hue + dice.between(-14.0, 10.0), (saturation * 1.15).min(1.0), value * toned),
            vein: Colour::hsv(hue - 12.0, saturation * 0.6, (value * 1.3).min(0.95)),
            margin: Colour::hsv(dice.between(40.0, 62.0), dice.between(0.4, 0.7), (value * 1.1).min(0.85)),
            margin_from: dice.pick([0.6, 0.8, 1.5, 1.5, 1.5]),
            mottle: dice.noise(),
            mottling: dice.between(0.25, 0.9),
            gloss: dice.between(0.0, 0.22),
            fold: dice.between(0.0, 0.45),
            camber: dice.between(-0.5, 0.5),
            curl: dice.between(-0.5, 0.5),
        }
    }

    /// How the surface leans at a place: along the blade and across it.
    fn slope(&self, place: Place, rim: f32, between_veins: f32) -> Point {
        let across = self.camber * rim - self.fold * rim.signum() * (1.0 - 0.5 * rim.abs());
        Point::new(self.curl * (2.0 * place.along - 1.0) + between_veins, across)
    }

    fn colour(&self, place: Place, rim: f32) -> Colour {
        let patches = self.mottle.fractal(place.along * 5.0, place.across * 5.0, 3);
        let cells = self.mottle.sibling(5).at(place.along * 45.0, place.across * 45.0);
        let blade =
            self.base.mix(self.shade, self.mottling * smoothstep(-0.5, 0.5, patches)) * (1.0 + 0.06 * cells);
        let ageing = smoothstep(self.margin_from, self.margin_from + 0.35, rim.abs() + 0.25 * patches);
        blade.mix(self.margin, 0.8 * ageing)
    }
}
