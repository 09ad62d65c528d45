//! The page itself: what a course shows, as one file that fetches nothing.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use divvy::train::{Course, Ending, EpochRecord, Event};
use maud::{Markup, PreEscaped, html};

use crate::page::{self, Head, PARTS, drawn, prose, share};
use crate::plot::{STYLE as PLOT_STYLE, figure};
use crate::terminal::{duration, thousands};
use crate::views::curves::{losses, metric, rates};

/// How many epochs the table has at the most: the last ones. All are in events.jsonl.
const ROWS: usize = 400;

/// The page may use its own styles and its own script, and load nothing but itself.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";
const STYLE: &str = include_str!("style.css");
/// Loads a live page anew, unless a person has paused it.
const SCRIPT: &str = include_str!("script.js");

/// When a page is written.
pub(super) struct Moment {
    /// Whether there will be another.
    pub(super) is_live: bool,
    /// How often it is worth looking for another.
    pub(super) every: Duration,
    pub(super) at: SystemTime,
}

pub(super) fn document(course: &Course, moment: &Moment) -> Markup {
    let data = match course.started() {
        Some(Event::Started { data, .. }) => data.display().to_string(),
        _ => "a training".to_owned(),
    };
    let title = format!("{}{data}", if moment.is_live { "Training on " } else { "How training went on " });
    let style = [PLOT_STYLE, PARTS, STYLE].concat();
    let body = html! {
        a.skip href="#curves" { "Skip to the curves" }
        header {
            p.by { "divvy train" }
            h1 { bdi { (data) } }
            p.lead { (standing(course, moment.is_live)) }
            @if moment.is_live { (live(course, moment)) }
        }
        main #main {
            (figures(course))
            (curves(course))
            (groups(course))
            (findings(course))
            (numbers(course))
        }
        @if moment.is_live { script { (PreEscaped(SCRIPT)) } }
    };
    page::document(&Head { title: &title, policy: POLICY, style: &style }, &body)
}

/// How far the training is, in a sentence. One that is not under way and has not come to its end was ended by an error.
fn standing(course: &Course, is_live: bool) -> String {
    let best = course.best().map(|best| {
        format!(
            "; the best is epoch {2} with {0} {1:.4}",
            best.validation.metric.in_words(),
            best.validation.value,
            best.epoch
        )
    });
    let best = best.unwrap_or_default();
    let epochs = course.epochs().len();
    match (course.ending(), course.latest()) {
        (Some(Ending::Completed), _) => format!("Ended after {epochs} epochs{best}."),
        (Some(Ending::Stalled), _) => {
            format!("Ended after {epochs} epochs, the last of which were no better{best}.")
        }
        (Some(Ending::Interrupted), _) => format!("Interrupted after {epochs} epochs{best}."),
        (None, _) if course.familiarizing().is_some() => {
            format!(
                "{epochs} epochs are over, and the model learns what its training pictures look like{best}."
            )
        }
        (None, Some(step)) => {
            let of = step.epochs.map(|epochs| format!(" of {epochs}")).unwrap_or_default();
            let how = if is_live { "In" } else { "Ended by an error in" };
            format!("{how} epoch {}{of}, step {} of {}{best}.", step.epoch, step.step, step.steps)
        }
        (None, None) if is_live => "The first step is still to come.".to_owned(),
        (None, None) => "Ended by an error before the first step.".to_owned(),
    }
}

/// What only a page has that will be written again.
fn live(course: &Course, moment: &Moment) -> Markup {
    let (progress, left) = match (course.familiarizing(), course.latest()) {
        (Some(look), _) => (look.done as f64 / look.total.max(1) as f64, Some(look.seconds_left)),
        (None, Some(step)) => (step.progress, Some(step.seconds_left)),
        (None, None) => (0.0, None),
    };
    let left = left.map(duration);
    let at = moment.at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    html! {
        div.live data-live=(moment.every.as_secs()) data-at=(at) {
            label for="progress" { (format!("{:.0} %", 100.0 * progress)) @if let Some(left) = left { ", " (left) " left" } }
            progress #progress max="1" value=(progress) {}
            p.as-of {
                span #as-of { "Load the page again to see how it goes on." }
                button #pause type="button" aria-pressed="false" hidden { "Pause updates" }
            }
            p #stale role="status" {}
        }
    }
}

/// The figures of now.
fn figures(course: &Course) -> Markup {
    let last = course.epochs().last();
    let step = course.latest();
    let figures = [
        ("Training loss", step.map(|step| format!("{:.4}", step.loss))),
        ("Validation loss", last.map(|record| format!("{:.4}", record.validation.loss))),
        ("Learning rate", step.map(|step| figure(step.rate))),
        ("Images a second", step.map(|step| thousands(step.images_per_second as usize))),
        (
            "Memory at most",
            last.and_then(|record| record.peak_memory)
                .map(|bytes| format!("{} MiB", thousands((bytes >> 20) as usize))),
        ),
    ];
    html! {
        dl.figures {
            @for (name, value) in figures {
                @if let Some(value) = value { div { dt { (name) } dd { (value) } } }
            }
        }
    }
}

fn curves(course: &Course) -> Markup {
    let plots = [("loss", losses(course)), ("metric", metric(course)), ("rate", rates(course))];
    html! {
        section #curves tabindex="-1" aria-labelledby="curves-title" {
            h2 #curves-title { "Curves" }
            div.plots {
                @for (id, plot) in &plots {
                    @if plot.curves.iter().any(|curve| !curve.points.is_empty()) { (drawn(id, plot)) }
                }
            }
        }
    }
}

/// How many pictures of each group were right in the last epoch; of labels those that were given it wrongly, too.
fn groups(course: &Course) -> Markup {
    let (groups, Some(record)) = (course.groups(), course.epochs().last()) else { return html! {} };
    let Some(first) = groups.first() else { return html! {} };
    let is_of_labels = first.wrongly.is_some();
    html! {
        section aria-labelledby="groups-title" {
            h2 #groups-title { "Groups" }
            div.wide role="region" aria-label="Table of groups" tabindex="0" {
                table {
                    caption { "Validation pictures that were right after epoch " (record.epoch) }
                    thead {
                        tr {
                            th scope="col" { @if is_of_labels { "Label" } @else { "Group" } }
                            th scope="col" { "Right" }
                            th scope="col" { "Pictures" }
                            @if is_of_labels { th scope="col" { "Wrongly" } }
                            th scope="col" { @if is_of_labels { "F1" } @else { "Share" } }
                        }
                    }
                    tbody {
                        @for group in &groups {
                            tr {
                                th scope="row" { bdi { (group.name) } }
                                td { (thousands(group.right)) }
                                td { (thousands(group.wanted)) }
                                @if let Some(wrongly) = group.wrongly { td { (thousands(wrongly)) } }
                                td.share { div { (share(group.score())) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn findings(course: &Course) -> Markup {
    html! {
        @if !course.findings().is_empty() {
            section aria-labelledby="findings-title" {
                h2 #findings-title { "What was found" }
                (page::findings(course.findings()))
            }
        }
    }
}

/// The curves as a table.
fn numbers(course: &Course) -> Markup {
    let epochs = course.epochs();
    let shown = &epochs[epochs.len().saturating_sub(ROWS)..];
    let Some(last) = shown.last() else { return html! {} };
    let columns = [
        "Epoch",
        "Training loss",
        "Validation loss",
        last.validation.metric.in_words(),
        "Rate",
        "Images/s",
        "Seconds",
    ];
    html! {
        section aria-labelledby="numbers-title" {
            h2 #numbers-title { "Numbers" }
            @if shown.len() < epochs.len() {
                p.more { "The last " (shown.len()) " of " (epochs.len()) " epochs; all are in events.jsonl." }
            }
            div.wide role="region" aria-label="Table of epochs" tabindex="0" {
                table {
                    caption { "Each epoch; the best is marked" }
                    thead { tr { @for column in columns { th scope="col" { (prose(column)) } } } }
                    tbody { @for record in shown { (row(record, course.best())) } }
                }
            }
        }
    }
}

fn row(record: &EpochRecord, best: Option<&EpochRecord>) -> Markup {
    let is_best = best.is_some_and(|best| best.epoch == record.epoch);
    html! {
        tr.best[is_best] {
            th scope="row" { (record.epoch) @if is_best { span.stays { "best" } } }
            td { (format!("{:.4}", record.training_loss)) }
            td { (format!("{:.4}", record.validation.loss)) }
            td { (format!("{:.4}", record.validation.value)) }
            td { (figure(record.rate)) }
            td { (thousands(record.images_per_second as usize)) }
            td { (format!("{:.1}", record.seconds)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::testing::{answers, epoch, started, step};
    use divvy::rules::{Diagnostic, Rule};

    fn written(classes: &[&str], is_live: bool) -> String {
        let events = [
            started(classes),
            step(1, 4, 0.9),
            epoch(1, 0.9, 0.5, &answers(&[5, 0], &[3, 0])),
            Event::Finding { finding: Diagnostic::new(Rule::T07, "it `rose`").because("<why>") },
        ];
        let moment = Moment { is_live, every: Duration::from_secs(5), at: UNIX_EPOCH };
        document(&Course::of(&events), &moment).into_string()
    }

    #[test]
    fn names_are_text_and_nothing_is_fetched() {
        let page = written(&["<script>alert(1)</script>", "\"&"], true);
        assert!(!page.contains("<script>alert") && page.contains("&lt;script&gt;alert(1)"), "{page}");
        assert!(page.contains("It <code>rose</code>") && page.contains("&lt;why&gt;"), "{page}");
        let links = page.replace("http://www.w3.org/2000/svg", "");
        for fetched in ["http:", "https:", "src=\"", "@import", "url("] {
            assert!(!links.contains(fetched), "{fetched}");
        }
    }

    #[test]
    fn what_follows_the_last_epoch_is_told() {
        let looking = Event::Familiarizing { done: 750, total: 3000, seconds_left: 21.0 };
        let events = [started(&["a", "b"]), step(1, 4, 0.9), looking];
        let moment = Moment { is_live: true, every: Duration::from_secs(5), at: UNIX_EPOCH };
        let page = document(&Course::of(&events), &moment).into_string();
        for part in ["learns what its training pictures look like", ">25 %, 0:21 left<", "value=\"0.25\""] {
            assert!(page.contains(part), "{part}: {page}");
        }
    }

    #[test]
    fn a_page_that_stays_has_no_script() {
        assert!(written(&["a", "b"], true).contains("<script>"));
        let page = written(&["a", "b"], false);
        assert!(
            !page.contains("<script") && !page.contains("<progress") && !page.contains("<button"),
            "{page}"
        );
    }

    #[test]
    fn a_training_that_an_error_ended_is_not_shown_as_under_way() {
        let told = |is_live| written(&["a", "b"], is_live);
        assert!(told(true).contains(">In epoch 1") && told(false).contains(">Ended by an error in epoch 1"));
    }

    #[test]
    fn the_curves_are_told_in_numbers_too() {
        let page = written(&["a", "b"], false);
        for part in [
            "training: 0.900 at epoch 1",
            "<td>0.9000</td><td>0.5000</td>",
            "<td>3</td><td>5</td>",
            "none to tell from",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
    }
}
