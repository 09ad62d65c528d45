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
    pub(crate) fn inside(&self, output: usize) -> Range<usize> {
        let place = self.place(output, 0);
        let first = place.min(0).unsigned_abs().div_ceil(self.spacing).min(self.taps);
        let room = usize::try_from(self.extent.cast_signed() - place).unwrap_or(0);
        let end = room.div_ceil(self.spacing).min(self.taps);
        first..end.max(first)
    }

    /// The outputs whose windows lie within the image as a whole; none where windows have no taps.
    pub(crate) fn whole(&self) -> Range<usize> {
        let length = (self.taps.max(1) - 1) * self.spacing + 1;
        let first = self.origin.min(0).unsigned_abs().div_ceil(self.step).min(self.outputs);
        let room = usize::try_from(self.extent.cast_signed() - self.origin).unwrap_or(0);
        if self.taps == 0 || room < length {
            return 0..0;
        }
        let end = ((room - length) / self.step + 1).min(self.outputs);
        first..end.max(first)
    }

    /// Some outputs in runs of neighbours of which the same taps lie within the image, and these.
    pub(crate) fn alike(
        self,
        outputs: Range<usize>,
    ) -> impl Iterator<Item = (Range<usize>, Range<usize>)> + Clone {
        let whole = if outputs.is_empty() { 0..0 } else { self.whole() };
        let mut next = outputs.start;
        std::iter::from_fn(move || {
            let first = next;
            if first >= outputs.end {
                return None;
            }
            let inside = self.inside(first);
            next = if whole.contains(&first) { whole.end.min(outputs.end) } else { first + 1 };
            while next < outputs.end && self.inside(next) == inside {
                next += 1;
            }
            Some((first..next, inside))
        })
    }

    /// The outputs of which a tap lies within the image.
    pub(crate) fn seeing(&self, tap: usize) -> Range<usize> {
        Self { taps: 1, origin: self.place(0, tap), ..*self }.whole()
    }

    /// The pixel under an output's tap, which may lie beyond the image.
    #[inline(always)]
    pub(crate) fn place(&self, output: usize, tap: usize) -> isize {
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

        #[test]
        fn outputs_are_alike_of_which_the_same_taps_are_inside(windows in windows(), first in 0_usize..9) {
            let mut next = first.min(windows.outputs);
            let mut before = None;
            for (outputs, inside) in windows.alike(next..windows.outputs) {
                prop_assert_eq!(outputs.start, next);
                prop_assert!(!outputs.is_empty() && before.as_ref() != Some(&inside));
                prop_assert!(outputs.clone().all(|output| windows.inside(output) == inside));
                (next, before) = (outputs.end, Some(inside));
            }
            prop_assert_eq!(next, windows.outputs);
        }

        #[test]
        fn outputs_seeing_a_tap_are_those_it_is_inside_of(windows in windows()) {
            for tap in 0..windows.taps {
                for output in 0..windows.outputs {
                    prop_assert_eq!(windows.seeing(tap).contains(&output), windows.inside(output).contains(&tap));
                }
            }
        }
    }
}
