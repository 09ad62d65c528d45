//! Curves as SVG: an image by itself, or a part of a page.

use maud::{Markup, PreEscaped, html};

use super::ticks::ticks;
use super::{Curve, Frame, Plot, Style};

/// The size of the image in its own units; text of 12 units is legible where it is 300 pixels wide.
const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 250.0;

/// What lies around the drawing: numbers and names.
const LEFT: f64 = 52.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 40.0;

/// The colours and lines, for an image by itself and for a page that holds some.
pub(crate) const STYLE: &str = include_str!("svg.css");

impl Plot {
    /// The image, as a part of a page that has [`STYLE`]. `id` is its own in that page.
    pub(crate) fn svg(&self, id: &str) -> Markup {
        self.image(id, None)
    }

    /// The image as a file.
    pub(crate) fn svg_file(&self) -> String {
        self.image("plot", Some(STYLE)).into_string() + "\n"
    }

    fn image(&self, id: &str, style: Option<&str>) -> Markup {
        let frame = self.frame();
        html! {
            svg.plot xmlns="http://www.w3.org/2000/svg" viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img"
                aria-labelledby={ (id) "-title" } aria-describedby={ (id) "-desc" } {
                title #{ (id) "-title" } { (self.title) }
                desc #{ (id) "-desc" } { (self.in_words()) }
                @if let Some(style) = style { style { (PreEscaped(style)) } rect.paper width=(WIDTH) height=(HEIGHT) {} }
                @if let Some(frame) = frame { (self.drawing(frame)) }
            }
        }
    }

    fn drawing(&self, frame: Frame) -> Markup {
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        html! {
            g.grid aria-hidden="true" {
                @for (value, label) in ticks(frame.y, 5) {
                    @let y = frame.down(value);
                    line x1=(LEFT) x2=(right) y1=(y) y2=(y) {}
                    text.y x=(LEFT - 6.0) y=(y) dy="0.35em" { (label) }
                }
                @for (value, label) in ticks(frame.x, 6) {
                    @let x = frame.right(value);
                    line x1=(x) x2=(x) y1=(bottom) y2=(bottom + 4.0) {}
                    text.x x=(x) y=(bottom + 17.0) { (label) }
                }
                text.x x=(f64::midpoint(LEFT, right)) y=(HEIGHT - 6.0) { (self.x.name) }
            }
            @for (index, curve) in self.curves.iter().enumerate() { (self.curve(index, curve, frame)) }
            g.marks aria-hidden="true" {
                @for (index, mark) in self.marks.iter().enumerate() {
                    @let x = frame.right(mark.x);
                    @let is_left = x < WIDTH / 2.0;
                    line x1=(x) x2=(x) y1=(TOP) y2=(bottom) {}
                    text x=(x + if is_left { 5.0 } else { -5.0 }) y=(TOP + 8.0 + 15.0 * index as f64)
                        text-anchor=(if is_left { "start" } else { "end" }) { (mark.name) }
                }
            }
        }
    }

    fn curve(&self, index: usize, curve: &Curve, frame: Frame) -> Markup {
        let places: Vec<(f64, f64)> =
            self.drawn_of(curve).map(|(x, y)| (frame.right(x), frame.down(y))).collect();
        let line: Vec<String> = places.iter().map(|(x, y)| format!("{x},{y}")).collect();
        let class = format!("curve c{index} {}", curve.style.class());
        html! {
            @if curve.band.len() > 1 { (band(index, curve, frame)) }
            // A single point is no line.
            @if curve.style == Style::Dots || places.len() == 1 {
                g class=(class) { @for (x, y) in &places { circle cx=(x) cy=(y) r="1.8" {} } }
            } @else if !places.is_empty() {
                polyline class=(class) points=(line.join(" ")) {}
            }
        }
    }

    /// The curves for those who do not see them: where each begins, ends, and is highest and lowest.
    fn in_words(&self) -> String {
        let told = self.curves.iter().filter_map(|curve| {
            let mut points = self.drawn_of(curve);
            let (first, mut last) = (points.next()?, None);
            let (mut low, mut high) = (first.1, first.1);
            for point in points {
                (low, high, last) = (low.min(point.1), high.max(point.1), Some(point));
            }
            let last = last.unwrap_or(first);
            let name = &curve.name;
            let [x0, y0, x1, y1, low, high] =
                [first.0, first.1, last.0, last.1, low, high].map(super::figure);
            let x = &self.x.name;
            Some(format!("{name}: {y0} at {x} {x0}, {y1} at {x} {x1}, between {low} and {high}."))
        });
        told.collect::<Vec<_>>().join(" ")
    }
}

/// The area in which a curve may run: along its upper edge and back along the lower one.
fn band(index: usize, curve: &Curve, frame: Frame) -> Markup {
    let upper = curve.band.iter().map(|&(x, _, high)| (x, high));
    let lower = curve.band.iter().rev().map(|&(x, low, _)| (x, low));
    let corners: Vec<String> =
        upper.chain(lower).map(|(x, y)| format!("{},{}", frame.right(x), frame.down(y))).collect();
    html! { polygon class={ "band c" (index) } points=(corners.join(" ")) {} }
}

impl Frame {
    /// Where a value of the x-axis lies, from the left.
    fn right(self, x: f64) -> f64 {
        tenths(LEFT + self.x.place(x) * (WIDTH - LEFT - RIGHT))
    }

    /// Where a value of the y-axis lies, from the top.
    fn down(self, y: f64) -> f64 {
        tenths(HEIGHT - BOTTOM - self.y.place(y) * (HEIGHT - TOP - BOTTOM))
    }
}

impl Style {
    fn class(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Dashed => "dashed",
            Self::Dots => "dots",
        }
    }
}

/// Finer places nobody sees.
fn tenths(place: f64) -> f64 {
    (place * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::{Axis, Mark};

    fn plot() -> Plot {
        Plot {
            title: "loss <of> \"it\"".to_owned(),
            x: Axis::linear("epoch").ends(Some((0.0, 10.0))),
            y: Axis::linear("loss"),
            curves: vec![
                Curve::new("training", Style::Line, [(0.0, 1.0), (5.0, 0.25), (10.0, 0.0)]),
                Curve::new("validation", Style::Dashed, [(5.0, 0.5)]),
            ],
            marks: vec![Mark { x: 5.0, name: "half".to_owned() }],
        }
    }

    #[test]
    fn points_lie_where_their_values_are() {
        let svg = plot().svg("loss").into_string();
        // From 52 to 386 and from 210 up to 14.
        assert!(svg.contains(r#"points="52,14 219,161 386,210""#), "{svg}");
        assert!(svg.contains(r#"<circle cx="219" cy="112" r="1.8">"#), "{svg}");
        assert!(svg.contains(r#"<line x1="219" x2="219" y1="14" y2="210">"#), "{svg}");
    }

    #[test]
    fn a_band_is_an_area_from_its_lowest_to_its_highest_values() {
        let mut plot = plot();
        plot.curves[0] = plot.curves[0].clone().band([(0.0, 0.5, 1.0), (5.0, 0.0, 0.25)]);
        let svg = plot.svg("loss").into_string();
        assert!(svg.contains(r#"<polygon class="band c0" points="52,14 219,161 219,210 52,112">"#), "{svg}");
    }

    #[test]
    fn it_is_told_in_words_and_names_cannot_break_out() {
        let svg = plot().svg("loss").into_string();
        assert!(svg.contains("training: 1 at epoch 0, 0 at epoch 10, between 0 and 1."), "{svg}");
        assert!(svg.contains("loss &lt;of&gt; &quot;it&quot;") && !svg.contains("<of>"), "{svg}");
        assert!(svg.contains(r#"aria-labelledby="loss-title""#) && svg.contains(r#"id="loss-title""#));
    }

    #[test]
    fn an_image_of_nothing_is_an_image() {
        let plot = Plot { curves: Vec::new(), ..plot() };
        assert!(plot.svg_file().starts_with("<svg") && plot.svg_file().contains("</svg>"));
    }
}
