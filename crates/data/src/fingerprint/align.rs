//! How far two looks are from each other once one is laid over the other.

use super::look::{AREA, Look, SIDE};

/// Rows and columns at each edge that are not compared: a crop has lost them.
const MARGIN: usize = 4;
/// Rows and columns that are compared.
const INNER: usize = SIDE - 2 * MARGIN;
/// The most times that the place of one look over the other is put right.
const STEPS: usize = 12;
/// A step that moves the edges by less than this part of a pixel is the last.
const SETTLED: f32 = 0.02;
/// A look whose edge must be moved by more than this many pixels is no light crop of the other.
const FARTHEST: f32 = 4.0;
/// After this many steps, what has come to lie on the other explains most of its light already...
const EARLY: usize = 3;
/// ...and leaves less than this share of it open.
const HOPELESS: f32 = 0.4;
/// Unknowns: how columns are stretched and shifted, and rows.
const UNKNOWNS: usize = 4;
const MIDDLE: f32 = (SIDE - 1) as f32 / 2.0;

/// Numbers for the pixels of a look, `[row, column]`.
type Image = [f32; AREA];

/// A look, a little smoothed: what is laid over others.
pub(super) struct Sheet(Box<Image>);

impl Sheet {
    /// The sheet of a look, seen in a mirror or not, with weights 1, 2, 1 along rows and columns: half the size of a small picture
    /// does not keep more.
    pub(super) fn of(look: &Look, mirrored: bool) -> Self {
        let smooth = |before: f32, here: f32, after: f32| (before + 2.0 * here + after) / 4.0;
        let light = look.light(mirrored);
        let (mut rows, mut both) = ([0.0; AREA], Box::new([0.0; AREA]));
        for (row, smoothed) in light.chunks_exact(SIDE).zip(rows.chunks_exact_mut(SIDE)) {
            for (x, value) in smoothed.iter_mut().enumerate() {
                *value = smooth(row[before(x)], row[x], row[after(x)]);
            }
        }
        for (y, smoothed) in both.chunks_exact_mut(SIDE).enumerate() {
            let [above, here, below] = [before(y), y, after(y)].map(|y| &rows[y * SIDE..][..SIDE]);
            for (x, value) in smoothed.iter_mut().enumerate() {
                *value = smooth(above[x], here[x], below[x]);
            }
        }
        Self(both)
    }

    /// What of the sheet comes to lie on each pixel; nothing is told of as many rows at the top and bottom as `margin`.
    fn laid_out(&self, laid: Laid, margin: usize) -> Image {
        let mut seen = [0.0; AREA];
        let (xs, ys) = (laid.x.spots(), laid.y.spots());
        let rows = self.0.as_chunks::<SIDE>().0;
        for (y, seen) in
            seen.as_chunks_mut::<SIDE>().0.iter_mut().enumerate().take(SIDE - margin).skip(margin)
        {
            let Spot { pixel, on } = ys[y];
            let mut row = [0.0; SIDE];
            for (value, (above, below)) in row.iter_mut().zip(rows[pixel].iter().zip(&rows[pixel + 1])) {
                *value = above + (below - above) * on;
            }
            for (value, Spot { pixel, on }) in seen.iter_mut().zip(xs) {
                *value = row[pixel] + (row[pixel + 1] - row[pixel]) * on;
            }
        }
        seen
    }
}

/// The row above or the column to the left; at the edge the edge.
fn before(at: usize) -> usize {
    at.saturating_sub(1)
}

/// The row below or the column to the right; at the edge the edge.
fn after(at: usize) -> usize {
    (at + 1).min(SIDE - 1)
}

/// Half the differences between the pixels on either side, along the row and down the column.
fn slopes(image: &Image, i: usize) -> [f32; 2] {
    let (x, y) = (i % SIDE, i / SIDE);
    let at = |x: usize, y: usize| image[y * SIDE + x];
    [(at(after(x), y) - at(before(x), y)) / 2.0, (at(x, after(y)) - at(x, before(y))) / 2.0]
}

/// The pixels that are compared, row by row.
fn inner(image: &Image) -> impl Iterator<Item = &[f32; INNER]> {
    let rows = &image.as_chunks::<SIDE>().0[MARGIN..SIDE - MARGIN];
    rows.iter().map(|row| row[MARGIN..].first_chunk().expect("a row is longer than what is compared of it"))
}

/// The sum of the products of two images.
fn product(a: &Image, b: &Image) -> f32 {
    let mut sums = [0.0; INNER];
    for (a, b) in inner(a).zip(inner(b)) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}

/// The mean of an image.
fn mean(image: &Image) -> f32 {
    let mut sums = [0.0; INNER];
    for row in inner(image) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += value;
        }
    }
    sums.iter().sum::<f32>() / (INNER * INNER) as f32
}

/// A look, a little smoothed, that others are laid over, with what is the same for all of them.
pub(super) struct Ground {
    /// Around a mean of zero.
    light: Box<Image>,
    /// The sum of the squares of its light.
    squares: f32,
    /// How its light changes with each unknown, as far as brightness and contrast do not change it so.
    changes: Box<[Image; UNKNOWNS]>,
    /// The inverse of the changes' products with each other.
    inverse: [[f32; UNKNOWNS]; UNKNOWNS],
}

impl Ground {
    /// The ground of a look; none where there is nothing to hold on to, as on stripes.
    pub(super) fn of(look: &Look) -> Option<Self> {
        let Sheet(mut light) = Sheet::of(look, false);
        let mean_light = mean(&light);
        light.iter_mut().for_each(|value| *value -= mean_light);
        let squares = product(&light, &light);

        let mut changes = Box::new([[0.0; AREA]; UNKNOWNS]);
        for i in 0..AREA {
            let [slope_x, slope_y] = slopes(&light, i);
            let (dx, dy) = ((i % SIDE) as f32 - MIDDLE, (i / SIDE) as f32 - MIDDLE);
            for (change, value) in changes.iter_mut().zip([slope_x * dx, slope_x, slope_y * dy, slope_y]) {
                change[i] = value;
            }
        }
        for change in changes.iter_mut() {
            let (brightness, contrast) = (mean(change), product(change, &light) / squares);
            for (value, light) in change.iter_mut().zip(light.iter()) {
                *value -= brightness + contrast * light;
            }
        }
        let products = std::array::from_fn(|i| std::array::from_fn(|j| product(&changes[i], &changes[j])));
        Some(Self { inverse: inverse(products)?, light, squares, changes })
    }
}

/// A place between two pixels of a row or column.
#[derive(Clone, Copy, Default)]
struct Spot {
    pixel: usize,
    /// How far on to the next, from 0 to 1.
    on: f32,
}

/// Where the rows or columns of a sheet lie on a ground: what is `d` from the middle of the ground lies `stretch * d + shift` from
/// the sheet's.
#[derive(Debug, Clone, Copy)]
struct Axis {
    stretch: f32,
    shift: f32,
}

impl Axis {
    fn spots(self) -> [Spot; SIDE] {
        let mut spots = [Spot::default(); SIDE];
        for (i, spot) in spots.iter_mut().enumerate() {
            let at = self.stretch * (i as f32 - MIDDLE) + self.shift + MIDDLE;
            let at = at.clamp(0.0, (SIDE - 1) as f32);
            let pixel = (at as usize).min(SIDE - 2);
            *spot = Spot { pixel, on: at - pixel as f32 };
        }
        spots
    }

    /// The place of a sheet on the ground, if this is its place on a ground that is stretched and shifted so itself.
    fn without(self, stretch: f32, shift: f32) -> Self {
        let stretch = self.stretch / (1.0 + stretch);
        Self { stretch, shift: self.shift - stretch * shift }
    }

    /// How far its edges lie from those of another, in pixels.
    fn away_from(self, other: Self) -> f32 {
        (self.stretch - other.stretch).abs() * MIDDLE + (self.shift - other.shift).abs()
    }
}

/// How a sheet lies on a ground.
#[derive(Debug, Clone, Copy)]
struct Laid {
    x: Axis,
    y: Axis,
}

impl Laid {
    const STRAIGHT: Self =
        Self { x: Axis { stretch: 1.0, shift: 0.0 }, y: Axis { stretch: 1.0, shift: 0.0 } };

    fn away_from(self, other: Self) -> f32 {
        self.x.away_from(other.x).max(self.y.away_from(other.y))
    }
}

/// The share of the slopes of `ground`, from 0 to 1, that are not those of `sheet`, once it is stretched and shifted over it as
/// well as can be: 0 for equal pictures, about 1 for two that have nothing to do with each other. It is one minus the square of the
/// correlation of the slopes, so brightness and contrast make no difference. 1 where no place is found.
pub(super) fn distance(ground: &Ground, sheet: &Sheet) -> f32 {
    let mut laid = Laid::STRAIGHT;
    for step in 0..STEPS {
        let Some((better, open)) = put_right(ground, sheet, laid) else { return 1.0 };
        let is_light = better.away_from(Laid::STRAIGHT) <= FARTHEST;
        if !is_light || (step >= EARLY && open > HOPELESS) {
            return 1.0;
        }
        let moved = better.away_from(laid);
        laid = better;
        if moved < SETTLED {
            break;
        }
    }
    slopes_apart(&ground.light, &sheet.laid_out(laid, MARGIN - 1))
}

/// A step towards the least squares of light, whatever brightness and contrast, and the share of the light's variance that was
/// open before it: the inverse compositional step of Baker and Matthews (2004), for which all but the sheet's light is known
/// beforehand, with brightness and contrast projected out as theirs. None where what is seen of the sheet is flat.
fn put_right(ground: &Ground, sheet: &Sheet, laid: Laid) -> Option<(Laid, f32)> {
    let light = sheet.laid_out(laid, MARGIN);
    let squares = product(&light, &light) - mean(&light).powi(2) * (INNER * INNER) as f32;
    let both = product(&ground.light, &light).max(0.0);
    // As it will be once one lies on the other; what they have in common before tells less.
    let contrast = (squares / ground.squares).sqrt();
    let is_flat = !contrast.is_normal();
    if is_flat {
        return None;
    }
    let along = ground.changes.each_ref().map(|change| product(change, &light) / contrast);
    let [stretch_x, shift_x, stretch_y, shift_y] =
        ground.inverse.map(|row| row.iter().zip(along).map(|(a, b)| a * b).sum());
    let better = Laid { x: laid.x.without(stretch_x, shift_x), y: laid.y.without(stretch_y, shift_y) };
    Some((better, 1.0 - both * both / (squares * ground.squares)))
}

/// The inverse of a symmetric matrix; none where there is none.
fn inverse(mut rows: [[f32; UNKNOWNS]; UNKNOWNS]) -> Option<[[f32; UNKNOWNS]; UNKNOWNS]> {
    let diagonal: [f32; UNKNOWNS] = std::array::from_fn(|i| rows[i][i]);
    let mut inverse = [[0.0; UNKNOWNS]; UNKNOWNS];
    (0..UNKNOWNS).for_each(|i| inverse[i][i] = 1.0);
    for i in 0..UNKNOWNS {
        // Rounding leaves something of what is a sum of the others.
        let is_clear = rows[i][i] > 1e-5 * diagonal[i];
        if !is_clear {
            return None;
        }
        let (pivot, of_inverse) = (rows[i], inverse[i]);
        for (j, (row, inverse)) in rows.iter_mut().zip(&mut inverse).enumerate() {
            let share = if i == j { 1.0 - 1.0 / pivot[i] } else { row[i] / pivot[i] };
            for k in 0..UNKNOWNS {
                row[k] -= share * pivot[k];
                inverse[k] -= share * of_inverse[k];
            }
        }
    }
    inverse.iter().flatten().all(|value| value.is_finite()).then_some(inverse)
}

/// One minus the square of the correlation of the slopes.
fn slopes_apart(ground: &Image, light: &Image) -> f32 {
    let (mut here, mut there, mut both) = (0.0_f32, 0.0_f32, 0.0_f32);
    for y in MARGIN..SIDE - MARGIN {
        for x in MARGIN..SIDE - MARGIN {
            let ([ax, ay], [bx, by]) = (slopes(light, y * SIDE + x), slopes(ground, y * SIDE + x));
            here += ax * ax + ay * ay;
            there += bx * bx + by * by;
            both += ax * bx + ay * by;
        }
    }
    // A negative is no copy.
    if both <= 0.0 { 1.0 } else { (1.0 - both * both / (here * there)).clamp(0.0, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{Channels, Pixels};
    use std::ops::Range;

    /// A scene of waves of several lengths, seen through a window: what of it lies between `left` and `right`, `top` and `bottom`.
    fn window(seed: f32, part: [f32; 4]) -> Look {
        window_on(seed, 1..5, part)
    }

    /// A scene of waves of these many to a side, about.
    fn window_on(seed: f32, waves: Range<u8>, [left, right, top, bottom]: [f32; 4]) -> Look {
        let side = 200;
        let bytes = (0..side * side)
            .map(|i| {
                let (x, y) = ((i % side) as f32 + 0.5, (i / side) as f32 + 0.5);
                let x = left + (right - left) * x / side as f32;
                let y = top + (bottom - top) * y / side as f32;
                let wave = |k: f32| {
                    ((seed * k * 7.7).sin() * 9.0 * k * x
                        + (seed * k * 3.1).cos() * 9.0 * k * y
                        + seed * k * k)
                        .sin()
                        / k
                };
                (128.0 + 40.0 * waves.clone().map(|k| wave(f32::from(k))).sum::<f32>()) as u8
            })
            .collect();
        let pixels = Pixels::new(side, side, Channels::Grey, bytes).expect("a square");
        Look::of(&pixels).expect("it is not flat")
    }

    fn ground(look: &Look) -> Ground {
        Ground::of(look).expect("it has slopes in both directions")
    }

    fn between(a: &Look, b: &Look) -> f32 {
        distance(&ground(a), &Sheet::of(b, false))
    }

    const WHOLE: [f32; 4] = [0.0, 1.0, 0.0, 1.0];

    #[test]
    fn a_crop_is_laid_over_its_original_either_way() {
        for seed in 1..20 {
            let seed = seed as f32;
            let whole = window(seed, WHOLE);
            assert!(between(&whole, &whole) < 1e-5);
            for crop in [
                [0.05, 1.0, 0.0, 1.0],
                [0.0, 0.95, 0.05, 1.0],
                [0.02, 0.97, 0.03, 0.98],
                [0.05, 0.95, 0.05, 0.95],
            ] {
                let crop = window(seed, crop);
                let found = [between(&whole, &crop), between(&crop, &whole)];
                assert!(found[0] < 0.05 && found[1] < 0.05, "{seed}: {found:?}");
            }
        }
    }

    #[test]
    fn a_crop_of_something_fine_takes_some_steps() {
        for seed in 1..20 {
            let of = |part: [f32; 4]| window_on(seed as f32, 3..6, part);
            let (whole, crop) = (of(WHOLE), of([0.0, 0.95, 0.05, 1.0]));
            let found = [between(&whole, &crop), between(&crop, &whole)];
            assert!(found[0] < 0.05 && found[1] < 0.05, "{seed}: {found:?}");
        }
    }

    #[test]
    fn other_scenes_and_far_crops_are_far() {
        for seed in 1..20 {
            let seed = seed as f32;
            let whole = window(seed, WHOLE);
            assert!(between(&whole, &window(seed + 0.5, WHOLE)) > 0.5, "{seed}");
            assert!(between(&whole, &window(seed, [0.4, 1.0, 0.4, 1.0])) > 0.3, "{seed}");
        }
    }

    #[test]
    fn in_a_mirror_it_is_the_same() {
        let whole = window(3.0, WHOLE);
        let flipped = window(3.0, [1.0, 0.0, 0.0, 1.0]);
        assert!(between(&whole, &flipped) > 0.5);
        assert!(distance(&ground(&whole), &Sheet::of(&flipped, true)) < 0.01);
    }

    /// Waves that are smooth at this size, so that values between pixels are known.
    fn waves(stretch: f32, shift: f32) -> Image {
        std::array::from_fn(|i| {
            let (x, y) = ((i % SIDE) as f32 - MIDDLE, (i / SIDE) as f32 - MIDDLE);
            let (x, y) = (stretch * x + shift, stretch * y - shift);
            (0.35 * x).sin() + (0.25 * y + 0.1 * x).cos()
        })
    }

    #[test]
    fn a_sheet_is_laid_where_its_axes_say() {
        let sheet = Sheet(Box::new(waves(1.0, 0.0)));
        let along = |shift: f32| Axis { stretch: 0.9, shift };
        let seen = sheet.laid_out(Laid { x: along(0.8), y: along(-0.8) }, 1);
        let expected = waves(0.9, 0.8);
        for (seen, expected) in inner(&seen).flatten().zip(inner(&expected).flatten()) {
            assert!((seen - expected).abs() < 0.03, "{seen} for {expected}");
        }
    }

    #[test]
    fn a_place_on_a_moved_ground_is_taken_back() {
        let at = |axis: Axis, d: f32| axis.stretch * d + axis.shift;
        let (sheet, stretch, shift) = (Axis { stretch: 1.1, shift: -0.7 }, 0.05, 0.4);
        for d in [-15.5, -3.0, 0.0, 8.25] {
            let moved = (1.0 + stretch) * d + shift;
            assert!((at(sheet.without(stretch, shift), moved) - at(sheet, d)).abs() < 1e-5);
        }
    }

    #[test]
    fn an_inverse_makes_the_unit_matrix() {
        let rows: [[f32; UNKNOWNS]; UNKNOWNS] = std::array::from_fn(|i| {
            std::array::from_fn(|j| if i == j { 4.0 } else { 1.0 / (1 + i + j) as f32 })
        });
        let inverse = inverse(rows).expect("its rows are independent");
        for (i, row) in inverse.iter().enumerate() {
            for j in 0..UNKNOWNS {
                let sum: f32 = row.iter().zip(rows).map(|(value, row)| value * row[j]).sum();
                assert!((sum - f32::from(u8::from(i == j))).abs() < 1e-5, "{sum} at {i}, {j}");
            }
        }
        let mut rows = rows;
        rows[3] = rows[2];
        assert_eq!(super::inverse(rows), None);
    }

    #[test]
    fn smoothing_is_about_each_pixel() {
        let lit = |at: usize| {
            let mut light = [0_u8; AREA];
            light[at] = 160;
            Sheet::of(&Look::from_bytes(&light), false).0
        };
        let (x, y) = (9, 20);
        let smoothed = lit(y * SIDE + x);
        for (i, &value) in smoothed.iter().enumerate() {
            let weight = |a: usize, b: usize| 2_u8.saturating_sub(a.abs_diff(b) as u8);
            let expected = f32::from(10 * weight(i % SIDE, x) * weight(i / SIDE, y));
            assert_eq!(value, expected, "{i}");
        }
        assert_eq!(lit(0)[..2], [90.0, 30.0], "the edge counts for what is beyond it");
    }
}
