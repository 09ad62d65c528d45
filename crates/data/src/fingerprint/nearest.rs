//! The looks whose forms are nearest to those of another, without a comparison of all with all.

use super::look::{FORMS, Forms};

/// Numbers of a point: the forms, filled up to whole vectors.
const WIDTH: usize = FORMS.next_multiple_of(LANES);
const LANES: usize = 8;
/// Points that are not divided any more.
const LEAF: usize = 16;
/// How many points are looked at for the neighbours of one. Pictures leave off long before; points that somebody has scattered
/// evenly over all directions would otherwise all be compared with all.
const PATIENCE: usize = 20_000;

/// Points in space, halved again and again: a k-d tree (Bentley 1975).
pub(super) struct Tree {
    points: Vec<Point>,
    /// The direction in which each node is halved, and where; the halves of node `i` are `2 i + 1` and `2 i + 2`.
    cuts: Vec<Cut>,
}

#[derive(Clone, Copy)]
struct Point {
    place: [f32; WIDTH],
    name: usize,
}

#[derive(Clone, Copy, Default)]
struct Cut {
    direction: usize,
    at: f32,
}

/// What was found near a place.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Near {
    /// The names of the points, the nearest first.
    pub(super) neighbours: Vec<usize>,
    /// Whether there may be more: as many as were asked for were found, or patience ran out.
    pub(super) may_be_more: bool,
}

impl Tree {
    /// The tree of points with names.
    pub(super) fn new(points: impl Iterator<Item = (usize, Forms)>) -> Self {
        let point = |(name, forms): (usize, Forms)| Point { place: widened(&forms), name };
        let mut points: Vec<Point> = points.map(point).collect();
        let leaves = points.len().div_ceil(LEAF).next_power_of_two();
        let mut cuts = vec![Cut::default(); leaves - 1];
        halve(&mut points, 0, &mut cuts);
        Self { points, cuts }
    }

    /// Up to `most` points within `radius` of a place, without the one of that name.
    pub(super) fn near(&self, place: &Forms, name: usize, radius: f32, most: usize) -> Near {
        let mut search = Search {
            tree: self,
            place: widened(place),
            name,
            most,
            squared: radius * radius,
            found: Vec::new(),
            looked_at: 0,
        };
        search.visit(0, 0..self.points.len(), 0.0, &mut [0.0; WIDTH]);
        let may_be_more = search.found.len() == most || search.looked_at >= PATIENCE;
        Near { neighbours: search.found.iter().map(|(_, name)| *name).collect(), may_be_more }
    }
}

fn widened(forms: &Forms) -> [f32; WIDTH] {
    let mut place = [0.0; WIDTH];
    place[..FORMS].copy_from_slice(&forms.0);
    place
}

/// Halves points where they are spread most, and the halves in turn.
fn halve(points: &mut [Point], node: usize, cuts: &mut [Cut]) {
    if node >= cuts.len() {
        return;
    }
    let direction = widest(points);
    let middle = points.len() / 2;
    let by_place =
        |a: &Point, b: &Point| a.place[direction].total_cmp(&b.place[direction]).then(a.name.cmp(&b.name));
    let at = if points.is_empty() {
        0.0
    } else {
        points.select_nth_unstable_by(middle, by_place).1.place[direction]
    };
    cuts[node] = Cut { direction, at };
    let (below, above) = points.split_at_mut(middle);
    halve(below, 2 * node + 1, cuts);
    halve(above, 2 * node + 2, cuts);
}

/// The direction with the largest variance.
fn widest(points: &[Point]) -> usize {
    let (mut sums, mut squares) = ([0.0_f64; FORMS], [0.0_f64; FORMS]);
    for point in points {
        for ((sum, square), &value) in sums.iter_mut().zip(&mut squares).zip(&point.place) {
            *sum += f64::from(value);
            *square += f64::from(value) * f64::from(value);
        }
    }
    let n = points.len().max(1) as f64;
    let variance = |direction: usize| squares[direction] / n - (sums[direction] / n).powi(2);
    (0..FORMS).max_by(|&a, &b| variance(a).total_cmp(&variance(b))).unwrap_or(0)
}

struct Search<'a> {
    tree: &'a Tree,
    place: [f32; WIDTH],
    name: usize,
    most: usize,
    /// The square of the distance within which points still count.
    squared: f32,
    /// The nearest so far, by the square of their distance.
    found: Vec<(f32, usize)>,
    looked_at: usize,
}

impl Search<'_> {
    /// Looks through a node, the nearer half first. `away` is how far its box lies from the place in each direction, `squared` the
    /// square of its distance.
    fn visit(&mut self, node: usize, points: std::ops::Range<usize>, squared: f32, away: &mut [f32; WIDTH]) {
        // Once there are enough, one that is as far as the last of them is no better.
        let is_full = self.found.len() == self.most;
        if squared > self.squared || (is_full && squared == self.squared) || self.looked_at >= PATIENCE {
            return;
        }
        let Some(&Cut { direction, at }) = self.tree.cuts.get(node) else {
            return self.look_at(points);
        };
        let middle = points.start + points.len() / 2;
        let beyond = self.place[direction] - at;
        let below = (2 * node + 1, points.start..middle);
        let above = (2 * node + 2, middle..points.end);
        let (near, far) = if beyond < 0.0 { (below, above) } else { (above, below) };
        self.visit(near.0, near.1, squared, away);
        let before = std::mem::replace(&mut away[direction], beyond);
        self.visit(far.0, far.1, squared - before * before + beyond * beyond, away);
        away[direction] = before;
    }

    fn look_at(&mut self, points: std::ops::Range<usize>) {
        self.looked_at += points.len();
        for point in &self.tree.points[points] {
            let squared = squared_distance(&self.place, &point.place);
            if squared > self.squared || point.name == self.name {
                continue;
            }
            let found = (squared, point.name);
            let at = self.found.partition_point(|other| (other.0, other.1) < found);
            self.found.insert(at, found);
            if self.found.len() > self.most {
                self.found.pop();
            }
            if self.found.len() == self.most {
                self.squared = self.found[self.most - 1].0;
            }
        }
    }
}

fn squared_distance(a: &[f32; WIDTH], b: &[f32; WIDTH]) -> f32 {
    let mut sums = [0.0; LANES];
    for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += (a - b) * (a - b);
        }
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, keyed};
    use rand::RngExt;

    /// Points in all directions, of which some lie close together.
    fn points(n: usize) -> Vec<(usize, Forms)> {
        let mut rng = keyed(Purpose::Split, 1, 2, 3);
        let mut draw = || 2.0 * rng.random::<f32>() - 1.0;
        let mut points: Vec<(usize, Forms)> = Vec::new();
        for name in 0..n {
            let mut place = [(); FORMS].map(|()| draw());
            if name % 3 == 0 && name > 0 {
                let near = points[name / 3].1.0;
                place.iter_mut().zip(near).for_each(|(value, near)| *value = near + 0.05 * *value);
            }
            points.push((name, Forms(place)));
        }
        points
    }

    #[test]
    fn neighbours_are_those_that_a_look_at_all_finds() {
        for n in [1, 15, 16, 17, 333, 1000] {
            let points = points(n);
            let tree = Tree::new(points.iter().copied());
            for (name, place) in &points {
                let (radius, most) = (0.4, 3);
                let mut all: Vec<(f32, usize)> = points
                    .iter()
                    .filter(|(other, _)| other != name)
                    .map(|(other, at)| (squared_distance(&widened(place), &widened(at)), *other))
                    .filter(|(squared, _)| *squared <= radius * radius)
                    .collect();
                all.sort_by(|a, b| a.partial_cmp(b).expect("distances are numbers"));
                all.truncate(most);
                let expected: Vec<usize> = all.into_iter().map(|(_, name)| name).collect();
                let near = tree.near(place, *name, radius, most);
                assert_eq!(near.neighbours, expected, "{name} of {n}");
                assert_eq!(near.may_be_more, expected.len() == most);
            }
        }
    }

    #[test]
    fn of_points_at_one_place_no_more_are_found_than_asked_for() {
        let place = points(2)[1].1;
        let tree = Tree::new((0..5000).map(|name| (name, place)));
        let near = tree.near(&place, 77, 0.5, 8);
        assert_eq!(near.neighbours.len(), 8);
        assert!(near.may_be_more && !near.neighbours.contains(&77));
        assert_eq!(Tree::new(std::iter::empty()).near(&place, 0, 0.5, 8), Near::default());
    }
}
