//! Labels that are likely wrong.

use divvy::train::{DoubtfulLabel, DoubtfulLabels, Reported, RunReport};
use maud::{Markup, html};

use super::Section;
use super::fails::{SIDE, to_draw};
use super::number::{Form, number, optional};
use crate::page::{self, Sheet, Thumbnail, breakable};
use crate::terminal::{quoted, thousands};

pub(super) fn section(reported: &Reported, threads: usize) -> Option<Section> {
    let labels = reported.report.labels.as_ref()?;
    let content = html! {
        p {
            (number("/labels/suspected", labels.suspected, Form::Count)) " of " (number("/labels/n", labels.n, Form::Count))
            " pictures have a label that the model contradicts so surely that it may be wrong. "
            "Only pictures that it was not trained on can tell; of a run with folds these are all."
        }
        p { (page::prose(&next_step(&reported.report))) }
        @if !labels.pictures.is_empty() { (sheet(labels, reported, threads)) }
    };
    Some(Section { id: "labels", title: "Labels that may be wrong", content })
}

/// How all labels are ranked and put right.
fn next_step(report: &RunReport) -> String {
    if report.how_made.folds.is_some() {
        let run = quoted(&report.run);
        format!(
            "`divvy relabel {run}` writes the suspected ones as corrections to look through and train with."
        )
    } else {
        "`divvy train DATA --folds 5` asks about every picture a network that was not trained on it; `divvy relabel RUN` then writes corrections to look \
         through and train with."
            .to_owned()
    }
}

fn sheet(labels: &DoubtfulLabels, reported: &Reported, threads: usize) -> Markup {
    let sheet = Sheet { dataset: &reported.dataset, side: SIDE, threads };
    let pictures: Vec<_> = labels.pictures.iter().map(|doubt| to_draw(&doubt.picture)).collect();
    let thumbnails = sheet.thumbnails(&pictures);
    html! {
        p.note { (thousands(labels.pictures.len())) " of them, the most contradicted first." }
        ul.sheet {
            @for (index, (doubt, thumbnail)) in labels.pictures.iter().zip(&thumbnails).enumerate() {
                li { (figure(&format!("/labels/pictures/{index}"), doubt, thumbnail.as_ref())) }
            }
        }
    }
}

fn figure(key: &str, doubt: &DoubtfulLabel, thumbnail: Option<&Thumbnail>) -> Markup {
    let alt = match (&doubt.likely, doubt.given) {
        (Some(likely), _) => format!("labelled {}, looks like {likely}", doubt.label),
        (None, true) => format!("labelled {}", doubt.label),
        (None, false) => format!("not labelled {}", doubt.label),
    };
    html! {
        figure {
            div.frame {
                @match thumbnail {
                    Some(thumbnail) => { (thumbnail.image(&alt)) }
                    None => { span.none { "cannot be shown" } }
                }
            }
            figcaption {
                span.said {
                    @if doubt.given { "labelled " } @else { "not labelled " }
                    bdi { (doubt.label) } " (" (number(&format!("{key}/probability"), doubt.probability, Form::Percent)) ")"
                }
                @if let Some(likely) = &doubt.likely {
                    span.said {
                        "looks like " bdi { (likely) } " ("
                        (optional(&format!("{key}/likely_probability"), doubt.likely_probability, Form::Percent)) ")"
                    }
                }
                bdi.path { (breakable(&doubt.picture.name)) }
            }
        }
    }
}
