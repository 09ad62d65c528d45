use super::*;
use proptest::prelude::*;

/// Applies an operation to one number on every instruction set of this machine.
macro_rules! unary {
    ($x:expr, |$simd:ident, $v:ident| $body:expr) => {{
        struct Op(f32);
        impl Kernel for Op {
            type Output = f32;
            #[inline(always)]
            fn run<S: Simd>(self, $simd: S) -> f32 {
                let $v = $simd.splat(self.0);
                let mut out = [0.0; 16];
                $simd.store_some($body, &mut out[..S::LANES]);
                assert!(out[..S::LANES].iter().all(|y| y.to_bits() == out[0].to_bits()));
                out[0]
            }
        }
        Isa::present().into_iter().map(|isa| (isa.name(), isa.call(Op($x)))).collect::<Vec<_>>()
    }};
}

#[test]
fn exp_is_right_to_two_units_in_the_last_place() {
    for i in -8730..=8830 {
        let x = i as f32 * 0.01;
        let truth = f64::from(x).exp();
        for (isa, y) in unary!(x, |s, v| s.exp(v)) {
            let unit = f64::from((truth as f32).next_up() - truth as f32)
                .max(f64::from(f32::MIN_POSITIVE) * f64::EPSILON);
            let off = (f64::from(y) - truth).abs() / unit;
            assert!(off <= 2.0 || truth < 1.2e-38, "{isa}: exp({x}) = {y}, {off} units off");
        }
    }
}

#[test]
fn exp_at_the_ends() {
    for (x, low, high) in [(-1e30, 0.0, 0.0), (-88.0, 0.0, 0.0), (0.0, 1.0, 1.0), (1e30, 2.0e38, f32::MAX)] {
        for (isa, y) in unary!(x, |s, v| s.exp(v)) {
            assert!((low..=high).contains(&y), "{isa}: exp({x}) = {y}");
        }
    }
}

/// Copies a slice through partial loads and stores.
struct Copy<'a>(&'a [f32], &'a mut [f32]);

impl Kernel for Copy<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        let v = simd.load_some(self.0);
        simd.store_some(v, self.1);
        simd.sum(v)
    }
}

/// Transposes a square of as many numbers as there are lanes, to and fro.
struct Transpose<'a>(&'a [f32], &'a mut [f32]);

impl Kernel for Transpose<'_> {
    type Output = usize;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> usize {
        let mut vectors = [simd.zero(); WIDEST];
        for (v, row) in vectors.iter_mut().zip(self.0.chunks_exact(S::LANES)).take(S::LANES) {
            *v = simd.load_some(row);
        }
        simd.transpose(&mut vectors);
        for (v, row) in vectors.iter().zip(self.1.chunks_exact_mut(S::LANES)).take(S::LANES) {
            simd.store_some(*v, row);
        }
        S::LANES
    }
}

#[test]
fn transposing_makes_columns_of_rows() {
    for isa in Isa::present() {
        let from: Vec<f32> = (0..WIDEST * WIDEST).map(|i| i as f32).collect();
        let mut to = from.clone();
        let lanes = isa.call(Transpose(&from, &mut to));
        for (i, x) in to[..lanes * lanes].iter().enumerate() {
            assert_eq!(*x, from[i % lanes * lanes + i / lanes], "{}: element {i}", isa.name());
        }
    }
}

/// Copies bytes by way of numbers.
struct CopyBytes<'a>(&'a [u8], &'a mut [u8]);

impl Kernel for CopyBytes<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        let n = self.0.len().min(S::LANES);
        assert!(self.1.len() >= n);
        // SAFETY: both slices have n bytes.
        unsafe {
            let v = simd.load_first_bytes(self.0.as_ptr(), n);
            simd.store_first_bytes(v, self.1.as_mut_ptr(), n);
            simd.sum(v)
        }
    }
}

/// How many numbers a vector holds, as the processors' manuals have it.
fn lanes(isa: Isa) -> usize {
    match isa.name() {
        "avx512" => 16,
        "neon" => 4,
        _ => 8,
    }
}

#[test]
fn bytes_are_numbers_from_0_to_255() {
    for isa in Isa::present() {
        for n in 1..=lanes(isa) {
            let from: Vec<u8> = (0..n).map(|i| (255 - 16 * i) as u8).collect();
            let mut to = vec![7; n + 1];
            let sum = isa.call(CopyBytes(&from, &mut to));
            assert_eq!((&to[..n], to[n]), (&from[..], 7), "{}", isa.name());
            assert_eq!(sum, from.iter().map(|x| f32::from(*x)).sum::<f32>());
        }
    }
}

proptest! {
    #[test]
    fn partial_loads_and_stores_stay_within_the_slice(values in prop::collection::vec(-9.0_f32..9.0, 0..20), room in 0_usize..20) {
        for isa in Isa::present() {
            let lanes = lanes(isa);
            let mut out = vec![77.0; room];
            let sum = isa.call(Copy(&values, &mut out));
            let read = &values[..values.len().min(lanes)];
            prop_assert!((sum - read.iter().sum::<f32>()).abs() < 1e-4);
            for (i, y) in out.iter().enumerate() {
                let expected = if i < lanes { read.get(i).copied().unwrap_or(0.0) } else { 77.0 };
                prop_assert_eq!(*y, expected);
            }
        }
    }
}
