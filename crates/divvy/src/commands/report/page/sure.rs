//! Whether the model's probabilities can be believed.

use divvy::eval::{Reliability, ReliabilityBin};
use divvy::model::Calibration;
use divvy::train::{Calibrated, FalseAlarms, HowFamiliar, RunReport, StatedShare, UnderPrior};
use maud::{Markup, html};

use super::number::{Form, estimate, interval, number};
use super::{Section, table};
use crate::page::drawn;
use crate::plot::{Axis, Curve, Plot, Style};

pub(super) fn section(report: &RunReport) -> Option<Section> {
    let how_sure = report.how_sure.as_ref()?;
    let content = html! {
        (figures("/how_sure", &how_sure.reliability, Some(how_sure.mean_confidence)))
        p.note {
            "Probabilities can be believed if, of the answers that the model is 80 % sure of, 80 of 100 are right. Off by is how far they are from that, on average (expected "
            "calibration error, ECE). The Brier score is the mean squared error of the probabilities; the log loss counts a wrong answer the more, the surer it was. Of both, the "
            "smaller the better, and 0 is the best."
        }
        div.plots {
            (drawn("reliability", &diagram("how sure it is, and how often it is right", &how_sure.reliability.bins)))
            @if let Some(calibrated) = &how_sure.calibrated { (drawn("reliability-before", &diagram("the same before calibration", &calibrated.before.bins))) }
        }
        (bins(&how_sure.reliability.bins))
        @if let Some(calibrated) = &how_sure.calibrated { (before(calibrated)) }
        @if let Some(prior) = &report.prior { (under_prior(prior)) }
        @if let Some(how_familiar) = &report.how_familiar { (familiar(how_familiar)) }
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

fn before(calibrated: &Calibrated) -> Markup {
    html! {
        h3 { "Before calibration" }
        p.note {
            "The model is calibrated: so that probabilities come true, its logits were "
            @match &calibrated.by {
                Calibration::Temperature { temperature, biases } => {
                    "divided by " (number("/how_sure/calibrated/temperature", *temperature, Form::Figure))
                    @if !biases.is_empty() { " and shifted by group" }
                }
                Calibration::Platt { .. } => "multiplied and shifted (Platt)",
            }
            ", which was fitted on " (number("/how_sure/calibrated/fitted_on", calibrated.fitted_on, Form::Count)) " validation pictures. Before, it was:"
        }
        (figures("/how_sure/calibrated/before", &calibrated.before, None))
    }
}

fn under_prior(prior: &UnderPrior) -> Markup {
    let row = |(index, share): (usize, &StatedShare)| {
        let key = |name: &str| format!("/prior/shares/{index}/{name}");
        html! {
            tr {
                th scope="row" { bdi { (share.group) } }
                td { (number(&key("stated"), share.stated, Form::Percent)) }
                td { (number(&key("learnt_from"), share.learnt_from, Form::Percent)) }
            }
        }
    };
    let rows: Vec<Markup> = prior.shares.iter().enumerate().map(row).collect();
    html! {
        h3 { "Where groups come in other shares" }
        p.note {
            "It was stated in which shares the groups come where the model is used, and its probabilities are for pictures in these. The pictures measured on come in shares of their own, among which "
            "they need not come true: the figures above say how far they do."
        }
        (table("Shares of the groups", &["Group", "Where it is used", "Learnt from"], &rows))
        @if let Some(accuracy) = prior.accuracy {
            p { "In the stated shares it gives the right group to " (estimate("/prior/accuracy", Some(accuracy), Form::Percent)) " of the pictures." }
        }
        @if let Some(before) = &prior.before {
            p.note { "In the shares that it learnt from, before it was put into the stated ones, it was:" }
            (figures("/prior/before", before, None))
        }
    }
}

fn familiar(how_familiar: &HowFamiliar) -> Markup {
    let row = |(index, alarms): (usize, &FalseAlarms)| {
        let key = |name: &str| format!("/how_familiar/alarms/{index}/{name}");
        html! {
            tr {
                th scope="row" { (number(&key("asked"), alarms.asked, Form::Percent)) }
                td { (number(&key("flagged"), alarms.flagged, Form::Count)) }
                td { (number(&key("observed/value"), alarms.observed.value, Form::Percent)) " " (interval(&key("observed/ci95"), alarms.observed.ci95, Form::Percent)) }
            }
        }
    };
    let rows: Vec<Markup> = how_familiar.alarms.iter().enumerate().map(row).collect();
    html! {
        h3 { "Not like the training pictures" }
        p.note {
            "The model knows what its training pictures look like to it, and tells pictures that are unlike them: " code { "divvy predict" } " says so, and "
            code { "divvy sort" } " puts them with those that it is unsure of. Some pictures that are like them are taken for it, too, as many as are allowed. Of the "
            (number("/how_familiar/n", how_familiar.n, Form::Count)) " pictures measured on, much more than that would mean that they are not quite like those trained on."
        }
        (table("Pictures that look unlike the training pictures", &["False alarms allowed", "Pictures", "Share"], &rows))
    }
}
