//! The table: a row for each picture of each finding.

use std::io::{self, Write};

use divvy::data::Part;

use super::Shown;

/// `docs/check.md` says what each holds.
const COLUMNS: [&str; 9] =
    ["finding", "name", "severity", "picture", "group", "part", "set", "spare", "measure"];

pub(super) fn write(file: &mut dyn Write, shown: &Shown<'_>) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(file);
    table.write_record(COLUMNS)?;
    for finding in shown.findings {
        let rule = finding.diagnostic.rule;
        for suspect in &finding.suspects {
            let part = shown.dataset.samples()[suspect.sample].part.map_or("", Part::name);
            let set = suspect.set.map(|set| (set + 1).to_string()).unwrap_or_default();
            table.write_record([
                rule.id(),
                rule.name(),
                finding.diagnostic.severity.name(),
                &shown.name(suspect.sample),
                &shown.labels(suspect.sample),
                part,
                &set,
                if suspect.is_spare { "yes" } else { "no" },
                &suspect.measure,
            ])?;
        }
    }
    table.flush()
}
