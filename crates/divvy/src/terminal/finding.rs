//! A finding as a good compiler would print it.

use divvy::rules::{Diagnostic, Severity};

use super::Palette;

impl Palette {
    /// A finding with its number, place, reason and fix; plain, it reads as [`Diagnostic`] displays itself.
    pub(crate) fn finding(self, finding: &Diagnostic) -> String {
        let id = format!("{}[{}]", finding.severity, finding.rule);
        let painted = match finding.severity {
            Severity::Error => self.error(&id),
            Severity::Warning => self.warning(&id),
            Severity::Note => self.hint(&id),
        };
        let headline = self.wrapped(&format!("{id}: {}", harmless(&finding.what)), "  ");
        let mut text = match headline.strip_prefix(&format!("{id}: ")) {
            Some(what) => format!("{painted}: {}", self.heading(what)),
            None => headline,
        };
        for (label, detail) in finding.details() {
            let label = format!("  {:<4} ", format!("{label}:"));
            let line = self.wrapped(&format!("{label}{}", harmless(&detail)), "       ");
            let rest = line.strip_prefix(&label).unwrap_or(&line);
            text.extend(["\n", &self.faint(&label), rest]);
        }
        text
    }
}

/// Without what would control a terminal: names of files and groups can hold anything.
pub(crate) fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use divvy::rules::Rule;

    #[test]
    fn a_name_cannot_control_the_terminal() {
        let finding = Diagnostic::new(Rule::H01, "\u{1b}[2Jgone").evidence(["a\u{7}\nb"]);
        let text = Palette::plain().finding(&finding);
        assert!(!text.contains(['\u{1b}', '\u{7}']) && text.lines().count() == 2, "{text:?}");
    }

    #[test]
    fn plain_it_reads_as_it_displays_itself() {
        let finding = Diagnostic::new(Rule::H01, "softmax over a single unit")
            .at("layer `head`")
            .because("it is 1")
            .fix("write Dense(1, sigmoid)")
            .evidence(["a", "b"]);
        assert_eq!(Palette::plain().finding(&finding), finding.to_string());
    }
}
