//! Pictures of leaves, healthy or spotted, as a person with a camera might have taken them.
//!
//! Everything but the spots is drawn from the same distribution for both kinds: leaf, place, light, background, camera, and
//! what looks like a spot without being one (drops of water, crumbs, shadows, torn edges). No average of colour or brightness
//! tells the kinds apart; the spots do.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::{ImageFormat, ImageResult, RgbImage};

use super::background::Background;
use super::blade::Blade;
use super::camera::Camera;
use super::colour::Colour;
use super::dice::Dice;
use super::drops::Drops;
use super::lesions::Lesions;
use super::light::Light;
use super::litter::Litter;
use super::noise::smoothstep;
use super::point::Point;

/// The two kinds of leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaf {
    Healthy,
    Spotted,
}

/// A picture and how a camera would store it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Picture {
    pub(crate) pixels: RgbImage,
    storage: Storage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Storage {
    Jpeg { quality: u8 },
    Png,
}

impl Picture {
    /// The end of the file's name: `jpg` or `png`.
    pub(crate) fn extension(&self) -> &'static str {
        match self.storage {
            Storage::Jpeg { .. } => "jpg",
            Storage::Png => "png",
        }
    }

    /// The file's content.
    pub(crate) fn encode(&self) -> ImageResult<Vec<u8>> {
        let mut file = Cursor::new(Vec::new());
        match self.storage {
            Storage::Jpeg { quality } => {
                self.pixels.write_with_encoder(JpegEncoder::new_with_quality(&mut file, quality))?;
            }
            Storage::Png => self.pixels.write_to(&mut file, ImageFormat::Png)?,
        }
        Ok(file.into_inner())
    }
}

/// Picture number `index` of a kind: always the same for the same seed, and unlike that of any other number or kind.
pub(crate) fn render(kind: Leaf, seed: u64, index: u64) -> Picture {
    let stream = index.wrapping_mul(2).wrapping_add(u64::from(kind == Leaf::Spotted));
    let mut dice = Dice::new(seed, stream);
    let (width, height) = roll_size(&mut dice);
    let storage =
        if dice.chance(0.7) { Storage::Jpeg { quality: dice.whole(82, 96) as u8 } } else { Storage::Png };
    // Lengths are in sides: that of the square with as many pixels.
    let pixel = 1.0 / ((width * height) as f32).sqrt();
    let scene = Scene::roll(&mut dice, kind, Point::new(width as f32, height as f32) * pixel, pixel);
    let pixels = Camera::roll(&mut dice).take(width, height, |x, y| scene.colour(Point::new(x, y) * pixel));
    Picture { pixels, storage }
}

/// Width and height in pixels: upright or lying, from square to 3:2.
fn roll_size(dice: &mut Dice) -> (u32, u32) {
    let short = dice.whole(120, 200);
    let long = dice.whole(short, (short * 3 / 2).min(260));
    if dice.chance(0.5) { (short, long) } else { (long, short) }
}

/// A leaf on something, in some light.
struct Scene {
    pixel: f32,
    background: Background,
    litter: Litter,
    light: Light,
    blade: Blade,
    lesions: Option<Lesions>,
    drops: Drops,
    shadow: Option<Shadow>,
}

/// The leaf's shadow on the ground.
struct Shadow {
    offset: Point,
    softness: f32,
}

impl Scene {
    fn roll(dice: &mut Dice, kind: Leaf, frame: Point, pixel: f32) -> Self {
        let centre = frame * 0.5;
        let background = Background::roll(dice);
        let litter = if background.is_ground() { Litter::roll(dice, frame) } else { Litter::none() };
        let light = Light::roll(dice, centre);
        let lift = dice.between(0.01, 0.06);
        let shadow = background
            .is_ground()
            .then(|| Shadow { offset: light.shadow_offset(lift), softness: 0.25 * lift + pixel });
        let blade = Blade::roll(dice, centre);
        let drops = Drops::roll(dice, &blade);
        let lesions = (kind == Leaf::Spotted).then(|| Lesions::roll(dice, &blade, frame));
        Self { pixel, background, litter, light, blade, lesions, drops, shadow }
    }

    /// The light that a point sends to the camera.
    fn colour(&self, point: Point) -> Colour {
        let place = self.blade.place(point);
        let cover = smoothstep(-0.5 * self.pixel, 0.5 * self.pixel, self.blade.depth(place));
        let ground = if cover < 1.0 { self.ground(point) } else { Colour::grey(0.0) };
        let leaf = if cover > 0.0 { self.leaf(point) } else { Colour::grey(0.0) };
        ground.mix(leaf.under(self.light.at(point)), cover)
    }

    fn ground(&self, point: Point) -> Colour {
        let bare = self.background.colour(point, self.pixel, &self.light);
        let ground = self.litter.over(bare, point, &self.light);
        let Some(Shadow { offset, softness }) = self.shadow else { return ground };
        let depth = self.blade.depth(self.blade.place(point - offset));
        let shade = smoothstep(-softness, softness, depth);
        ground.under(self.light.at(point)) * (1.0 - shade * (1.0 - self.light.in_shadow()))
    }

    fn leaf(&self, point: Point) -> Colour {
        let clean = self.blade.colour(self.blade.place(point), &self.light, self.pixel);
        let spotted = self.lesions.as_ref().map_or(clean, |lesions| lesions.over(clean, point));
        self.drops.over(spotted, point, &self.light)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: u64 = 11;
    const KINDS: [Leaf; 2] = [Leaf::Healthy, Leaf::Spotted];

    /// The same scene as both kinds: the spots are drawn last.
    fn scene(kind: Leaf, stream: u64) -> Scene {
        Scene::roll(&mut Dice::new(SEED, stream), kind, Point::new(1.0, 1.0), 1.0 / 96.0)
    }

    /// The middles of 96 x 96 pixels.
    fn points() -> impl Iterator<Item = Point> {
        (0..96 * 96).map(|i| Point::new((i % 96) as f32 + 0.5, (i / 96) as f32 + 0.5) * (1.0 / 96.0))
    }

    #[test]
    fn the_same_seed_and_number_give_the_same_file() {
        for kind in KINDS {
            let (a, b) = (render(kind, SEED, 3), render(kind, SEED, 3));
            assert_eq!(a, b);
            assert_eq!(a.encode().expect("pixels encode"), b.encode().expect("pixels encode"));
        }
    }

    #[test]
    fn seeds_numbers_and_kinds_differ() {
        let pictures = [
            render(Leaf::Healthy, SEED, 0),
            render(Leaf::Spotted, SEED, 0),
            render(Leaf::Healthy, SEED, 1),
            render(Leaf::Healthy, SEED + 1, 0),
        ];
        for (i, a) in pictures.iter().enumerate() {
            assert!(pictures[..i].iter().all(|b| b.pixels != a.pixels));
        }
    }

    #[test]
    fn sizes_and_formats_vary_alike_in_both_kinds() {
        for kind in KINDS {
            let pictures: Vec<Picture> = (0..40).map(|index| render(kind, SEED, index)).collect();
            let sizes = || pictures.iter().map(|picture| picture.pixels.dimensions());
            assert!(sizes().all(|(w, h)| (120..=260).contains(&w) && (120..=260).contains(&h)));
            assert!(sizes().any(|(w, h)| w > h) && sizes().any(|(w, h)| w < h));
            for extension in ["jpg", "png"] {
                assert!(pictures.iter().any(|picture| picture.extension() == extension), "{extension}");
            }
        }
    }

    #[test]
    fn files_hold_what_their_names_say() {
        for index in 0..10 {
            let picture = render(Leaf::Healthy, SEED, index);
            let file = picture.encode().expect("pixels encode");
            let format = image::guess_format(&file).expect("a known format");
            assert!(format.extensions_str().contains(&picture.extension()), "{format:?}");
            let decoded = image::load_from_memory(&file).expect("a whole file").into_rgb8();
            assert_eq!(decoded.dimensions(), picture.pixels.dimensions());
            if picture.extension() == "png" {
                assert_eq!(decoded, picture.pixels);
            }
        }
    }

    #[test]
    fn nothing_but_visible_spots_tells_the_kinds_apart() {
        for stream in 0..30 {
            let (healthy, spotted) = (scene(Leaf::Healthy, stream), scene(Leaf::Spotted, stream));
            let changed: Vec<Point> = points()
                .filter(|&point| healthy.colour(point).contrast(spotted.colour(point)) > 0.1)
                .collect();
            let share = changed.len() as f32 / (96.0 * 96.0);
            assert!((0.01..0.3).contains(&share), "scene {stream}: {share} of the picture is spots");
            let off_leaf = |point: &Point| healthy.blade.depth(healthy.blade.place(*point)) < -healthy.pixel;
            assert!(!changed.iter().any(off_leaf), "scene {stream}: a spot beside the leaf");
        }
    }
}
