//! Whether the model's probabilities can be believed.

use divvy::eval::{Reliability, ReliabilityBin};
use divvy::train::{RunReport, Scaled};
use maud::{Markup, html};

use super::number::{Form, interval, number};
use super::{Section, table};
use crate::page::drawn;
use crate::plot::{Axis, Curve, Plot, Style};

pub(super) fn section(report: &RunReport) -> Option<Section> {
    let how_sure = report.how_sure.as_ref()?;
    let content = html! {
        (figures("/how_sure", &how_sure.reliability, Some(how_sure.mean_confidence)))
        p.note {
            "Off by is how far what is stated lies from what comes true, on average (expected calibration error). The Brier score is the mean squared error of the probabilities, the log loss "
            "what they cost in nats: the smaller the better."
        }
        div.plots {
            (drawn("reliability", &diagram("how sure it is, and how often it is right", &how_sure.reliability.bins)))
            @if let Some(scaled) = &how_sure.scaled { (drawn("reliability-scaled", &diagram("the same after scaling", &scaled.after.bins))) }
        }
        (bins(&how_sure.reliability.bins))
        @if let Some(scaled) = &how_sure.scaled { (after(scaled)) }
    };
    Some(Section { id: "how-sure", title: "How sure", content })
}

fn figures(key: &str, reliability: &Reliability, mean_confidence: Option<f64>) -> Markup {
    let with_interval = |name: &str, value, ci95, form| {
        html! { (number(&format!("{key}/{name}"), value, form)) " " (interval(&format!("{key}/{name}_ci95"), ci95, form)) }
    };
    html! {
        dl.figures {
            div { dt { "Off by" } dd { (with_interval("calibration_error", reliability.calibration_error, reliability.calibration_error_ci95, Form::Percent)) } }
            @if let Some(mean) = mean_confidence { div { dt { "How sure, on average" } dd { (number(&format!("{key}/mean_confidence"), mean, Form::Percent)) } } }
            div { dt { "Brier score" } dd { (with_interval("brier", reliability.brier, reliability.brier_ci95, Form::Decimals)) } }
            div { dt { "Log loss" } dd { (with_interval("log_loss", reliability.log_loss, reliability.log_loss_ci95, Form::Decimals)) } }
        }
    }
}

/// What is stated, beside what comes true.
fn diagram(title: &str, bins: &[ReliabilityBin]) -> Plot {
    let points = bins.iter().map(|bin| (bin.confidence, bin.came_true));
    let band = bins.iter().map(|bin| (bin.confidence, bin.came_true_ci95.low, bin.came_true_ci95.high));
    let unit = Some((0.0, 1.0));
    Plot {
        title: title.to_owned(),
        x: Axis::linear("how sure").ends(unit),
        y: Axis::linear("right").ends(unit),
        curves: vec![
            Curve::new("seen", Style::Line, points).band(band),
            Curve::new("as it should be", Style::Dashed, [(0.0, 0.0), (1.0, 1.0)]),
        ],
        marks: Vec::new(),
    }
}

fn bins(bins: &[ReliabilityBin]) -> Markup {
    let row = |(index, bin): (usize, &ReliabilityBin)| {
        let key = |name: &str| format!("/how_sure/bins/{index}/{name}");
        html! {
            tr {
                th scope="row" { (number(&key("confidence"), bin.confidence, Form::Percent)) }
                td { (number(&key("samples"), bin.samples, Form::Count)) }
                td { (number(&key("came_true"), bin.came_true, Form::Percent)) " " (interval(&key("came_true_ci95"), bin.came_true_ci95, Form::Percent)) }
            }
        }
    };
    let rows: Vec<Markup> = bins.iter().enumerate().map(row).collect();
    html! {
        details {
            summary { "The diagram in numbers" }
            (table("What was stated and what came true, in bins of as many pictures each", &["Stated", "Answers", "Came true"], &rows))
        }
    }
}

fn after(scaled: &Scaled) -> Markup {
    html! {
        h3 { "After scaling" }
        p.note {
            "Logits are "
            @if let Some(temperature) = scaled.temperature {
                "divided by " (number("/how_sure/scaled/temperature", temperature.value(), Form::Figure))
            } @else {
                "multiplied and shifted (Platt)"
            }
            ", which was fitted on " (number("/how_sure/scaled/fitted_on", scaled.fitted_on, Form::Count)) " validation pictures."
        }
        (figures("/how_sure/scaled/after", &scaled.after, None))
    }
}
