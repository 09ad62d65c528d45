//! The range of an activation, and which range loses least.

/// Bins of a histogram.
const BINS: usize = 2048;
/// The most that 255 steps can be narrowed: a range of at least an eighth of all values is tried.
const CANDIDATES: usize = 64;

/// The values that the bytes of an activation stand for. 0 is one of them, exactly: padding and what `ReLU` cuts off.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ActivationRange {
    /// What byte 0 stands for; at most 0.
    pub low: f32,
    /// What byte 255 stands for; at least 0.
    pub high: f32,
}

impl Default for ActivationRange {
    fn default() -> Self {
        Self { low: 0.0, high: 1.0 }
    }
}

/// How bytes stand for numbers: `(q - zero_point) * step`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Quantization {
    pub(super) step: f64,
    pub(super) zero_point: u8,
}

impl ActivationRange {
    pub(super) fn quantization(self) -> Quantization {
        let (low, high) = (f64::from(self.low), f64::from(self.high));
        let step = (high - low) / 255.0;
        Quantization { step, zero_point: (-low / step).round().clamp(0.0, 255.0) as u8 }
    }

    fn including(self, values: &[f32]) -> Self {
        let finite = values.iter().filter(|value| value.is_finite());
        finite.fold(self, |range, &value| Self { low: range.low.min(value), high: range.high.max(value) })
    }
}

/// The least and the largest of an activation's values, widened to hold 0.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Extent(ActivationRange);

impl Default for Extent {
    fn default() -> Self {
        Self(ActivationRange { low: 0.0, high: 0.0 })
    }
}

impl Extent {
    pub(super) fn add(&mut self, values: &[f32]) {
        self.0 = self.0.including(values);
    }
}

/// How often an activation has which values.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    extent: ActivationRange,
    counts: Vec<u64>,
}

impl Histogram {
    /// An empty histogram of what has this extent.
    pub(super) fn new(Extent(extent): Extent) -> Self {
        let is_point = extent.high - extent.low < 1e-20;
        let extent = if is_point { ActivationRange::default() } else { extent };
        Self { extent, counts: vec![0; BINS] }
    }

    pub(super) fn add(&mut self, values: &[f32]) {
        let ActivationRange { low, high } = self.extent;
        let factor = BINS as f32 / (high - low);
        for value in values.iter().filter(|value| value.is_finite()) {
            // 0 is exact in any range: however many there are, they say nothing about which to choose.
            if *value != 0.0 {
                self.counts[(((value - low) * factor) as usize).min(BINS - 1)] += 1;
            }
        }
    }

    /// The range whose 256 values have the least mean squared distance from the activation's: a part of all values where
    /// the few beyond it lose less than all others gain by smaller steps.
    pub(super) fn best_range(&self) -> ActivationRange {
        let candidates =
            (CANDIDATES / 8..=CANDIDATES).map(|part| self.narrowed(part as f32 / CANDIDATES as f32));
        let by_error = candidates.map(|range| (self.error(range), range));
        by_error.min_by(|a, b| a.0.total_cmp(&b.0)).map_or(self.extent, |(_, range)| range)
    }

    fn narrowed(&self, part: f32) -> ActivationRange {
        ActivationRange { low: self.extent.low * part, high: self.extent.high * part }
    }

    /// The sum of squared distances.
    fn error(&self, range: ActivationRange) -> f64 {
        let (low, high) = (f64::from(range.low), f64::from(range.high));
        let (first, last) = (f64::from(self.extent.low), f64::from(self.extent.high));
        let bin = (last - first) / BINS as f64;
        // Values are spread evenly within a step.
        let within = ((high - low) / 255.0).powi(2) / 12.0;
        let of_bin = |(i, &count): (usize, &u64)| {
            let value = first + (i as f64 + 0.5) * bin;
            let beyond = (low - value).max(value - high).max(0.0);
            count as f64 * if beyond > 0.0 { beyond * beyond } else { within }
        };
        self.counts.iter().enumerate().map(of_bin).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(values: &[f32]) -> ActivationRange {
        let mut extent = Extent::default();
        extent.add(values);
        let mut histogram = Histogram::new(extent);
        histogram.add(values);
        histogram.best_range()
    }

    #[test]
    fn zero_is_a_byte() {
        let range = ActivationRange { low: -1.0, high: 3.0 };
        let Quantization { step, zero_point } = range.quantization();
        assert_eq!((step, zero_point), (4.0 / 255.0, 64));
        assert_eq!(
            ActivationRange { low: 0.0, high: 255.0 }.quantization(),
            Quantization { step: 1.0, zero_point: 0 }
        );
    }

    #[test]
    fn evenly_spread_values_need_the_whole_range() {
        let values: Vec<f32> = (0..=10_000).map(|i| i as f32 / 5000.0 - 0.5).collect();
        let range = best(&values);
        assert!(range.low <= -0.49 && range.high >= 1.47, "{range:?}");
    }

    #[test]
    fn a_far_outlier_is_cut_off() {
        let mut values: Vec<f32> = (0..1_000_000).map(|i| i as f32 / 1e6).collect();
        values.push(3.0);
        let range = best(&values);
        assert!(range.high < 1.5, "{range:?}");
        assert_eq!(range.low, 0.0);
    }

    #[test]
    fn nothing_but_zeros_has_a_range() {
        assert_eq!(best(&[0.0; 10]), best(&[]));
        assert!(best(&[]).high > 0.0);
    }
}
