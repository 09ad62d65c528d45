//! Changes of colour that are one matrix for each pixel.

/// BT.601 luma, the grey of a colour.
pub(super) const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

/// `(r, g, b)` to `matrix (r, g, b) + offset`. Every one made here takes grey to grey, so that it is a line for grey pictures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Colour {
    pub(super) matrix: [[f32; 3]; 3],
    pub(super) offset: f32,
}

impl Colour {
    /// Nothing changes.
    pub(super) const IDENTITY: Self =
        Self { matrix: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], offset: 0.0 };

    /// All colours multiplied by a factor.
    pub(super) fn brightness(factor: f32) -> Self {
        Self { matrix: Self::IDENTITY.matrix.map(|row| row.map(|x| x * factor)), offset: 0.0 }
    }

    /// Distances from `mean` multiplied by a factor.
    pub(super) fn contrast(factor: f32, mean: f32) -> Self {
        Self { offset: (1.0 - factor) * mean, ..Self::brightness(factor) }
    }

    /// Distances from a pixel's own grey multiplied by a factor; 0 makes it grey.
    pub(super) fn saturation(factor: f32) -> Self {
        let mut matrix = Self::brightness(factor).matrix;
        for row in &mut matrix {
            row.iter_mut().zip(LUMA).for_each(|(x, luma)| *x += (1.0 - factor) * luma);
        }
        Self { matrix, offset: 0.0 }
    }

    /// Hues turned by a share of the circle, in the plane of the colour differences I and Q of the YIQ space: luma stays what it is.
    pub(super) fn hue(share: f32) -> Self {
        const TO_YIQ: [[f32; 3]; 3] =
            [LUMA, [0.595_716, -0.274_453, -0.321_263], [0.211_456, -0.522_591, 0.311_135]];
        const FROM_YIQ: [[f32; 3]; 3] =
            [[1.0, 0.956_296, 0.621_024], [1.0, -0.272_122, -0.647_381], [1.0, -1.106_989, 1.704_615]];
        let (sin, cos) = (share * std::f32::consts::TAU).sin_cos();
        let turn = [[1.0, 0.0, 0.0], [0.0, cos, -sin], [0.0, sin, cos]];
        Self { matrix: product(FROM_YIQ, product(turn, TO_YIQ)), offset: 0.0 }
    }

    /// This change, then another.
    pub(super) fn then(self, next: Self) -> Self {
        let grey: f32 = next.matrix[0].iter().sum();
        Self { matrix: product(next.matrix, self.matrix), offset: grey * self.offset + next.offset }
    }

    /// The grey of what a colour becomes.
    pub(super) fn luma_of(&self, rgb: [f32; 3]) -> f32 {
        let changed =
            self.matrix.map(|row| row.iter().zip(rgb).map(|(m, x)| m * x).sum::<f32>() + self.offset);
        changed.iter().zip(LUMA).map(|(x, luma)| x * luma).sum()
    }

    /// Of a grey pixel: its value times the first number, plus the second.
    pub(super) fn of_grey(&self) -> (f32, f32) {
        (self.matrix[0].iter().sum(), self.offset)
    }
}

fn product(a: [[f32; 3]; 3], b: [[f32; 3]; 3]) -> [[f32; 3]; 3] {
    std::array::from_fn(|i| std::array::from_fn(|j| (0..3).map(|k| a[i][k] * b[k][j]).sum()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(colour: &Colour, rgb: [f32; 3]) -> [f32; 3] {
        colour.matrix.map(|row| row.iter().zip(rgb).map(|(m, x)| m * x).sum::<f32>() + colour.offset)
    }

    fn luma(rgb: [f32; 3]) -> f32 {
        rgb.iter().zip(LUMA).map(|(x, w)| x * w).sum()
    }

    fn assert_near(found: [f32; 3], wanted: [f32; 3]) {
        for (found, wanted) in found.iter().zip(wanted) {
            assert!((found - wanted).abs() < 0.02, "{found} for {wanted}");
        }
    }

    #[test]
    fn grey_stays_grey_and_luma_stays_under_hue_and_saturation() {
        for share in [0.0, 0.1, 0.25, -0.5, 1.0] {
            assert_near(apply(&Colour::hue(share), [90.0; 3]), [90.0; 3]);
            for rgb in [[255.0, 0.0, 0.0], [10.0, 200.0, 60.0], [3.0, 4.0, 250.0]] {
                let found = luma(apply(&Colour::hue(share), rgb));
                assert!((found - luma(rgb)).abs() < 0.02, "{found}");
                let found = luma(apply(&Colour::saturation(share), rgb));
                assert!((found - luma(rgb)).abs() < 0.02, "{found}");
            }
        }
        assert_near(apply(&Colour::hue(1.0), [10.0, 200.0, 60.0]), [10.0, 200.0, 60.0]);
        assert_near(apply(&Colour::saturation(0.0), [255.0, 0.0, 0.0]), [255.0 * LUMA[0]; 3]);
    }

    #[test]
    fn one_change_after_another_is_their_product() {
        let all = [
            Colour::brightness(1.3),
            Colour::contrast(0.6, 120.0),
            Colour::saturation(1.7),
            Colour::hue(0.1),
        ];
        let rgb = [30.0, 140.0, 220.0];
        let one_by_one = all.iter().fold(rgb, |rgb, colour| apply(colour, rgb));
        let at_once = all.into_iter().fold(Colour::IDENTITY, Colour::then);
        assert_near(apply(&at_once, rgb), one_by_one);
        let (gain, bias) = at_once.of_grey();
        assert_near(apply(&at_once, [77.0; 3]), [77.0 * gain + bias; 3]);
    }
}
