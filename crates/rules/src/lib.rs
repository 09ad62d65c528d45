//! The numbered mistakes of image classification: what each is, why it matters, and a finding of one.
//!
//! A [`Rule`] is a mistake with a number (`H01`); its [`Page`] derives why it is one and shows it in divvy and in Keras. A
//! [`Diagnostic`] is a place where a rule is broken, with the fix. A [`Policy`] is what someone wants done about findings:
//! which are silenced, and whether warnings are errors.
//!
//! Rules are decided where what they need is known (networks in divvy-nn, labels and pictures in divvy-data, the course of a
//! training in divvy-train). This crate lies below all of them and decides nothing.
//!
//! ```
//! use divvy_rules::{Diagnostic, Place, Rule};
//!
//! let finding = Diagnostic::new(Rule::H01, "softmax over a single unit")
//!     .at(Place::line_of("net.toml", 12))
//!     .because("its output is 1 for every picture")
//!     .fix("write Dense(1, sigmoid)");
//! assert!(finding.is_error());
//! assert_eq!(
//!     finding.to_string(),
//!     "error[H01]: softmax over a single unit\n  at:  net.toml:12\n  why: its output is 1 for every picture\n  fix: write Dense(1, sigmoid)"
//! );
//! ```

mod diagnostic;
mod page;
mod place;
mod policy;
mod rule;

pub use diagnostic::Diagnostic;
pub use page::{Page, Snippet};
pub use place::{Place, line_at};
pub use policy::{Policy, Verdict};
pub use rule::{Rule, Severity, Stage, UnknownRule};
