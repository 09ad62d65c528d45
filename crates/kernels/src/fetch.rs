//! Asking for memory before it is needed.

/// Asks for the cache line of an address to be brought into the second-level cache. Nothing waits for it, and nothing comes of
/// it where the address is not valid.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn fetch(at: *const f32) {
    use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
    // SAFETY: SSE is part of x86-64; a prefetch changes nothing that a program could see.
    unsafe { _mm_prefetch::<_MM_HINT_T1>(at.cast()) };
}

/// As above.
#[cfg(target_arch = "aarch64")]
#[inline(always)]
pub(crate) fn fetch(at: *const f32) {
    // SAFETY: a prefetch changes nothing that a program could see.
    unsafe {
        std::arch::asm!("prfm pldl2keep, [{}]", in(reg) at, options(nostack, preserves_flags, readonly))
    };
}

/// Does nothing: there is no portable way to ask.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
#[inline(always)]
pub(crate) fn fetch(_at: *const f32) {}
