//! What the model gets wrong, and pictures to see it by.

use divvy::eval::{Slice, SliceRange};
use divvy::train::{Mistake, Reported, ShownPicture, WhereItFails, Why};
use maud::{Markup, html};

use super::number::{Form, estimate, number, optional};
use super::{Section, table};
use crate::page::{Overlay, Sheet, Thumbnail, breakable};
use crate::terminal::thousands;

/// The longest side of a picture, in pixels: with a hundred of them the page stays far below 3 MB.
pub(super) const SIDE: usize = 208;

/// How many kinds of pictures are listed at the least, where so many were looked at.
const FEWEST_SLICES: usize = 8;

pub(super) fn section(reported: &Reported, threads: usize) -> Section {
    let (fails, n) = (&reported.report.where_it_fails, reported.report.measured_on.n);
    let content = html! {
        p { (number("/where_it_fails/wrong", fails.wrong, Form::Count)) " of " (number("/measured_on/n", n, Form::Count)) " pictures are wrong." }
        @if !fails.mistakes.is_empty() { (mistakes(fails)) }
        @if !fails.slices.is_empty() { (slices(&fails.slices)) }
        (gallery(reported, threads))
    };
    Section { id: "where-it-fails", title: "Where it fails", content }
}

fn mistakes(fails: &WhereItFails) -> Markup {
    let row = |(index, mistake): (usize, &Mistake)| {
        html! {
            tr {
                th scope="row" { bdi { (mistake.truth) } }
                td { bdi { (mistake.answer) } }
                td { (number(&format!("/where_it_fails/mistakes/{index}/n"), mistake.n, Form::Count)) }
            }
        }
    };
    let rows: Vec<Markup> = fails.mistakes.iter().enumerate().map(row).collect();
    html! {
        h3 { "The commonest mistakes" }
        (table("Which group is taken for which, and how often", &["True group", "Taken for", "Pictures"], &rows))
    }
}

/// Kinds of pictures, those at which accuracy falls first.
fn slices(slices: &[Slice]) -> Markup {
    let row = |(index, slice): (usize, &Slice)| {
        let key = |name: &str| format!("/where_it_fails/slices/{index}/{name}");
        html! {
            tr.best[slice.falls] {
                th scope="row" { (slice.attribute) " " bdi { (range(&slice.range)) } @if slice.falls { span.stays { "falls" } } }
                td { (number(&key("n"), slice.n, Form::Count)) }
                td { (estimate(&key("accuracy"), Some(slice.accuracy), Form::Percent)) }
                td { (number(&key("rest_accuracy/value"), slice.rest_accuracy.value, Form::Percent)) }
                td { (estimate(&key("difference"), Some(slice.difference), Form::Points)) }
                td { (number(&key("adjusted_p"), slice.adjusted_p, Form::Figure)) }
            }
        }
    };
    let falling = slices.iter().filter(|slice| slice.falls).count();
    let shown = falling.max(FEWEST_SLICES).min(slices.len());
    let rows: Vec<Markup> = slices.iter().enumerate().take(shown).map(row).collect();
    html! {
        h3 { "By what the pictures are" }
        p.note {
            "Pictures of one size, light, sharpness, format or folder, beside all others; light from 0 to 255, sharpness about 2 where edges are sharp and 0.1 where they are "
            "blurred. Accuracy is said to fall where so few right answers would be seen by chance in no more than 5 of 100 reports, reckoned over all "
            (thousands(slices.len())) " kinds that were looked at (Holm). "
            @if falling == 0 { "It falls for none." }
        }
        (table("Accuracy by kind of picture, the surest fall first", &["Kind", "Pictures", "Accuracy", "Of the others", "Difference in points", "p"], &rows))
    }
}

fn range(range: &SliceRange) -> String {
    match range {
        SliceRange::Between(low, high) if low == high => figure_of(*low),
        SliceRange::Between(low, high) => format!("{} to {}", figure_of(*low), figure_of(*high)),
        SliceRange::Name(name) if name.is_empty() => "(none)".to_owned(),
        SliceRange::Name(name) => name.clone(),
        SliceRange::Others(names) => format!("{names} rarer ones"),
        SliceRange::Unknown => "not known".to_owned(),
    }
}

fn figure_of(value: f64) -> String {
    if value.fract() == 0.0 { thousands(value as usize) } else { crate::plot::figure(value) }
}

/// The pictures, with what leaves only some of them where scripts run.
fn gallery(reported: &Reported, threads: usize) -> Markup {
    let gallery = &reported.report.where_it_fails.gallery;
    let sheet = Sheet { dataset: &reported.dataset, side: SIDE, threads };
    let pictures: Vec<_> = gallery.pictures().map(to_draw).collect();
    let mut thumbnails = sheet.thumbnails(&pictures).into_iter();
    let classes = reported.dataset.classes();
    let (wrong, n) = (reported.report.where_it_fails.wrong, reported.report.measured_on.n);
    let parts = [
        ("worst", "The worst mistakes", "wrong ones, the surest first", wrong, &gallery.worst),
        (
            "unsure",
            "The least sure",
            "pictures, the least sure first, without those above",
            n,
            &gallery.unsure,
        ),
        ("random", "A random sample", "pictures, drawn from all without those above", n, &gallery.random),
    ];
    html! {
        h3 #gallery { "Pictures" }
        (filter(classes))
        (why(&reported.report.why))
        @for (id, title, what, of, shown) in parts {
            @if !shown.is_empty() {
                div.part data-part=(id) {
                    h4 { (title) }
                    p.note { (thousands(shown.len())) " of " (thousands(of)) " " (what) "." }
                    ul.sheet {
                        @for (index, picture) in shown.iter().enumerate() {
                            @let thumbnail = thumbnails.next().flatten();
                            (figure(&format!("/where_it_fails/gallery/{id}/{index}"), picture, thumbnail.as_ref(), classes))
                        }
                    }
                }
            }
        }
    }
}

/// What shows the maps, and what they are worth. It works without a script.
fn why(why: &Why) -> Markup {
    html! {
        @if let Some(fault) = &why.fault {
            p.note { "What speaks for the answers cannot be shown: " (fault) "." }
        } @else {
            p.heat-choice { label { input #show-heat type="checkbox"; " Show where the model finds what speaks for its answer" } }
            p.note {
                "The redder, the more speaks for the group that the picture is most likely of (Grad-CAM). "
                @if why.agreement.is_some() {
                    "Covering parts of the " (number("/why/checked", why.checked, Form::Count)) " pictures and asking again agrees with these maps by "
                    (optional("/why/agreement", why.agreement, Form::Figure)) " (rank correlation, on average; 1 is full agreement, 0 none). A map that little agrees says little."
                }
            }
        }
    }
}

/// Which sample a picture is, and its height and width.
pub(super) fn to_draw(picture: &ShownPicture) -> (usize, Option<(usize, usize)>) {
    (picture.sample, Some((picture.height, picture.width)))
}

/// Hidden until the script shows it: without one nothing could be chosen.
fn filter(classes: &[String]) -> Markup {
    let choice = |id: &str, name: &str, options: &[(String, &str)]| {
        html! {
            label for=(id) { (name) }
            select #(id) {
                option value="" { "all" }
                @for (value, option) in options { option value=(value) { (option) } }
            }
        }
    };
    let groups: Vec<(String, &str)> =
        classes.iter().enumerate().map(|(index, name)| (index.to_string(), name.as_str())).collect();
    let rightness = [("wrong".to_owned(), "wrong"), ("right".to_owned(), "right")];
    html! {
        form.filter #filter hidden aria-label="Which pictures are shown" {
            div { (choice("filter-truth", "True group", &groups)) }
            div { (choice("filter-answer", "Answered group", &groups)) }
            div { (choice("filter-right", "Answer", &rightness)) }
            button type="reset" { "Show all" }
            output #shown for="filter-truth filter-answer filter-right" role="status" {}
        }
    }
}

fn figure(key: &str, picture: &ShownPicture, thumbnail: Option<&Thumbnail>, classes: &[String]) -> Markup {
    let numbers = |names: &[String]| -> String {
        let place = |name: &String| classes.iter().position(|class| class == name);
        names.iter().filter_map(place).map(|place| place.to_string()).collect::<Vec<_>>().join(" ")
    };
    let names = |names: &[String]| if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    let (truth, answer) = (names(&picture.truth), names(&picture.answer));
    let alt = if picture.right {
        format!("{truth}, answered rightly")
    } else {
        format!("{truth}, taken for {answer}")
    };
    let kind = if picture.right { "right" } else { "wrong" };
    let overlay = picture.heatmap.as_ref().and_then(|map| Overlay::new(map.width(), map.weights()));
    html! {
        li data-truth=(numbers(&picture.truth)) data-answer=(numbers(&picture.answer)) data-right=(kind) {
            figure {
                div.frame {
                    @match thumbnail {
                        Some(thumbnail) => {
                            @match overlay {
                                Some(overlay) => { (thumbnail.image_under(&overlay, &alt)) }
                                None => { (thumbnail.image(&alt)) }
                            }
                        }
                        None => { span.none { "cannot be shown" } }
                    }
                }
                figcaption {
                    span class={ "said " (kind) } {
                        @if picture.right { "✓ " bdi { (truth) } }
                        @else { "✗ " bdi { (answer) } ", but it is " bdi { (truth) } }
                    }
                    @if picture.confidence.is_some() {
                        span.measure { "sure by " (optional(&format!("{key}/confidence"), picture.confidence, Form::Percent)) }
                    }
                    @if picture.heatmap_agreement.is_some() {
                        span.measure { "map agrees by " (optional(&format!("{key}/heatmap_agreement"), picture.heatmap_agreement, Form::Figure)) }
                    }
                    @if picture.score.is_some() {
                        span.measure { "score " (optional(&format!("{key}/score"), picture.score, Form::Decimals)) }
                    }
                    bdi.path { (breakable(&picture.name)) }
                }
            }
        }
    }
}
