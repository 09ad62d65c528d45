//! Powers of two that bring numbers into the range of a narrow format.

/// Bits of an `f32` behind its exponent, and what is added to the exponent.
const MANTISSA: u32 = 23;
const BIAS: i32 = 127;

/// A power of two that numbers are multiplied by before they are rounded. Both it and its inverse are normal numbers of `f32`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Scale {
    /// Of the inverse.
    exponent: i32,
}

impl Scale {
    /// Numbers as they are.
    pub(crate) const ONE: Self = Self { exponent: 0 };

    /// Brings numbers of which `largest` is the largest size to less than 2, and that one to 1 at the least. One that holds no number, or is below
    /// the normal range, asks for nothing.
    pub(crate) fn of(largest: f32) -> Self {
        let exponent = (largest.to_bits() >> MANTISSA).cast_signed() - BIAS;
        if largest.is_normal() { Self::clamped(exponent) } else { Self::ONE }
    }

    /// That of products of numbers of either scale.
    pub(crate) fn times(self, other: Self) -> Self {
        Self::clamped(self.exponent + other.exponent)
    }

    fn clamped(exponent: i32) -> Self {
        // The largest inverse that is still normal is that of 2^126.
        Self { exponent: exponent.clamp(1 - BIAS, BIAS - 1) }
    }

    /// What numbers are multiplied by.
    pub(crate) fn factor(self) -> f32 {
        power(-self.exponent)
    }

    /// What brings them back.
    pub(crate) fn undo(self) -> f32 {
        power(self.exponent)
    }
}

/// 2^exponent, of an exponent in -126..=126.
fn power(exponent: i32) -> f32 {
    f32::from_bits((exponent + BIAS).cast_unsigned() << MANTISSA)
}
