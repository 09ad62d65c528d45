//! What a leaf lies on or is held against.

use super::colour::Colour;
use super::dice::Dice;
use super::light::Light;
use super::noise::{Noise, smoothstep};
use super::point::Point;

/// A backdrop: a colour for each point of the picture.
pub(super) enum Background {
    Soil { grain: Noise, earth: Colour, dry: Colour, stones: Discs },
    Table { planks: Planks, pale: Colour, dark: Colour },
    Sky { from: Colour, to: Colour, down: Point, clouds: Noise, cover: f32 },
    Paper { sheet: Colour, fibre: Noise, ruling: Option<Ruling> },
    Foliage { deep: Colour, bright: Colour, far: Noise, blurred: [Discs; 3] },
}

impl Background {
    pub(super) fn roll(dice: &mut Dice) -> Self {
        match dice.whole(0, 4) {
            0 => Self::soil(dice),
            1 => Self::table(dice),
            2 => Self::sky(dice),
            3 => Self::paper(dice),
            _ => Self::foliage(dice),
        }
    }

    fn soil(dice: &mut Dice) -> Self {
        let (hue, value) = (dice.between(16.0, 38.0), dice.between(0.28, 0.58));
        Self::Soil {
            grain: dice.noise(),
            earth: Colour::hsv(hue, dice.between(0.3, 0.6), value),
            dry: Colour::hsv(hue + 8.0, dice.between(0.15, 0.4), value + 0.22),
            stones: Discs::roll(dice, 0.09, 0.4),
        }
    }

    fn table(dice: &mut Dice) -> Self {
        let painted = dice.chance(0.3);
        let (hue, saturation) = if painted {
            (dice.between(170.0, 230.0), dice.between(0.0, 0.3))
        } else {
            (dice.between(18.0, 38.0), dice.between(0.35, 0.65))
        };
        let value = dice.between(0.4, 0.85);
        Self::Table {
            planks: Planks {
                grain: dice.noise(),
                along: Point::towards(dice.angle()),
                width: dice.between(0.22, 0.6),
                offset: dice.between(0.0, 1.0),
            },
            pale: Colour::hsv(hue, saturation, value),
            dark: Colour::hsv(hue - 4.0, (saturation * 1.2).min(1.0), value * dice.between(0.6, 0.85)),
        }
    }

    fn sky(dice: &mut Dice) -> Self {
        let hue = dice.between(195.0, 225.0);
        let value = dice.between(0.65, 1.0);
        Self::Sky {
            from: Colour::hsv(hue, dice.between(0.35, 0.75), value),
            to: Colour::hsv(hue - 10.0, dice.between(0.05, 0.3), value),
            down: Point::towards(dice.angle()),
            clouds: dice.noise(),
            cover: dice.between(-0.4, 0.8),
        }
    }

    fn paper(dice: &mut Dice) -> Self {
        let ruling = dice.chance(0.5).then(|| Ruling {
            across: Point::towards(dice.angle()),
            spacing: dice.between(0.06, 0.13),
            squared: dice.chance(0.5),
            ink: Colour::hsv(dice.pick([215.0, 205.0, 350.0, 140.0]), dice.between(0.2, 0.55), 0.75),
        });
        Self::Paper {
            sheet: Colour::hsv(
                dice.pick([42.0, 48.0, 210.0]),
                dice.between(0.0, 0.16),
                dice.between(0.72, 0.97),
            ),
            fibre: dice.noise(),
            ruling,
        }
    }

    fn foliage(dice: &mut Dice) -> Self {
        let (hue, value) = (dice.between(65.0, 150.0), dice.between(0.15, 0.35));
        Self::Foliage {
            deep: Colour::hsv(hue, dice.between(0.4, 0.8), value),
            bright: Colour::hsv(hue - 25.0, dice.between(0.3, 0.7), value + dice.between(0.25, 0.5)),
            far: dice.noise(),
            blurred: [0.13, 0.2, 0.31].map(|size| Discs::roll(dice, size, 0.6)),
        }
    }

    /// Whether things and shadows can lie on it.
    pub(super) fn is_ground(&self) -> bool {
        match self {
            Self::Soil { .. } | Self::Table { .. } | Self::Paper { .. } => true,
            Self::Sky { .. } | Self::Foliage { .. } => false,
        }
    }

    /// Its colour at a point in this light; `pixel` is the distance between two pixels.
    pub(super) fn colour(&self, point: Point, pixel: f32, light: &Light) -> Colour {
        let Point { x, y } = point;
        match self {
            Self::Soil { grain, earth, dry, stones } => {
                let height = |at: Point| grain.fractal(at.x * 16.0, at.y * 16.0, 4);
                let here = height(point);
                // What rises towards the light is lit, what falls away from it is not.
                let relief = 1.0 + 2.2 * (here - height(point + light.slant * 0.02));
                let patches = grain.sibling(9).at(x * 4.0, y * 4.0);
                let dryness = smoothstep(-0.6, 0.7, here + 0.6 * patches);
                let ground = earth.mix(*dry, dryness) * relief.clamp(0.25, 2.0);
                let stone = stones.at(point, 2.0 * pixel);
                let mineral = dry.mix(Colour::grey(0.3), stone.tone) * (0.5 + 0.7 * stone.tone);
                ground.mix(mineral * light.on_slope(stone.offset * 0.7), stone.cover)
            }
            Self::Table { planks, pale, dark } => {
                let (grain, seam) = planks.at(point, pixel);
                pale.mix(*dark, grain) * (1.0 - 0.75 * seam)
            }
            Self::Sky { from, to, down, clouds, cover } => {
                let sky = from.mix(*to, smoothstep(-0.2, 1.2, point.dot(*down).abs()));
                let cloud = smoothstep(0.0, 0.8, clouds.fractal(x * 2.5, y * 2.5, 4) + cover - 0.2);
                sky.mix(Colour::grey(0.9), 0.8 * cloud)
            }
            Self::Paper { sheet, fibre, ruling } => {
                let plain =
                    *sheet * (1.0 + 0.025 * fibre.at(x * 60.0, y * 60.0) + 0.05 * fibre.at(x * 3.0, y * 3.0));
                ruling.as_ref().map_or(plain, |ruling| plain.mix(ruling.ink, ruling.at(point, pixel)))
            }
            Self::Foliage { deep, bright, far, blurred } => {
                let haze = deep.mix(*bright, 0.4 * smoothstep(-0.4, 0.6, far.fractal(x * 3.0, y * 3.0, 2)));
                blurred.iter().fold(haze, |colour, discs| {
                    let disc = discs.at(point, 0.03);
                    colour.mix(deep.mix(*bright, disc.tone), 0.6 * disc.cover)
                })
            }
        }
    }
}

/// Boards side by side.
pub(super) struct Planks {
    grain: Noise,
    along: Point,
    width: f32,
    offset: f32,
}

impl Planks {
    /// How dark the wood is, and how far into the gap between two boards a point lies; both in `[0, 1]`.
    fn at(&self, point: Point, pixel: f32) -> (f32, f32) {
        let (along, across) =
            (point.dot(self.along), point.dot(self.along.turned()) / self.width + self.offset);
        let board = across.floor();
        let grain = self.grain.sibling(board as i32 as u32);
        let warp = grain.at(along * 2.0, across * 3.0);
        let rings = grain.at(along * 1.2, (across * 9.0 + 1.5 * warp) * 2.0);
        let pores = grain.sibling(77).at(along * 9.0, across * 70.0 * self.width);
        let tone = 0.45 + 0.3 * rings + 0.15 * pores + 0.3 * (grain.cell(board as i32, 0) - 0.5);
        let from_gap = (0.5 - (across - board - 0.5).abs()) * self.width;
        (tone.clamp(0.0, 1.0), 1.0 - smoothstep(0.002, 0.004 + pixel, from_gap))
    }
}

/// Lines of a notebook.
pub(super) struct Ruling {
    across: Point,
    spacing: f32,
    squared: bool,
    ink: Colour,
}

impl Ruling {
    /// How much ink there is at a point.
    fn at(&self, point: Point, pixel: f32) -> f32 {
        let line = |direction: Point| {
            let phase = point.dot(direction) / self.spacing;
            let distance = (phase - phase.round()).abs() * self.spacing;
            0.8 * (1.0 - smoothstep(0.0, 1.2 * pixel, distance))
        };
        let rows = line(self.across);
        if self.squared { rows.max(line(self.across.turned())) } else { rows }
    }
}

/// Radius of the smallest disc in squares of its grid.
const SMALLEST_DISC: f32 = 0.12;

/// Discs strewn over the plane, at most one a square of a tilted grid: stones, or lights out of focus.
pub(super) struct Discs {
    noise: Noise,
    tilt: Point,
    size: f32,
    share: f32,
}

/// What there is of a disc at a point.
struct Disc {
    /// From 0 outside to 1 inside.
    cover: f32,
    /// Its shade, the same all over, in `[0, 1]`.
    tone: f32,
    /// Where the point lies in it, in radii from its centre.
    offset: Point,
}

impl Discs {
    /// Discs on a grid of squares of `size`, `share` of which have one.
    fn roll(dice: &mut Dice, size: f32, share: f32) -> Self {
        Self { noise: dice.noise(), tilt: Point::towards(dice.angle()), size, share }
    }

    /// The disc at a point, with an edge `softness` wide.
    fn at(&self, point: Point, softness: f32) -> Disc {
        let (x, y) = (point.dot(self.tilt) / self.size, point.dot(self.tilt.turned()) / self.size);
        let (i, j) = (x.floor() as i32, y.floor() as i32);
        let draw = |number: u32| self.noise.sibling(number).cell(i, j);
        let radius = if draw(0) < self.share { SMALLEST_DISC + 0.33 * draw(1) } else { 0.0 };
        // A disc stays inside its square, so that no other square need be asked.
        let room = 0.5 - radius;
        let centre = Point::new(0.5 + room * (2.0 * draw(2) - 1.0), 0.5 + room * (2.0 * draw(3) - 1.0));
        let from_centre = Point::new(x - x.floor(), y - y.floor()) - centre;
        let cover = smoothstep(0.0, softness, (radius - from_centre.length()) * self.size);
        let offset = self.tilt * from_centre.x + self.tilt.turned() * from_centre.y;
        Disc { cover, tone: draw(4), offset: offset * (1.0 / radius.max(SMALLEST_DISC)) }
    }
}
