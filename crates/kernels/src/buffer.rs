//! Memory as kernels like it.

use std::ops::{Deref, DerefMut};

/// Numbers in a cache line.
pub(crate) const LINE: usize = 16;
/// Numbers in a huge page (2 MiB on x86-64 and 64-bit Arm).
const HUGE: usize = 512 * 1024;

/// A slice of its own, zeros to begin with, whose first number lies at the start of a cache line: a vector that straddles two lines
/// takes twice as long to load. A large one asks the system for huge pages, which need fewer entries in the tables that
/// translate addresses. Pages that are never written take no memory.
#[derive(Debug, Default)]
pub struct Buffer {
    /// With some room before the first number.
    values: Vec<f32>,
    start: usize,
    len: usize,
}

impl Buffer {
    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        let alignment = if len >= 2 * HUGE { HUGE } else { LINE };
        let values = vec![0.0_f32; len + alignment - 1];
        let start = values.as_ptr().align_offset(alignment * size_of::<f32>());
        let buffer = Self { values, start, len };
        if alignment == HUGE {
            ask_for_huge_pages(&buffer);
        }
        buffer
    }

    /// Makes room for `len` numbers, at the least; what is there is kept, and zeros follow it.
    pub fn grow(&mut self, len: usize) {
        if len > self.len {
            let mut grown = Self::zeros(len);
            grown[..self.len].copy_from_slice(self);
            *self = grown;
        }
    }
}

/// A wish: nothing comes of it where the system has no huge pages.
#[cfg(target_os = "linux")]
fn ask_for_huge_pages(numbers: &[f32]) {
    let bytes = size_of_val(numbers) / (HUGE * size_of::<f32>()) * (HUGE * size_of::<f32>());
    // SAFETY: the range lies within the slice and begins at a page; the advice changes no content.
    unsafe { libc::madvise(numbers.as_ptr().cast_mut().cast(), bytes, libc::MADV_HUGEPAGE) };
}

#[cfg(not(target_os = "linux"))]
fn ask_for_huge_pages(_numbers: &[f32]) {}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.values[self.start..self.start + self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values[self.start..self.start + self.len]
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        let mut copy = Self::zeros(self.len);
        copy.copy_from_slice(self);
        copy
    }
}

impl PartialEq for Buffer {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begins_on_a_line_and_keeps_what_it_holds() {
        let mut numbers = Buffer::zeros(3);
        numbers.copy_from_slice(&[1.0, 2.0, 3.0]);
        for len in [1, 3, 4, 1000, 3 * HUGE + 5] {
            numbers.grow(len);
            assert!(numbers.as_ptr().addr().is_multiple_of(64));
            assert_eq!(numbers.len(), len.max(3));
            assert_eq!(numbers[..3], [1.0, 2.0, 3.0]);
            assert!(numbers[3..].iter().all(|&x| x == 0.0));
            assert_eq!(numbers.clone(), numbers);
        }
    }
}
