//! What shows a training while it runs. Each view is a listener to its events and knows nothing else of it.

mod board;
mod curves;
mod files;
mod folds;
mod page;
mod panel;
mod screen;
#[cfg(test)]
mod testing;
mod words;

pub(crate) use files::ViewFiles;
pub(crate) use folds::FoldsScreen;
pub(crate) use screen::Screen;
pub(crate) use words::told;
