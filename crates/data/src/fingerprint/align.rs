//! How far two looks are from each other once one is laid over the other.

use super::look::{AREA, Look, SIDE};

/// Rows and columns at each edge that are not compared: a crop has lost them.
const MARGIN: usize = 3;
/// The most times that the place of one look over the other is put right.
const STEPS: usize = 10;
/// A step that moves the edges by less than this part of a pixel is the last.
const SETTLED: f32 = 0.02;
/// A look whose edge must be moved by more than this many pixels is no light crop of the other.
const FARTHEST: f32 = 4.0;
/// After this many steps, what will come to lie on the other explains most of its light already...
const EARLY: usize = 3;
/// ...and leaves less than this share of it open.
const HOPELESS: f32 = 0.4;
/// Unknowns: how columns and rows are stretched and shifted, how contrast and brightness differ.
const UNKNOWNS: usize = 6;
const MIDDLE: f32 = (SIDE - 1) as f32 / 2.0;

/// A look, a little smoothed, with its slopes: what is laid over others.
pub(super) struct Sheet {
    light: Vec<f32>,
    /// Half the differences between the pixels on either side, along the rows and down the columns.
    slope_x: Vec<f32>,
    slope_y: Vec<f32>,
}

impl Sheet {
    /// The sheet of a look, seen in a mirror or not.
    pub(super) fn of(look: &Look, mirrored: bool) -> Self {
        let light = smoothed(&look.light(mirrored));
        let (mut slope_x, mut slope_y) = (vec![0.0; AREA], vec![0.0; AREA]);
        for i in 0..AREA {
            let [left, right, above, below] = around(i);
            slope_x[i] = (light[right] - light[left]) / 2.0;
            slope_y[i] = (light[below] - light[above]) / 2.0;
        }
        Self { light, slope_x, slope_y }
    }

    /// What lies at a place between four pixels.
    fn at(&self, x: Spot, y: Spot) -> Seen {
        let first = y.pixel * SIDE + x.pixel;
        let between = |values: &[f32]| {
            let [a, b] = [values[first], values[first + 1]];
            let [c, d] = [values[first + SIDE], values[first + SIDE + 1]];
            let (above, below) = (a + (b - a) * x.on, c + (d - c) * x.on);
            above + (below - above) * y.on
        };
        Seen { light: between(&self.light), slope_x: between(&self.slope_x), slope_y: between(&self.slope_y) }
    }
}

/// The pixels to the left and right of pixel `i`, above and below; at the edges itself.
fn around(i: usize) -> [usize; 4] {
    let (x, y) = (i % SIDE, i / SIDE);
    let (left, right) = (x.saturating_sub(1), (x + 1).min(SIDE - 1));
    let (above, below) = (y.saturating_sub(1), (y + 1).min(SIDE - 1));
    [y * SIDE + left, y * SIDE + right, above * SIDE + x, below * SIDE + x]
}

/// The light with weights 1, 2, 1 along rows and columns: half the size of a small picture does not keep more.
fn smoothed(light: &[f32]) -> Vec<f32> {
    let pass = |light: &[f32], ends: fn([usize; 4]) -> [usize; 2]| -> Vec<f32> {
        (0..AREA)
            .map(|i| {
                let [before, after] = ends(around(i));
                (light[before] + 2.0 * light[i] + light[after]) / 4.0
            })
            .collect()
    };
    let rows = pass(light, |[left, right, ..]| [left, right]);
    pass(&rows, |[.., above, below]| [above, below])
}

/// A place between two pixels of a row or column.
#[derive(Clone, Copy, Default)]
struct Spot {
    pixel: usize,
    /// How far on to the next, from 0 to 1.
    on: f32,
}

/// What is seen of a sheet at a place.
struct Seen {
    light: f32,
    slope_x: f32,
    slope_y: f32,
}

/// Where the rows or columns of one sheet lie on another: what is `d` from the middle of the other lies `stretch * d + shift` from
/// its own.
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

    /// How far its edges are moved, in pixels.
    fn moved(self) -> f32 {
        (self.stretch - 1.0).abs() * MIDDLE + self.shift.abs()
    }
}

/// How one sheet lies on another, and how its light is changed there.
#[derive(Debug, Clone, Copy)]
struct Laid {
    x: Axis,
    y: Axis,
    contrast: f32,
    brightness: f32,
}

/// The share of the slopes of `other`, from 0 to 1, that are not those of `sheet`, once it is stretched and shifted over it as
/// well as can be: 0 for equal pictures, about 1 for two that have nothing to do with each other. It is one minus the square of the
/// correlation of the slopes, so brightness and contrast make no difference. 1 where no place is found.
pub(super) fn distance(sheet: &Sheet, other: &Sheet) -> f32 {
    let same = Axis { stretch: 1.0, shift: 0.0 };
    let mut laid = Laid { x: same, y: same, contrast: 1.0, brightness: 0.0 };
    for step in 0..STEPS {
        let Some((better, open)) = put_right(sheet, other, laid) else { return 1.0 };
        if step >= EARLY && open > HOPELESS || better.x.moved().max(better.y.moved()) > FARTHEST {
            return 1.0;
        }
        let moved = [(laid.x, better.x), (laid.y, better.y)]
            .map(|(from, to)| (to.stretch - from.stretch).abs() * MIDDLE + (to.shift - from.shift).abs());
        laid = better;
        if moved[0].max(moved[1]) < SETTLED {
            break;
        }
    }
    slopes_apart(sheet, other, laid)
}

/// Calls `see` for each pixel that is compared, with its place and what of the sheet lies there.
fn compare(sheet: &Sheet, laid: Laid, mut see: impl FnMut(usize, usize, Seen)) {
    let (xs, ys) = (laid.x.spots(), laid.y.spots());
    for (y, &at_y) in ys.iter().enumerate().take(SIDE - MARGIN).skip(MARGIN) {
        for (x, &at_x) in xs.iter().enumerate().take(SIDE - MARGIN).skip(MARGIN) {
            see(x, y, sheet.at(at_x, at_y));
        }
    }
}

/// A step of Gauss and Newton towards the least squares of light (Lucas and Kanade 1981), and the share of the light's variance
/// that was open before it. None where there is nothing to hold on to.
fn put_right(sheet: &Sheet, other: &Sheet, laid: Laid) -> Option<(Laid, f32)> {
    let mut sums = [[0.0_f32; UNKNOWNS + 1]; UNKNOWNS];
    let (mut open, mut light, mut squares) = (0.0, 0.0, 0.0);
    compare(sheet, laid, |x, y, seen| {
        let (slope_x, slope_y) = (laid.contrast * seen.slope_x, laid.contrast * seen.slope_y);
        let there = other.light[y * SIDE + x];
        let rest = there - (laid.contrast * seen.light + laid.brightness);
        let (dx, dy) = (x as f32 - MIDDLE, y as f32 - MIDDLE);
        let row = [slope_x * dx, slope_x, slope_y * dy, slope_y, seen.light, 1.0, rest];
        for (i, sums) in sums.iter_mut().enumerate() {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += row[i] * value;
            }
        }
        open += rest * rest;
        light += there;
        squares += there * there;
    });
    let n = ((SIDE - 2 * MARGIN) * (SIDE - 2 * MARGIN)) as f32;
    let variance = squares - light * light / n;
    let [stretch_x, shift_x, stretch_y, shift_y, contrast, brightness] = solved(sums)?;
    let moved = |axis: Axis, stretch: f32, shift: f32| Axis {
        stretch: axis.stretch + stretch,
        shift: axis.shift + shift,
    };
    let better = Laid {
        x: moved(laid.x, stretch_x, shift_x),
        y: moved(laid.y, stretch_y, shift_y),
        contrast: laid.contrast + contrast,
        brightness: laid.brightness + brightness,
    };
    (variance > 0.0).then_some((better, open / variance))
}

/// The solution of symmetric linear equations, whose right side is the last column; none where there is no single one.
fn solved(mut rows: [[f32; UNKNOWNS + 1]; UNKNOWNS]) -> Option<[f32; UNKNOWNS]> {
    let diagonal: Vec<f32> = (0..UNKNOWNS).map(|i| rows[i][i]).collect();
    for i in 0..UNKNOWNS {
        let pivot = rows[i];
        // Rounding leaves something of what is a sum of the others.
        let is_clear = pivot[i] > 1e-5 * diagonal[i];
        if !is_clear {
            return None;
        }
        for (j, row) in rows.iter_mut().enumerate() {
            if j != i {
                let share = row[i] / pivot[i];
                for (value, above) in row.iter_mut().zip(pivot) {
                    *value -= share * above;
                }
            }
        }
    }
    let solution = std::array::from_fn(|i| rows[i][UNKNOWNS] / rows[i][i]);
    solution.iter().all(|value: &f32| value.is_finite()).then_some(solution)
}

/// One minus the square of the correlation of the slopes.
fn slopes_apart(sheet: &Sheet, other: &Sheet, laid: Laid) -> f32 {
    let (mut here, mut there, mut both) = (0.0_f32, 0.0_f32, 0.0_f32);
    compare(sheet, laid, |x, y, seen| {
        let (ax, ay) = (seen.slope_x * laid.x.stretch, seen.slope_y * laid.y.stretch);
        let (bx, by) = (other.slope_x[y * SIDE + x], other.slope_y[y * SIDE + x]);
        here += ax * ax + ay * ay;
        there += bx * bx + by * by;
        both += ax * bx + ay * by;
    });
    // A negative is no copy.
    if both <= 0.0 { 1.0 } else { (1.0 - both * both / (here * there)).clamp(0.0, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{Channels, Pixels};

    /// A scene of waves of several lengths, seen through a window: what of it lies between `left` and `right`, `top` and `bottom`.
    fn window(seed: f32, [left, right, top, bottom]: [f32; 4]) -> Look {
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
                (128.0 + 40.0 * (1..5).map(|k| wave(k as f32)).sum::<f32>()) as u8
            })
            .collect();
        let pixels = Pixels::new(side, side, Channels::Grey, bytes).expect("a square");
        Look::of(&pixels).expect("it is not flat")
    }

    fn between(a: &Look, b: &Look) -> f32 {
        distance(&Sheet::of(a, false), &Sheet::of(b, false))
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
        assert!(distance(&Sheet::of(&whole, true), &Sheet::of(&flipped, false)) < 0.01);
    }

    #[test]
    fn equations_are_solved_where_they_can_be() {
        let mut rows = [[0.0; UNKNOWNS + 1]; UNKNOWNS];
        for (i, row) in rows.iter_mut().enumerate() {
            for (j, value) in row.iter_mut().take(UNKNOWNS).enumerate() {
                *value = if i == j { 4.0 } else { 1.0 / (1 + i + j) as f32 };
            }
            row[UNKNOWNS] = (0..UNKNOWNS).map(|j| row[j] * (j as f32 - 2.0)).sum();
        }
        for (j, value) in solved(rows).expect("one solution").into_iter().enumerate() {
            assert!((value - (j as f32 - 2.0)).abs() < 1e-4, "{value} for {}", j as f32 - 2.0);
        }
        rows[3] = rows[2];
        assert_eq!(solved(rows), None);
    }
}
