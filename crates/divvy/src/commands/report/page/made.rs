//! How the model came about.

use std::path::Path;

use divvy::train::{DataTable, EpochFigures, GroupParts, HowMade, RunReport, TrainingCourse};
use maud::{Markup, html};
use serde_json::Value;

use super::number::{Form, number};
use super::{Section, table};
use crate::page::{drawn, findings};
use crate::plot::{Axis, Curve, Plot, Style};
use crate::terminal::{duration, quoted, thousands};

pub(super) fn section(report: &RunReport) -> Section {
    let made = &report.how_made;
    let content = html! {
        (network(made))
        @if let Some(data) = &made.data { (pictures(data)) }
        @for (index, training) in made.trainings.iter().enumerate() { (course(index, training)) }
        @if !made.findings.is_empty() { h3 { "What was found" } (findings(&made.findings)) }
        @if let Some(settings) = &made.settings { (recipe(&serde_json::to_value(settings).unwrap_or_default())) }
        @if let Some(command) = &made.command { (again(command, made)) }
    };
    Section { id: "how-made", title: "How it was made", content }
}

fn network(made: &HowMade) -> Markup {
    let network = &made.network;
    let [height, width, channels] = network.input;
    let seconds: Option<f64> = made.trainings.iter().map(|training| training.seconds).sum();
    html! {
        dl.figures.words {
            @if let Some(architecture) = &network.architecture { div { dt { "Network" } dd { bdi { (architecture) } } } }
            @if network.networks > 1 {
                div { dt { "Networks that answer together" } dd { (number("/how_made/network/networks", network.networks, Form::Count)) } }
            }
            div { dt { "Numbers that it has learnt" } dd { (number("/how_made/network/parameters", network.parameters, Form::Count)) } }
            div { dt { "Sees pictures as" } dd { (height) " × " (width) " × " (channels) } }
            div { dt { "Last layer" } dd { (network.units) " " (network.head.name()) ", " (network.task.to_string()) } }
            div { dt { "Weights" } dd { (network.weights) } }
            div { dt { "Seed" } dd { data value=(made.seed) data-key="/how_made/seed" { (made.seed) } } }
            div { dt { "Trained by" } dd { "divvy " (made.divvy) } }
            @if let Some(seconds) = seconds.filter(|seconds| *seconds > 0.0) { div { dt { "Time" } dd { (duration(seconds)) } } }
        }
    }
}

fn pictures(data: &DataTable) -> Markup {
    let row = |(index, group): (usize, &GroupParts)| {
        let key = |name: &str| format!("/how_made/data/groups/{index}/{name}");
        html! {
            tr {
                th scope="row" { bdi { (group.group) } }
                td { (number(&key("training"), group.training, Form::Count)) }
                td { (number(&key("validation"), group.validation, Form::Count)) }
                td { (number(&key("test"), group.test, Form::Count)) }
            }
        }
    };
    let all = html! {
        tr.best {
            th scope="row" { "All pictures" }
            td { (number("/how_made/data/training", data.training, Form::Count)) }
            td { (number("/how_made/data/validation", data.validation, Form::Count)) }
            td { (number("/how_made/data/test", data.test, Form::Count)) }
        }
    };
    let rows: Vec<Markup> = data.groups.iter().enumerate().map(row).chain([all]).collect();
    html! {
        h3 { "Pictures" }
        p { "From " bdi { (data.data.display()) } "." }
        (table("What the pictures were used for", &["Group", "To learn from", "To choose the epoch by", "To test on"], &rows))
    }
}

/// The curves of a training, and the same as a table.
fn course(index: usize, training: &TrainingCourse) -> Markup {
    if training.epochs.is_empty() {
        return html! {};
    }
    let (losses, values) = curves(training);
    let title =
        training.fold.map_or("Course of the training".to_owned(), |fold| format!("Course of fold {fold}"));
    let row = |(place, epoch): (usize, &EpochFigures)| {
        let key = |name: &str| format!("/how_made/trainings/{index}/epochs/{place}/{name}");
        let is_best = training.best_epoch == Some(epoch.epoch);
        html! {
            tr.best[is_best] {
                th scope="row" { (epoch.epoch) @if is_best { span.stays { "kept" } } }
                td { (number(&key("training_loss"), epoch.training_loss, Form::Decimals)) }
                td { (number(&key("validation_loss"), epoch.validation_loss, Form::Decimals)) }
                td { (number(&key("value"), epoch.value, Form::Decimals)) }
                td { (number(&key("rate"), epoch.rate, Form::Figure)) }
            }
        }
    };
    let rows: Vec<Markup> = training.epochs.iter().enumerate().map(row).collect();
    let metric = training.metric.map_or("metric", divvy::nn::Metric::in_words);
    html! {
        h3 { (title) }
        div.plots { (drawn(&format!("losses-{index}"), &losses)) (drawn(&format!("values-{index}"), &values)) }
        details {
            summary { "Each epoch in numbers" }
            (table(&format!("{title}: each epoch"), &["Epoch", "Training loss", "Validation loss", metric, "Rate"], &rows))
        }
    }
}

fn curves(training: &TrainingCourse) -> (Plot, Plot) {
    let points = |of: fn(&EpochFigures) -> f64| -> Vec<(f64, f64)> {
        training.epochs.iter().map(|epoch| (f64::from(epoch.epoch), of(epoch))).collect()
    };
    let plot = |title: &str, curves: Vec<Curve>| Plot {
        title: title.to_owned(),
        x: Axis::linear("epoch"),
        y: Axis::linear(title),
        curves,
        marks: Vec::new(),
    };
    let losses = vec![
        Curve::new("training", Style::Line, points(|epoch| epoch.training_loss)),
        Curve::new("validation", Style::Dashed, points(|epoch| epoch.validation_loss)),
    ];
    let metric = training.metric.map_or("metric", divvy::nn::Metric::in_words);
    let values = vec![Curve::new(metric, Style::Line, points(|epoch| epoch.value))];
    (plot("loss", losses), plot(&format!("validation {metric}"), values))
}

/// All settings, as config.toml has them.
fn recipe(settings: &Value) -> Markup {
    let rows: Vec<Markup> = settings
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| {
            html! { tr { th scope="row" { code { (name) } } td { code { (written(value)) } } } }
        })
        .collect();
    html! {
        h3 { "Settings" }
        details {
            summary { (thousands(rows.len())) " settings" }
            (table("All settings of the training, as config.toml has them", &["Setting", "Value"], &rows))
        }
    }
}

fn written(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn again(command: &[String], made: &HowMade) -> Markup {
    let typed: Vec<String> = command.iter().map(|word| quoted(Path::new(word))).collect();
    html! {
        h3 { "To make it again" }
        pre tabindex="0" aria-label="The command" { code { (typed.join(" ")) } }
        p.note {
            @if made.to_the_bit {
                "With the same pictures and divvy " (made.divvy) " this gives the same model to the last bit, on any number of threads of a processor with the same instructions."
            } @else {
                "The length was given in minutes, so that another machine, or another day, gives a model that is a little different."
            }
        }
    }
}
