//! Columns of text.

use std::fmt;

/// Writes rows with columns of one width, the first `left` of them from the left, the others to the right.
pub(crate) fn write_aligned<const N: usize>(
    f: &mut fmt::Formatter<'_>,
    rows: &[[String; N]],
    left: usize,
) -> fmt::Result {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    for row in rows {
        let cell = |(column, cell): (usize, &String)| {
            let width = width(column);
            if column < left { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        };
        writeln!(f, "{}", row.iter().enumerate().map(cell).collect::<Vec<_>>().join("   ").trim_end())?;
    }
    Ok(())
}
