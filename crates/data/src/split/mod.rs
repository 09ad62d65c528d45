//! Which samples train, which validate, which test.

mod fold;
mod list;
mod stratify;

pub use fold::Fold;

use crate::dataset::{Dataset, Part};
use crate::error::DataError;
use crate::together::Together;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use stratify::Unit;

/// Which samples of a dataset are used for what, by ascending index.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Split {
    /// To learn from.
    pub train: Vec<usize>,
    /// To choose the best epoch by.
    pub validation: Vec<usize>,
    /// Never touched by training.
    pub test: Vec<usize>,
}

impl Split {
    /// Keeps the validation part that the dataset brings; without one, draws `fraction` of each class from the samples to
    /// train on. The same dataset, fraction and seed give the same split. The test part stays what it is. The samples of one
    /// of the dataset's series come to lie on one side.
    ///
    /// No more than 5,000 are drawn, of which each class has its share: more would hardly be felt in what is measured on them, and
    /// would be missing from training. Every class with two samples or more is on both sides (which can exceed the 5,000 by one for
    /// each class that is rarer than that leaves room for). Multi-label samples are drawn so that each label comes as
    /// close to its share as the combinations allow (iterative stratification: Sechidis, Tsoumakas, Vlahavas 2011).
    ///
    /// # Errors
    /// [`DataError::Fraction`] unless `fraction` is between 0 and 1.
    pub fn new(dataset: &Dataset, fraction: f64, seed: u64) -> Result<Self, DataError> {
        Self::keeping_together(dataset, fraction, seed, &[])
    }

    /// The same, where all samples of a group come to lie on one side: copies of a picture, say, as
    /// [`Copies::together`](crate::check::Copies::together) gives them. Groups may overlap; then they all stay together.
    ///
    /// The shares are those of what is different: a group counts as one sample that carries all labels of its samples. A class of
    /// which all samples are in one group is on one side only. Without groups it is the split of [`Self::new`].
    ///
    /// # Errors
    /// As [`Self::new`].
    ///
    /// # Panics
    /// If a sample's index is out of range.
    pub fn keeping_together(
        dataset: &Dataset,
        fraction: f64,
        seed: u64,
        groups: &[Vec<usize>],
    ) -> Result<Self, DataError> {
        check_fraction(fraction)?;
        let pool = dataset.trainable_samples();
        let validation = dataset.part(Some(Part::Validation));
        let test = dataset.part(Some(Part::Test));
        if !validation.is_empty() {
            return Ok(Self { train: pool, validation, test });
        }
        let (train, validation) = divide_together(dataset, &pool, fraction, seed, groups);
        Ok(Self { train, validation, test })
    }

    /// The split in which a fold validates, and the others are trained on. Training and validation samples of the dataset are all dealt into folds: each
    /// validates in exactly one, and each class has its share in each, as near as can be. The test part stays what it is.
    ///
    /// The same dataset, number of folds, seed and groups give the same folds. All samples of one of `groups` and of one of the
    /// dataset's series are in the same fold, and count as one sample, as for [`Self::keeping_together`].
    ///
    /// # Errors
    /// [`DataError::Folds`] where there are fewer different samples than folds.
    ///
    /// # Panics
    /// If a sample's index is out of range.
    pub fn of_fold(
        dataset: &Dataset,
        fold: Fold,
        seed: u64,
        groups: &[Vec<usize>],
    ) -> Result<Self, DataError> {
        let mut pool = dataset.trainable_samples();
        pool.extend(dataset.part(Some(Part::Validation)));
        pool.sort_unstable();
        let bundles = Bundles::new(dataset, &pool, groups);
        let units = bundles.units(dataset, &pool);
        if units.len() < fold.of() {
            let path = dataset.root().to_owned();
            return Err(DataError::Folds { path, folds: fold.of(), images: units.len() });
        }
        let folds = fold::deal(&units, dataset.classes().len(), fold.of(), seed);
        let validates: HashSet<usize> = units
            .iter()
            .zip(folds)
            .filter(|(_, of)| of + 1 == fold.number())
            .map(|(unit, _)| unit.first)
            .collect();
        let (validation, train) =
            pool.iter().partition(|&&sample| validates.contains(&bundles.first_of(sample)));
        Ok(Self { train, validation, test: dataset.part(Some(Part::Test)) })
    }

    /// The split with a test part: its own where it has one, else `fraction` of each class of its training samples, drawn with
    /// `seed` so that all samples of one of `groups` come to lie on one side, as for [`Self::keeping_together`]. It can come out
    /// empty: of a class that has a single sample left to train on, or a single group of copies, none is drawn.
    ///
    /// # Errors
    /// [`DataError::Fraction`] unless `fraction` is between 0 and 1.
    ///
    /// # Panics
    /// If a sample's index is out of range.
    pub fn with_test(
        self,
        dataset: &Dataset,
        fraction: f64,
        seed: u64,
        groups: &[Vec<usize>],
    ) -> Result<Self, DataError> {
        check_fraction(fraction)?;
        if !self.test.is_empty() {
            return Ok(self);
        }
        let (train, test) = divide_together(dataset, &self.train, fraction, seed, groups);
        Ok(Self { train, test, ..self })
    }

    /// The samples that training reads: the training and validation samples.
    pub fn used(&self) -> Vec<usize> {
        let mut used = [self.train.as_slice(), &self.validation].concat();
        used.sort_unstable();
        used
    }

    /// The split without some samples, say those whose files turned out unreadable.
    ///
    /// # Errors
    /// [`DataError::SmallGroup`] where this leaves a class with nothing to train on, [`DataError::NoValidation`] where it
    /// leaves nothing to validate on.
    pub fn without(&self, left_out: &[usize], dataset: &Dataset) -> Result<Self, DataError> {
        let left_out: HashSet<usize> = left_out.iter().copied().collect();
        let keep = |samples: &[usize]| -> Vec<usize> {
            samples.iter().copied().filter(|sample| !left_out.contains(sample)).collect()
        };
        let kept =
            Self { train: keep(&self.train), validation: keep(&self.validation), test: keep(&self.test) };
        let (before, after) = (dataset.class_counts(&self.train), dataset.class_counts(&kept.train));
        if let Some(class) = before.iter().zip(&after).position(|(&before, &after)| before > 0 && after == 0)
        {
            return Err(dataset.small_group(class, 0));
        }
        if kept.validation.is_empty() {
            let (path, images) = (dataset.root().to_owned(), self.validation.len());
            return Err(DataError::NoValidation { path, images });
        }
        Ok(kept)
    }
}

/// Divides `pool`, which is ascending, into what is left and `fraction` of each class; a group counts as one sample and stays together.
fn divide_together(
    dataset: &Dataset,
    pool: &[usize],
    fraction: f64,
    seed: u64,
    groups: &[Vec<usize>],
) -> (Vec<usize>, Vec<usize>) {
    let bundles = Bundles::new(dataset, pool, groups);
    let units = bundles.units(dataset, pool);
    let drawn = stratify::draw(&units, dataset.classes().len(), fraction, seed);
    let (drawn, rest) = pool.iter().partition(|&&sample| drawn.contains(&bundles.first_of(sample)));
    (rest, drawn)
}

/// Refuses a share that would leave a side empty.
fn check_fraction(fraction: f64) -> Result<(), DataError> {
    if fraction > 0.0 && fraction < 1.0 { Ok(()) } else { Err(DataError::Fraction { fraction }) }
}

/// Samples of a pool that are drawn as one, by the first of them.
struct Bundles {
    /// The first sample in the pool of each sample's bundle.
    first: Vec<usize>,
}

impl Bundles {
    /// Joins the samples of each of `groups` and of each series of the dataset, and those of groups that have a sample in common.
    fn new(dataset: &Dataset, pool: &[usize], groups: &[Vec<usize>]) -> Self {
        let mut together = Together::of_samples(dataset, groups);
        let mut first_in_pool = HashMap::new();
        let mut first: Vec<usize> = (0..dataset.samples().len()).collect();
        for &sample in pool {
            first[sample] = *first_in_pool.entry(together.first(sample)).or_insert(sample);
        }
        Self { first }
    }

    fn first_of(&self, sample: usize) -> usize {
        self.first[sample]
    }

    /// The bundles of the pool, each with the labels that its samples carry.
    fn units(&self, dataset: &Dataset, pool: &[usize]) -> Vec<Unit> {
        let mut labels: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for &sample in pool {
            let of = labels.entry(self.first_of(sample)).or_default();
            of.extend(dataset.samples()[sample].label.indices());
        }
        let unit =
            |(first, labels): (usize, BTreeSet<usize>)| Unit { first, classes: labels.into_iter().collect() };
        labels.into_iter().map(unit).collect()
    }
}
