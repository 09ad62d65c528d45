//! How much each part of a picture counts.

use divvy_nn::{Explained, Shape};
use serde::{Deserialize, Serialize};

/// How much each part of a picture counts: a number for each cell of a grid over the whole picture, whatever size that is shown at.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Record", into = "Record")]
pub struct Heatmap {
    height: usize,
    width: usize,
    weights: Vec<f32>,
}

/// A [`Heatmap`] as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    height: usize,
    width: usize,
    weights: Vec<f32>,
}

impl Heatmap {
    /// A map of `height` rows of `width` numbers each, from the top and the left.
    ///
    /// # Panics
    /// When there are not as many, or none.
    pub(crate) fn new(height: usize, width: usize, weights: Vec<f32>) -> Self {
        assert!(
            height * width > 0 && weights.len() == height * width,
            "{} numbers for a map of {height}x{width}",
            weights.len()
        );
        Self { height, width, weights }
    }

    /// The class activation map of each picture that was explained.
    pub(crate) fn of_explained(explained: &Explained<'_>) -> Vec<Self> {
        let (height, width) = match explained.shape {
            Shape::Map { height, width, .. } => (height, width),
            Shape::Vector { .. } => (1, 1),
        };
        let weights = explained.class_activation();
        weights.chunks_exact(height * width).map(|map| Self::new(height, width, map.to_vec())).collect()
    }

    /// The rows of the grid.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The columns of the grid.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The numbers, row by row.
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// The largest number.
    pub fn peak(&self) -> f32 {
        self.weights.iter().copied().fold(f32::NEG_INFINITY, f32::max)
    }

    /// The same map on another grid: of each cell the mean of what it covers.
    ///
    /// # Panics
    /// When the grid is empty.
    pub fn on_grid(&self, height: usize, width: usize) -> Self {
        let rows: Vec<_> = (0..height).map(|row| covered(row, height, self.height)).collect();
        let columns: Vec<_> = (0..width).map(|column| covered(column, width, self.width)).collect();
        let cell = |row: &[(usize, f64)], column: &[(usize, f64)]| -> f64 {
            let of_row = |&(i, share): &(usize, f64)| -> f64 {
                let weights = &self.weights[i * self.width..][..self.width];
                share * column.iter().map(|&(j, share)| share * f64::from(weights[j])).sum::<f64>()
            };
            row.iter().map(of_row).sum()
        };
        let weights = rows.iter().flat_map(|row| columns.iter().map(|column| cell(row, column) as f32));
        Self::new(height, width, weights.collect())
    }

    /// How far two maps agree on what counts more and what less: Spearman's rank correlation over the cells of the coarser grid, from −1
    /// to 1. None where one of them says the same of all.
    pub fn agreement(&self, other: &Self) -> Option<f64> {
        let (height, width) = (self.height.min(other.height), self.width.min(other.width));
        let ranks = |map: &Self| ranks(&map.on_grid(height, width).weights);
        correlation(&ranks(self), &ranks(other))
    }

    /// The mean of maps, on the grid of the first.
    ///
    /// # Panics
    /// When there are none.
    pub(crate) fn mean(maps: &[&Self]) -> Self {
        let Self { height, width, .. } = *maps[0];
        let mut sums = vec![0.0_f64; height * width];
        for map in maps {
            let map = map.on_grid(height, width);
            sums.iter_mut().zip(map.weights).for_each(|(sum, weight)| *sum += f64::from(weight));
        }
        Self::new(height, width, sums.iter().map(|sum| (sum / maps.len() as f64) as f32).collect())
    }
}

impl TryFrom<Record> for Heatmap {
    type Error = String;

    fn try_from(Record { height, width, weights }: Record) -> Result<Self, String> {
        let cells = height.checked_mul(width).filter(|&cells| cells > 0);
        match cells {
            Some(cells) if cells == weights.len() => Ok(Self { height, width, weights }),
            _ => Err(format!("{} numbers are no map of {height}x{width}", weights.len())),
        }
    }
}

impl From<Heatmap> for Record {
    fn from(Heatmap { height, width, weights }: Heatmap) -> Self {
        Self { height, width, weights }
    }
}

/// The cells of an axis of `from` cells that one of `to` cells covers, each with its share in it.
fn covered(at: usize, to: usize, from: usize) -> Vec<(usize, f64)> {
    // In units in which both kinds of cells have whole lengths.
    let (begin, end) = (at * from, (at + 1) * from);
    let cells = begin / to..end.div_ceil(to);
    cells
        .map(|cell| {
            let overlap = end.min((cell + 1) * to) - begin.max(cell * to);
            (cell, overlap as f64 / from as f64)
        })
        .collect()
}

/// The rank of each number, from 1; of equals the mean of theirs.
fn ranks(numbers: &[f32]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..numbers.len()).collect();
    order.sort_by(|&a, &b| numbers[a].total_cmp(&numbers[b]));
    let mut ranks = vec![0.0; numbers.len()];
    let mut before = 0;
    for equals in order.chunk_by(|&a, &b| numbers[a] == numbers[b]) {
        for &at in equals {
            ranks[at] = f64::midpoint((before + 1) as f64, (before + equals.len()) as f64);
        }
        before += equals.len();
    }
    ranks
}

/// Pearson's correlation; none where all numbers of one side are the same.
fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    let centred = |numbers: &[f64]| -> Vec<f64> {
        let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
        numbers.iter().map(|x| x - mean).collect()
    };
    let (a, b) = (centred(a), centred(b));
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let scale = (product(&a, &a) * product(&b, &b)).sqrt();
    (scale > 0.0).then(|| product(&a, &b) / scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(height: usize, width: usize, weights: &[f32]) -> Heatmap {
        Heatmap::new(height, width, weights.to_vec())
    }

    #[test]
    fn a_grid_takes_the_mean_of_what_its_cells_cover() {
        let fine = map(2, 3, &[0.0, 1.0, 2.0, 6.0, 7.0, 11.0]);
        assert_eq!(fine.on_grid(2, 3), fine);
        assert_eq!(fine.on_grid(1, 1), map(1, 1, &[4.5]));
        // Columns of one cell and a half each.
        let near = |found: &Heatmap, wanted: &[f32]| {
            let pairs = found.weights().iter().zip(wanted);
            assert!(pairs.clone().all(|(x, y)| (x - y).abs() < 1e-6), "{found:?} is not {wanted:?}");
        };
        near(&fine.on_grid(2, 2), &[1.0 / 3.0, 5.0 / 3.0, 19.0 / 3.0, 29.0 / 3.0]);
        near(&map(1, 2, &[1.0, 3.0]).on_grid(2, 3), &[1.0, 2.0, 3.0, 1.0, 2.0, 3.0]);
    }

    #[test]
    fn agreement_is_scipys_rank_correlation() {
        // scipy.stats.spearmanr([3, 1, 4, 1, 5, 9], [2, 7, 1, 8, 2, 8]).statistic of SciPy 1.17.1.
        const SPEARMAN: f64 = -0.134_343_322_655_969_7;
        let (a, b) = (map(2, 3, &[3.0, 1.0, 4.0, 1.0, 5.0, 9.0]), map(2, 3, &[2.0, 7.0, 1.0, 8.0, 2.0, 8.0]));
        let found = a.agreement(&b).unwrap();
        assert!((found - SPEARMAN).abs() < 1e-12, "{found}");
        assert_eq!(a.agreement(&a).map(|x| (x * 1e9).round()), Some(1e9));
        assert_eq!(a.agreement(&map(2, 3, &[2.0; 6])), None);
        // A finer map is looked at on the coarser grid.
        assert_eq!(a.on_grid(4, 9).agreement(&b).map(|x| (x * 1e9).round()), Some((SPEARMAN * 1e9).round()));
    }

    #[test]
    fn a_map_is_read_as_it_was_written_and_refused_where_it_is_none() {
        let some = map(1, 2, &[0.5, 2.0]);
        let text = serde_json::to_string(&some).unwrap();
        assert_eq!(serde_json::from_str::<Heatmap>(&text).unwrap(), some);
        for wrong in [text.replace("2.0", "2.0,1.0"), text.replace("\"height\":1", "\"height\":0")] {
            assert!(serde_json::from_str::<Heatmap>(&wrong).is_err(), "{wrong}");
        }
    }
}
