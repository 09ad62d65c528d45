//! Natural order: numbers inside names compare by value.

use std::cmp::Ordering;

/// Compares names as people number things: `2` before `10`, `img9` before `img10`, letters without regard to case.
///
/// A total order: names that differ only in case or in leading zeros are told apart by their bytes.
pub fn natural_cmp(a: &str, b: &str) -> Ordering {
    let (mut x, mut y) = (a, b);
    loop {
        let (Some(p), Some(q)) = (x.chars().next(), y.chars().next()) else {
            return x.len().cmp(&y.len()).then_with(|| a.cmp(b));
        };
        let order = if p.is_ascii_digit() && q.is_ascii_digit() {
            compare_numbers(take_digits(&mut x), take_digits(&mut y))
        } else {
            x = &x[p.len_utf8()..];
            y = &y[q.len_utf8()..];
            p.to_lowercase().cmp(q.to_lowercase())
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Cuts the leading digits off `text` and returns them without leading zeros.
fn take_digits<'a>(text: &mut &'a str) -> &'a str {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    *text = rest;
    digits.trim_start_matches('0')
}

/// Compares digit strings of any length by value: without leading zeros, the longer is the larger.
fn compare_numbers(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_compare_by_value() {
        let mut names = ["10", "1", "2", "img10", "img9", "Img1", "b", "A", "a2b", "a10b", "007", "7"];
        names.sort_by(|a, b| natural_cmp(a, b));
        assert_eq!(names, ["1", "2", "007", "7", "10", "A", "a2b", "a10b", "b", "Img1", "img9", "img10"]);
    }

    #[test]
    fn numbers_too_long_for_an_integer_compare() {
        let long = "9".repeat(60);
        assert_eq!(natural_cmp(&long, &format!("1{long}")), Ordering::Less);
    }

    proptest! {
        #[test]
        fn is_a_total_order(a in "[aA0-9é-]{0,6}", b in "[aA0-9é-]{0,6}", c in "[aA0-9é-]{0,6}") {
            prop_assert_eq!(natural_cmp(&a, &b), natural_cmp(&b, &a).reverse());
            prop_assert_eq!(natural_cmp(&a, &b) == Ordering::Equal, a == b);
            if natural_cmp(&a, &b) == Ordering::Less && natural_cmp(&b, &c) == Ordering::Less {
                prop_assert_eq!(natural_cmp(&a, &c), Ordering::Less);
            }
        }
    }
}
