//! The numbers of a model file.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use divvy_nn::{Network, Numbers, ParameterTable, Parameters, Quantized, QuantizedValues, Tensor};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, View};

use crate::familiarity::FamiliarityRecord;
use crate::{Familiarity, Model, ModelError, Weights};

/// The tensors of a file, or of one of its models, by name.
pub(super) struct Tensors<'a>(BTreeMap<String, TensorView<'a>>);

impl<'a> Tensors<'a> {
    pub(super) fn of(bytes: &'a [u8], path: &Path) -> Result<Self, ModelError> {
        let file = SafeTensors::deserialize(bytes).map_err(|error| ModelError::damaged(path, &error))?;
        Ok(Self(file.iter().map(|(name, view)| (name.to_owned(), view)).collect()))
    }

    /// Takes out those of one of several models, by its number from 1.
    pub(super) fn take_member(&mut self, number: usize) -> Self {
        let begin = member_prefix(number);
        let of_member = self.0.extract_if(.., |name, _| name.starts_with(&begin));
        Self(of_member.map(|(name, view)| (name[begin.len()..].to_owned(), view)).collect())
    }

    /// Takes out those that tell what the training pictures look like: no parameter of a layer has such names.
    pub(super) fn take_familiarity(&mut self, path: &Path) -> Result<Familiarity, ModelError> {
        let mut take = |part: &str| {
            let name = format!("{FAMILIARITY}{part}");
            let view = self.0.remove(&name).filter(|view| view.dtype() == Dtype::F32);
            let missing = || ModelError::damaged(path, &format!("'{name}' is missing, or does not hold f32"));
            view.map(|view| numbers(view.data())).ok_or_else(missing)
        };
        let record = FamiliarityRecord {
            centre: take("centre")?,
            whitening: take("whitening")?,
            means: take("means")?,
            reference: take("reference")?,
        };
        Familiarity::try_from(record).map_err(|reason| ModelError::damaged(path, &reason))
    }

    /// The name of a tensor that nothing has taken.
    pub(super) fn left(&self) -> Option<&str> {
        self.0.keys().next().map(String::as_str)
    }

    /// The numbers as the parameters of a table, in the order of their names, so that what does not fit is told the same each time.
    pub(super) fn parameters(self, table: ParameterTable, path: &Path) -> Result<Parameters, ModelError> {
        let tensors = self.0.into_iter().map(|(name, view)| match view.dtype() {
            Dtype::F32 => Ok(Tensor { name, shape: view.shape().to_vec(), values: numbers(view.data()) }),
            other => {
                Err(ModelError::damaged(path, &format!("'{name}' holds {other:?} where f32 is expected")))
            }
        });
        let tensors = tensors.collect::<Result<Vec<_>, _>>()?;
        Parameters::from_tensors(Arc::new(table), tensors)
            .map_err(|source| ModelError::Weights { path: path.to_owned(), source })
    }

    /// The numbers as a network in 8 bits.
    pub(super) fn quantized(self, network: Network, path: &Path) -> Result<Quantized, ModelError> {
        let tensors = self.0.into_iter().map(|(name, view)| {
            let numbers = match view.dtype() {
                Dtype::F32 => Numbers::F32(numbers(view.data())),
                Dtype::I8 => Numbers::I8(view.data().iter().map(|byte| byte.cast_signed()).collect()),
                other => {
                    let found = format!("'{name}' holds {other:?} where i8 or f32 is expected");
                    return Err(ModelError::damaged(path, &found));
                }
            };
            Ok((name, QuantizedValues { shape: view.shape().to_vec(), numbers }))
        });
        let tensors = tensors.collect::<Result<BTreeMap<_, _>, _>>()?;
        Quantized::new(network, tensors)
            .map_err(|source| ModelError::Quantized { path: path.to_owned(), source: Box::new(source) })
    }
}

/// How the names of the tensors of one of several models begin, by its number from 1.
pub(super) fn member_prefix(number: usize) -> String {
    format!("{number}/")
}

fn numbers(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect()
}

/// How the names of the tensors begin that tell what the training pictures look like.
const FAMILIARITY: &str = "familiarity/";

/// A tensor as safetensors takes it: little-endian numbers.
pub(super) struct Stored(QuantizedValues);

impl Stored {
    /// The tensors of a model, by names that begin so.
    pub(super) fn all<'a>(model: &'a Model, begin: &'a str) -> impl Iterator<Item = (String, Self)> + 'a {
        let familiarity = model.familiarity().into_iter().flat_map(Self::of_familiarity);
        let familiarity = familiarity.map(move |(name, stored)| (format!("{begin}{name}"), stored));
        Self::of_weights(model.weights(), begin).chain(familiarity)
    }

    fn of_familiarity(familiarity: &Familiarity) -> [(String, Self); 4] {
        let width = familiarity.width();
        let FamiliarityRecord { centre, whitening, means, reference } = familiarity.clone().into();
        let stored = |part: &str, shape: Vec<usize>, values: Vec<f32>| {
            (format!("{FAMILIARITY}{part}"), Self(QuantizedValues { shape, numbers: Numbers::F32(values) }))
        };
        [
            stored("centre", vec![width], centre),
            stored("whitening", vec![whitening.len()], whitening),
            stored("means", vec![means.len() / width, width], means),
            stored("reference", vec![reference.len()], reference),
        ]
    }

    fn of_weights<'a>(weights: &'a Weights, begin: &'a str) -> Box<dyn Iterator<Item = (String, Self)> + 'a> {
        match weights {
            Weights::F32(parameters) => Box::new(parameters.tensors().map(move |tensor| {
                let Tensor { name, shape, values } = tensor;
                (format!("{begin}{name}"), Self(QuantizedValues { shape, numbers: Numbers::F32(values) }))
            })),
            Weights::Int8(quantized) => {
                let tensors = quantized.tensors().iter();
                Box::new(tensors.map(move |(name, values)| (format!("{begin}{name}"), Self(values.clone()))))
            }
        }
    }
}

impl View for Stored {
    fn dtype(&self) -> Dtype {
        match self.0.numbers {
            Numbers::F32(_) => Dtype::F32,
            Numbers::I8(_) => Dtype::I8,
        }
    }

    fn shape(&self) -> &[usize] {
        &self.0.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        match &self.0.numbers {
            Numbers::F32(numbers) => {
                numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>().into()
            }
            Numbers::I8(numbers) => {
                numbers.iter().map(|number| number.cast_unsigned()).collect::<Vec<_>>().into()
            }
        }
    }

    fn data_len(&self) -> usize {
        match &self.0.numbers {
            Numbers::F32(numbers) => numbers.len() * size_of::<f32>(),
            Numbers::I8(numbers) => numbers.len(),
        }
    }
}
