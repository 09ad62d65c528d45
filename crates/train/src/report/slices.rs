//! Pictures that have something in common beside their group, and whether they are got wrong more often.

use std::path::{Component, Path};

use divvy_data::Attributes;
use divvy_eval::{Attribute, AttributeValues, Slice, Slices};

use super::asked::Asked;
use crate::error::TrainError;

/// How often each kind of picture is `right`, beside all others.
pub(super) fn of(asked: &Asked, right: &[bool]) -> Result<Vec<Slice>, TrainError> {
    let attributes = asked.attributes.iter();
    let numbers = |of: fn(&Attributes) -> Option<f64>| -> Vec<f64> {
        attributes.clone().map(|known| of(known).unwrap_or(f64::NAN)).collect()
    };
    let by_number: [(&str, Vec<f64>); 4] = [
        ("shorter side", numbers(|known| Some(known.width.min(known.height) as f64))),
        ("bytes", numbers(|known| known.bytes.map(|bytes| bytes as f64))),
        ("light", numbers(|known| Some(f64::from(known.light)))),
        ("sharpness", numbers(|known| known.sharpness.map(f64::from))),
    ];
    let format = |known: &Attributes| known.format.unwrap_or("none").to_owned();
    let by_name: [(&str, Vec<String>); 2] = [
        ("format", attributes.clone().map(format).collect()),
        ("folder", (0..right.len()).map(|picture| folder(asked, picture)).collect()),
    ];
    let by_number = by_number
        .iter()
        .filter(|(_, values)| values.iter().any(|value| value.is_finite()))
        .map(|(name, values)| Attribute { name, values: AttributeValues::Numbers(values) });
    let by_name =
        by_name.iter().map(|(name, values)| Attribute { name, values: AttributeValues::Names(values) });
    Ok(Slices::new(right, &by_number.chain(by_name).collect::<Vec<_>>())?.slices)
}

/// The folder that a picture lies in, below the data; without what only tells its group.
fn folder(asked: &Asked, picture: usize) -> String {
    let name = asked.dataset.sample_name(asked.samples[picture]);
    let is_group = |part: &str| asked.truth(picture).iter().any(|&class| asked.classes()[class] == part);
    let parts = Path::new(&*name).parent().into_iter().flat_map(Path::components);
    let named = parts.filter_map(|part| match part {
        Component::Normal(part) => Some(part.to_string_lossy().into_owned()),
        _ => None,
    });
    named.filter(|part| !is_group(part)).collect::<Vec<_>>().join("/")
}
