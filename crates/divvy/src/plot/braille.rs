//! Curves in a terminal: each cell is one of Unicode's braille patterns, which are two dots wide and four high.

use super::{Curve, Frame, Plot, Style, figure};
use crate::terminal::Palette;

/// Dots of a cell.
const WIDE: usize = 2;
const HIGH: usize = 4;

/// The bits of a cell's dots, by row and column (ISO/IEC 10646, block "Braille Patterns").
const BITS: [[u8; WIDE]; HIGH] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

/// A cell of the drawing.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    dots: u8,
    /// The curve that was drawn into it last.
    curve: usize,
}

/// A drawing of so many cells.
struct Sheet {
    columns: usize,
    cells: Vec<Cell>,
}

impl Plot {
    /// The plot as lines of `width` columns: its title with the names of the curves, `rows` of drawing, the ends of the x-axis, and a
    /// line for each mark. No line is longer.
    pub(crate) fn lines(&self, width: usize, rows: usize, palette: Palette) -> Vec<String> {
        let mut lines = vec![self.headline(width, palette)];
        let Some(frame) = self.frame() else {
            lines.resize(rows + 2, " ".repeat(width));
            return lines;
        };
        let [low, high] = [frame.y.low, frame.y.high].map(figure);
        let gutter = low.len().max(high.len());
        let columns = width.saturating_sub(gutter + 2).max(1);
        let mut sheet = Sheet::new(columns, rows);
        for (index, curve) in self.curves.iter().enumerate() {
            sheet.draw(self, index, curve, frame);
        }
        for (row, cells) in sheet.cells.chunks(columns).enumerate() {
            let label = match row {
                0 => high.as_str(),
                _ if row + 1 == rows => low.as_str(),
                _ => "",
            };
            let edge = palette.faint(&format!("{label:>gutter$} │"));
            lines.push(edge + &painted(cells, palette));
        }
        lines.push(palette.faint(&self.foot(frame, gutter, columns)));
        lines.extend(self.pointers(frame, gutter, columns));
        lines
    }

    /// Title and names, as far as they fit; padded to the width.
    fn headline(&self, width: usize, palette: Palette) -> String {
        let mut used = self.title.chars().count();
        let mut line = palette.heading(&self.title);
        if self.curves.len() > 1 {
            for (index, curve) in self.curves.iter().enumerate() {
                let name = format!("  {} {}", curve.style.sample(), curve.name);
                if used + name.chars().count() <= width {
                    used += name.chars().count();
                    line += &palette.curve(index, &name);
                }
            }
        }
        line + &" ".repeat(width.saturating_sub(used))
    }

    /// A line for each mark, which points to its place.
    fn pointers(&self, frame: Frame, gutter: usize, columns: usize) -> impl Iterator<Item = String> {
        self.marks.iter().map(move |mark| {
            let column = (frame.x.place(mark.x) * (columns - 1) as f64).round() as usize;
            let room = columns - 1 - column;
            let name = if mark.name.chars().count() < room {
                format!("▲ {}", mark.name)
            } else {
                "▲".to_owned()
            };
            let before = mark.name.chars().count() + 1;
            if name.len() == "▲".len() && before <= column {
                format!("{:gutter$}  {:>column$}▲", "", format!("{} ", mark.name))
            } else {
                format!("{:gutter$}  {:column$}{name}", "", "")
            }
        })
    }

    /// The ends of the x-axis, where there is room for both.
    fn foot(&self, frame: Frame, gutter: usize, columns: usize) -> String {
        let (low, high) = (figure(frame.x.low), format!("{} {}", self.x.name, figure(frame.x.high)));
        let ends = match columns.checked_sub(low.chars().count() + high.chars().count() + 1) {
            Some(gap) => format!("{low}{} {high}", " ".repeat(gap)),
            None => " ".repeat(columns),
        };
        format!("{:gutter$}  {ends}", "")
    }
}

impl Sheet {
    fn new(columns: usize, rows: usize) -> Self {
        Self { columns, cells: vec![Cell::default(); columns * rows] }
    }

    fn rows(&self) -> usize {
        self.cells.len() / self.columns
    }

    /// Draws a curve; a dashed one is every second dot of a line.
    fn draw(&mut self, plot: &Plot, index: usize, curve: &Curve, frame: Frame) {
        let right = (self.columns * WIDE - 1) as f64;
        let bottom = (self.rows() * HIGH - 1) as f64;
        let dot = |(x, y)| (frame.x.place(x) * right, (1.0 - frame.y.place(y)) * bottom);
        let dots: Vec<(f64, f64)> = plot.drawn_of(curve).map(dot).collect();
        let joined = if curve.style == Style::Dots { &[] } else { dots.as_slice() };
        for pair in joined.windows(2) {
            let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
            let steps = (x1 - x0).abs().max((y1 - y0).abs()).ceil().max(1.0) as usize;
            for step in 0..=steps {
                let share = step as f64 / steps as f64;
                let (x, y) = ((x0 + share * (x1 - x0)).round(), (y0 + share * (y1 - y0)).round());
                if curve.style == Style::Line || (x + y) % 2.0 == 0.0 {
                    self.set(index, x as usize, y as usize);
                }
            }
        }
        for (x, y) in dots {
            self.set(index, x.round() as usize, y.round() as usize);
        }
    }

    fn set(&mut self, curve: usize, x: usize, y: usize) {
        let cell = &mut self.cells[y / HIGH * self.columns + x / WIDE];
        cell.dots |= BITS[y % HIGH][x % WIDE];
        cell.curve = curve;
    }
}

impl Style {
    /// How a curve looks, beside its name.
    fn sample(self) -> &'static str {
        match self {
            Self::Line => "──",
            Self::Dashed => "··",
            Self::Dots => "⠂⠐",
        }
    }
}

/// Cells as text, those of one curve that follow each other between one pair of codes.
fn painted(cells: &[Cell], palette: Palette) -> String {
    let is_alike = |a: &Cell, b: &Cell| (a.dots == 0, a.curve) == (b.dots == 0, b.curve);
    let text = |cells: &[Cell]| cells.iter().map(|cell| cell.glyph()).collect::<String>();
    cells
        .chunk_by(is_alike)
        .map(
            |alike| {
                if alike[0].dots == 0 { text(alike) } else { palette.curve(alike[0].curve, &text(alike)) }
            },
        )
        .collect()
}

impl Cell {
    fn glyph(self) -> char {
        match self.dots {
            0 => ' ',
            dots => char::from_u32(0x2800 + u32::from(dots)).unwrap_or(' '),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::{Axis, Mark};

    fn plot(curves: &[&[(f64, f64)]]) -> Plot {
        let styles = [Style::Line, Style::Dashed];
        let named = |(index, points): (usize, &&[(f64, f64)])| {
            Curve::new(format!("c{index}"), styles[index], points.iter().copied())
        };
        Plot {
            title: "loss".to_owned(),
            x: Axis::linear("epoch"),
            y: Axis::linear("loss"),
            curves: curves.iter().enumerate().map(named).collect(),
            marks: Vec::new(),
        }
    }

    #[test]
    fn a_falling_line_goes_from_the_upper_left_to_the_lower_right() {
        // 8 dots wide and high: a dot in each column, one row lower each.
        let lines = plot(&[&[(0.0, 7.0), (7.0, 0.0)]]).lines(7, 2, Palette::plain());
        assert_eq!(lines, ["loss   ", "7 │⠑⢄  ", "0 │  ⠑⢄", "       "]);
    }

    #[test]
    fn a_second_curve_differs_without_colours() {
        let flat = |y: f64| [(0.0, y), (7.0, y)];
        let lines = plot(&[&flat(1.0), &flat(0.0)]).lines(7, 2, Palette::plain());
        assert_eq!(lines[1], "1 │⠉⠉⠉⠉");
        assert_eq!(lines[2], "0 │⣀⢀⢀⢀", "every second dot, and the points themselves");
    }

    #[test]
    fn a_mark_points_to_its_place() {
        let mut plot = plot(&[&[(0.0, 7.0), (10.0, 0.0)]]);
        let mark = |x, name: &str| Mark { x, name: name.to_owned() };
        plot.marks = vec![mark(0.0, "low"), mark(5.0, "half"), mark(10.0, "high")];
        let lines = plot.lines(14, 2, Palette::plain());
        assert_eq!(lines[4..], ["   ▲ low", "        ▲ half", "        high ▲"]);
        // Where there is no room for a name there is the place alone.
        let lines = plot.lines(7, 2, Palette::plain());
        assert_eq!(lines[4..], ["   ▲", "     ▲", "      ▲"]);
    }

    #[test]
    fn no_line_is_longer_than_asked_and_nothing_is_drawn_of_nothing() {
        for curves in [vec![], vec![(0.0, f64::NAN)], vec![(1.0, 123.0)], vec![(0.0, 1e9), (1e9, -1e-9)]] {
            for width in [1, 8, 20, 80] {
                let lines = plot(&[&curves, &curves]).lines(width, 3, Palette::plain());
                assert_eq!(lines.len(), 5);
                let longest = lines.iter().map(|line| line.chars().count()).max();
                assert!(longest <= Some(width.max(12)), "{curves:?} in {width}: {lines:#?}");
            }
        }
    }
}
