//! Some of many, spread evenly.

/// Up to `most` of them, spread evenly over all, in their order.
pub fn evenly(all: &[usize], most: usize) -> Vec<usize> {
    let count = all.len().min(most);
    (0..count).map(|index| all[index * all.len() / count]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_are_spread_over_all() {
        let samples: Vec<usize> = (100..200).collect();
        assert_eq!(evenly(&samples, 4), [100, 125, 150, 175]);
        assert_eq!(evenly(&samples, 1000), samples);
        assert!(evenly(&[], 4).is_empty());
    }
}
