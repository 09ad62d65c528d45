//! Cutting samples by an attribute.

use std::collections::BTreeMap;

use super::SliceRange;

/// Into how many slices numbers are cut.
const SLICES_OF_NUMBERS: usize = 5;
/// How many names are a slice each.
const NAMES: usize = 10;
/// Fewer samples show no fall but an enormous one, and each look makes all others less sure.
const LEAST_SAMPLES: usize = 20;

/// Samples that have something in common, by index.
pub(super) struct Bin {
    pub(super) range: SliceRange,
    pub(super) samples: Vec<usize>,
}

impl Bin {
    fn is_large_enough(&self) -> bool {
        self.samples.len() >= LEAST_SAMPLES
    }
}

/// Bins of nearly equal mass, equal numbers together.
pub(super) fn of_numbers(values: &[f64]) -> Vec<Bin> {
    let (mut known, unknown): (Vec<usize>, Vec<usize>) =
        (0..values.len()).partition(|&sample| values[sample].is_finite());
    known.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let count = SLICES_OF_NUMBERS.min(known.len() / LEAST_SAMPLES);
    let mut bins: Vec<(usize, Bin)> = Vec::new();
    let mut before = 0;
    for tied in known.chunk_by(|&a, &b| values[a] == values[b]) {
        // Where the middle of the tied samples falls.
        let index = count * (2 * before + tied.len()) / (2 * known.len());
        before += tied.len();
        let value = values[tied[0]];
        match bins.last_mut() {
            Some((latest, bin)) if *latest == index => {
                if let SliceRange::Between(_, high) = &mut bin.range {
                    *high = value;
                }
                bin.samples.extend(tied);
            }
            _ => bins.push((index, Bin { range: SliceRange::Between(value, value), samples: tied.to_vec() })),
        }
    }
    let unknown = Bin { range: SliceRange::Unknown, samples: unknown };
    bins.into_iter().map(|(_, bin)| bin).chain([unknown]).filter(Bin::is_large_enough).collect()
}

/// A bin for each frequent name, and one for all others.
pub(super) fn of_names(names: &[String]) -> Vec<Bin> {
    let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (sample, name) in names.iter().enumerate() {
        by_name.entry(name).or_default().push(sample);
    }
    let mut bins: Vec<Bin> = by_name
        .into_iter()
        .map(|(name, samples)| Bin { range: SliceRange::Name(name.to_owned()), samples })
        .collect();
    // Names of equal frequency stay in the order of the alphabet.
    bins.sort_by_key(|bin| std::cmp::Reverse(bin.samples.len()));
    let frequent = bins.iter().take(NAMES).take_while(|bin| bin.is_large_enough()).count();
    let others = bins.split_off(frequent);
    let range = SliceRange::Others(others.len());
    bins.push(Bin { range, samples: others.into_iter().flat_map(|bin| bin.samples).collect() });
    bins.retain(Bin::is_large_enough);
    bins
}
