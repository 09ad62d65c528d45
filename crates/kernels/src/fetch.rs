//! Asking for memory before it is needed.

/// Bytes of a cache line.
const LINE: usize = 64;

/// Asks for a slice to be brought into the second-level cache. Nothing waits for it.
#[inline(always)]
pub(crate) fn fetch(slice: &[f32]) {
    for line in slice.chunks(LINE / size_of::<f32>()) {
        fetch_line(line.as_ptr());
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn fetch_line(at: *const f32) {
    use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
    // SAFETY: SSE is part of x86-64; a prefetch changes nothing that a program could see.
    unsafe { _mm_prefetch::<_MM_HINT_T1>(at.cast()) };
}

#[cfg(target_arch = "aarch64")]
#[inline(always)]
fn fetch_line(at: *const f32) {
    // SAFETY: a prefetch changes nothing that a program could see.
    unsafe {
        std::arch::asm!("prfm pldl2keep, [{}]", in(reg) at, options(nostack, preserves_flags, readonly))
    };
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn fetch_line(_at: *const f32) {}
