//! Numbers beside curves.

use super::{Scale, Side};

/// The values along a side that are worth a label, with it: round numbers, about as many as wanted.
pub(super) fn ticks(side: Side, wanted: usize) -> Vec<(f64, String)> {
    match side.scale {
        Scale::Linear => round_numbers(side, wanted),
        Scale::Log => powers_of_ten(side, wanted),
    }
}

/// Multiples of 1, 2 or 5 times a power of ten.
fn round_numbers(side: Side, wanted: usize) -> Vec<(f64, String)> {
    let rough = (side.high - side.low) / wanted.max(1) as f64;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= rough);
    let step = step.unwrap_or(rough);
    let decimals = (-step.log10().floor()).clamp(0.0, 12.0) as usize;
    let label = |value: f64| {
        if step < 1e-4 || value.abs() >= 1e5 { figure(value) } else { format!("{value:.decimals$}") }
    };
    // Rounding must not lose a number that lies on the end.
    let (first, last) = ((side.low / step - 1e-9).ceil(), (side.high / step + 1e-9).floor());
    let count = (last - first).max(0.0) as usize;
    (0..=count).map(|index| (first + index as f64) * step).map(|value| (value, label(value))).collect()
}

fn powers_of_ten(side: Side, wanted: usize) -> Vec<(f64, String)> {
    let (first, last) = ((side.low.log10() - 1e-9).ceil() as i32, (side.high.log10() + 1e-9).floor() as i32);
    let every = (last - first).max(0) as usize / wanted.max(1) + 1;
    let power = |exponent: i32| (10_f64.powi(exponent), format!("1e{exponent}"));
    (first..=last).step_by(every).map(power).collect()
}

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

    fn labels(low: f64, high: f64, scale: Scale, wanted: usize) -> Vec<String> {
        ticks(Side { low, high, scale }, wanted).into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn labels_are_round_numbers_between_the_ends() {
        assert_eq!(labels(0.0, 12.0, Scale::Linear, 6), ["0", "2", "4", "6", "8", "10", "12"]);
        assert_eq!(labels(0.13, 0.71, Scale::Linear, 5), ["0.2", "0.4", "0.6"]);
        assert_eq!(labels(0.0, 0.05, Scale::Linear, 5), ["0.00", "0.01", "0.02", "0.03", "0.04", "0.05"]);
        assert_eq!(labels(1e-6, 1.0, Scale::Log, 6), ["1e-6", "1e-4", "1e-2", "1e0"]);
        assert_eq!(labels(3e-5, 0.2, Scale::Log, 6), ["1e-4", "1e-3", "1e-2", "1e-1"]);
        assert_eq!(labels(-1e300, 1e300, Scale::Linear, 5).len(), 5);
    }

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
