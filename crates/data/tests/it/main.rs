//! The crate as its users meet it: files written by an independent encoder, read back through the public interface.

mod archives;
mod cache;
mod check_copies;
mod check_files;
mod check_names;
mod check_parts;
mod check_quality;
mod check_shortcut;
mod cifar;
mod common;
mod corrections;
mod decoding;
mod folders;
mod folds;
mod formats;
mod hostile;
mod idx;
mod labels;
mod listing;
mod loading;
mod series;
mod splits;
mod tables;
