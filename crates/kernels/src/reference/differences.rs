//! Gradients by central differences, which know nothing of the formulas they check.

/// The gradient of `f` at `x`, to some 1e-9 where `f` is smooth and of the order of one.
pub(crate) fn gradient(f: impl Fn(&[f64]) -> f64, x: &[f64]) -> Vec<f64> {
    let moved = |i: usize, by: f64| {
        let mut x = x.to_vec();
        x[i] += by;
        f(&x)
    };
    let slope = |i: usize| {
        let step = 1e-5 * x[i].abs().max(1.0);
        (moved(i, step) - moved(i, -step)) / (2.0 * step)
    };
    (0..x.len()).map(slope).collect()
}
