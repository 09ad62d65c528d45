//! What was found, to look at: a page with the pictures of each finding, and a table of all of them.

mod page;
mod table;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use divvy::data::check::Finding;
use divvy::data::{Dataset, write_atomically};

use crate::terminal::Terminal;

/// The page's name in the folder.
const PAGE: &str = "index.html";
/// The table's.
const TABLE: &str = "findings.csv";

/// What is shown.
#[derive(Clone, Copy)]
pub(super) struct Shown<'a> {
    pub(super) dataset: &'a Dataset,
    pub(super) findings: &'a [Finding],
    /// Height and width of each picture, where it can be read.
    pub(super) sizes: &'a [Option<(usize, usize)>],
    /// How many pictures are decoded at a time.
    pub(super) threads: usize,
}

/// Writes both into a folder, which is created where it is not there, and says where they are.
pub(super) fn write(folder: &Path, shown: &Shown<'_>, terminal: &mut Terminal) -> Result<String> {
    fs::create_dir_all(folder).with_context(|| format!("{}: cannot be created", folder.display()))?;
    let table = folder.join(TABLE);
    write_atomically(&table, |file| table::write(file, shown))?;
    let page = folder.join(PAGE);
    let progress = terminal.start("drawing the page");
    let done = |done| progress.count(done, shown.findings.len());
    let written = write_atomically(&page, |file| page::write(file, shown, &done));
    terminal.stop();
    written?;
    Ok(format!("{} shows the pictures, {} lists them", page.display(), table.display()))
}

impl Shown<'_> {
    /// What a picture is called.
    fn name(&self, sample: usize) -> String {
        self.dataset.sample_name(sample).to_string_lossy().into_owned()
    }

    /// The groups or labels of a picture.
    fn labels(&self, sample: usize) -> String {
        self.dataset.label_text(self.dataset.samples()[sample].label.indices())
    }
}
