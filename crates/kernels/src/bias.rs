//! The gradient of a bias: sums over all rows.

use crate::Cpu;
use crate::columns::{Grid, Sum, column_sums, column_sums_scratch};

/// Elements of scratch that [`bias_gradient`] needs, on any number of threads.
pub fn bias_gradient_scratch(rows: usize, channels: usize) -> usize {
    column_sums_scratch(Grid::new(rows, channels), 1)
}

/// `db[c] = sum over rows of dy[row, c]`.
///
/// `dy` is `[rows, channels]`, `db` `[channels]`; `scratch` has at least [`bias_gradient_scratch`] elements of any value.
///
/// # Panics
/// When a slice has not that length.
pub fn bias_gradient(
    cpu: &Cpu,
    rows: usize,
    channels: usize,
    dy: &[f32],
    db: &mut [f32],
    scratch: &mut [f32],
) {
    assert_eq!(dy.len(), rows * channels, "gradients of a biased output");
    assert_eq!(db.len(), channels, "gradients of a bias");
    let totals = column_sums(cpu, Grid::new(rows, channels), Sum, |_| [], [dy], scratch);
    totals.for_each(|channel, [sum]| db[channel] = sum as f32);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::trial::{assert_sums, numbers, on_every_cpu, wide};

    #[test]
    fn a_bias_gradient_is_the_sum_over_all_rows() {
        for (rows, channels) in [(1, 1), (3, 40), (256, 7), (257, 33), (5000, 3), (40, 1030), (0, 4)] {
            let dy = numbers(rows * channels, 5);
            let db = on_every_cpu(
                |_| (channels, bias_gradient_scratch(rows, channels)),
                |cpu, db, scratch| bias_gradient(cpu, rows, channels, &dy, db, scratch),
            );
            let column = |c: usize| wide(&dy).into_iter().skip(c).step_by(channels).collect::<Vec<_>>();
            let truth: Vec<f64> = (0..channels).map(|c| column(c).iter().sum()).collect();
            let sizes: Vec<f64> = (0..channels).map(|c| column(c).iter().map(|x| x.abs()).sum()).collect();
            assert_sums("bias gradient", &db, &truth, &sizes);
        }
    }
}
