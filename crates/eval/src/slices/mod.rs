//! Where accuracy falls: samples cut into slices by what is known of them, each held against the rest.

mod bins;
mod fisher;

use serde::Serialize;

use crate::{Estimate, EvalError, check, mover};

use bins::Bin;

/// The chance that any slice is said to fall though none does.
const RISK: f64 = 0.05;

/// Something known of each sample beside its label, such as its size or its folder.
#[derive(Debug, Clone, Copy)]
pub struct Attribute<'a> {
    /// What it is called.
    pub name: &'a str,
    /// A value a sample.
    pub values: AttributeValues<'a>,
}

/// The values of an attribute, one a sample.
#[derive(Debug, Clone, Copy)]
pub enum AttributeValues<'a> {
    /// Numbers. Cut into five slices of as many samples each, fewer where samples are few; equal numbers stay together. What is not
    /// finite is unknown and a slice of its own.
    Numbers(&'a [f64]),
    /// Names. The ten most frequent are a slice each, all others one together.
    Names(&'a [String]),
}

/// What the samples of a slice have in common.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SliceRange {
    /// Numbers from the first to the second, both among them.
    Between(f64, f64),
    /// This name.
    Name(String),
    /// One of so many rarer names.
    Others(usize),
    /// A number that is not known.
    Unknown,
}

/// One slice, beside all samples that are not in it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Slice {
    /// The attribute's name.
    pub attribute: String,
    /// What its samples have in common.
    pub range: SliceRange,
    /// How many samples it has.
    pub n: usize,
    /// The share of them that is right, with its Wilson interval.
    pub accuracy: Estimate,
    /// The share of the rest that is right, with its Wilson interval.
    pub rest_accuracy: Estimate,
    /// The first less the second, with Newcombe's interval: of this slice alone, not corrected for many looks.
    pub difference: Estimate,
    /// The chance to see as few right, or fewer, were the slice like the rest: Fisher's exact test, one-sided.
    pub p: f64,
    /// The same corrected for all looks (Holm).
    pub adjusted_p: f64,
    /// Whether accuracy falls: `adjusted_p` is 0.05 or less.
    pub falls: bool,
}

/// All slices that were looked at.
///
/// Their p-values are corrected by Holm's method (1979, *Scandinavian Journal of Statistics* 6:65), so that where accuracy is the same
/// everywhere any slice is said to fall in no more than 5 of 100 cases, whatever the slices have to do with each other. Benjamini and
/// Hochberg's would find more and promise less: that few of many findings are false. A page names few slices, each of which may cost
/// days of taking other pictures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Slices {
    /// The slices, the surest fall first.
    pub slices: Vec<Slice>,
}

impl Slices {
    /// Cuts samples, of which `right` says whether their answer is, into slices by each attribute. Slices of fewer than 20 samples
    /// are not looked at, nor ones that have all samples.
    ///
    /// # Errors
    /// No samples, attributes with another number of values.
    pub fn new(right: &[bool], attributes: &[Attribute<'_>]) -> Result<Self, EvalError> {
        if right.is_empty() {
            return Err(EvalError::NoSamples);
        }
        let mut slices = Vec::new();
        for attribute in attributes {
            let (found, bins) = match attribute.values {
                AttributeValues::Numbers(values) => (values.len(), bins::of_numbers(values)),
                AttributeValues::Names(names) => (names.len(), bins::of_names(names)),
            };
            check::length("values of an attribute", found, right.len())?;
            slices.extend(bins.into_iter().filter_map(|bin| Slice::new(attribute.name, bin, right)));
        }
        Ok(Self::corrected(slices))
    }

    /// Orders slices by p-value and corrects these for their number.
    fn corrected(mut slices: Vec<Slice>) -> Self {
        slices.sort_by(|a, b| a.p.total_cmp(&b.p));
        let looks = slices.len();
        let mut largest = 0.0_f64;
        for (before, slice) in slices.iter_mut().enumerate() {
            largest = largest.max(slice.p * (looks - before) as f64);
            slice.adjusted_p = largest.min(1.0);
            slice.falls = slice.adjusted_p <= RISK;
        }
        Self { slices }
    }
}

impl Slice {
    /// The slice of the samples in a bin, its p-value not yet corrected; `None` where there is no rest.
    fn new(attribute: &str, bin: Bin, right: &[bool]) -> Option<Self> {
        let n = bin.samples.len();
        let right_here = bin.samples.iter().filter(|&&sample| right[sample]).count();
        let right_in_all = right.iter().filter(|&&right| right).count();
        let rest = (right_in_all - right_here, right.len() - n);
        let p = fisher::at_most(right_here, n, right_in_all, right.len());
        Some(Self {
            attribute: attribute.to_owned(),
            range: bin.range,
            n,
            accuracy: Estimate::of_share(right_here, n)?,
            rest_accuracy: Estimate::of_share(rest.0, rest.1)?,
            difference: mover::difference((right_here, n), rest)?,
            p,
            adjusted_p: p,
            falls: false,
        })
    }
}
