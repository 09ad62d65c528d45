//! Denormal numbers as zero, for as long as a guard lives.
//!
//! Near the end of training, gradients reach 1e-40; arithmetic on such numbers is some twenty times slower on most
//! processors and makes no difference to any result that is kept.

/// Sets flush-to-zero on the current thread; the former state comes back when it is dropped. Does nothing on processors whose state is not
/// known below, and under Miri, which runs no assembly.
pub(crate) struct FlushDenormals {
    former: u64,
}

impl FlushDenormals {
    pub(crate) fn new() -> Self {
        let former = state::read();
        state::write(former | state::FLUSH);
        Self { former }
    }
}

impl Drop for FlushDenormals {
    fn drop(&mut self) {
        state::write(self.former);
    }
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
mod state {
    /// MXCSR bits 15 (flush results to zero) and 6 (read denormal operands as zero). Intel SDM volume 1, 10.2.3.
    pub(super) const FLUSH: u64 = 1 << 15 | 1 << 6;

    pub(super) fn read() -> u64 {
        let mut state = 0_u32;
        // SAFETY: SSE is part of x86-64; the instruction stores four bytes to a local of that size.
        unsafe { std::arch::asm!("stmxcsr [{}]", in(reg) &raw mut state, options(nostack, preserves_flags)) };
        u64::from(state)
    }

    pub(super) fn write(state: u64) {
        let state = state as u32;
        // SAFETY: `state` is a value read from MXCSR with two defined bits changed, so no reserved bit is set. Code
        // compiled around the guard may see denormals flushed or not; no result of this crate depends on which.
        unsafe {
            std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const state, options(nostack, preserves_flags, readonly));
        }
    }
}

#[cfg(all(target_arch = "aarch64", not(miri)))]
mod state {
    /// FPCR bit 24, FZ. Arm Architecture Reference Manual, C5.2.7.
    pub(super) const FLUSH: u64 = 1 << 24;

    pub(super) fn read() -> u64 {
        let state: u64;
        // SAFETY: FPCR can be read at every exception level; it touches no memory.
        unsafe { std::arch::asm!("mrs {}, fpcr", out(reg) state, options(nomem, nostack, preserves_flags)) };
        state
    }

    pub(super) fn write(state: u64) {
        // SAFETY: a value read from FPCR with one defined bit changed.
        unsafe { std::arch::asm!("msr fpcr, {}", in(reg) state, options(nomem, nostack, preserves_flags)) };
    }
}

#[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod state {
    pub(super) const FLUSH: u64 = 0;

    pub(super) fn read() -> u64 {
        0
    }

    pub(super) fn write(_: u64) {}
}

#[cfg(all(test, not(miri), any(target_arch = "x86_64", target_arch = "aarch64")))]
mod tests {
    use super::FlushDenormals;
    use std::hint::black_box;

    #[test]
    fn denormals_are_zero_only_while_the_guard_lives() {
        let halve = |x: f32| black_box(x) * black_box(0.5);
        assert!(halve(f32::MIN_POSITIVE) > 0.0);
        let guard = FlushDenormals::new();
        assert_eq!(halve(f32::MIN_POSITIVE), 0.0);
        drop(guard);
        assert!(halve(f32::MIN_POSITIVE) > 0.0);
    }
}
