//! Numbers as they stand in the page: rounded for people, with the exact value and its key in report.json beside it.

use std::fmt::Display;

use divvy::eval::{Estimate, Interval};
use maud::{Markup, html};

use crate::terminal::thousands;

/// How a number is written.
#[derive(Clone, Copy)]
pub(super) enum Form {
    /// A share as percent, with one decimal.
    Percent,
    /// A difference of shares in percentage points, with its sign.
    Points,
    /// Four decimals.
    Decimals,
    /// A whole number.
    Count,
    /// Three digits.
    Figure,
}

impl Form {
    fn write(self, value: f64) -> String {
        match self {
            Self::Percent => format!("{:.1} %", 100.0 * value),
            Self::Points => format!("{:+.1}", 100.0 * value),
            Self::Decimals => format!("{value:.4}"),
            Self::Count => thousands(value as usize),
            Self::Figure => crate::plot::figure(value),
        }
    }
}

/// A number that report.json holds at `key`, a JSON pointer (RFC 6901).
pub(super) fn number<T: Numeric>(key: &str, value: T, form: Form) -> Markup {
    html! { data value=(value) data-key=(key) { (form.write(value.to_f64())) } }
}

/// The same, or a dash where it is undefined.
pub(super) fn optional<T: Numeric>(key: &str, value: Option<T>, form: Form) -> Markup {
    html! {
        @if let Some(value) = value { (number(key, value, form)) } @else { span.undefined title="undefined" { "n/a" } }
    }
}

/// An estimate with its interval behind it.
pub(super) fn estimate(key: &str, estimate: Option<Estimate>, form: Form) -> Markup {
    html! {
        (optional(&format!("{key}/value"), estimate.map(|estimate| estimate.value), form))
        @if let Some(Estimate { ci95, .. }) = estimate { " " (interval(&format!("{key}/ci95"), ci95, form)) }
    }
}

/// A 95 % interval.
pub(super) fn interval(key: &str, Interval { low, high }: Interval, form: Form) -> Markup {
    html! {
        span.interval {
            "(" (number(&format!("{key}/0"), low, form)) " to " (number(&format!("{key}/1"), high, form)) ")"
        }
    }
}

/// What can stand in the page as a number. Its display is the shortest that reads back to the same.
pub(super) trait Numeric: Display + Copy {
    fn to_f64(self) -> f64;
}

impl Numeric for f64 {
    fn to_f64(self) -> f64 {
        self
    }
}

impl Numeric for f32 {
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
}

impl Numeric for usize {
    fn to_f64(self) -> f64 {
        self as f64
    }
}

impl Numeric for u32 {
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
}
