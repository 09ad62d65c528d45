//! Loops whose number is a constant wherever it is used.

/// `$body` for each number below a constant, in order, with the number as a constant: what is indexed by a variable is not kept in
/// registers, and a loop of so many operations the compiler does not unroll by itself. Where it is known that there are few,
/// a list of numbers spares it the rest.
macro_rules! unrolled {
    ($count:expr, |$at:ident| $body:expr) => {
        unrolled!($count, |$at| $body, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18)
    };
    ($count:expr, |$at:ident| $body:expr, $($n:literal)*) => {
        const { assert!($count <= [$($n),*].len()) };
        $(if $n < $count {
            let $at = $n;
            $body
        })*
    };
}
pub(super) use unrolled;
