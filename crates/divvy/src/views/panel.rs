//! What stands below the lines of a training while it runs, redrawn in place: progress, figures, curves, groups, hints.

use std::time::{Duration, Instant};

use divvy::rules::Stage;
use divvy::train::{Course, GroupRecord, LookRecord, StepRecord};

use super::curves::{losses, metric};
use super::words::FAMILIARIZING;
use crate::plot::figure;
use crate::terminal::{Palette, Room, duration, harmless, shortened, thousands, width};

/// The most groups that are shown; of more, those with the most mistakes.
const GROUPS: usize = 6;

/// Columns between two plots.
const GAP: usize = 3;
/// Blanks on both sides of a group's bar.
const BESIDE_BAR: usize = 4;

/// The least time between two drawings: more often than this nobody sees.
const BETWEEN: Duration = Duration::from_millis(100);

/// When the panel was drawn last.
#[derive(Default)]
pub(super) struct Pace(Option<Instant>);

impl Pace {
    /// Whether it is time to draw it anew, as is then done.
    pub(super) fn is_due(&mut self) -> bool {
        let now = Instant::now();
        let is_due = self.0.is_none_or(|drawn| now - drawn >= BETWEEN);
        if is_due {
            self.0 = Some(now);
        }
        is_due
    }

    /// Lets it be drawn at once: there is something new to be seen.
    pub(super) fn hurry(&mut self) {
        self.0 = None;
    }
}

/// The panel of one of several trainings below a line that tells how far all of them are.
pub(super) fn lines_of_one(
    course: &Course,
    (which, part, seconds_left): (String, f64, f64),
    room: Room,
    palette: Palette,
) -> Vec<String> {
    let rest = Room { rows: room.rows.saturating_sub(1), ..room };
    let mut all = vec![how_far(&which, part, seconds_left, room.columns, palette)];
    all.extend(lines(course, rest, palette));
    all
}

/// All of it, in lines that fit. On a terminal with little room only the first lines are left.
pub(super) fn lines(course: &Course, room: Room, palette: Palette) -> Vec<String> {
    let look = course.familiarizing().map(|look| familiarizing(look, room.columns, palette));
    // One that goes on after the last epoch takes no step.
    let Some(step) = course.latest() else { return look.into_iter().collect() };
    let progress = look.unwrap_or_else(|| progress(step, room.columns, palette));
    let mut lines = vec![progress, figures(course, step, room.columns)];
    lines.extend(curves(course, room, palette));
    lines.extend(hint(course, room.columns, palette));
    lines
}

/// The curves and the groups of the last epoch.
pub(super) fn curves(course: &Course, room: Room, palette: Palette) -> Vec<String> {
    let Some(layout) = Layout::of(room) else { return Vec::new() };
    if course.epochs().is_empty() && course.training_losses().nth(1).is_none() {
        return Vec::new();
    }
    let drawn: Vec<Vec<String>> = [losses(course), metric(course)]
        .iter()
        .take(layout.plots)
        .map(|plot| plot.lines(layout.columns, layout.rows, palette))
        .collect();
    let side_by_side = |row: usize| {
        let parts: Vec<&str> = drawn.iter().map(|lines| lines[row].as_str()).collect();
        parts.join(&" ".repeat(GAP)).trim_end().to_owned()
    };
    let mut lines: Vec<String> = (0..layout.rows + 2).map(side_by_side).collect();
    lines.extend(groups(&course.groups(), room.columns, layout.groups, palette));
    lines
}

/// How much of what is shown.
#[derive(Debug, PartialEq, Eq)]
struct Layout {
    plots: usize,
    /// Columns of a plot, and rows of its drawing.
    columns: usize,
    rows: usize,
    groups: usize,
}

impl Layout {
    /// What fits; none where there is no room for curves.
    fn of(room: Room) -> Option<Self> {
        /// Fewer columns or rows show no curve.
        const NARROWEST: usize = 28;
        const LOWEST: usize = 11;
        /// A wider plot is no clearer.
        const WIDEST: usize = 58;
        /// Lines beside plots and groups: progress, figures, title and foot of the plots, a hint, and the cursor's.
        const OTHERS: usize = 6;
        if room.columns < NARROWEST || room.rows < LOWEST {
            return None;
        }
        let plots = if room.columns >= 2 * NARROWEST + GAP { 2 } else { 1 };
        let columns = ((room.columns - (plots - 1) * GAP) / plots).min(WIDEST);
        let rows = ((room.rows - OTHERS) / 3).clamp(4, 8);
        let groups = (room.rows - OTHERS).saturating_sub(rows).min(GROUPS + 1);
        Some(Self { plots, columns, rows, groups })
    }
}

/// `epoch 7/20  ━━━━━━╸─────  34 %  1:12 left`
fn progress(step: &StepRecord, columns: usize, palette: Palette) -> String {
    let of = step.epochs.map(|epochs| format!("/{epochs}")).unwrap_or_default();
    let before = format!("epoch {}{of}", step.epoch);
    how_far(&before, step.progress, step.seconds_left, columns, palette)
}

/// The same for what follows the last epoch.
fn familiarizing(look: &LookRecord, columns: usize, palette: Palette) -> String {
    let part = look.done as f64 / look.total.max(1) as f64;
    how_far(FAMILIARIZING, part, look.seconds_left, columns, palette)
}

fn how_far(what: &str, part: f64, seconds_left: f64, columns: usize, palette: Palette) -> String {
    const LONGEST: usize = 40;
    let after = format!("{:>3.0} %  {} left", 100.0 * part, duration(seconds_left));
    match columns.checked_sub(what.len() + after.len() + 4).filter(|&length| length >= 4) {
        Some(length) => format!("{what}  {}  {after}", bar(part, length.min(LONGEST), palette)),
        None => format!("{what} {after}").chars().take(columns).collect(),
    }
}

/// A bar of so many cells, of which a part is full.
fn bar(part: f64, length: usize, palette: Palette) -> String {
    let halves = (part.clamp(0.0, 1.0) * 2.0 * length as f64).round() as usize;
    let full = "━".repeat(halves / 2) + if halves % 2 == 1 { "╸" } else { "" };
    let empty = "─".repeat(length - halves.div_ceil(2));
    format!("{}{}", palette.curve(0, &full), palette.faint(&empty))
}

/// The figures that fit into a line.
fn figures(course: &Course, step: &StepRecord, columns: usize) -> String {
    let memory = course.epochs().last().and_then(|record| record.peak_memory);
    let figures = [
        Some(format!("loss {:.4}", step.loss)),
        Some(format!("{} images/s", thousands(step.images_per_second as usize))),
        Some(format!("rate {}", figure(step.rate))),
        memory.map(|bytes| format!("{} MiB", thousands((bytes >> 20) as usize))),
        course.best().map(|best| format!("best {:.4} in epoch {}", best.validation.value, best.epoch)),
    ];
    let mut line = String::new();
    for figure in figures.into_iter().flatten() {
        let gap = if line.is_empty() { "" } else { "  " };
        if line.len() + gap.len() + figure.len() <= columns {
            line += gap;
            line += &figure;
        }
    }
    line
}

/// What was last found about the course of the training, in a line.
fn hint(course: &Course, columns: usize, palette: Palette) -> Option<String> {
    let finding = course.findings().iter().rev().find(|finding| finding.rule.stage() == Stage::Training)?;
    let (rule, rest) = (finding.rule.to_string(), format!(" {}", harmless(&finding.what)));
    let rest = shortened(&rest, columns.checked_sub(rule.len())?);
    Some(format!("{}{rest}", palette.hint(&rule)))
}

/// How many pictures of each group were right, in at most so many lines.
fn groups(records: &[GroupRecord<'_>], columns: usize, most: usize, palette: Palette) -> Vec<String> {
    let scored = records.iter().filter_map(|group| Some((group, group.score()?)));
    let mut groups: Vec<(&GroupRecord<'_>, f64)> = scored.collect();
    let left_out =
        groups.len().saturating_sub(if groups.len() > most { most.saturating_sub(1) } else { most });
    if left_out > 0 {
        groups.sort_by(|a, b| a.1.total_cmp(&b.1));
        groups.truncate(most.saturating_sub(1));
    }
    let longest = groups.iter().map(|(group, _)| width(group.name)).max().unwrap_or(0).min(columns / 3);
    let longest_of = |counts: &[String]| counts.iter().map(String::len).max().unwrap_or(0);
    let mut counts: Vec<String> = groups.iter().map(|(group, score)| counts_of(group, *score)).collect();
    if longest + longest_of(&counts) + BESIDE_BAR > columns {
        counts = groups.iter().map(|(_, score)| format!("{score:.3}")).collect();
    }
    let longest_count = longest_of(&counts);
    let length = columns.saturating_sub(longest + longest_count + BESIDE_BAR).min(24);
    let line = |((group, score), count): (&(&GroupRecord<'_>, f64), &String)| {
        let name = shortened(&harmless(group.name), longest);
        let pad = " ".repeat(longest - width(&name));
        format!("{name}{pad}  {}  {count}", bar(*score, length, palette))
    };
    let mut lines: Vec<String> = groups.iter().zip(&counts).map(line).collect();
    if left_out > 0 && most > 0 {
        lines.push(palette.faint(&shortened(&format!("and {left_out} groups that do no worse"), columns)));
    }
    lines
}

/// Of a group its accuracy, of a label its F1 score, and the pictures that it comes from.
fn counts_of(group: &GroupRecord<'_>, score: f64) -> String {
    let GroupRecord { right, wanted, wrongly, .. } = group;
    match wrongly {
        None => format!("{score:.3}  {right} of {wanted}"),
        Some(wrongly) => format!("F1 {score:.3}  {right} of {wanted}, {wrongly} wrongly"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::testing::{answers, epoch, started, step};
    use divvy::nn::Task;
    use divvy::rules::{Diagnostic, Rule};
    use divvy::train::{Answers, Event};

    /// Three epochs of a training with these groups, of which the last has found something.
    fn course(classes: &[&str], answers: &Answers) -> Course {
        let mut events = vec![started(classes)];
        for number in 1..=3 {
            events.extend((1..=4).map(|index| step(number, index, 1.0 / f64::from(number))));
            events.push(epoch(number, 0.5, 0.25 * f64::from(number), answers));
        }
        let finding = Diagnostic::new(Rule::T07, "the validation loss rose\u{1b}[2J");
        events.extend([Event::Finding { finding }, step(4, 2, 0.2)]);
        Course::of(&events)
    }

    #[test]
    fn everything_is_told_where_there_is_room() {
        let course = course(&["healthy", "spotted"], &answers(&[50, 50], &[47, 40]));
        let lines = lines(&course, Room { columns: 79, rows: 24 }, Palette::plain());
        let text = lines.join("\n");
        for part in [
            "epoch 4/20  ━━",
            "18 %  1:12 left",
            "loss 0.2000  1,240 images/s  rate 8.0e-4  412 MiB  best 0.7500 in epoch 3",
            "loss  ── training  ·· validation",
            "validation accuracy",
            "0.940  47 of 50",
            "0.800  40 of 50",
            "T07 the validation loss rose\u{fffd}[2J",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert!(text.contains('⣀') || text.contains('⠤') || text.contains('⠒'), "{text}");
    }

    #[test]
    fn what_follows_the_last_epoch_has_a_bar_of_its_own() {
        let mut course = course(&["healthy", "spotted"], &answers(&[50, 50], &[47, 40]));
        course.take(&Event::Familiarizing { done: 750, total: 3000, seconds_left: 21.0 });
        let lines = lines(&course, Room { columns: 79, rows: 24 }, Palette::plain());
        let first = &lines[0];
        assert!(first.starts_with("learning what the training pictures look like  ━"), "{first}");
        assert!(first.ends_with("─   25 %  0:21 left") && !lines.concat().contains("epoch 4/20"), "{first}");
        let alone = Course::of(&[Event::Familiarizing { done: 750, total: 3000, seconds_left: 21.0 }]);
        assert_eq!(super::lines(&alone, Room { columns: 79, rows: 24 }, Palette::plain()), lines[..1]);
    }

    #[test]
    fn it_fits_every_terminal() {
        let names: Vec<String> = (0..40).map(|n| format!("group {n} 日本語 {}", "x".repeat(n))).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let groups = course(&names, &answers(&[9; 40], &[5; 40]));
        let mut labels = course(&names, &answers(&[900; 40], &[512; 40]));
        let mut of_labels = started(&names);
        if let Event::Started { task, .. } = &mut of_labels {
            *task = Task::MultiLabel;
        }
        labels.take(&of_labels);
        for (course, columns) in [groups, labels].iter().flat_map(|of| (0..130).map(move |n| (of, n))) {
            for rows in 0..40 {
                let lines = lines(course, Room { columns, rows }, Palette::plain());
                assert!(lines.len() < rows.max(4), "{columns} x {rows}:\n{}", lines.join("\n"));
                let too_long = lines.iter().find(|line| width(line) > columns);
                assert_eq!(too_long, None, "{columns} x {rows}");
            }
        }
    }

    #[test]
    fn of_many_groups_the_worst_are_shown() {
        let right = [9, 1, 8, 7, 2, 9, 9, 9, 3];
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
        let course = course(&names, &answers(&[9; 9], &right));
        let lines = groups(&course.groups(), 60, 4, Palette::plain());
        let first: Vec<char> = lines.iter().filter_map(|line| line.chars().next()).collect();
        assert_eq!(first[..3], ['b', 'e', 'i']);
        assert_eq!(lines[3..], ["and 6 groups that do no worse"]);
    }

    #[test]
    fn labels_are_told_with_those_that_are_given_wrongly() {
        let group =
            |name, wanted, right, wrongly| GroupRecord { name, wanted, right, wrongly: Some(wrongly) };
        let records = [group("hat", 13, 12, 3), group("shoe", 0, 0, 0), group("sock", 0, 0, 2)];
        let lines = groups(&records, 60, 4, Palette::plain());
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(
            lines[0].starts_with("hat ") && lines[0].ends_with("F1 0.857  12 of 13, 3 wrongly"),
            "{lines:?}"
        );
        assert!(
            lines[1].starts_with("sock") && lines[1].ends_with("F1 0.000  0 of 0, 2 wrongly"),
            "{lines:?}"
        );
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        assert_eq!(lines(&Course::new(), Room { columns: 80, rows: 24 }, Palette::plain()), [""; 0]);
        assert_eq!(curves(&Course::new(), Room { columns: 80, rows: 24 }, Palette::plain()), [""; 0]);
    }

    #[test]
    fn a_bar_is_filled_by_half_cells() {
        assert_eq!(bar(0.0, 4, Palette::plain()), "────");
        assert_eq!(bar(0.375, 4, Palette::plain()), "━╸──");
        assert_eq!(bar(1.0, 4, Palette::plain()), "━━━━");
        assert_eq!(bar(f64::NAN, 0, Palette::plain()), "");
    }
}
