//! Aligned columns of text.

use std::fmt;

/// Rows of cells: the first column is aligned left, the others right; a row's note follows it unaligned.
pub(crate) struct Table {
    rows: Vec<Row>,
}

struct Row {
    cells: Vec<String>,
    note: String,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self { rows: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn row<C: Into<String>>(&mut self, cells: impl IntoIterator<Item = C>) {
        let cells = cells.into_iter().map(|cell| shown(&cell.into())).collect();
        self.rows.push(Row { cells, note: String::new() });
    }

    /// Adds a row of a name, a value and what there is to say about it.
    pub(crate) fn noted_row(&mut self, name: &str, value: String, note: &str) {
        self.rows.push(Row { cells: vec![name.to_owned(), value], note: note.to_owned() });
    }

    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.iter().map(|row| row.cells.len()).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.cells.get(column)).map(|cell| cell.chars().count()).max()
        };
        (0..columns).map(|column| width(column).unwrap_or(0)).collect()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        for row in &self.rows {
            let padded = row.cells.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
                if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
            });
            let line: Vec<String> = padded.chain([row.note.clone()]).collect();
            writeln!(f, "{}", line.join("  ").trim_end())?;
        }
        Ok(())
    }
}

/// A cell as it can be shown: short, and without what would control a terminal.
fn shown(cell: &str) -> String {
    const LONGEST: usize = 60;
    let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let shown: String = cell.chars().take(LONGEST).map(plain).collect();
    if cell.chars().nth(LONGEST).is_some() { format!("{shown}…") } else { shown }
}

/// Four decimals: a ten-thousandth is finer than any test set can tell apart.
pub(crate) fn rounded(value: f64) -> String {
    format!("{value:.4}")
}

/// Four decimals, or `n/a` for what is undefined.
pub(crate) fn optional(value: Option<f64>) -> String {
    value.map_or_else(|| "n/a".to_owned(), rounded)
}
