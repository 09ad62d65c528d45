//! The page: a section for each finding, with its pictures. It is one file that fetches nothing and runs nothing.

use std::io::{self, Write};

use divvy::data::check::{Finding, Suspect};
use divvy::rules::Severity;
use maud::{Markup, PreEscaped, html};

use super::{Shown, TABLE};
use crate::page::{Head, SHEET, Sheet, Thumbnail, badge, breakable, document, prose};
use crate::terminal::thousands;

/// How many pictures of a finding are shown; the rest is in the table.
const PICTURES: usize = 200;
/// The longest side of a picture, in pixels: sharp on a screen of twice the resolution.
const SIDE: usize = 288;
/// How many lines of evidence are shown where there are no pictures.
const LINES: usize = 20;
/// A page may use its own styles and the pictures within it, and nothing else.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";
const STYLE: &str = include_str!("style.css");

/// Writes the page, a finding at a time, so that no more than one finding's pictures are in memory. `done` hears of each.
pub(super) fn write(file: &mut dyn Write, shown: &Shown<'_>, done: &dyn Fn(usize)) -> io::Result<()> {
    // The page is cut where the sections go, which are the only part that grows.
    let (head, foot) = (head(shown).into_string(), "</main></body></html>\n");
    file.write_all(head.as_bytes())?;
    let sheet = Sheet { dataset: shown.dataset, side: SIDE, threads: shown.threads };
    for (index, finding) in shown.findings.iter().enumerate() {
        let drawn = &finding.suspects[..finding.suspects.len().min(PICTURES)];
        let size = |sample: usize| shown.sizes.get(sample).copied().flatten();
        let pictures: Vec<_> = drawn.iter().map(|suspect| (suspect.sample, size(suspect.sample))).collect();
        let thumbnails = sheet.thumbnails(&pictures);
        file.write_all(section(index, finding, drawn, &thumbnails, shown).into_string().as_bytes())?;
        done(index + 1);
    }
    file.write_all(foot.as_bytes())
}

/// Everything before the first finding.
fn head(shown: &Shown<'_>) -> Markup {
    let data = shown.dataset.root().display().to_string();
    let body = html! {
        a.skip href="#findings" { "Skip to the findings" }
        header {
            p.by { "divvy check" }
            h1 { bdi { (data) } }
            p.lead { (summary(shown)) }
            @if !shown.findings.is_empty() { (contents(shown)) }
        }
        main #findings tabindex="-1" {
            @if shown.findings.is_empty() { p.empty { "Nothing was found." } }
        }
    };
    let title = format!("What was found in {data}");
    let style = [SHEET, STYLE].concat();
    let markup = document(&Head { title: &title, policy: POLICY, style: &style }, &body);
    let cut = markup.into_string();
    let end = cut.rfind("</main>").unwrap_or(cut.len());
    PreEscaped(cut[..end].to_owned())
}

/// `2,500 pictures in 2 groups: 1 warning and 3 notes.`
fn summary(shown: &Shown<'_>) -> String {
    let counts = Severity::ALL.iter().rev().filter_map(|&severity| {
        let n = shown.findings.iter().filter(|finding| finding.diagnostic.severity == severity).count();
        (n > 0).then(|| format!("{n} {severity}{}", if n == 1 { "" } else { "s" }))
    });
    let counts = match counts.collect::<Vec<_>>() {
        counts if counts.is_empty() => "nothing found".to_owned(),
        counts => counts.join(", "),
    };
    let (pictures, groups) = (shown.dataset.samples().len(), shown.dataset.classes().len());
    format!("{} pictures in {} groups: {counts}.", thousands(pictures), thousands(groups))
}

fn contents(shown: &Shown<'_>) -> Markup {
    html! {
        nav aria-label="Findings" {
            ol {
                @for (index, finding) in shown.findings.iter().enumerate() {
                    li {
                        a href={ "#finding-" (index + 1) } {
                            (badge(finding.diagnostic.severity))
                            span.id { (finding.diagnostic.rule) }
                            span.what { (finding.diagnostic.what) }
                        }
                    }
                }
            }
            p.table { "Every picture of every finding is in " a href=(TABLE) { (TABLE) } ", a row each." }
        }
    }
}

fn section(
    index: usize,
    finding: &Finding,
    drawn: &[Suspect],
    thumbnails: &[Option<Thumbnail>],
    shown: &Shown<'_>,
) -> Markup {
    let diagnostic = &finding.diagnostic;
    let id = format!("finding-{}", index + 1);
    html! {
        section #(id) aria-labelledby={ (id) "-title" } {
            header {
                p.rule { (badge(diagnostic.severity)) span.id { (diagnostic.rule) } span { (diagnostic.rule.name()) } }
                h2 #{ (id) "-title" } { (prose(&diagnostic.what)) }
                dl {
                    @if !diagnostic.why.is_empty() { div { dt { "Why" } dd { (prose(&diagnostic.why)) "." } } }
                    @if !diagnostic.fix.is_empty() { div { dt { "What to do" } dd { (prose(&diagnostic.fix)) "." } } }
                }
            }
            @if drawn.is_empty() { (evidence(&diagnostic.evidence)) } @else { (sheet(drawn, thumbnails, shown)) }
            @if finding.suspects.len() > drawn.len() {
                p.more {
                    "These are the first " (thousands(drawn.len())) " of " (thousands(finding.suspects.len()))
                    "; all are in " a href=(TABLE) { (TABLE) } "."
                }
            }
        }
    }
}

/// What shows a finding that is not about pictures.
fn evidence(lines: &[String]) -> Markup {
    html! {
        @if !lines.is_empty() {
            ul.evidence {
                @for line in lines.iter().take(LINES) { li { (line) } }
                @if lines.len() > LINES { li { "and " (thousands(lines.len() - LINES)) " more" } }
            }
        }
    }
}

/// The pictures, those of a set together.
fn sheet(drawn: &[Suspect], thumbnails: &[Option<Thumbnail>], shown: &Shown<'_>) -> Markup {
    let pictures: Vec<(&Suspect, &Option<Thumbnail>)> = drawn.iter().zip(thumbnails).collect();
    html! {
        @for set in pictures.chunk_by(|a, b| a.0.set == b.0.set) {
            @if let Some(number) = set[0].0.set { h3 { "Set " (number + 1) } }
            ul.sheet {
                @for (suspect, thumbnail) in set { li { (figure(suspect, thumbnail.as_ref(), shown)) } }
            }
        }
    }
}

fn figure(suspect: &Suspect, thumbnail: Option<&Thumbnail>, shown: &Shown<'_>) -> Markup {
    let (name, labels) = (shown.name(suspect.sample), shown.labels(suspect.sample));
    html! {
        figure {
            div.frame {
                @match thumbnail {
                    Some(thumbnail) => { (thumbnail.image(&format!("picture in {labels}"))) }
                    None => { span.none { "cannot be shown" } }
                }
            }
            figcaption {
                bdi.path { (breakable(&name)) }
                span.measure { (suspect.measure) }
                @if suspect.set.is_some() && !suspect.is_spare { span.stays { "may stay" } }
            }
        }
    }
}
