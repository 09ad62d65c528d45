//! What can be typed about how labelled pictures are found and read.

use std::path::PathBuf;

use clap::Args;
use divvy::data::{Column, LabelSeparator, OpenOptions};

use super::values::label_separator;

/// How labelled pictures are read. What is not said is found by looking.
#[derive(Args, Debug)]
#[command(next_help_heading = "Reading pictures")]
pub(crate) struct ReadArgs {
    /// Read folders' names as labels joined by _, as in `red_dress`
    #[arg(long)]
    pub(crate) labels_from_name: bool,

    /// The column of a CSV with the files' paths, by name or by number from 1
    #[arg(long, value_name = "COLUMN")]
    pub(crate) file_column: Option<Column>,

    /// The column of a CSV with the labels, by name or by number from 1
    #[arg(long, value_name = "COLUMN")]
    pub(crate) label_column: Option<Column>,

    /// What separates the labels in a cell: space, comma, semicolon, pipe or none
    #[arg(long, value_name = "NAME", value_parser = label_separator)]
    pub(crate) label_separator: Option<LabelSeparator>,

    /// Take the first line of a CSV as a row like the others
    #[arg(long)]
    pub(crate) no_header: bool,

    /// A CSV with the columns path,given,corrected, whose labels take the place of those that the data gives, as `divvy relabel` writes it
    #[arg(long, value_name = "FILE")]
    pub(crate) corrections: Option<PathBuf>,

    /// Refuse pictures of more pixels, before they are decoded [default: 120000000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max_pixels: Option<u64>,

    /// Refuse files of more bytes, before they are read [default: 268435456]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max_file_bytes: Option<u64>,
}

/// Which pictures stay together where a split is drawn.
#[derive(Args, Debug)]
pub(crate) struct GroupByArgs {
    /// Keep pictures of one series, such as a patient or a burst, on one side of the split: the column of a CSV that tells the series,
    /// or a regular expression whose first group tells it in each file's name, such as '([^/]+)_[^_/]*$' for `p017_01.jpg`
    #[arg(long, value_name = "COLUMN|REGEX")]
    pub(crate) group_by: Option<String>,
}

impl GroupByArgs {
    /// What was typed, over `base`.
    pub(crate) fn options(&self, base: OpenOptions) -> OpenOptions {
        OpenOptions { group_by: self.group_by.clone().or(base.group_by), ..base }
    }
}

impl ReadArgs {
    /// What was typed, over `base`.
    pub(crate) fn options(&self, base: OpenOptions) -> OpenOptions {
        let mut options = base;
        options.labels_from_name |= self.labels_from_name;
        options.table.no_header |= self.no_header;
        options.table.label_separator = self.label_separator.or(options.table.label_separator);
        options.table.file_column = self.file_column.clone().or(options.table.file_column);
        options.table.label_column = self.label_column.clone().or(options.table.label_column);
        options.corrections = self.corrections.clone().or(options.corrections);
        options.limits.max_pixels = self.max_pixels.unwrap_or(options.limits.max_pixels);
        options.limits.max_file_bytes = self.max_file_bytes.unwrap_or(options.limits.max_file_bytes);
        options
    }
}
