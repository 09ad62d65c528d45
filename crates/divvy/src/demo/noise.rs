//! Smooth noise: the unevenness of soil, wood, clouds and leaves.

/// A field of value noise: random numbers on a lattice of unit squares, smoothly joined.
#[derive(Debug, Clone, Copy)]
pub(super) struct Noise(u32);

impl Noise {
    pub(super) fn new(seed: u32) -> Self {
        Self(seed)
    }

    /// The random number of a lattice point, uniform in `[0, 1)`.
    pub(super) fn cell(self, x: i32, y: i32) -> f32 {
        let mut h = self.0 ^ (x as u32).wrapping_mul(0x9E37_79B1) ^ (y as u32).wrapping_mul(0x85EB_CA77);
        h = (h ^ (h >> 15)).wrapping_mul(0x2C1B_3C6D);
        h = (h ^ (h >> 12)).wrapping_mul(0x297A_2D39);
        h ^= h >> 15;
        (h >> 8) as f32 / (1_u32 << 24) as f32
    }

    /// Another field, independent of this one.
    pub(super) fn sibling(self, number: u32) -> Self {
        Self(self.0.wrapping_add(number.wrapping_mul(0x6C8E_9CF5)))
    }

    /// The field at a point, in `[-1, 1]`, with features one unit wide.
    pub(super) fn at(self, x: f32, y: f32) -> f32 {
        let (column, row) = (x.floor(), y.floor());
        let (i, j) = (column as i32, row as i32);
        let (s, t) = (ease(x - column), ease(y - row));
        let top = lerp(self.cell(i, j), self.cell(i + 1, j), s);
        let bottom = lerp(self.cell(i, j + 1), self.cell(i + 1, j + 1), s);
        2.0 * lerp(top, bottom, t) - 1.0
    }

    /// Fields of halving size and weight on top of one another, within `[-1, 1]`.
    pub(super) fn fractal(self, x: f32, y: f32, octaves: u32) -> f32 {
        let (mut sum, mut weights, mut weight, mut scale) = (0.0, 0.0, 1.0, 1.0);
        for octave in 0..octaves {
            sum += weight * self.sibling(octave).at(x * scale, y * scale);
            weights += weight;
            weight *= 0.5;
            scale *= 2.0;
        }
        sum / weights
    }
}

/// `a` at 0, `b` at 1.
pub(super) fn lerp(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

/// 0 at 0 and 1 at 1, flat at both.
fn ease(t: f32) -> f32 {
    t * t * (3.0 - 2.0 * t)
}

/// 0 below `low`, 1 above `high`, smooth between.
pub(super) fn smoothstep(low: f32, high: f32, x: f32) -> f32 {
    ease(((x - low) / (high - low)).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_bounded_centred_and_without_jumps() {
        let noise = Noise::new(3);
        let at = |i: i32| noise.fractal(i as f32 * 0.01 - 30.0, 0.7, 3);
        let values: Vec<f32> = (0..6000).map(at).collect();
        assert!(values.iter().all(|value| value.abs() <= 1.0));
        let mean = values.iter().sum::<f32>() / 6000.0;
        assert!(mean.abs() < 0.15, "{mean}");
        let jump = values.windows(2).map(|pair| (pair[0] - pair[1]).abs()).fold(0.0, f32::max);
        assert!(jump < 0.06, "{jump}");
        assert!(values.iter().any(|value| *value > 0.4) && values.iter().any(|value| *value < -0.4));
    }
}
