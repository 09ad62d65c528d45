//! Asking for memory before it is needed. Nothing waits for what is asked for, and nothing comes of it where an address is not valid.

/// Asks for the cache line of an address to be brought into the second-level cache.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
pub(crate) fn fetch(at: *const f32) {
    use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
    // SAFETY: SSE is part of x86-64; a prefetch changes nothing that a program could see.
    unsafe { _mm_prefetch::<_MM_HINT_T1>(at.cast()) };
}

/// As above.
#[cfg(all(target_arch = "aarch64", not(miri)))]
#[inline(always)]
pub(crate) fn fetch(at: *const f32) {
    // SAFETY: a prefetch changes nothing that a program could see.
    unsafe {
        std::arch::asm!("prfm pldl2keep, [{}]", in(reg) at, options(nostack, preserves_flags, readonly))
    };
}

/// Does nothing: there is no portable way to ask, nor has Miri caches.
#[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
#[inline(always)]
pub(crate) fn fetch(_at: *const f32) {}

/// Asks for the cache line of an address to be brought into the first-level cache as this core's own, since it will be written: a store
/// that waits for its line holds up all stores behind it.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
pub(crate) fn claim(at: *mut f32) {
    // SAFETY: processors of x86-64 that do not know the instruction do nothing at it; a prefetch changes nothing that a program
    // could see.
    unsafe { std::arch::asm!("prefetchw [{}]", in(reg) at.addr(), options(nostack, preserves_flags, nomem)) };
}

/// As above.
#[cfg(all(target_arch = "aarch64", not(miri)))]
#[inline(always)]
pub(crate) fn claim(at: *mut f32) {
    // SAFETY: a prefetch changes nothing that a program could see.
    unsafe {
        std::arch::asm!("prfm pstl1keep, [{}]", in(reg) at.addr(), options(nostack, preserves_flags, nomem))
    };
}

/// Does nothing: there is no portable way to ask, nor has Miri caches.
#[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
#[inline(always)]
pub(crate) fn claim(_at: *mut f32) {}
