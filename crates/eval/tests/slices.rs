//! Slices against scipy and statsmodels (`reference/cutting.py` made `reference/cutting.json`), by hand, and how often something is
//! found where there is nothing.

mod coins;

use divvy_eval::{Attribute, AttributeValues, EvalError, Slice, SliceRange, Slices};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::json;

use coins::Coins;

#[derive(Deserialize)]
struct Reference {
    fisher: Vec<FisherCase>,
    slices: SlicesCase,
    tied: TiedCase,
}

#[derive(Deserialize)]
struct FisherCase {
    right: usize,
    n: usize,
    right_in_all: usize,
    all: usize,
    p: f64,
    difference: [f64; 3],
}

#[derive(Deserialize)]
struct SlicesCase {
    right: Vec<u8>,
    numbers: Vec<f64>,
    names: Vec<String>,
    n: Vec<usize>,
    p: Vec<f64>,
    adjusted_p: Vec<f64>,
}

/// Numbers of which many are equal, and some are not known.
#[derive(Deserialize)]
struct TiedCase {
    right: Vec<u8>,
    numbers: Vec<Option<f64>>,
    slices: Vec<TiedSlice>,
}

#[derive(Deserialize)]
struct TiedSlice {
    range: Option<(f64, f64)>,
    n: usize,
    p: f64,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("reference/cutting.json"))
        .expect("cutting.json is as cutting.py writes it")
}

fn numbers<'a>(name: &'a str, values: &'a [f64]) -> Attribute<'a> {
    Attribute { name, values: AttributeValues::Numbers(values) }
}

fn names<'a>(name: &'a str, values: &'a [String]) -> Attribute<'a> {
    Attribute { name, values: AttributeValues::Names(values) }
}

fn cut(right: &[bool], attributes: &[Attribute<'_>]) -> Vec<Slice> {
    Slices::new(right, attributes).expect("the input is good").slices
}

fn assert_near(ours: f64, theirs: f64, place: &str) {
    assert!((ours - theirs).abs() <= 1e-9 * theirs.abs(), "{place}: {ours}, expected {theirs}");
}

#[test]
fn one_slice_against_the_rest_agrees_with_scipy_and_statsmodels() {
    let cases = reference().fisher;
    assert!(cases.len() >= 10);
    for case in cases {
        let place = format!("{} of {}, {} of {}", case.right, case.n, case.right_in_all, case.all);
        let rest_right = case.right_in_all - case.right;
        let here = (0..case.n).map(|sample| (sample < case.right, "here"));
        let rest = (0..case.all - case.n).map(|sample| (sample < rest_right, "there"));
        let (right, folder): (Vec<bool>, Vec<String>) =
            here.chain(rest).map(|(right, folder)| (right, folder.to_owned())).unzip();
        let slices = cut(&right, &[names("folder", &folder)]);
        let slice = slices
            .iter()
            .find(|slice| slice.range == SliceRange::Name("here".to_owned()))
            .expect("it is looked at");
        assert_near(slice.p, case.p, &place);
        let Slice { difference, .. } = slice;
        for (ours, theirs) in
            [difference.value, difference.ci95.low, difference.ci95.high].into_iter().zip(case.difference)
        {
            assert!((ours - theirs).abs() < 1e-9, "{place}: {ours}, expected {theirs}");
        }
    }
}

#[test]
fn all_slices_agree_with_scipy_and_statsmodels() {
    let case = reference().slices;
    let right: Vec<bool> = case.right.iter().map(|&right| right == 1).collect();
    let slices = cut(&right, &[numbers("brightness", &case.numbers), names("format", &case.names)]);
    assert_eq!(slices.iter().map(|slice| slice.n).collect::<Vec<_>>(), case.n);
    for (slice, (p, adjusted)) in slices.iter().zip(case.p.iter().zip(&case.adjusted_p)) {
        let place = format!("{:?}", slice.range);
        assert_near(slice.p, *p, &place);
        assert_near(slice.adjusted_p, *adjusted, &place);
        assert_eq!(slice.falls, *adjusted <= 0.05, "{place}");
    }
    // The fall that was made.
    assert!(slices[0].falls && slices[0].attribute == "brightness");
    assert!(matches!(slices[0].range, SliceRange::Between(low, high) if low > 79.0 && high == 99.0));
}

#[test]
fn slices_of_equal_numbers_agree_with_scipys_ranks() {
    let case = reference().tied;
    let right: Vec<bool> = case.right.iter().map(|&right| right == 1).collect();
    let values: Vec<f64> = case.numbers.iter().map(|number| number.unwrap_or(f64::NAN)).collect();
    let slices = cut(&right, &[numbers("height", &values)]);
    assert_eq!(slices.len(), case.slices.len());
    for expected in case.slices {
        let range = expected.range.map_or(SliceRange::Unknown, |(low, high)| SliceRange::Between(low, high));
        let slice = slices.iter().find(|slice| slice.range == range);
        let slice = slice.unwrap_or_else(|| panic!("no slice is {range:?}"));
        assert_eq!(slice.n, expected.n, "{range:?}");
        assert_near(slice.p, expected.p, &format!("{range:?}"));
    }
}

#[test]
fn equal_numbers_stay_together_and_unknown_ones_are_a_slice() {
    let mut values = vec![1.0; 70];
    values.extend(vec![2.0; 30]);
    values.extend([f64::NAN, f64::INFINITY].repeat(10));
    let slices = cut(&[true; 120], &[numbers("blur", &values)]);
    let mut ranges: Vec<_> = slices.iter().map(|slice| (slice.n, slice.range.clone())).collect();
    ranges.sort_by_key(|(n, _)| *n);
    assert_eq!(
        ranges,
        [(20, SliceRange::Unknown), (30, SliceRange::Between(2.0, 2.0)), (70, SliceRange::Between(1.0, 1.0))]
    );
    assert_eq!(serde_json::to_value(&slices[0]).expect("a slice serialises")["p"], json!(1.0));
}

#[test]
fn rare_names_are_one_slice_together() {
    let folder = |sample: usize| match sample {
        0..100 => "often".to_owned(),
        100..130 => "seldom".to_owned(),
        _ => format!("once {sample}"),
    };
    let folders: Vec<String> = (0..160).map(folder).collect();
    let slices = cut(&[true; 160], &[names("folder", &folders)]);
    let json = serde_json::to_value(slices).expect("slices serialise");
    let ranges: Vec<_> = (0..3).map(|index| (&json[index]["range"], &json[index]["n"])).collect();
    let expected = [
        (json!({ "name": "often" }), json!(100)),
        (json!({ "name": "seldom" }), json!(30)),
        (json!({ "others": 30 }), json!(30)),
    ];
    assert_eq!(ranges, expected.iter().map(|(range, n)| (range, n)).collect::<Vec<_>>());
    // Eleven frequent ones: the last is among the others.
    let many: Vec<String> = (0..330).map(|sample| format!("folder {:02}", sample % 11)).collect();
    let slices = cut(&[true; 330], &[names("folder", &many)]);
    assert_eq!(slices.len(), 11);
    assert!(slices.iter().any(|slice| slice.range == SliceRange::Others(1) && slice.n == 30));
}

#[test]
fn what_cannot_be_cut_makes_no_slices() {
    let same = vec!["png".to_owned(); 50];
    assert_eq!(cut(&[true; 50], &[names("format", &same), numbers("width", &[64.0; 50])]), []);
    assert_eq!(cut(&[true; 10], &[numbers("width", &[1.0; 10])]), []);
    assert_eq!(Slices::new(&[], &[]), Err(EvalError::NoSamples));
    assert!(matches!(Slices::new(&[true], &[numbers("width", &[])]), Err(EvalError::Length { .. })));
}

/// Samples in each of which accuracy is `right(brightness)`: the slices by three attributes, of which one hangs on another.
fn simulated(coins: &mut Coins, samples: usize, right: impl Fn(f64) -> f64) -> Vec<Slice> {
    let brightness: Vec<f64> = (0..samples).map(|_| coins.next()).collect();
    let blur: Vec<f64> = brightness.iter().map(|value| value + coins.next()).collect();
    let folder: Vec<String> =
        (0..samples).map(|_| format!("folder {}", (coins.next().powi(2) * 6.0) as usize)).collect();
    let right: Vec<bool> = brightness.iter().map(|&value| coins.next() < right(value)).collect();
    cut(&right, &[numbers("brightness", &brightness), numbers("blur", &blur), names("folder", &folder)])
}

#[test]
fn nothing_is_found_where_there_is_nothing() {
    let mut coins = Coins(81);
    let found = (0..2000)
        .filter(|draw| {
            let accuracy = [0.6, 0.9, 0.97][draw % 3];
            simulated(&mut coins, 300, |_| accuracy).iter().any(|slice| slice.falls)
        })
        .count();
    assert!(found <= 100, "found something in {found} of 2000");
    // Nor is so little found that nothing ever would be.
    assert!(found >= 20, "found something in {found} of 2000");
}

#[test]
fn a_fall_is_found_and_its_interval_covers_it() {
    let mut coins = Coins(82);
    let (mut found, mut covered) = (0, 0);
    for _ in 0..2000 {
        let slices = simulated(&mut coins, 400, |brightness| if brightness < 0.2 { 0.7 } else { 0.92 });
        let darkest = |slice: &&Slice| {
            slice.attribute == "brightness"
                && matches!(slice.range, SliceRange::Between(_, high) if high < 0.3)
        };
        let darkest = slices.iter().find(darkest).expect("it is looked at");
        found += u32::from(darkest.falls);
        // The fifth of the samples is not quite the fifth of the numbers: what is expected is worked out from its end.
        let SliceRange::Between(_, high) = darkest.range else { panic!("these are numbers") };
        let within = |dark: f64, all: f64| 0.92 - 0.22 * dark / all;
        let expected = within(high.min(0.2), high) - within(0.2 - high.min(0.2), 1.0 - high);
        let ci95 = darkest.difference.ci95;
        covered += u32::from(ci95.low <= expected && expected <= ci95.high);
    }
    assert!(found > 1600, "found {found} of 2000");
    assert!((1860..=1940).contains(&covered), "covered {covered} of 2000");
}

proptest! {
    #[test]
    fn p_values_are_in_order_and_corrected_ones_are_larger(
        samples in prop::collection::vec((any::<bool>(), -3.0_f64..3.0, 0_u8..4), 1..300),
    ) {
        let right: Vec<bool> = samples.iter().map(|sample| sample.0).collect();
        let values: Vec<f64> = samples.iter().map(|sample| sample.1).collect();
        let groups: Vec<String> = samples.iter().map(|sample| sample.2.to_string()).collect();
        let slices = Slices::new(&right, &[numbers("x", &values), names("g", &groups)])?.slices;
        for slice in &slices {
            prop_assert!(0.0 <= slice.p && slice.p <= slice.adjusted_p && slice.adjusted_p <= 1.0);
            prop_assert!(slice.n >= 20 && slice.n < right.len());
            prop_assert!((slice.accuracy.value - slice.rest_accuracy.value - slice.difference.value).abs() < 1e-12);
        }
        prop_assert!(slices.windows(2).all(|pair| pair[0].adjusted_p <= pair[1].adjusted_p));
    }
    #[test]
    fn a_slice_of_numbers_has_all_samples_of_its_range(values in prop::collection::vec(0_u8..12, 40..300)) {
        let values: Vec<f64> = values.into_iter().map(f64::from).collect();
        let mut ranges = Vec::new();
        for slice in cut(&vec![true; values.len()], &[numbers("x", &values)]) {
            let SliceRange::Between(low, high) = slice.range else { panic!("these are numbers") };
            prop_assert_eq!(slice.n, values.iter().filter(|&&value| low <= value && value <= high).count());
            ranges.push((low, high));
        }
        ranges.sort_by(|a, b| a.0.total_cmp(&b.0));
        prop_assert!(ranges.windows(2).all(|pair| pair[0].1 < pair[1].0), "{:?}", ranges);
    }
}
