//! A profile as text: every operation, then where the time goes, then the step as a whole.

use std::fmt::Write;

use super::{Profile, ProfileRow};

/// The fewest columns of an operation's name and of a layer's: on narrower lines they are cut.
const NARROWEST: (usize, usize) = (23, 8);

/// What stands between text columns at the least.
const GAP: usize = 1;

/// The columns of the text at the start of each line of the operations' table.
struct Columns {
    op: usize,
    layer: usize,
    /// None where the line has no room for sizes.
    sizes: Option<usize>,
}

impl Profile {
    /// The profile in lines of at most `width` columns, or as wide as they are; 100 is the least that has room for all figures.
    pub fn text(&self, width: Option<usize>) -> String {
        let mut text = String::new();
        self.write_operations(&mut text, width);
        self.write_passed_over(&mut text);
        self.write_kinds(&mut text);
        self.write_step(&mut text);
        text
    }

    fn write_operations(&self, text: &mut String, width: Option<usize>) {
        let columns = self.columns(width);
        line(text, &columns.line("operation", "layer", "sizes", &heading()));
        for row in &self.ops {
            line(text, &columns.line(row.op, &row.layer, &row.sizes, &figures(row)));
        }
    }

    /// Columns that fit what is in them, or as much of it as the width has room for.
    fn columns(&self, width: Option<usize>) -> Columns {
        let widest = |column: fn(&ProfileRow) -> &str, heading: &str| {
            self.ops.iter().map(|row| column(row).chars().count()).max().unwrap_or(0).max(heading.len())
        };
        let op = widest(|row| row.op, "operation");
        let layer = widest(|row| &row.layer, "layer");
        let sizes = widest(|row| &row.sizes, "sizes");
        let figures = self.ops.iter().map(|row| figures(row).len()).max().unwrap_or(0).max(heading().len());
        // Where there is room, there is more of it between columns.
        let roomy = Columns { op: op + 1, layer: layer + 1, sizes: Some(sizes + 1) };
        let Some(width) = width else { return roomy };
        let room = width.saturating_sub(figures + 2 * GAP);
        if op + layer + sizes + 3 + GAP <= room {
            return roomy;
        }
        let op = op.min(room.saturating_sub(layer)).max(NARROWEST.0.min(op));
        let layer = layer.min(room.saturating_sub(op)).max(NARROWEST.1.min(layer));
        Columns { op, layer, sizes: None }
    }

    /// The algorithms that were not taken, and why.
    fn write_passed_over(&self, text: &mut String) {
        let passed_over = self.ops.iter().flat_map(|row| {
            row.algorithm
                .iter()
                .flat_map(move |choice| choice.passed_over.iter().map(move |other| (row, choice, other)))
        });
        let lines: Vec<String> = passed_over
            .map(|(row, choice, other)| {
                let cost = |megacycles: Option<f64>| {
                    megacycles.map_or_else(String::new, |cost| format!(" ({cost:.2})"))
                };
                let [chosen, passed] = [&choice.chosen, &other.algorithm];
                format!(
                    "  {} {}: {}{} for {}{}: {}",
                    row.op,
                    row.layer,
                    passed.name,
                    cost(passed.megacycles),
                    chosen.name,
                    cost(chosen.megacycles),
                    other.reason
                )
            })
            .collect();
        if !lines.is_empty() {
            line(text, "\npassed over (millions of clock cycles on one core, as reckoned)");
            for passed in &lines {
                line(text, passed);
            }
        }
    }

    fn write_kinds(&self, text: &mut String) {
        let head = ["where the time goes", "ops", "ms", "share", "floor ms", "times floor"];
        line(text, "");
        line(text, &kind_line(head.map(str::to_owned)));
        for kind in &self.kinds {
            line(
                text,
                &kind_line([
                    kind.op.to_owned(),
                    kind.count.to_string(),
                    format!("{:.3}", kind.ms),
                    percent(kind.share, 1),
                    format!("{:.3}", kind.floor_ms),
                    times(kind.ms, kind.floor_ms),
                ]),
            );
        }
        let outside = super::ratio(self.outside_ms, self.step_ms);
        let (ms, share) = (format!("{:.3}", self.outside_ms), percent(outside, 1));
        line(
            text,
            &kind_line([
                "outside operations".to_owned(),
                String::new(),
                ms,
                share,
                String::new(),
                String::new(),
            ]),
        );
    }

    fn write_step(&self, text: &mut String) {
        let Self { mode, batch, isa, threads, runs, run_ms, steps, step_ms, .. } = *self;
        let Self { floor_ms, times_floor, ref limits, .. } = *self;
        line(
            text,
            &format!(
                "\nlimits: {:.0} GFLOP/s; L2 {:.0}, L3 {:.0}, DRAM {:.0} GB/s, each level for what the one inside has no \
                 room for",
                limits.gflops, limits.l2_gb_per_s, limits.l3_gb_per_s, limits.dram_gb_per_s
            ),
        );
        let images = super::ratio(batch as f64, run_ms * 1e-3);
        line(
            text,
            &format!(
                "{mode}, batch {batch}, {isa} on {threads} threads: {run_ms:.3} ms a step (median of {runs}), {images:.0} \
                 images/s\n{times_floor:.2} times the roofline of {floor_ms:.3} ms\n{step_ms:.3} ms one operation after the \
                 other (median of {steps})"
            ),
        );
    }
}

impl Columns {
    fn line(&self, op: &str, layer: &str, sizes: &str, figures: &str) -> String {
        let (op, layer) = (start(op, self.op), end(layer, self.layer));
        let sizes = self.sizes.map(|width| format!("{:GAP$}{sizes:width$}", "")).unwrap_or_default();
        format!("{op}{:GAP$}{layer}{sizes}{:GAP$}{figures}", "", "")
    }
}

/// The heads of the figures.
fn heading() -> String {
    let [ms, share, mflop, mib] = ["ms", "share", "MFLOP", "MiB"];
    let [gflops, peak, gb, memory, algorithm] = ["GFLOP/s", "peak", "GB/s", "memory", "algorithm"];
    format!("{ms:>7} {share:>5} {mflop:>6} {mib:>6} {gflops:>7} {peak:>4} {gb:>6} {memory:>8} {algorithm}")
}

/// The figures of a row below their heads. What does no arithmetic has no rate of it.
fn figures(row: &ProfileRow) -> String {
    let arithmetic = |text: String| if row.flops == 0 { String::new() } else { text };
    let (ms, share) = (format!("{:.3}", row.ms), percent(row.share, 1));
    let mflop = arithmetic(short(row.flops as f64 / 1e6));
    let mib = short(row.bytes as f64 / f64::from(1 << 20));
    let gflops = arithmetic(format!("{:.1}", row.gflops));
    let peak = arithmetic(percent(row.peak_share, 0));
    let memory = format!("{} {:>3}", row.level, percent(row.bandwidth_share, 0));
    let algorithm = row.algorithm.as_ref().map_or("", |choice| choice.chosen.name);
    let gb = format!("{:.1}", row.gb_per_s);
    let text = format!(
        "{ms:>7} {share:>5} {mflop:>6} {mib:>6} {gflops:>7} {peak:>4} {gb:>6} {memory:>8} {algorithm}"
    );
    text.trim_end().to_owned()
}

fn kind_line([kind, count, ms, share, floor, times]: [String; 6]) -> String {
    format!("{kind:<30} {count:>4} {ms:>9} {share:>6} {floor:>9} {times:>11}").trim_end().to_owned()
}

/// A count in at most six columns: small ones with two digits after the point.
fn short(count: f64) -> String {
    if count < 100.0 { format!("{count:.2}") } else { format!("{count:.0}") }
}

fn percent(share: f64, digits: usize) -> String {
    format!("{:.digits$}%", share * 100.0)
}

fn times(ms: f64, floor_ms: f64) -> String {
    if floor_ms > 0.0 { format!("{:.1}", ms / floor_ms) } else { String::new() }
}

/// The text in so many columns, cut at its end.
fn start(text: &str, width: usize) -> String {
    let len = text.chars().count();
    if len <= width {
        return format!("{text:width$}");
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// The text in so many columns, cut at its start: the names of layers differ at their ends.
fn end(text: &str, width: usize) -> String {
    let len = text.chars().count();
    if len <= width {
        return format!("{text:width$}");
    }
    std::iter::once('…').chain(text.chars().skip(len + 1 - width.max(1))).collect()
}

fn line(text: &mut String, line: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}", line.trim_end());
}
