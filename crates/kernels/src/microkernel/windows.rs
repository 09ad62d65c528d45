//! Windows along one direction of an image, which may reach beyond its edges.

use std::ops::Range;

/// The windows of a row or a column of outputs: tap `t` of output `o` lies at pixel `origin + o * step + t * spacing`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Windows {
    pub outputs: usize,
    /// Pixels of the image.
    pub extent: usize,
    pub taps: usize,
    /// Pixels from one tap to the next, at least one.
    pub spacing: usize,
    /// Pixels from one output's window to the next one's, at least one.
    pub step: usize,
    pub origin: isize,
}

impl Windows {
    /// The taps of an output's window that lie within the image.
    #[inline(always)]
    pub(super) fn inside(&self, output: usize) -> Range<usize> {
        let place = self.place(output, 0);
        let first = place.min(0).unsigned_abs().div_ceil(self.spacing).min(self.taps);
        let room = usize::try_from(self.extent.cast_signed() - place).unwrap_or(0);
        let end = room.div_ceil(self.spacing).min(self.taps);
        first..end.max(first)
    }

    /// The outputs whose windows lie within the image as a whole; none where windows have no taps.
    pub(super) fn whole(&self) -> Range<usize> {
        let length = (self.taps.max(1) - 1) * self.spacing + 1;
        let first = self.origin.min(0).unsigned_abs().div_ceil(self.step).min(self.outputs);
        let room = usize::try_from(self.extent.cast_signed() - self.origin).unwrap_or(0);
        if self.taps == 0 || room < length {
            return 0..0;
        }
        let end = ((room - length) / self.step + 1).min(self.outputs);
        first..end.max(first)
    }

    /// The pixel under an output's tap, which may lie beyond the image.
    #[inline(always)]
    pub(super) fn place(&self, output: usize, tap: usize) -> isize {
        self.origin + (output * self.step + tap * self.spacing).cast_signed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn windows() -> impl Strategy<Value = Windows> {
        (0_usize..9, 1_usize..12, 0_usize..5, 1_usize..4, 1_usize..4, -12_isize..12).prop_map(
            |(outputs, extent, taps, spacing, step, origin)| Windows {
                outputs,
                extent,
                taps,
                spacing,
                step,
                origin,
            },
        )
    }

    proptest! {
        #[test]
        fn taps_inside_are_those_on_a_pixel(windows in windows()) {
            let on_a_pixel = |output: usize, tap: usize| {
                usize::try_from(windows.place(output, tap)).is_ok_and(|pixel| pixel < windows.extent)
            };
            for output in 0..windows.outputs {
                let inside = windows.inside(output);
                prop_assert!(inside.end <= windows.taps);
                for tap in 0..windows.taps {
                    prop_assert_eq!(inside.contains(&tap), on_a_pixel(output, tap));
                }
                let whole = windows.taps > 0 && (0..windows.taps).all(|tap| on_a_pixel(output, tap));
                prop_assert_eq!(windows.whole().contains(&output), whole);
            }
            prop_assert!(windows.whole().end <= windows.outputs);
        }
    }
}
