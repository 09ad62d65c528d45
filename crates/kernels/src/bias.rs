//! The gradient of a bias: sums over all rows.

use crate::Cpu;

/// Rows that one task adds up, in `f32`.
const ROWS: usize = 256;

/// Elements of scratch that [`bias_gradient`] needs, on any number of threads.
pub fn bias_gradient_scratch(rows: usize, channels: usize) -> usize {
    rows.div_ceil(ROWS) * channels
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
    let needed = bias_gradient_scratch(rows, channels);
    assert!(scratch.len() >= needed, "scratch of {} elements where {needed} are needed", scratch.len());
    let sums = &mut scratch[..needed];
    cpu.team().for_chunks(sums, channels, |chunk, sums| {
        let start = chunk * ROWS * channels;
        let end = dy.len().min(start + ROWS * channels);
        sums.fill(0.0);
        for row in dy[start..end].chunks_exact(channels) {
            sums.iter_mut().zip(row).for_each(|(sum, dy)| *sum += *dy);
        }
    });
    for (c, db) in db.iter_mut().enumerate() {
        *db = sums.iter().skip(c).step_by(channels).map(|sum| f64::from(*sum)).sum::<f64>() as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::trial::{assert_sums, numbers, on_every_cpu, wide};

    #[test]
    fn a_bias_gradient_is_the_sum_over_all_rows() {
        for (rows, channels) in [(1, 1), (3, 40), (256, 7), (257, 33), (5000, 3), (0, 4)] {
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
