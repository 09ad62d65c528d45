//! Where to cut: thresholds, answers that are held back, sets of groups.

use divvy::eval::{Aim, CostReport, Estimate, SetReport};
use divvy::train::{Abstaining, Measured, RunReport, Threshold, WhereToCut};
use maud::{Markup, html};

use super::number::{Form, estimate, number};
use super::{Section, table};
use crate::page::drawn;
use crate::plot::{Axis, Curve, Mark, Plot, Style};
use crate::terminal::thousands;

pub(super) fn section(report: &RunReport) -> Option<Section> {
    let cut = report.where_to_cut.as_ref()?;
    let content = html! {
        p.note { (chosen(cut)) }
        @if !cut.thresholds.is_empty() { (thresholds(&cut.thresholds)) }
        @if let Some(costs) = &cut.costs { (mistakes(costs)) }
        @if let Some(abstaining) = &cut.abstaining { (only_when_sure(abstaining)) }
        @if let Some(sets) = &cut.sets { (of_groups(sets, report)) }
    };
    Some(Section { id: "where-to-cut", title: "Where to cut", content })
}

fn chosen(cut: &WhereToCut) -> String {
    let n = thousands(cut.n);
    let by = match cut.chosen_on {
        Measured::Folds => format!("on {n} pictures, each as the fold says that was not trained on it"),
        _ => format!("on the {n} validation pictures"),
    };
    let then = if cut.flatters {
        "and measured on the same, which flatters: there are no others"
    } else {
        "and measured on those of this report"
    };
    format!("All of this is chosen {by}, {then}.")
}

fn thresholds(thresholds: &[Threshold]) -> Markup {
    let row = |(index, threshold): (usize, &Threshold)| {
        let key = |name: &str| format!("/where_to_cut/thresholds/{index}/{name}");
        let scores = &threshold.measured.scores;
        let share = |name: &str, share: Option<Estimate>| {
            estimate(&key(&format!("measured/{name}")), share, Form::Percent)
        };
        html! {
            tr {
                th scope="row" { bdi { (threshold.group) } }
                td { (aim(threshold.choice.aim)) @if !threshold.choice.reached { " (not reached)" } }
                td { (number(&key("threshold"), threshold.choice.threshold, Form::Decimals)) }
                td { (share("recall", scores.recall)) }
                td { (share("precision", scores.precision)) }
                td { (share("specificity", scores.specificity)) }
            }
        }
    };
    let rows: Vec<Markup> = thresholds.iter().enumerate().map(row).collect();
    html! {
        h3 { "Thresholds" }
        p.note { "A group is answered from its threshold on. The usual one is 0.5." }
        (table("Thresholds by what they are chosen for", &["Group", "Chosen for", "Threshold", "Found", "Right", "Others left alone"], &rows))
        @if let [first, ..] = thresholds {
            @if thresholds.iter().all(|threshold| threshold.group == first.group) { div.plots { (drawn("threshold", &curve(thresholds))) } }
        }
    }
}

fn aim(aim: Aim) -> String {
    match aim {
        Aim::Cost { .. } => "least cost".to_owned(),
        Aim::Precision(level) => format!("{} % right", 100.0 * level.get()),
        Aim::Recall(level) => format!("{} % found", 100.0 * level.get()),
        Aim::F1 => "F1".to_owned(),
        Aim::Youden => "Youden's index".to_owned(),
    }
}

/// Precision and recall of one group at every threshold.
fn curve(thresholds: &[Threshold]) -> Plot {
    let (group, points) = (&thresholds[0].group, &thresholds[0].curve);
    let of = |value: fn(&divvy::eval::ThresholdPoint) -> Option<f64>| -> Vec<(f64, f64)> {
        let mut points: Vec<_> =
            points.iter().filter_map(|point| Some((f64::from(point.threshold), value(point)?))).collect();
        points.reverse();
        points
    };
    let marks = thresholds
        .iter()
        .map(|threshold| Mark { x: f64::from(threshold.choice.threshold), name: aim(threshold.choice.aim) });
    Plot {
        title: format!("{group}, by threshold"),
        x: Axis::linear("threshold"),
        y: Axis::linear("share").ends(Some((0.0, 1.0))),
        curves: vec![
            Curve::new("found", Style::Line, of(|point| point.recall)),
            Curve::new("right", Style::Dashed, of(|point| point.precision)),
        ],
        marks: marks.collect(),
    }
}

fn mistakes(costs: &CostReport) -> Markup {
    let key = |name: &str| format!("/where_to_cut/costs/{name}");
    html! {
        h3 { "By what mistakes cost" }
        dl.figures {
            div { dt { "Cost of a picture" } dd { (estimate(&key("mean_cost"), Some(costs.mean_cost), Form::Decimals)) } }
            div { dt { "By the likeliest group" } dd { (estimate(&key("likeliest_mean_cost"), Some(costs.likeliest_mean_cost), Form::Decimals)) } }
            @if costs.saved.is_some() { div { dt { "Saved" } dd { (estimate(&key("saved"), costs.saved, Form::Decimals)) } } }
            div { dt { "Decided otherwise" } dd { (number(&key("changed"), costs.changed, Form::Count)) } }
            div { dt { "Accuracy then" } dd { (estimate(&key("accuracy"), Some(costs.accuracy), Form::Percent)) } }
        }
    }
}

fn only_when_sure(abstaining: &Abstaining) -> Markup {
    let points = abstaining.curve.iter().map(|point| (point.coverage, point.accuracy));
    let plot = Plot {
        title: "accuracy of what is answered".to_owned(),
        x: Axis::linear("share that is answered").ends(Some((0.0, 1.0))),
        y: Axis::linear("accuracy"),
        curves: vec![Curve::new("accuracy", Style::Line, points)],
        marks: Vec::new(),
    };
    html! {
        h3 { "Answering only when sure" }
        @match (&abstaining.sure_enough, &abstaining.measured) {
            (Some(chosen), Some(measured)) => {
                dl.figures {
                    div { dt { "Wanted right" } dd { (number("/where_to_cut/abstaining/sure_enough/accuracy", chosen.accuracy.get(), Form::Percent)) } }
                    div { dt { "Answer from a confidence of" } dd { (number("/where_to_cut/abstaining/sure_enough/confidence", chosen.confidence, Form::Decimals)) } }
                    div { dt { "Answered" } dd { (estimate("/where_to_cut/abstaining/measured/coverage", measured.coverage, Form::Percent)) } }
                    div { dt { "Right of these" } dd { (estimate("/where_to_cut/abstaining/measured/accuracy", measured.accuracy, Form::Percent)) } }
                }
            }
            _ => { p { "That so many of the answers are right could be shown of no confidence: there are too few pictures to choose by, or too many mistakes among the surest." } }
        }
        div.plots { (drawn("coverage", &plot)) }
    }
}

fn of_groups(report: &SetReport, whole: &RunReport) -> Markup {
    let key = |name: &str| format!("/where_to_cut/sets/{name}");
    let row = |(index, (group, seen)): (usize, (&String, &Option<Estimate>))| {
        html! {
            tr {
                th scope="row" { bdi { (group) } }
                td { (estimate(&key(&format!("per_class/{index}")), *seen, Form::Percent)) }
            }
        }
    };
    let names: Vec<String> = whole.how_good.groups.iter().map(|group| group.group.clone()).collect();
    let rows: Vec<Markup> = names.iter().zip(&report.per_class).enumerate().map(row).collect();
    html! {
        h3 { "Sets of groups" }
        p.note { "Instead of one answer, all groups whose probability reaches a threshold that was chosen so that the true one is among them as often as asked for (conformal prediction)." }
        dl.figures {
            div { dt { "Asked for" } dd { (number(&key("coverage"), report.sets.coverage.get(), Form::Percent)) } }
            div { dt { "Observed" } dd { (estimate(&key("observed"), report.observed, Form::Percent)) } }
            div { dt { "Groups in a set, on average" } dd { (number(&key("mean_size"), report.mean_size, Form::Figure)) } }
            div { dt { "Sets of one group" } dd { (number(&key("single"), report.single, Form::Percent)) } }
            div { dt { "Empty sets" } dd { (number(&key("empty"), report.empty, Form::Percent)) } }
        }
        details {
            summary { "Of each group" }
            (table("How often the set of a picture of each group holds it", &["Group", "Held"], &rows))
        }
    }
}
