//! Suspect pictures, set aside.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Result;
use divvy::data::check::Finding;
use divvy::data::{Dataset, Source};
use divvy::rules::Rule;
use divvy::sort::{Item, Sorter};

use crate::failure::Failure;
use crate::interrupt;
use crate::terminal::{Terminal, program, quoted, thousands};

/// The rules whose suspects nobody wants to keep. Others find pictures that are worth a look first.
const USUALLY: [Rule; 4] = [Rule::P08, Rule::P09, Rule::V02, Rule::V07];

/// Refuses, before any work is done, a folder whose pictures would be taken for a group of the data.
pub(super) fn refuse(into: &Path, dataset: &Dataset) -> Result<()> {
    let root = dataset.root();
    let data = if root.is_dir() { root } else { root.parent().unwrap_or(root) };
    if real(into).starts_with(real(data)) {
        let message = format!("--move-to: {} lies in {}", into.display(), data.display());
        let help = "give a folder beside it: what lies in it would be read with the data";
        return Err(Failure::new(message).help(help).into());
    }
    Ok(())
}

/// Moves the suspects of the findings, by `only` those rules or the usual ones, into a folder for each rule, and says in lines what
/// was done.
pub(super) fn set_aside(
    into: &Path,
    only: &[Rule],
    dataset: &Dataset,
    findings: &[Finding],
    terminal: &mut Terminal,
) -> Result<Vec<String>> {
    let rules = if only.is_empty() { &USUALLY[..] } else { only };
    let suspects = chosen(rules, findings);
    if suspects.is_empty() {
        return Ok(vec!["nothing to set aside".to_owned()]);
    }
    let files = suspects.iter().map(|&(sample, rule)| Ok((file(dataset, sample)?, rule)));
    let files = files.collect::<Result<Vec<_>>>()?;
    let mut sorter = Sorter::set_aside(into)?;
    let mut tally: BTreeMap<String, usize> = BTreeMap::new();
    terminal.start("setting aside");
    for (done, (item, rule)) in files.iter().enumerate() {
        if interrupt::is_asked() {
            break;
        }
        let folder = format!("{rule}-{}", rule.name());
        sorter.place(item, &folder, rule.id(), None)?;
        *tally.entry(folder).or_default() += 1;
        terminal.progress().count(done + 1, files.len());
    }
    terminal.stop();
    if interrupt::is_asked() {
        Terminal::warn("interrupted; the same command goes on from here");
    }
    let line = |(folder, count): (&String, &usize)| {
        format!("{:>7}  set aside in {}", thousands(*count), into.join(folder).display())
    };
    let mut lines: Vec<String> = tally.iter().map(line).collect();
    lines.push(format!("`{} put-back {}` puts them back", program(), quoted(into)));
    Ok(lines)
}

/// The suspects of these rules, each under the first that names it.
fn chosen(rules: &[Rule], findings: &[Finding]) -> Vec<(usize, Rule)> {
    let mut seen = BTreeSet::new();
    let named = findings.iter().filter(|finding| rules.contains(&finding.diagnostic.rule));
    let spare = named.flat_map(|finding| {
        let spare = finding.suspects.iter().filter(|suspect| suspect.is_spare);
        spare.map(|suspect| (suspect.sample, finding.diagnostic.rule))
    });
    spare.filter(|(sample, _)| seen.insert(*sample)).collect()
}

/// The file of a picture, if it has one that can be moved.
fn file(dataset: &Dataset, sample: usize) -> Result<Item> {
    let path = dataset.sample_path(sample);
    let is_file = matches!(dataset.samples()[sample].source, Source::File(_)) && path.is_file();
    if !is_file {
        let message = format!("--move-to: {} is no file of its own", path.display());
        let help = "unpack the archive or array into files first; or leave --move-to out, and take the list of --report";
        return Err(Failure::new(message).help(help).into());
    }
    let name = PathBuf::from(dataset.sample_name(sample).into_owned());
    Ok(Item { path: std::path::absolute(path)?, name })
}

/// A path without links and dots, of which the end need not exist.
fn real(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let whole = path.ancestors().find_map(|start| Some((start, start.canonicalize().ok()?)));
    match whole {
        Some((start, found)) => found.join(path.strip_prefix(start).unwrap_or(Path::new(""))),
        None => path,
    }
}
