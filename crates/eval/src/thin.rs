//! Curves have as many points as there are samples, a page has room for fewer.

/// Which of `len` points to show if no more than `most` are to be: evenly spaced, the first and the last among them where `most` is
/// two or more.
pub(crate) fn indices(len: usize, most: usize) -> impl Iterator<Item = usize> {
    let shown = len.min(most);
    let gaps = shown.saturating_sub(1).max(1) as u128;
    (0..shown).map(move |index| (index as u128 * (len as u128 - 1) / gaps) as usize)
}
