//! Curves: what is drawn, described once, and drawn in a terminal or in a page.

mod braille;
mod svg;
mod ticks;

pub(crate) use svg::STYLE;
pub(crate) use ticks::figure;

/// A picture of curves over one axis.
#[derive(Debug, Clone)]
pub(crate) struct Plot {
    pub(crate) title: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) curves: Vec<Curve>,
    pub(crate) marks: Vec<Mark>,
}

/// A place on the x-axis that is worth pointing out.
#[derive(Debug, Clone)]
pub(crate) struct Mark {
    pub(crate) x: f64,
    pub(crate) name: String,
}

/// What is measured along a side.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    pub(crate) name: String,
    pub(crate) scale: Scale,
    /// The values at both ends, where they are not those of the curves.
    pub(crate) ends: Option<(f64, f64)>,
}

/// How values lie along a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    Linear,
    /// Equal factors are equal distances.
    Log,
}

/// Points from left to right.
#[derive(Debug, Clone)]
pub(crate) struct Curve {
    pub(crate) name: String,
    pub(crate) style: Style,
    pub(crate) points: Vec<(f64, f64)>,
    /// Where it may run, which is drawn in a page only: for places on the x-axis the lowest and the highest value.
    pub(crate) band: Vec<(f64, f64, f64)>,
}

/// How points are joined, so that curves differ without colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Line,
    Dashed,
    /// Not at all.
    Dots,
}

/// The part of the plane that is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Frame {
    x: Side,
    y: Side,
}

/// The values from one end of a side to the other.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Side {
    low: f64,
    high: f64,
    scale: Scale,
}

impl Axis {
    pub(crate) fn linear(name: impl Into<String>) -> Self {
        Self { name: name.into(), scale: Scale::Linear, ends: None }
    }

    pub(crate) fn log(name: impl Into<String>) -> Self {
        Self { name: name.into(), scale: Scale::Log, ends: None }
    }

    /// With these values at both ends.
    pub(crate) fn ends(self, ends: Option<(f64, f64)>) -> Self {
        Self { ends, ..self }
    }

    /// From one end to the other, given the values of the curves.
    fn side(&self, values: &[f64]) -> Option<Side> {
        match self.ends {
            Some((low, high)) if !values.is_empty() => Side::of(&[low, high], self.scale),
            _ => Side::of(values, self.scale),
        }
    }
}

impl Curve {
    pub(crate) fn new(
        name: impl Into<String>,
        style: Style,
        points: impl IntoIterator<Item = (f64, f64)>,
    ) -> Self {
        Self { name: name.into(), style, points: points.into_iter().collect(), band: Vec::new() }
    }

    /// With where it may run.
    pub(crate) fn band(self, band: impl IntoIterator<Item = (f64, f64, f64)>) -> Self {
        Self { band: band.into_iter().collect(), ..self }
    }
}

impl Plot {
    /// The part of the plane that holds the curves; none where there is no point to draw.
    fn frame(&self) -> Option<Frame> {
        let xs: Vec<f64> = self.drawn().map(|(x, _)| x).collect();
        let highest = self.curves.iter().filter_map(|curve| self.usual_highest(curve)).reduce(f64::max)?;
        let ys: Vec<f64> = self.drawn().map(|(_, y)| y.min(highest)).collect();
        Some(Frame { x: self.x.side(&xs)?, y: self.y.side(&ys)? })
    }

    /// The points of all curves that have a place.
    fn drawn(&self) -> impl Iterator<Item = (f64, f64)> {
        self.curves.iter().flat_map(|curve| self.drawn_of(curve))
    }

    /// The points of a curve that have a place.
    fn drawn_of<'a>(&'a self, curve: &'a Curve) -> impl Iterator<Item = (f64, f64)> + 'a {
        let has_place = |(x, y): &(f64, f64)| self.x.scale.places(*x) && self.y.scale.places(*y);
        curve.points.iter().copied().filter(has_place)
    }

    /// A value that a curve is seldom above: the few first points of a training can be many times as high as all others, and would
    /// leave them no room.
    fn usual_highest(&self, curve: &Curve) -> Option<f64> {
        const SELDOM: f64 = 0.97;
        let mut values: Vec<f64> = self.drawn_of(curve).map(|(_, y)| y).collect();
        values.sort_by(f64::total_cmp);
        let last = values.len().checked_sub(1)?;
        Some(values[(SELDOM * last as f64).ceil() as usize])
    }
}

impl Scale {
    /// Whether a value has a place.
    fn places(self, value: f64) -> bool {
        value.is_finite() && (self == Self::Linear || value > 0.0)
    }

    /// What is proportional to the distance.
    fn length(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Log => value.ln(),
        }
    }
}

impl Side {
    /// From the lowest to the highest value; around the only one where there is but one. None where there is none.
    fn of(values: &[f64], scale: Scale) -> Option<Self> {
        let low = values.iter().copied().reduce(f64::min)?;
        let high = values.iter().copied().reduce(f64::max)?;
        let (low, high) = match scale {
            _ if low < high => (low, high),
            Scale::Linear => {
                let room = if low == 0.0 { 1.0 } else { 0.1 * low.abs() };
                (low - room, high + room)
            }
            Scale::Log => (low / 2.0, high * 2.0),
        };
        Some(Self { low, high, scale })
    }

    /// Where a value lies: 0 at the low end, 1 at the high one; what is beyond lies at the end.
    fn place(self, value: f64) -> f64 {
        let [low, high, value] = [self.low, self.high, value].map(|value| self.scale.length(value));
        ((value - low) / (high - low)).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(points: Vec<(f64, f64)>, scale: Scale) -> Plot {
        let x = Axis { name: "x".to_owned(), scale, ends: None };
        let curves = vec![Curve::new("c", Style::Line, points)];
        Plot { title: "t".to_owned(), x, y: Axis::linear("y"), curves, marks: Vec::new() }
    }

    #[test]
    fn a_frame_holds_what_is_usual_and_values_lie_between_its_ends() {
        let mut points: Vec<(f64, f64)> = (0..=100).map(|i| (f64::from(i), f64::from(i) / 100.0)).collect();
        points[0].1 = 1e9;
        let frame = plot(points, Scale::Linear).frame().unwrap();
        assert_eq!((frame.x.low, frame.x.high), (0.0, 100.0));
        assert!((0.9..=1.0).contains(&frame.y.high) && frame.y.low == 0.01, "{frame:?}");
        assert_eq!((frame.x.place(25.0), frame.x.place(-3.0), frame.y.place(1e9)), (0.25, 0.0, 1.0));
    }

    #[test]
    fn equal_factors_are_equal_distances_on_a_log_scale() {
        let points = [1e-6, 1e-4, 0.0, f64::NAN, 1e-2].map(|x| (x, 1.0));
        let frame = plot(points.to_vec(), Scale::Log).frame().unwrap();
        assert!((frame.x.place(1e-4) - 0.5).abs() < 1e-12, "what is 0 or no number has no place");
    }

    #[test]
    fn one_point_lies_in_the_middle_and_none_nowhere() {
        let frame = plot(vec![(3.0, 0.0)], Scale::Linear).frame().unwrap();
        assert_eq!((frame.x.place(3.0), frame.y.place(0.0)), (0.5, 0.5));
        let mut plot_of_one = plot(vec![(3.0, 0.0)], Scale::Linear);
        plot_of_one.x.ends = Some((0.0, 4.0));
        assert_eq!(plot_of_one.frame().unwrap().x.place(3.0), 0.75, "ends that are stated stay");
        assert_eq!(plot(Vec::new(), Scale::Linear).frame(), None);
        assert_eq!(plot(vec![(f64::INFINITY, f64::NAN)], Scale::Log).frame(), None);
    }
}
