//! Where the light comes from, and what falls between it and the scene.

use super::colour::Colour;
use super::dice::Dice;
use super::noise::{Noise, smoothstep};
use super::point::Point;

/// One lamp or sun, the sky's fill, and what casts shadows from outside the picture.
pub(super) struct Light {
    /// Towards the light in the plane of the picture, as long as the light is low.
    pub(super) slant: Point,
    /// Towards the light out of the picture; with `slant` a unit vector.
    height: f32,
    /// Share of the light that comes from everywhere.
    fill: f32,
    tint: Colour,
    obstacle: Obstacle,
}

/// What stands between the light and the scene.
enum Obstacle {
    Nothing,
    /// Foliage overhead: flecks of sun in shade.
    Crown {
        noise: Noise,
        size: f32,
        shade: f32,
    },
    /// A stalk, a frame or a hand: a band of shadow.
    Band {
        through: Point,
        normal: Point,
        half_width: f32,
        softness: f32,
        shade: f32,
    },
}

impl Light {
    pub(super) fn roll(dice: &mut Dice, centre: Point) -> Self {
        let elevation = dice.between(0.6, 1.25);
        let warmth = dice.between(-0.12, 0.16);
        let obstacle = if dice.chance(0.2) {
            Obstacle::Crown {
                noise: dice.noise(),
                size: dice.between(0.09, 0.22),
                shade: dice.between(0.5, 0.75),
            }
        } else if dice.chance(0.3) {
            let normal = Point::towards(dice.angle());
            Obstacle::Band {
                through: centre + normal * dice.between(-0.35, 0.35),
                normal,
                half_width: dice.between(0.02, 0.25),
                softness: dice.between(0.01, 0.05),
                shade: dice.between(0.5, 0.75),
            }
        } else {
            Obstacle::Nothing
        };
        Self {
            slant: Point::towards(dice.angle()) * elevation.cos(),
            height: elevation.sin(),
            fill: dice.between(0.35, 0.6),
            tint: Colour { red: 1.0 + warmth, green: 1.0, blue: 1.0 - warmth },
            obstacle,
        }
    }

    /// What falls on a surface whose normal leans by `lean` out of the picture's, as a share of what falls on a flat one.
    pub(super) fn on_slope(&self, lean: Point) -> f32 {
        let facing = (self.height + lean.dot(self.slant)) / (1.0 + lean.dot(lean)).sqrt();
        self.fill + (1.0 - self.fill) * (facing / self.height).clamp(0.0, 2.0)
    }

    /// The mirror image of the light in such a surface, seen from above: 1 where it is brightest.
    pub(super) fn glint(&self, lean: Point) -> f32 {
        // Half way between the light and the eye, which looks straight down.
        let half = self.slant * (1.0 / (1.0 + self.height));
        let miss = lean - half;
        1.0 / (1.0 + 40.0 * miss.dot(miss)).powi(2)
    }

    /// The light that reaches a point.
    pub(super) fn at(&self, point: Point) -> Colour {
        self.tint * self.reaching(point)
    }

    fn reaching(&self, point: Point) -> f32 {
        match self.obstacle {
            Obstacle::Nothing => 1.0,
            Obstacle::Crown { noise, size, shade } => {
                let open = noise.fractal(point.x / size, point.y / size, 3);
                shade + (1.2 - shade) * smoothstep(-0.45, 0.55, open)
            }
            Obstacle::Band { through, normal, half_width, softness, shade } => {
                let distance = (point - through).dot(normal).abs();
                shade + (1.0 - shade) * smoothstep(half_width - softness, half_width + softness, distance)
            }
        }
    }

    /// Where the shadow of something `height` above the ground falls.
    pub(super) fn shadow_offset(&self, height: f32) -> Point {
        self.slant * (-height / self.height)
    }

    /// Share of the light that is left in a shadow.
    pub(super) fn in_shadow(&self) -> f32 {
        self.fill
    }
}
