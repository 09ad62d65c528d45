//! Dividing samples into folds, each of which validates once.

use crate::common::{folder, open, touch};
use crate::splits::{all_of, with_groups, with_labels};
use divvy_data::{DataError, Dataset, Fold, Part, Split};
use proptest::prelude::*;

/// The splits of all folds.
fn folds(dataset: &Dataset, of: usize, seed: u64, groups: &[Vec<usize>]) -> Vec<Split> {
    let split = |fold| Split::of_fold(dataset, fold, seed, groups).expect("there are enough");
    Fold::all(of).expect("there can be so many").into_iter().map(split).collect()
}

/// How often each sample validates.
fn validating(splits: &[Split], samples: usize) -> Vec<usize> {
    let mut times = vec![0; samples];
    splits.iter().flat_map(|split| &split.validation).for_each(|&sample| times[sample] += 1);
    times
}

#[test]
fn there_are_two_to_twenty_folds_counted_from_one() {
    for (number, of) in [(1, 1), (0, 5), (6, 5), (1, 0), (1, 21), (usize::MAX, usize::MAX)] {
        assert!(matches!(Fold::new(number, of), Err(DataError::Fold { .. })), "{number} of {of}");
    }
    for (number, of) in [(1, 2), (2, 2), (20, 20)] {
        assert_eq!(Fold::new(number, of).map(|fold| (fold.number(), fold.of())).ok(), Some((number, of)));
    }
    assert!(serde_json::from_str::<Fold>(r#"{"number":3,"of":2}"#).is_err());
}

#[test]
fn a_part_to_validate_on_is_dealt_out_with_the_others_and_the_test_part_takes_no_part() {
    let root = folder();
    for part in ["train", "val", "test"] {
        for group in ["a", "b"] {
            for number in 0..6 {
                touch(root.path(), &[&format!("{part}/{group}/{number}.jpg")]);
            }
        }
    }
    let dataset = open(root.path()).expect("it can be opened");
    let splits = folds(&dataset, 4, 7, &[]);
    let test = dataset.part(Some(Part::Test));
    let times = validating(&splits, dataset.samples().len());
    for (sample, times) in times.into_iter().enumerate() {
        assert_eq!(times, usize::from(!test.contains(&sample)), "{sample}");
    }
    for split in &splits {
        assert_eq!((&split.test, split.train.len(), split.validation.len()), (&test, 18, 6));
        assert_eq!(dataset.class_counts(&split.validation), [3, 3]);
    }
}

#[test]
fn folds_of_which_one_would_be_empty_are_refused() {
    let (_root, dataset) = with_groups(&[6, 6]);
    let copies = [(0..6).collect::<Vec<_>>(), (6..11).collect()];
    let of = |number, of| Split::of_fold(&dataset, Fold::new(number, of).expect("it is one"), 0, &copies);
    assert!(of(3, 3).is_ok());
    let error = of(1, 4).expect_err("three different pictures do not make four folds");
    assert!(matches!(&error, DataError::Folds { folds: 4, images: 3, .. }), "{error}");
    assert!(error.to_string().contains("fewer folds"), "{error}");
}

#[test]
fn many_rare_classes_do_not_come_together_in_one_fold() {
    let (_root, dataset) = with_groups(&[2; 60]);
    for split in folds(&dataset, 20, 3, &[]) {
        assert_eq!(split.validation.len(), 6);
        assert!(dataset.class_counts(&split.train).iter().all(|&count| count >= 1));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn each_sample_validates_once_and_each_class_has_its_share_in_each_fold(
        sizes in prop::collection::vec(5usize..30, 2..5),
        of in 2usize..=8,
        seed in any::<u64>(),
    ) {
        let (_root, dataset) = with_groups(&sizes);
        let all: Vec<usize> = (0..dataset.samples().len()).collect();
        let splits = folds(&dataset, of, seed, &[]);
        prop_assert_eq!(&splits, &folds(&dataset, of, seed, &[]));
        prop_assert_eq!(validating(&splits, all.len()), vec![1; all.len()]);
        for split in &splits {
            prop_assert_eq!(&all_of(split), &all);
            let shares = dataset.class_counts(&split.validation).into_iter().zip(&sizes);
            for (held_out, &size) in shares.chain([(split.validation.len(), &all.len())]) {
                prop_assert!((size / of..=size.div_ceil(of)).contains(&held_out), "{} of {}", held_out, size);
            }
        }
    }

    #[test]
    fn copies_are_in_the_same_fold(
        ends in prop::collection::vec((0usize..60, 0usize..60), 0..20),
        of in 2usize..=6,
        seed in any::<u64>(),
    ) {
        let (_root, dataset) = with_groups(&[30, 30]);
        let groups: Vec<Vec<usize>> = ends.into_iter().map(|(a, b)| vec![a, b]).collect();
        let splits = folds(&dataset, of, seed, &groups);
        prop_assert_eq!(validating(&splits, 60), vec![1; 60]);
        for split in &splits {
            for group in &groups {
                let inside = group.iter().filter(|&sample| split.validation.contains(sample)).count();
                prop_assert!(inside == 0 || inside == group.len(), "{:?}", group);
            }
        }
    }

    #[test]
    fn labels_come_near_their_share_in_each_fold(
        rows in prop::collection::vec(any::<u8>(), 60..120),
        seed in any::<u64>(),
    ) {
        let (_root, dataset) = with_labels(&rows);
        let all: Vec<usize> = (0..dataset.samples().len()).collect();
        let splits = folds(&dataset, 4, seed, &[]);
        prop_assert_eq!(validating(&splits, all.len()), vec![1; all.len()]);
        let whole = dataset.class_counts(&all);
        for split in &splits {
            for (&n, held_out) in whole.iter().zip(dataset.class_counts(&split.validation)) {
                prop_assert!((held_out as f64 / n as f64 - 0.25).abs() < 0.1, "{} of {}", held_out, n);
            }
        }
    }
}
