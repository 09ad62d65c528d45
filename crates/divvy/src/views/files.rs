//! The views of a training that are files in its folder.

use std::io;
use std::path::Path;

use divvy::train::{Event, Listener, RunFolder};

use super::board::Board;
use super::page::LivePage;

/// Writes the page and, where that is asked for, the curves for TensorBoard.
pub(crate) struct ViewFiles {
    page: LivePage,
    board: Option<Board>,
}

impl ViewFiles {
    /// For a training that begins; `board` says whether TensorBoard is to see it.
    pub(crate) fn new(board: bool) -> Self {
        Self { page: LivePage::new(), board: board.then(Board::new) }
    }

    /// Brings the page of a run that has come to its end to its own, where that was not done; what is wrong with it, in a sentence.
    pub(crate) fn settle(run: &RunFolder) -> Option<String> {
        LivePage::settle(run).err().map(|fault| not_up_to_date(run, &fault))
    }

    /// Brings the files to their end; what is wrong with them, in sentences.
    pub(crate) fn close(self, run: &Path) -> Vec<String> {
        let page = self.page.close().err();
        let page = page.map(|fault| not_up_to_date(&RunFolder::at(run), &fault));
        let board = self.board.and_then(|board| board.close().err());
        let board =
            board.map(|fault| format!("{}: TensorBoard's file is not complete: {fault}", run.display()));
        page.into_iter().chain(board).collect()
    }
}

fn not_up_to_date(run: &RunFolder, fault: &io::Error) -> String {
    format!("{} is not up to date: {fault}", run.page().display())
}

impl Listener for ViewFiles {
    fn on(&mut self, event: &Event) {
        self.page.on(event);
        if let Some(board) = &mut self.board {
            board.on(event);
        }
    }
}
