//! Where a function crosses zero.

/// A function's value and slope at one point.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tangent {
    pub(crate) value: f64,
    pub(crate) slope: f64,
}

/// Where a function that nowhere falls crosses zero between `low` and `high`; the end that is nearer to it if that is outside.
///
/// By Newton's steps, and by halving where these leave what is left of the range or shrink too slowly (*Numerical Recipes*, 9.4).
pub(crate) fn zero_of_rising(low: f64, high: f64, function: impl Fn(f64) -> Tangent) -> f64 {
    /// Halving alone takes no more for any range of finite ends that is asked for.
    const MOST_STEPS: usize = 200;
    if function(low).value >= 0.0 {
        return low;
    }
    if function(high).value <= 0.0 {
        return high;
    }
    let (mut low, mut high) = (low, high);
    let mut x = f64::midpoint(low, high);
    let mut latest = high - low;
    for _ in 0..MOST_STEPS {
        let Tangent { value, slope } = function(x);
        if value < 0.0 {
            low = x;
        } else {
            high = x;
        }
        let newton = x - value / slope;
        let is_quick = (2.0 * value).abs() <= (latest * slope).abs();
        let next = if is_quick && low < newton && newton < high { newton } else { f64::midpoint(low, high) };
        latest = (next - x).abs();
        x = next;
        if latest <= 1e-14 * (1.0 + x.abs()) {
            break;
        }
    }
    x
}
