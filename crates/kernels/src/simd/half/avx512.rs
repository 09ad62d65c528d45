//! What rounding to pairs has in common, whatever their format.

#[allow(clippy::wildcard_imports, reason = "every name in it says what it is")]
use std::arch::x86_64::*;

use crate::simd::avx512::first;

/// Numbers in a vector, and pairs.
const LANES: usize = 16;

/// Where the 16-bit numbers of two halves go, so that the first of each come first.
const IN_TURN: [u16; 2 * LANES] = {
    let mut places = [0; 2 * LANES];
    let mut i = 0;
    while i < 2 * LANES {
        places[i] = (i / 2 + i % 2 * LANES) as u16;
        i += 1;
    }
    places
};

/// Rounds two vectors of numbers.
pub(super) trait Join: Copy {
    /// The numbers of `low`, rounded, and those of `high` behind them.
    fn join(self, low: __m512, high: __m512) -> __m512i;
}

/// Each pair of neighbours, times `factor`, becomes a pair.
///
/// # Safety
/// There are twice as many numbers as pairs. The caller is compiled for AVX-512 (F, BW), and for what `join` needs.
#[inline(always)]
pub(super) unsafe fn round(join: impl Join, factor: f32, from: &[f32], to: &mut [f32]) {
    // SAFETY: the caller has these instructions.
    let factor = unsafe { _mm512_set1_ps(factor) };
    for (from, to) in from.chunks(2 * LANES).zip(to.chunks_mut(LANES)) {
        let after = from.len().saturating_sub(LANES);
        let middle = from.as_ptr().wrapping_add(LANES);
        // SAFETY: the masks keep lanes beyond the slices from being read and written.
        unsafe {
            let low = _mm512_maskz_loadu_ps(first(from.len()), from.as_ptr());
            let high = _mm512_maskz_loadu_ps(first(after), middle);
            let pairs = join.join(_mm512_mul_ps(low, factor), _mm512_mul_ps(high, factor));
            _mm512_mask_storeu_epi32(to.as_mut_ptr().cast(), first(to.len()), pairs);
        }
    }
}

/// One of `low` and one of `high`, each times `factor`, become a pair.
///
/// # Safety
/// As for [`round`], but that there are as many of each as of pairs.
#[inline(always)]
pub(super) unsafe fn interleave(join: impl Join, factor: f32, low: &[f32], high: &[f32], to: &mut [f32]) {
    // SAFETY: the caller has these instructions; the places are as long as a vector.
    let (factor, places) = unsafe { (_mm512_set1_ps(factor), _mm512_loadu_si512(IN_TURN.as_ptr().cast())) };
    let both = low.chunks(LANES).zip(high.chunks(LANES));
    for ((low, high), to) in both.zip(to.chunks_mut(LANES)) {
        // SAFETY: the masks keep lanes beyond the slices from being read and written.
        unsafe {
            let low = _mm512_maskz_loadu_ps(first(low.len()), low.as_ptr());
            let high = _mm512_maskz_loadu_ps(first(high.len()), high.as_ptr());
            let halves = join.join(_mm512_mul_ps(low, factor), _mm512_mul_ps(high, factor));
            let pairs = _mm512_permutexvar_epi16(places, halves);
            _mm512_mask_storeu_epi32(to.as_mut_ptr().cast(), first(to.len()), pairs);
        }
    }
}

/// The largest size of a number in these runs; that of none is 0.
///
/// # Safety
/// The caller is compiled for AVX-512 (F).
#[inline(always)]
pub(super) unsafe fn largest<'a>(runs: impl Iterator<Item = &'a [f32]>) -> f32 {
    // SAFETY: the caller has these instructions; the masks keep lanes beyond the slices from being read.
    unsafe {
        let mut largest = [_mm512_setzero_ps(); 2];
        for run in runs {
            for numbers in run.chunks(2 * LANES) {
                for (part, largest) in largest.iter_mut().enumerate() {
                    let count = numbers.len().saturating_sub(part * LANES);
                    let part = numbers.as_ptr().wrapping_add(part * LANES);
                    let sizes = _mm512_abs_ps(_mm512_maskz_loadu_ps(first(count), part));
                    // The second where one is not a number.
                    *largest = _mm512_max_ps(sizes, *largest);
                }
            }
        }
        _mm512_reduce_max_ps(_mm512_max_ps(largest[0], largest[1]))
    }
}

/// Compiles [`round`] and [`interleave`] for a token that is a proof of these instructions, among which are those that they and its
/// [`Join`] need.
macro_rules! rounds {
    ($token:ident, $instructions:literal) => {
        impl $token {
            #[inline]
            pub(super) fn round(self, factor: f32, from: &[f32], to: &mut [f32]) {
                #[target_feature(enable = $instructions)]
                fn compiled(token: $token, factor: f32, from: &[f32], to: &mut [f32]) {
                    // SAFETY: this is compiled for all that it needs; the lengths were checked.
                    unsafe { $crate::simd::half::avx512::round(token, factor, from, to) }
                }
                // SAFETY: the token exists only where these instructions were found.
                unsafe { compiled(self, factor, from, to) }
            }

            #[inline]
            pub(super) fn interleave(self, factor: f32, low: &[f32], high: &[f32], to: &mut [f32]) {
                #[target_feature(enable = $instructions)]
                fn compiled(token: $token, factor: f32, low: &[f32], high: &[f32], to: &mut [f32]) {
                    // SAFETY: this is compiled for all that it needs; the lengths were checked.
                    unsafe { $crate::simd::half::avx512::interleave(token, factor, low, high, to) }
                }
                // SAFETY: the token exists only where these instructions were found.
                unsafe { compiled(self, factor, low, high, to) }
            }
        }
    };
}
pub(super) use rounds;
