//! How much a share that was counted on few pictures can be off.

/// The 97.5 % point of the standard normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// The ends of Wilson's 95 % interval for a `share` of `n` (Wilson 1927, *JASA* 22:209). Unlike divvy-eval's the share need
/// not be a count over `n`: it may be one that is only supposed.
pub(super) fn interval(share: f64, n: usize) -> (f64, f64) {
    let n = n as f64;
    let scale = 1.0 + Z * Z / n;
    let centre = (share + Z * Z / (2.0 * n)) / scale;
    let half = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt() / scale;
    (centre - half, centre + half)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ends are by definition the true values from which the share lies just 1.96 of their standard errors away.
    #[test]
    fn the_ends_are_1_96_standard_errors_from_the_share() {
        for (share, n) in [(0.9, 50), (0.9, 141), (0.5, 10), (0.02, 1000)] {
            let (low, high) = interval(share, n);
            for end in [low, high] {
                let error = (end * (1.0 - end) / n as f64).sqrt();
                assert!(((share - end).abs() / error - 1.96).abs() < 1e-4, "{share} of {n}: {end}");
            }
            assert!(low < share && share < high);
        }
        // 45 of 50, as the page of V06 has it.
        let (low, high) = interval(0.9, 50);
        assert!((low - 0.786).abs() < 5e-4 && (high - 0.957).abs() < 5e-4, "{low} {high}");
    }
}
