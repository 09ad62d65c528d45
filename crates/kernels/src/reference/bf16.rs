//! Rounding to bf16, as its definition reads.

/// The nearest number that has a bf16, of which there are two where it lies between two: then the even one.
pub(crate) fn nearest(x: f32) -> f32 {
    if x.is_nan() || x.is_infinite() {
        return x;
    }
    let towards_zero = x.to_bits() & 0xFFFF_0000;
    let (near, far) = (f32::from_bits(towards_zero), f32::from_bits(towards_zero.wrapping_add(0x1_0000)));
    // Beyond the largest bf16, 255 times some power of two, the next would be 256 times that.
    let beyond = if far.is_infinite() { f64::from(near) * 256.0 / 255.0 } else { f64::from(far) };
    let [to_near, to_far] = [f64::from(near), beyond].map(|y| (f64::from(x) - y).abs());
    let is_even = towards_zero & 0x1_0000 == 0;
    if to_near < to_far || (to_near == to_far && is_even) { near } else { far }
}
