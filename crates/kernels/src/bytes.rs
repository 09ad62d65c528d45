//! Bytes in memory that is laid out in numbers.

/// The bytes of `x`, four to a number, in the order of the machine.
pub fn as_bytes(x: &[f32]) -> &[u8] {
    // SAFETY: every byte of a number is initialised, bytes may lie anywhere, and the result borrows `x`.
    unsafe { std::slice::from_raw_parts(x.as_ptr().cast(), size_of_val(x)) }
}

/// The bytes of `x`, four to a number, to be written. Whatever is written, they are numbers of some kind.
pub fn as_bytes_mut(x: &mut [f32]) -> &mut [u8] {
    // SAFETY: as above; every pattern of bytes is a number.
    unsafe { std::slice::from_raw_parts_mut(x.as_mut_ptr().cast(), size_of_val(x)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_as_bytes_is_read_as_bytes() {
        let mut x = [1.0; 3];
        let bytes = as_bytes_mut(&mut x);
        assert_eq!(bytes.len(), 12);
        (0..).zip(bytes).for_each(|(i, byte)| *byte = i);
        assert!(as_bytes(&x).iter().copied().eq(0..12));
        assert_eq!(x[1].to_ne_bytes(), [4, 5, 6, 7]);
    }
}
