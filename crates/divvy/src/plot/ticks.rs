//! Numbers beside curves.

/// A number in three digits, as it stands beside a curve: `0.693`, `12.5`, `3.2e-4`; a whole one as it is.
pub(crate) fn figure(value: f64) -> String {
    let size = value.abs();
    if size < 1e5 && value.fract() == 0.0 {
        format!("{value:.0}")
    } else if (1e-3..1e5).contains(&size) {
        let decimals = (2 - size.log10().floor() as i32).max(0) as usize;
        format!("{value:.decimals$}")
    } else {
        format!("{value:.1e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_or_an_exponent_and_whole_ones_no_point() {
        for (value, text) in [
            (0.0, "0"),
            (12.0, "12"),
            (0.6835, "0.683"),
            (0.0123, "0.0123"),
            (0.00123, "0.00123"),
            (2.3041, "2.30"),
            (12.54, "12.5"),
            (1234.5, "1234"),
            (0.00032, "3.2e-4"),
            (1e6, "1.0e6"),
            (-0.5, "-0.500"),
        ] {
            assert_eq!(figure(value), text);
        }
    }
}
