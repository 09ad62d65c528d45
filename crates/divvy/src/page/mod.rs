//! What the pages that divvy writes have in common. Each is one file that fetches nothing.

mod parts;
mod thumbnail;

use divvy::rules::Severity;
use maud::{DOCTYPE, Markup, PreEscaped, html};

pub(crate) use parts::{PARTS, drawn, findings, share};
pub(crate) use thumbnail::{Overlay, SHEET, Sheet, Thumbnail, breakable};

/// Colours, letters and distances.
const BASE: &str = include_str!("base.css");

/// What the head of a page says, and nobody sees.
pub(crate) struct Head<'a> {
    pub(crate) title: &'a str,
    /// What the page may load and run (W3C, Content Security Policy).
    pub(crate) policy: &'a str,
    /// Styles beside those that all pages have.
    pub(crate) style: &'a str,
}

/// A page.
pub(crate) fn document(head: &Head<'_>, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(head.policy);
                title { (head.title) }
                style { (PreEscaped(BASE)) (PreEscaped(head.style)) }
            }
            body { (body) }
        }
    }
}

pub(crate) fn badge(severity: Severity) -> Markup {
    html! { span class={ "badge " (severity) } { (severity) } }
}

/// A phrase that begins with a capital, with what stands between backticks as code.
pub(crate) fn prose(phrase: &str) -> Markup {
    let mut letters = phrase.chars();
    let capital: String =
        letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default();
    html! {
        @for (index, piece) in capital.split('`').enumerate() {
            @if index % 2 == 1 { code { (piece) } } @else { (piece) }
        }
    }
}
