//! From pictures of any size to the part of them that a map shows.

use super::affine::Affine;
use crate::decode::{ImageFault, Picture, Pixels};
use crate::preprocess::{Area, resize_area};
use std::borrow::Cow;

/// A reduction by more than this would skip pixels where only neighbours are mixed.
const MOST_REDUCTION: f32 = 1.5;

/// What of a picture a map shows.
pub(super) enum Framed<'a> {
    /// The pixels of the target, which are to be mirrored in these directions.
    Ready { pixels: Cow<'a, Pixels>, mirrored: [bool; 2] },
    /// A picture no denser than bilinear mixing can stand, and the map that shows of it what the other shows of the whole.
    ToWarp { pixels: Cow<'a, Pixels>, map: Affine },
}

/// What `map` shows of a picture on a target of this height and width. Parts that are upright are resized as files are, by a filter as wide
/// as the reduction; others are reduced so first, and then mixed from neighbours.
///
/// # Errors
/// An [`ImageFault`] where that part cannot be decoded.
pub(super) fn framed<'a>(
    picture: &'a Picture<'_>,
    map: &Affine,
    target: [usize; 2],
) -> Result<Framed<'a>, ImageFault> {
    let [height, width] = target.map(|side| side as f32);
    let (source_height, source_width) = (picture.height() as f32, picture.width() as f32);
    let x = Extent::of([map.xx * width, map.xy * height, map.x0], width, source_width);
    let y = Extent::of([map.yx * width, map.yy * height, map.y0], height, source_height);
    let is_upright = map.xy == 0.0 && map.yx == 0.0;
    if is_upright && x.is_inside(source_width) && y.is_inside(source_height) {
        let pixels = resize_area(picture, area(x, y, picture), target)?;
        return Ok(Framed::Ready { pixels, mirrored: [map.xx < 0.0, map.yy < 0.0] });
    }
    let [by_x, by_y] = reductions(map, [source_width / width, source_height / height]);
    if by_x.max(by_y) <= MOST_REDUCTION {
        return Ok(Framed::ToWarp { pixels: picture.whole()?, map: *map });
    }
    let area = area(x, y, picture);
    let reduced = |side: f64, by: f32| ((side / f64::from(by.max(1.0))).ceil() as usize).max(1);
    let part = resize_area(picture, area, [reduced(area.height, by_y), reduced(area.width, by_x)])?;
    let (to_x, to_y) = (source_width / area.width as f32, source_height / area.height as f32);
    let moved = |middle: f32, start: f64, side: f64| (middle - start as f32) / side as f32 - 0.5;
    let map = Affine {
        xx: map.xx * to_x,
        xy: map.xy * to_x,
        x0: map.x0 * to_x + width * moved(source_width / 2.0, area.left, area.width),
        yx: map.yx * to_y,
        yy: map.yy * to_y,
        y0: map.y0 * to_y + height * moved(source_height / 2.0, area.top, area.height),
    };
    Ok(Framed::ToWarp { pixels: part, map })
}

/// By how much the columns and the rows of the source can be reduced before a map is followed, so that nothing is lost that the target
/// could show. `scale` are the pixels of the source to one of the target, along x and y.
fn reductions(map: &Affine, [scale_x, scale_y]: [f32; 2]) -> [f32; 2] {
    // Pixels of the source that a step in the target covers at the most, whichever way it goes.
    let (most_x, most_y) = (scale_x * map.xx.hypot(map.xy), scale_y * map.yx.hypot(map.yy));
    // What would be left of a step along the rows of the target, and of one down its columns: together less than a pixel of the reduced source
    // where the map squeezes across both of its sides.
    let left = |x: f32, y: f32| (scale_x * x / most_x).hypot(scale_y * y / most_y);
    let least = left(map.xx, map.yx).min(left(map.xy, map.yy)).min(1.0);
    [most_x * least, most_y * least]
}

/// From where to where a map reaches along one side of the source, in its pixels.
#[derive(Clone, Copy)]
struct Extent {
    from: f32,
    to: f32,
}

impl Extent {
    /// Of a map that reaches `across[0]` and `across[1]` from edge to edge of the target and is moved by `across[2]`.
    fn of(across: [f32; 3], target: f32, source: f32) -> Self {
        let reach = across[0].abs().midpoint(across[1].abs());
        let at = |place: f32| (place / target + 0.5) * source;
        Self { from: at(across[2] - reach), to: at(across[2] + reach) }
    }

    /// Whether it ends within a side of that length, but for rounding.
    fn is_inside(self, side: f32) -> bool {
        let rounding = side * 1e-5;
        self.from >= -rounding && self.to <= side + rounding
    }

    /// Where it begins and how long it is, cut off at the ends of a side; one pixel at the least.
    fn within(self, side: usize) -> (f64, f64) {
        let side = side as f64;
        let start = f64::from(self.from).clamp(0.0, side - 1.0);
        let end = f64::from(self.to).clamp(start + 1.0, side);
        (start, (end - start).min(side - start))
    }
}

fn area(x: Extent, y: Extent, picture: &Picture<'_>) -> Area {
    let ((left, width), (top, height)) = (x.within(picture.width()), y.within(picture.height()));
    Area { top, left, height, width }
}

#[cfg(test)]
mod tests {
    use super::super::warp::Canvas;
    use super::*;
    use crate::decode::Channels;
    use proptest::prelude::*;

    /// A scene with light everywhere, whose coarse waves survive any resampling. Places are shares of the sides.
    fn scene(x: f64, y: f64) -> f64 {
        128.0 + 70.0 * (5.0 * x + 1.0).sin() + 45.0 * (4.0 * y - 2.0 * x).cos()
    }

    fn photo(height: usize, width: usize) -> Pixels {
        let centre = |i: usize, side: usize| (i as f64 + 0.5) / side as f64;
        let byte = |i: usize| scene(centre(i % width, width), centre(i / width, height)).round() as u8;
        let bytes = (0..height * width).map(byte).collect();
        Pixels::new(height, width, Channels::Grey, bytes).expect("a byte for each pixel")
    }

    /// What a target shows, and whether it had to be warped.
    fn shown(photo: &Pixels, map: &Affine, target: [usize; 2]) -> (Vec<f32>, bool) {
        let photo = Picture::Decoded(Cow::Borrowed(photo));
        match framed(&photo, map, target).expect("it is decoded") {
            Framed::Ready { pixels, mirrored } => {
                assert_eq!([pixels.height(), pixels.width()], target);
                let at =
                    |i: usize, side: usize, is_mirrored: bool| if is_mirrored { side - 1 - i } else { i };
                let value = |i: usize| {
                    let (x, y) = (i % target[1], i / target[1]);
                    let (x, y) = (at(x, target[1], mirrored[0]), at(y, target[0], mirrored[1]));
                    f32::from(pixels.as_bytes()[y * target[1] + x])
                };
                ((0..target[0] * target[1]).map(value).collect(), false)
            }
            Framed::ToWarp { pixels, map } => {
                let mut values = vec![0.0; target[0] * target[1]];
                Canvas::new(target).warp::<1>(&pixels, &map, &mut values);
                (values, true)
            }
        }
    }

    /// Compares with the scene itself, where the map shows a place well inside it.
    fn assert_shows_the_scene(
        found: &[f32],
        map: &Affine,
        [height, width]: [usize; 2],
    ) -> Result<(), TestCaseError> {
        for (i, &value) in found.iter().enumerate() {
            let u = (i % width) as f64 + 0.5 - width as f64 / 2.0;
            let v = (i / width) as f64 + 0.5 - height as f64 / 2.0;
            let [xx, xy, x0, yx, yy, y0] = [map.xx, map.xy, map.x0, map.yx, map.yy, map.y0].map(f64::from);
            let x = (xx * u + xy * v + x0) / width as f64 + 0.5;
            let y = (yx * u + yy * v + y0) / height as f64 + 0.5;
            if (0.1..0.9).contains(&x) && (0.1..0.9).contains(&y) {
                let expected = scene(x, y);
                prop_assert!((f64::from(value) - expected).abs() < 9.0, "{value} for {expected} at {x}, {y}");
            }
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn parts_of_photos_of_any_size_show_what_the_map_says(
            source in (48usize..300, 48usize..300),
            target in (16usize..40, 16usize..40),
            (sideways, upside_down) in (any::<bool>(), any::<bool>()),
            shares in (0.3f32..1.0, 0.3f32..1.0),
            place in (-0.5f32..0.5, -0.5f32..0.5),
            angle in prop::sample::select(vec![0.0f32, 0.1, -0.7, 3.0]),
        ) {
            let target = [target.0, target.1];
            let [height, width] = target.map(|side| side as f32);
            let moved = [place.0 * (1.0 - shares.0) * width, place.1 * (1.0 - shares.1) * height];
            let crop = Affine::crop([shares.0, shares.1], moved).then(Affine::mirror(sideways, upside_down));
            let map = if angle == 0.0 { crop } else { crop.then(Affine::turn(angle)) };
            let (found, is_warped) = shown(&photo(source.0, source.1), &map, target);
            prop_assert_eq!(is_warped, angle != 0.0);
            assert_shows_the_scene(&found, &map, target)?;
        }
    }

    #[test]
    fn a_picture_of_the_right_size_is_not_touched() {
        let photo = Picture::of(photo(20, 30));
        let framed = framed(&photo, &Affine::mirror(true, false), [20, 30]).expect("it is decoded");
        let Framed::Ready { pixels, mirrored } = framed else { panic!("a mirrored picture is ready") };
        assert!(matches!(pixels, Cow::Borrowed(_)));
        assert_eq!(mirrored, [true, false]);
    }

    #[test]
    fn fine_stripes_are_averaged_and_not_skipped() {
        // Columns of black and white: any mix of whole ones is grey, upright or turned.
        let bytes = (0..256 * 256).map(|i| if i % 2 == 0 { 0 } else { 255 }).collect();
        let stripes = Pixels::new(256, 256, Channels::Grey, bytes).expect("a square");
        for angle in [0.0, 0.3] {
            let map =
                if angle == 0.0 { Affine::zoom(1.2) } else { Affine::zoom(1.2).then(Affine::turn(angle)) };
            let (found, _) = shown(&stripes, &map, [32, 32]);
            for y in 8..24 {
                for x in 8..24 {
                    let value = found[y * 32 + x];
                    assert!((value - 127.5).abs() < 20.0, "{value} at {x}, {y}, turned by {angle}");
                }
            }
        }
    }

    #[test]
    fn parts_of_tiny_pictures_have_a_pixel_at_the_least() {
        let one = Pixels::new(1, 1, Channels::Grey, vec![77]).expect("one byte");
        for map in [
            Affine::crop([0.1, 0.1], [3.0, -3.0]),
            Affine::shift(40.0, 0.0),
            Affine::turn(0.5),
            Affine::zoom(0.2),
        ] {
            let (found, _) = shown(&one, &map, [8, 8]);
            assert!(found.iter().all(|&value| value == 77.0), "{found:?}");
        }
    }
}
