//! The layers of a network as a table.

use std::fmt;

use crate::graph::{Graph, GraphNode, NodeId};
use crate::layers::ParamSpec;
use crate::shape::Shape;

/// What [`Graph::summary`] prints: layers, output shapes, parameters and their share of all, as Keras prints them.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// A row a layer, in the graph's order.
    pub rows: Vec<SummaryRow>,
    /// Parameters that training changes.
    pub trainable: usize,
    /// Parameters that are gathered or fixed.
    pub non_trainable: usize,
}

/// One layer of a [`Summary`].
#[derive(Debug, Clone, PartialEq)]
pub struct SummaryRow {
    /// The layer's name.
    pub name: String,
    /// Its type as written in code.
    pub label: &'static str,
    /// Its output shape.
    pub shape: Shape,
    /// Its parameters, trainable or not.
    pub parameters: usize,
    /// The names of the layers it reads.
    pub inputs: Vec<String>,
}

impl Summary {
    pub(crate) fn of(graph: &Graph) -> Self {
        let mut summary = Self { rows: Vec::new(), trainable: 0, non_trainable: 0 };
        for (id, node) in graph.iter() {
            let specs = graph.parameters(id);
            let (trained, other): (Vec<_>, Vec<_>) = specs.iter().partition(|spec| spec.role.is_trainable());
            let count = |specs: &[&ParamSpec]| specs.iter().map(|spec| spec.len()).sum::<usize>();
            let (trained, other) = (count(&trained), count(&other));
            summary.trainable += trained;
            summary.non_trainable += other;
            summary.rows.push(SummaryRow::of(graph, node, trained + other));
        }
        summary
    }

    /// All parameters.
    pub fn parameters(&self) -> usize {
        self.trainable + self.non_trainable
    }

    /// Whether every layer reads just the one before it.
    fn is_chain(&self) -> bool {
        self.rows.windows(2).all(|pair| pair[1].inputs == [pair[0].name.as_str()])
    }

    /// The table's cells, the header first.
    fn cells(&self) -> Vec<Vec<String>> {
        let mut header = vec!["Layer (type)", "Output Shape", "Param #", "Share"];
        let with_inputs = !self.is_chain();
        if with_inputs {
            header.push("Connected to");
        }
        let all = self.parameters();
        let row = |row: &SummaryRow| {
            let mut cells = vec![
                format!("{} ({})", row.name, row.label),
                row.shape.to_string(),
                thousands(row.parameters),
                row.share(all),
            ];
            if with_inputs {
                cells.push(row.inputs.join(", "));
            }
            cells
        };
        std::iter::once(header.into_iter().map(str::to_owned).collect())
            .chain(self.rows.iter().map(row))
            .collect()
    }
}

impl SummaryRow {
    fn of(graph: &Graph, node: &GraphNode, parameters: usize) -> Self {
        let name = |&id: &NodeId| graph.node(id).name.clone();
        Self {
            name: node.name.clone(),
            label: node.layer.type_label(),
            shape: node.shape,
            parameters,
            inputs: node.inputs.iter().map(name).collect(),
        }
    }

    /// The share of `all` parameters in per cent; empty for layers without any.
    fn share(&self, all: usize) -> String {
        match self.parameters {
            0 => String::new(),
            own => format!("{:.1} %", 100.0 * own as f64 / all as f64),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Columns of numbers are aligned to the right.
        const NUMBERS: std::ops::Range<usize> = 2..4;
        let cells = self.cells();
        let widths: Vec<usize> = (0..cells[0].len())
            .map(|column| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or_default())
            .collect();
        let rule = |f: &mut fmt::Formatter<'_>, [left, line, cross, right]: [&str; 4]| {
            let lines: Vec<String> = widths.iter().map(|width| line.repeat(width + 2)).collect();
            writeln!(f, "{left}{}{right}", lines.join(cross))
        };
        let row = |f: &mut fmt::Formatter<'_>, cells: &[String], bar: &str| {
            for (column, (cell, &width)) in cells.iter().zip(&widths).enumerate() {
                if NUMBERS.contains(&column) {
                    write!(f, "{bar} {cell:>width$} ")?;
                } else {
                    write!(f, "{bar} {cell:<width$} ")?;
                }
            }
            writeln!(f, "{bar}")
        };
        rule(f, ["┏", "━", "┳", "┓"])?;
        row(f, &cells[0], "┃")?;
        rule(f, ["┡", "━", "╇", "┩"])?;
        for cells in &cells[1..] {
            row(f, cells, "│")?;
        }
        rule(f, ["└", "─", "┴", "┘"])?;
        let total = |count: usize| format!("{} ({})", thousands(count), bytes(count));
        writeln!(f, " Total params: {}", total(self.parameters()))?;
        writeln!(f, " Trainable params: {}", total(self.trainable))?;
        write!(f, " Non-trainable params: {}", total(self.non_trainable))
    }
}

/// `1234567` as `1,234,567`.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// The size of so many `f32`, in the units in which Keras tells it (a KB of 1,024 bytes).
fn bytes(count: usize) -> String {
    let mut size = count as f64 * size_of::<f32>() as f64;
    let mut unit = "B";
    for larger in ["KB", "MB", "GB"] {
        if size < 1024.0 {
            break;
        }
        size /= 1024.0;
        unit = larger;
    }
    format!("{size:.2} {unit}")
}
