//! A slice that several threads write at once, each its own part.

use std::marker::PhantomData;
use std::ops::Range;

/// A mutable slice that can be handed to every thread of a team. Taking a part is unsafe: the caller proves that parts
/// in use at the same time do not overlap.
pub(crate) struct Disjoint<'a, T> {
    start: *mut T,
    len: usize,
    slice: PhantomData<&'a mut [T]>,
}

// SAFETY: it hands out parts of a `&mut [T]`, which may be sent to another thread when `T` may; `part` asks its caller
// to prove that no two threads hold overlapping parts.
unsafe impl<T: Send> Sync for Disjoint<'_, T> {}

impl<'a, T> Disjoint<'a, T> {
    pub(crate) fn new(slice: &'a mut [T]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), slice: PhantomData }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// A pointer to the first element of `range`. Whoever writes through it proves that no other thread has these elements in
    /// use.
    ///
    /// # Panics
    /// When `range` is not within the slice.
    pub(crate) fn pointer(&self, range: Range<usize>) -> *mut T {
        assert!(
            range.start <= range.end && range.end <= self.len,
            "a part {range:?} of {} elements",
            self.len
        );
        // SAFETY: the start is within the slice or just after it, checked above.
        unsafe { self.start.add(range.start) }
    }

    /// The elements of `range`.
    ///
    /// # Safety
    /// No other part that overlaps `range` is in use for as long as the result is.
    ///
    /// # Panics
    /// When `range` is not within the slice.
    #[allow(clippy::mut_from_ref, reason = "the caller proves that parts do not overlap")]
    pub(crate) unsafe fn part(&self, range: Range<usize>) -> &'a mut [T] {
        let len = range.len();
        // SAFETY: the range is within the slice (`pointer` checks it), the slice is borrowed for 'a, and the caller promises
        // that the parts in use do not overlap.
        unsafe { std::slice::from_raw_parts_mut(self.pointer(range), len) }
    }
}
