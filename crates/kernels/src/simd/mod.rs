//! Vectors of `f32`, one token for each instruction set.
//!
//! A kernel is written once, over [`Simd`], and compiled for every instruction set. [`Isa::call`] enters the
//! compiled copy that fits the token; everything below that call is inlined into it, or the vectors would go
//! through memory. The design is that of rten and pulp.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod half;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::{Avx512, first};
pub(crate) use half::Scale;
pub use half::{Half, HalfFormat};
#[cfg(target_arch = "aarch64")]
pub(crate) use neon::Neon;
pub(crate) use portable::Portable;

/// An instruction set found on this machine. Only the constructors here make one, each after asking the CPU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Isa(Token);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Token {
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "aarch64")]
    Neon(Neon),
    Portable(Portable),
}

impl Isa {
    /// What any machine runs: arrays of eight that the compiler turns into the vectors of its baseline.
    pub const PORTABLE: Self = Self(Token::Portable(Portable));

    /// The instruction sets of this machine, best first; the portable one is always the last.
    pub fn present() -> Vec<Self> {
        [
            #[cfg(target_arch = "x86_64")]
            Avx512::detect().map(Token::Avx512),
            #[cfg(target_arch = "x86_64")]
            Avx2::detect().map(Token::Avx2),
            #[cfg(target_arch = "aarch64")]
            Neon::detect().map(Token::Neon),
            Some(Token::Portable(Portable)),
        ]
        .into_iter()
        .flatten()
        .map(Self)
        .collect()
    }

    /// The best instruction set of this machine.
    pub fn best() -> Self {
        Self::present()[0]
    }

    /// The instruction set of that name (`avx512`, `avx2`, `neon`, `portable`), if this machine has it.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::present().into_iter().find(|isa| isa.name() == name)
    }

    /// `avx512`, `avx2`, `neon` or `portable`.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Token::Avx512(_) => "avx512",
            #[cfg(target_arch = "x86_64")]
            Token::Avx2(_) => "avx2",
            #[cfg(target_arch = "aarch64")]
            Token::Neon(_) => "neon",
            Token::Portable(_) => "portable",
        }
    }

    /// Numbers in a vector.
    pub fn lanes(self) -> usize {
        struct Lanes;

        impl Kernel for Lanes {
            type Output = usize;

            #[inline(always)]
            fn run<S: Simd>(self, _: S) -> usize {
                S::LANES
            }
        }

        self.call(Lanes)
    }

    /// Vectors that a core multiplies and adds in a cycle: two, but one where the processor computes it in two halves.
    pub(crate) fn multipliers(self) -> usize {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Token::Avx512(_) if Avx512::is_in_halves() => 1,
            _ => 2,
        }
    }

    /// Runs `kernel` compiled for this instruction set.
    #[inline]
    pub(crate) fn call<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Token::Avx512(token) => token.call(kernel),
            #[cfg(target_arch = "x86_64")]
            Token::Avx2(token) => token.call(kernel),
            #[cfg(target_arch = "aarch64")]
            Token::Neon(token) => token.call(kernel),
            Token::Portable(token) => kernel.run(token),
        }
    }
}

/// Lanes of the widest vectors.
pub(crate) const WIDEST: usize = 16;

/// A loop that can be compiled for every instruction set.
pub(crate) trait Kernel {
    type Output;

    /// The loop itself. Implementations are `#[inline(always)]`, as is everything they call that takes `simd`.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// What a sum of products is made of.
pub(crate) trait Product<S: Simd>: Copy {
    /// Vector registers for the sums of a tile and what is multiplied.
    const REGISTERS: usize = S::REGISTERS;
    /// Products that may be added up before the sum is taken into a wider one; any number where sums are of `f32`.
    const CHAIN: Option<usize> = None;

    /// `sum + a b`, lane by lane.
    fn add_to(self, sum: S::V, a: S::V, b: S::V) -> S::V;

    /// `total`, which is of `f32`, and what such a sum holds: nothing where there are no chains.
    #[inline(always)]
    fn widen(self, total: S::V, _chain: S::V) -> S::V {
        total
    }
}

/// Products of numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OfNumbers<S>(pub S);

impl<S: Simd> Product<S> for OfNumbers<S> {
    #[inline(always)]
    fn add_to(self, sum: S::V, a: S::V, b: S::V) -> S::V {
        self.0.mul_add(a, b, sum)
    }
}

/// A loop of sums of products, whatever those are of.
pub(crate) trait ProductKernel {
    type Output;

    /// The loop itself, as [`Kernel::run`].
    fn run_with<S: Simd, P: Product<S>>(self, simd: S, product: P) -> Self::Output;
}

impl<K: ProductKernel> Kernel for K {
    type Output = K::Output;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> K::Output {
        self.run_with(simd, OfNumbers(simd))
    }
}

/// The operations of one instruction set. Holding a value proves that the CPU has it.
pub(crate) trait Simd: Copy + Send + Sync + 'static {
    /// [`Self::LANES`] numbers.
    type V: Copy;
    /// As many 32-bit integers without sign.
    type U: Copy;
    const LANES: usize;
    /// Vector registers there are; a microkernel's accumulators and operands must fit.
    const REGISTERS: usize;

    fn splat(self, x: f32) -> Self::V;

    /// Reads `LANES` numbers.
    ///
    /// # Safety
    /// They are there to be read; no alignment is asked for.
    unsafe fn load_ptr(self, from: *const f32) -> Self::V;

    /// Writes `LANES` numbers.
    ///
    /// # Safety
    /// They are there to be written; no alignment is asked for.
    unsafe fn store_ptr(self, v: Self::V, to: *mut f32);

    /// Reads the first `LANES` numbers, or as many as there are and zeros for the rest.
    fn load_some(self, from: &[f32]) -> Self::V;

    /// Writes the first `LANES` numbers, or as many as there is room for.
    fn store_some(self, v: Self::V, to: &mut [f32]);

    /// Reads `LANES` bytes, as numbers.
    ///
    /// # Safety
    /// They are there to be read.
    unsafe fn load_bytes(self, from: *const u8) -> Self::V;

    /// Writes lanes that are whole numbers from 0 to 255 as `LANES` bytes.
    ///
    /// # Safety
    /// They are there to be written.
    unsafe fn store_bytes(self, v: Self::V, to: *mut u8);

    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`, rounded once where the instruction set can.
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `a < b ? a : b`, lane by lane: `b` where either is not a number.
    fn min(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a > b ? a : b`, lane by lane: `b` where either is not a number.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    fn sqrt(self, a: Self::V) -> Self::V;
    /// The nearest integer, as a float; halves to even.
    fn round(self, a: Self::V) -> Self::V;
    /// `a > b ? yes : no`, lane by lane.
    fn select_gt(self, a: Self::V, b: Self::V, yes: Self::V, no: Self::V) -> Self::V;
    /// `a == b ? yes : no`, lane by lane.
    fn select_eq(self, a: Self::V, b: Self::V, yes: Self::V, no: Self::V) -> Self::V;
    /// Two to the power of `n`, for integral `n` in -126..=127.
    fn exp2_int(self, n: Self::V) -> Self::V;

    /// Lane j of vector i and lane i of vector j change places, for the first `LANES` vectors.
    fn transpose(self, vectors: &mut [Self::V; WIDEST]);

    fn splat_u32(self, x: u32) -> Self::U;
    /// `x` in the first lane, `x + 1` in the next and so on, wrapping around.
    fn count_from(self, x: u32) -> Self::U;
    fn xor(self, a: Self::U, b: Self::U) -> Self::U;
    /// The high and the low 32 bits of `a * by`.
    fn multiply_wide(self, a: Self::U, by: u32) -> (Self::U, Self::U);
    /// The lower 16 bits, as a number.
    fn low_half(self, a: Self::U) -> Self::V;
    /// The upper 16 bits, as a number.
    fn high_half(self, a: Self::U) -> Self::V;

    #[inline(always)]
    fn zero(self) -> Self::V {
        self.splat(0.0)
    }

    #[inline(always)]
    fn store(self, v: Self::V, to: &mut [f32]) {
        assert!(to.len() >= Self::LANES);
        // SAFETY: there is room for LANES numbers, checked above.
        unsafe { self.store_ptr(v, to.as_mut_ptr()) }
    }

    /// Reads `n` numbers, 1 to `LANES`; the other lanes are zero.
    ///
    /// # Safety
    /// They are there to be read.
    #[inline(always)]
    unsafe fn load_first(self, from: *const f32, n: usize) -> Self::V {
        if n == Self::LANES {
            // SAFETY: the caller promises `n` readable numbers.
            unsafe { self.load_ptr(from) }
        } else {
            // SAFETY: as above.
            self.load_some(unsafe { std::slice::from_raw_parts(from, n) })
        }
    }

    /// Writes the first `n` lanes, 1 to `LANES`.
    ///
    /// # Safety
    /// There is room for them.
    #[inline(always)]
    unsafe fn store_first(self, v: Self::V, to: *mut f32, n: usize) {
        if n == Self::LANES {
            // SAFETY: the caller promises room for `n` numbers.
            unsafe { self.store_ptr(v, to) }
        } else {
            // SAFETY: as above.
            self.store_some(v, unsafe { std::slice::from_raw_parts_mut(to, n) });
        }
    }

    /// Reads `n` bytes, 1 to `LANES`, as numbers; the other lanes are zero.
    ///
    /// # Safety
    /// They are there to be read.
    #[inline(always)]
    unsafe fn load_first_bytes(self, from: *const u8, n: usize) -> Self::V {
        if n == Self::LANES {
            // SAFETY: the caller promises `n` readable bytes.
            return unsafe { self.load_bytes(from) };
        }
        let mut bytes = [0; 16];
        // SAFETY: as above; `bytes` has room for the lanes of any instruction set.
        unsafe {
            from.copy_to_nonoverlapping(bytes.as_mut_ptr(), n);
            self.load_bytes(bytes.as_ptr())
        }
    }

    /// Writes the first `n` lanes, 1 to `LANES`, whole numbers from 0 to 255, as bytes.
    ///
    /// # Safety
    /// There is room for them.
    #[inline(always)]
    unsafe fn store_first_bytes(self, v: Self::V, to: *mut u8, n: usize) {
        if n == Self::LANES {
            // SAFETY: the caller promises room for `n` bytes.
            return unsafe { self.store_bytes(v, to) };
        }
        let mut bytes = [0; 16];
        // SAFETY: as above; `bytes` has room for the lanes of any instruction set.
        unsafe {
            self.store_bytes(v, bytes.as_mut_ptr());
            to.copy_from_nonoverlapping(bytes.as_ptr(), n);
        }
    }

    /// The first `n` lanes, and `other` in those after them.
    #[inline(always)]
    fn keep_first(self, v: Self::V, n: usize, other: f32) -> Self::V {
        let lane = self.low_half(self.count_from(0));
        self.select_gt(self.splat(n as f32), lane, v, self.splat(other))
    }

    /// The sum of the lanes, in pairs: (first half + second half) until one is left.
    #[inline(always)]
    fn sum(self, v: Self::V) -> f32 {
        self.fold(v, |a, b| a + b)
    }

    /// The largest lane.
    #[inline(always)]
    fn largest(self, v: Self::V) -> f32 {
        self.fold(v, |a, b| if a > b { a } else { b })
    }

    /// The lanes joined in pairs, a lane of the first half with one of the second, until one is left.
    #[inline(always)]
    fn fold(self, v: Self::V, join: impl Fn(f32, f32) -> f32) -> f32 {
        let mut lanes = [0.0; 16];
        self.store(v, &mut lanes[..Self::LANES]);
        let mut half = Self::LANES / 2;
        while half > 0 {
            for i in 0..half {
                lanes[i] = join(lanes[i], lanes[i + half]);
            }
            half /= 2;
        }
        lanes[0]
    }

    /// e^x to within 2 units in the last place; 0 below -87.3, f32's largest power above 88.3; NaN for NaN.
    ///
    /// Cody and Waite: x = n ln 2 + r with |r| <= ln 2 / 2, then a polynomial of degree 6 for e^r (Cephes `expf`).
    #[inline(always)]
    fn exp(self, x: Self::V) -> Self::V {
        let lowest = self.splat(-87.336_54);
        // The number comes second, so that one that is not a number stays so.
        let clamped = self.min(self.splat(88.376_26), self.max(lowest, x));
        let n = self.round(self.mul(clamped, self.splat(std::f32::consts::LOG2_E)));
        let r = self.mul_add(n, self.splat(-0.693_359_4), clamped);
        let r = self.mul_add(n, self.splat(2.121_944_4e-4), r);
        let mut p = self.splat(1.987_569_1e-4);
        for c in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5, 1.0, 1.0] {
            p = self.mul_add(p, r, self.splat(c));
        }
        // 2^n in two factors, so that n = 128 (x just above 88.02) does not overflow the exponent field.
        let half = self.round(self.mul(n, self.splat(0.5)));
        let y = self.mul(self.mul(p, self.exp2_int(half)), self.exp2_int(self.sub(n, half)));
        self.select_gt(lowest, x, self.zero(), y)
    }
}

#[cfg(test)]
mod tests;
