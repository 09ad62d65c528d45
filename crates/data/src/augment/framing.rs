//! From pictures of any size to the part of them that a map shows.

use super::affine::Affine;
use crate::decode::Pixels;
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
pub(super) fn framed<'a>(pixels: &'a Pixels, map: &Affine, target: [usize; 2]) -> Framed<'a> {
    let [height, width] = target.map(|side| side as f32);
    let (source_height, source_width) = (pixels.height() as f32, pixels.width() as f32);
    let x = Extent::of([map.xx * width, map.xy * height, map.x0], width, source_width);
    let y = Extent::of([map.yx * width, map.yy * height, map.y0], height, source_height);
    let is_upright = map.xy == 0.0 && map.yx == 0.0;
    if is_upright && x.is_inside(source_width) && y.is_inside(source_height) {
        let area = area(x, y, pixels);
        let mirrored = [map.xx < 0.0, map.yy < 0.0];
        return Framed::Ready { pixels: resize_area(pixels, area, target), mirrored };
    }
    // Pixels of the source from one pixel of the target to the next, along its rows and down its columns.
    let (scale_x, scale_y) = (source_width / width, source_height / height);
    let along = (map.xx * scale_x).hypot(map.yx * scale_y);
    let down = (map.xy * scale_x).hypot(map.yy * scale_y);
    let reduction = along.min(down);
    if reduction <= MOST_REDUCTION {
        return Framed::ToWarp { pixels: Cow::Borrowed(pixels), map: *map };
    }
    let area = area(x, y, pixels);
    let reduced = |side: f64| ((side / f64::from(reduction)).ceil() as usize).max(1);
    let part = resize_area(pixels, area, [reduced(area.height), reduced(area.width)]);
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
    Framed::ToWarp { pixels: part, map }
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

fn area(x: Extent, y: Extent, pixels: &Pixels) -> Area {
    let ((left, width), (top, height)) = (x.within(pixels.width()), y.within(pixels.height()));
    Area { top, left, height, width }
}
