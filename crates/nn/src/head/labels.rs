//! Labels as an array of numbers, as numerical libraries have them.

use std::collections::BTreeSet;

use divvy_rules::{Diagnostic, Rule};

use super::rules::finding;
use super::{Encoding, Head, Target};

/// Labels as an array: `[pictures]` or `[pictures, 1]` with a number a picture, or `[pictures, classes]` with a row of 0 and 1
/// a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LabelArray<'a> {
    shape: &'a [usize],
    values: &'a [f32],
}

/// What a head is trained on.
#[derive(Debug, Clone, PartialEq)]
pub struct Targets {
    /// `[pictures, units]`.
    pub values: Vec<f32>,
    /// How the labels were read, where they were not what the head is trained on already.
    pub conversion: Option<String>,
}

impl<'a> LabelArray<'a> {
    /// Values in the order of their last axis.
    ///
    /// # Errors
    /// Y03 when there are more or fewer values than the shape says, or the shape has no axis or more than two.
    pub fn new(shape: &'a [usize], values: &'a [f32]) -> Result<Self, Diagnostic> {
        let len = shape.iter().try_fold(1_usize, |product, &size| product.checked_mul(size));
        let has_columns = shape.get(1) != Some(&0);
        if !(1..=2).contains(&shape.len()) || !has_columns || len != Some(values.len()) {
            return Err(shape_fault(
                &format!("labels of shape {shape:?} with {} values", values.len()),
                "nothing says which value belongs to which picture",
            ));
        }
        Ok(Self { shape, values })
    }

    /// How many pictures it is about.
    fn pictures(&self) -> usize {
        self.shape[0]
    }

    /// The values of each picture.
    fn columns(&self) -> usize {
        self.shape.get(1).copied().unwrap_or(1)
    }
}

impl Head {
    /// The targets of `pictures` pictures.
    ///
    /// What can mean only one thing is converted, and [`Targets::conversion`] says how: 1 to k counts from one, -1 and 1 are two
    /// classes, a one-hot row is an index and the other way round.
    ///
    /// # Errors
    /// Y01 for values out of range, Y02 for rows of another length than there are classes, Y03 where there is not a label for each picture, H03
    /// when a head for exclusive classes is given none or several. The place names the row, from 0.
    pub fn targets(&self, labels: LabelArray<'_>, pictures: usize) -> Result<Targets, Diagnostic> {
        if labels.pictures() != pictures {
            return Err(shape_fault(
                &format!("{} labels for {pictures} pictures", labels.pictures()),
                "arrays of other lengths are broadcast against each other: each label with each output, whose mean \
                 loss means nothing",
            ));
        }
        if labels.columns() == 1 && self.encoding() != Encoding::MultiHot {
            self.targets_of_numbers(labels)
        } else {
            self.targets_of_rows(labels)
        }
    }

    /// A number a picture.
    fn targets_of_numbers(&self, labels: LabelArray<'_>) -> Result<Targets, Diagnostic> {
        let (map, mut conversion) = self.numbering(labels.values)?;
        if self.encoding() == Encoding::OneHot && conversion.is_none() {
            conversion = Some(format!("class indices became one-hot rows of {}", self.units()));
        }
        let mut values = vec![0.0; labels.values.len() * self.units()];
        for (row, (&value, written)) in
            labels.values.iter().zip(values.chunks_exact_mut(self.units())).enumerate()
        {
            let number = map.apply(value);
            let target = match self.encoding() {
                Encoding::OneHot if number >= 0.0 && number.fract() == 0.0 => Target::Index(number as usize),
                _ => Target::Number(number),
            };
            self.encode(&target, written).map_err(|finding| finding.at(format!("label {row}")))?;
        }
        Ok(Targets { values, conversion })
    }

    /// How the classes are numbered: looked at as a whole, since a single 1 says nothing.
    fn numbering(&self, values: &[f32]) -> Result<(Numbering, Option<String>), Diagnostic> {
        let distinct: BTreeSet<_> = values.iter().map(|&value| Ordered(value)).collect();
        let classes = self.classes();
        let (Some(low), Some(high)) = (distinct.first(), distinct.last()) else {
            return Ok((Numbering::FromZero, None));
        };
        let is_whole = distinct.iter().all(|value| value.0.fract() == 0.0);
        if low.0 == -1.0 && high.0 == 1.0 && distinct.len() == 2 && classes == 2 {
            let said = "labels -1 and 1 became 0 and 1: (n + 1) / 2".to_owned();
            return Ok((Numbering::MinusOneAndOne, Some(said)));
        }
        if is_whole && low.0 >= 1.0 && high.0 == classes as f32 {
            let said = format!("labels 1 to {classes} became 0 to {}: n - 1", classes - 1);
            return Ok((Numbering::FromOne, Some(said)));
        }
        let fits = is_whole && low.0 >= 0.0 && high.0 < classes as f32;
        if fits || self.encoding() == Encoding::Number {
            return Ok((Numbering::FromZero, None));
        }
        Err(finding(
            Rule::Y01,
            format!("labels from {} to {} where there are {classes} classes", low.0, high.0),
            "a label that no output stands for cannot be learnt, and its cross-entropy can be below 0",
            format!("number the classes 0 to {}, or 1 to {classes}", classes - 1),
        )
        .at("the labels"))
    }

    /// A row a picture.
    fn targets_of_rows(&self, labels: LabelArray<'_>) -> Result<Targets, Diagnostic> {
        let columns = labels.columns();
        if columns == labels.pictures() && columns != self.classes() {
            return Err(shape_fault(
                &format!("labels of shape {:?}", labels.shape),
                "a label for each pair of pictures is what broadcasting [n] against [n, 1] makes",
            ));
        }
        let mut values = vec![0.0; labels.pictures() * self.units()];
        let rows = labels.values.chunks_exact(columns.max(1));
        for (row, (hot, written)) in rows.zip(values.chunks_exact_mut(self.units())).enumerate() {
            self.encode_row(hot, written)
                .map_err(|finding| finding.at(format!("row {row} of the labels")))?;
        }
        let became = match self.encoding() {
            Encoding::ZeroOne => Some("0 and 1 for the one unit"),
            Encoding::Number => Some("the numbers 0 and 1"),
            Encoding::OneHot | Encoding::MultiHot => None,
        };
        let conversion = became.map(|became| format!("one-hot rows of {columns} became {became}"));
        Ok(Targets { values, conversion })
    }

    /// A row of 0 and 1. Where the head gives a number, that of the class.
    fn encode_row(&self, hot: &[f32], written: &mut [f32]) -> Result<(), Diagnostic> {
        match self.encoding() {
            Encoding::Number => self.class(&Target::Hot(hot)).map(|class| written[0] = class as f32),
            Encoding::ZeroOne | Encoding::OneHot | Encoding::MultiHot => {
                self.encode(&Target::Hot(hot), written)
            }
        }
    }
}

/// How the numbers of classes are to be read.
#[derive(Clone, Copy)]
enum Numbering {
    FromZero,
    FromOne,
    MinusOneAndOne,
}

impl Numbering {
    fn apply(self, value: f32) -> f32 {
        match self {
            Self::FromZero => value,
            Self::FromOne => value - 1.0,
            Self::MinusOneAndOne => f32::midpoint(value, 1.0),
        }
    }
}

/// A float in the order that puts NaN last, so that it is noticed.
struct Ordered(f32);

impl PartialEq for Ordered {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // 0 and -0 are one label.
        (self.0 + 0.0).total_cmp(&(other.0 + 0.0))
    }
}

fn shape_fault(what: &str, why: &str) -> Diagnostic {
    finding(Rule::Y03, what, why, "give labels of shape [n], [n, 1] or [n, classes] for n pictures")
        .at("the labels")
}
