//! Numbers that `tests/reference/trajectory.py` makes too, bit for bit.

const HALF: f32 = (1 << 23) as f32;

/// `count` numbers in [-1, 1), multiples of 2^-23: the 32-bit mixer lowbias32 over stream and index.
pub(crate) fn noise(stream: u32, count: usize) -> impl Iterator<Item = f32> {
    let start = stream.wrapping_mul(0x85EB_CA6B);
    (0..count as u32).map(move |index| {
        let mut x = index.wrapping_mul(0x9E37_79B9).wrapping_add(start);
        x = (x ^ (x >> 16)).wrapping_mul(0x7FEB_352D);
        x = (x ^ (x >> 15)).wrapping_mul(0x846C_A68B);
        x ^= x >> 16;
        ((x >> 8) as f32 - HALF) / HALF
    })
}
