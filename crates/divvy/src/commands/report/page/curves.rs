//! How well groups are told apart, whatever the threshold.

use divvy::eval::Curve as Area;
use divvy::train::GroupCurves;
use maud::{Markup, html};

use super::number::{Form, interval, optional};
use super::table;
use crate::page::drawn;
use crate::plot::{Axis, Curve, Plot, Style};

/// The areas of all groups, and the curves of those that have some.
pub(super) fn curves(curves: &[GroupCurves]) -> Markup {
    let row = |(index, curve): (usize, &GroupCurves)| {
        let cell = |name: &str, value, ci95| {
            let key = format!("/how_good/curves/{index}/{name}");
            html! {
                td {
                    (optional(&key, value, Form::Decimals))
                    @if let Some(ci95) = ci95 { " " (interval(&format!("{key}_ci95"), ci95, Form::Decimals)) }
                }
            }
        };
        html! {
            tr {
                th scope="row" { bdi { (curve.group) } }
                (cell("roc_auc", curve.roc_auc, curve.roc_auc_ci95))
                (cell("average_precision", curve.average_precision, curve.average_precision_ci95))
            }
        }
    };
    let rows: Vec<Markup> = curves.iter().enumerate().map(row).collect();
    let drawn_ones = curves
        .iter()
        .enumerate()
        .filter(|(_, curve)| curve.roc.is_some() || curve.precision_recall.is_some());
    html! {
        h3 { "At every threshold" }
        p.note {
            "The ROC curve is the share of a group that is found against the share of all others that is taken for it, the precision-recall curve the share of what is taken for it that belongs to it "
            "against the share that is found. The shaded bands hold 95 of 100 curves of pictures drawn anew (bootstrap)."
        }
        (table("How well each group is told from the others", &["Group", "ROC AUC", "Average precision"], &rows))
        div.plots {
            @for (index, curve) in drawn_ones {
                @if let Some(roc) = &curve.roc { (drawn(&format!("roc-{index}"), &plot(&format!("{}: ROC", curve.group), ["others taken for it", "found"], roc, true))) }
                @if let Some(area) = &curve.precision_recall { (drawn(&format!("pr-{index}"), &plot(&format!("{}: precision and recall", curve.group), ["found (recall)", "right (precision)"], area, false))) }
            }
        }
    }
}

fn plot(title: &str, [x, y]: [&str; 2], curve: &Area, has_diagonal: bool) -> Plot {
    let unit = Some((0.0, 1.0));
    let points = curve.points.iter().map(|point| (point.x, point.y));
    let band = curve.band.iter().map(|point| (point.x, point.low, point.high));
    let chance = has_diagonal.then(|| Curve::new("by chance", Style::Dashed, [(0.0, 0.0), (1.0, 1.0)]));
    Plot {
        title: title.to_owned(),
        x: Axis::linear(x).ends(unit),
        y: Axis::linear(y).ends(unit),
        curves: std::iter::once(Curve::new("seen", Style::Line, points).band(band)).chain(chance).collect(),
        marks: Vec::new(),
    }
}
