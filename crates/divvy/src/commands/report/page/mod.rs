//! The page: one file that fetches nothing, in which every number stands with its key in report.json.

mod curves;
mod cut;
mod fails;
mod good;
mod labels;
mod made;
mod number;
mod sure;

use divvy::train::{Measured, Reported, RunReport};
use maud::{Markup, PreEscaped, html};

use crate::page::{self, Head, PARTS, SHEET};
use crate::plot::STYLE as PLOT_STYLE;
use crate::terminal::thousands;

/// A page may use its own styles, its own script and the pictures within it, and nothing else.
const POLICY: &str =
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'";
const STYLE: &str = include_str!("style.css");
/// Leaves only some pictures of the gallery, and opens for printing what is closed. Without it all pictures are shown, and what is closed stays so.
const SCRIPT: &str = include_str!("script.js");

/// The page of a report; `threads` draw its pictures.
pub(super) fn document(reported: &Reported, threads: usize) -> Markup {
    let report = &reported.report;
    let run = report.run.display().to_string();
    let sections: Vec<Section> = [
        Some(good::section(report)),
        sure::section(report),
        cut::section(report),
        Some(fails::section(reported, threads)),
        labels::section(reported, threads),
        Some(made::section(report)),
    ]
    .into_iter()
    .flatten()
    .collect();
    let body = html! {
        a.skip href="#report" { "Skip to the report" }
        header {
            p.by { "divvy report" }
            h1 { bdi { (run) } }
            p.lead { (about(report)) }
        }
        main #report tabindex="-1" {
            section.summary aria-labelledby="summary-title" {
                h2 #summary-title { "In short" }
                @for (index, sentence) in report.summary.iter().enumerate() {
                    p data-key={ "/summary/" (index) } { (page::prose(sentence)) }
                }
            }
            nav aria-label="Sections" {
                ul { @for section in &sections { li { a href={ "#" (section.id) } { (section.title) } } } }
            }
            @for section in &sections {
                section #(section.id) aria-labelledby={ (section.id) "-title" } {
                    h2 #{ (section.id) "-title" } { (section.title) }
                    (section.content)
                }
            }
        }
        footer { p { "Written by divvy " (report.divvy) ". Every number of this page is in report.json, under the key that it carries as " code { "data-key" } "." } }
        script { (PreEscaped(SCRIPT)) }
    };
    let style = [PLOT_STYLE, PARTS, SHEET, STYLE].concat();
    page::document(&Head { title: &format!("Report on {run}"), policy: POLICY, style: &style }, &body)
}

/// A part of the page with a heading.
struct Section {
    id: &'static str,
    title: &'static str,
    content: Markup,
}

/// `1,000 test pictures of photos in 2 groups`.
fn about(report: &RunReport) -> String {
    let measured_on = &report.measured_on;
    let part = match measured_on.part {
        Measured::Test => "test pictures",
        Measured::Validation => "validation pictures",
        Measured::All | Measured::Folds => "pictures",
    };
    format!(
        "{} {part} of {} in {} groups",
        thousands(measured_on.n),
        measured_on.data.display(),
        measured_on.groups.len()
    )
}

/// A table that may be wider than the page and is then scrolled.
fn table(caption: &str, columns: &[&str], rows: &[Markup]) -> Markup {
    html! {
        div.wide role="region" aria-label=(caption) tabindex="0" {
            table {
                caption { (caption) }
                thead { tr { @for column in columns { th scope="col" { (column) } } } }
                tbody { @for row in rows { (row) } }
            }
        }
    }
}
