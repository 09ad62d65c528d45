//! Values as they are typed, and what help says of them.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use divvy::data::{CachePlace, Fold, LabelSeparator, MAX_SIDE};
use divvy::model::Views;
use divvy::nn::{Architecture, Isa, Precision};
use divvy::train::Length;

pub(super) fn side(text: &str) -> Result<usize, String> {
    whole(text, MAX_SIDE)
}

pub(super) fn classes(text: &str) -> Result<usize, String> {
    whole(text, 100_000)
}

pub(super) fn batch(text: &str) -> Result<usize, String> {
    whole(text, 4096)
}

/// Parts of a batch.
pub(super) fn parts(text: &str) -> Result<NonZeroUsize, String> {
    let number = whole(text, 4096)?;
    NonZeroUsize::new(number).ok_or_else(|| "give 1 or more".to_owned())
}

/// Epochs whose models are kept.
pub(super) fn epochs(text: &str) -> Result<usize, String> {
    whole(text, 1000)
}

pub(super) fn folds(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (Fold::LEAST..=Fold::MOST).contains(number));
    number.ok_or_else(|| format!("give a whole number from {} to {}", Fold::LEAST, Fold::MOST))
}

/// A seed that a file of settings can hold: TOML's whole numbers have a sign.
pub(super) fn seed(text: &str) -> Result<u64, String> {
    let number = text.parse::<i64>().ok().and_then(|number| u64::try_from(number).ok());
    number.ok_or_else(|| format!("give a whole number from 0 to {}", i64::MAX))
}

/// Rows or columns of a sheet.
pub(super) fn count(text: &str) -> Result<usize, String> {
    whole(text, 32)
}

fn whole(text: &str, most: usize) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| format!("give a whole number from 1 to {most}"))
}

pub(super) fn probability(text: &str) -> Result<f32, String> {
    let number = text.parse().ok().filter(|number| (0.0..=1.0).contains(number));
    number.ok_or_else(|| "give a number from 0 to 1, such as 0.8".to_owned())
}

pub(super) fn minutes(text: &str) -> Result<f64, String> {
    let number = above_zero(text).ok().filter(|number| *number <= Length::MAX_MINUTES);
    number.ok_or_else(|| format!("give a number above 0 and at most {} (a year)", Length::MAX_MINUTES))
}

/// A time, which can be none.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    const DAY: f64 = 86_400.0;
    let number = text.parse().ok().filter(|number: &f64| (0.0..=DAY).contains(number));
    number
        .map(Duration::from_secs_f64)
        .ok_or_else(|| format!("give a number of seconds from 0 to {DAY} (a day)"))
}

pub(super) fn above_zero(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| *number > 0.0 && number.is_finite());
    number.ok_or_else(|| "give a number above 0".to_owned())
}

pub(super) fn at_least_zero(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| *number >= 0.0 && number.is_finite());
    number.ok_or_else(|| "give 0 or more".to_owned())
}

pub(super) fn share(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| (0.0..1.0).contains(number));
    number.ok_or_else(|| "give a number from 0 to below 1".to_owned())
}

/// A share of what is divided into it and a rest.
pub(super) fn part(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| 0.0 < *number && *number < 1.0);
    number.ok_or_else(|| "give a number above 0 and below 1".to_owned())
}

/// A group and its share; the group's name may hold an `=`.
pub(super) fn group_share(text: &str) -> Result<(String, f64), String> {
    let stated = text.rsplit_once('=').filter(|(group, _)| !group.is_empty());
    let (group, number) = stated.ok_or("give a group and its share, such as spotted=0.01")?;
    let share = part(number.trim()).map_err(|_| "give a share above 0 and below 1, such as spotted=0.01")?;
    Ok((group.to_owned(), share))
}

pub(super) fn views(text: &str) -> Result<Views, String> {
    let known = [Views::Single, Views::Mirrored];
    known.into_iter().find(|views| views.name() == text).ok_or_else(|| "give single or mirrored".to_owned())
}

pub(super) fn patience(text: &str) -> Result<NonZeroU32, String> {
    text.parse().map_err(|_| "give a number of epochs, 1 or more".to_owned())
}

/// What can be given as a network, for help.
pub(super) fn networks(start: &str) -> String {
    format!("{start}: {}, a TOML file of layers", Architecture::NAMES.join(", "))
}

/// Where decoded pictures are kept.
pub(super) fn cache_place(text: &str) -> Result<CachePlace, String> {
    let known = CachePlace::ALL.into_iter().find(|place| place.name() == text);
    known.ok_or_else(|| "give auto, none, memory or disk".to_owned())
}

/// The numbers that a network computes with.
pub(super) fn precision(text: &str) -> Result<Precision, String> {
    let known = Precision::ALL.into_iter().find(|precision| precision.name() == text);
    known.ok_or_else(|| "give f32, bf16 or f16".to_owned())
}

/// An instruction set that this machine has.
pub(super) fn isa(name: &str) -> Result<Isa, String> {
    let present = || Isa::present().into_iter().map(Isa::name).collect::<Vec<_>>().join(", ");
    Isa::by_name(name).ok_or_else(|| format!("this machine has {}", present()))
}

/// What separates the labels in a cell of a CSV.
pub(super) fn label_separator(text: &str) -> Result<LabelSeparator, String> {
    let known = LabelSeparator::ALL.into_iter().find(|separator| separator.name() == text);
    known.ok_or_else(|| "give space, comma, semicolon, pipe or none".to_owned())
}
