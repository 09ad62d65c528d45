//! Parts of which several pages are made.

use divvy::rules::Diagnostic;
use maud::{Markup, html};

use super::{badge, prose};
use crate::plot::{Plot, Style};

/// The styles of figures, plots, tables and findings.
pub(crate) const PARTS: &str = include_str!("parts.css");

/// A plot with its title and, of several curves, what each is.
pub(crate) fn drawn(id: &str, plot: &Plot) -> Markup {
    html! {
        figure {
            figcaption {
                (prose(&plot.title))
                @if plot.curves.len() > 1 {
                    span.legend {
                        @for (index, curve) in plot.curves.iter().enumerate() {
                            span class={ "key c" (index) } { (sample(curve.style)) (curve.name) }
                        }
                    }
                }
            }
            (plot.svg(id))
        }
    }
}

fn sample(style: Style) -> Markup {
    let dashes = if style == Style::Dashed { "5 4" } else { "none" };
    html! {
        svg.sample aria-hidden="true" viewBox="0 0 24 8" width="24" height="8" {
            line x1="1" x2="23" y1="4" y2="4" stroke-dasharray=(dashes) {}
        }
    }
}

/// A share as a number with a bar; none of no pictures.
pub(crate) fn share(share: Option<f64>) -> Markup {
    let Some(share) = share else { return html! { "none to tell from" } };
    html! {
        span { (format!("{share:.3}")) }
        svg.bar aria-hidden="true" viewBox="0 0 100 8" preserveAspectRatio="none" {
            rect.whole width="100" height="8" {}
            rect.part width=(format!("{:.1}", 100.0 * share)) height="8" {}
        }
    }
}

/// What was found, an item each.
pub(crate) fn findings(findings: &[Diagnostic]) -> Markup {
    html! {
        ul.findings {
            @for finding in findings {
                li {
                    p.rule {
                        (badge(finding.severity))
                        span.id { (finding.rule) }
                        span { (finding.place.to_string()) }
                    }
                    h3 { (prose(&finding.what)) }
                    @if !finding.why.is_empty() { p { (prose(&finding.why)) "." } }
                    @if !finding.fix.is_empty() { p { (prose(&finding.fix)) "." } }
                }
            }
        }
    }
}
