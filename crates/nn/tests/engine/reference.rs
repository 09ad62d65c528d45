//! The files of `tests/reference`.

use std::collections::BTreeMap;

use divvy_nn::Tensor;
use safetensors::Dtype;
use safetensors::tensor::{SafeTensors, TensorView};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A file of cases, each with a description in divvy's own JSON and tensors.
pub(crate) struct Reference {
    cases: BTreeMap<String, Value>,
    tensors: SafeTensors<'static>,
}

/// One case of a [`Reference`].
#[derive(Clone, Copy)]
pub(crate) struct Case<'a> {
    pub(crate) name: &'a str,
    description: &'a Value,
    tensors: &'a SafeTensors<'static>,
}

impl Reference {
    pub(crate) fn read(file: &'static [u8]) -> Self {
        let (_, header) = SafeTensors::read_metadata(file).expect("the file is as make.py writes it");
        let cases = &header.metadata().as_ref().expect("the file has metadata")["cases"];
        let tensors = SafeTensors::deserialize(file).expect("the header was read before");
        Self { cases: serde_json::from_str(cases).expect("the cases are JSON"), tensors }
    }

    pub(crate) fn cases(&self) -> impl Iterator<Item = Case<'_>> {
        self.cases.iter().map(|(name, description)| Case { name, description, tensors: &self.tensors })
    }

    pub(crate) fn case(&self, name: &str) -> Case<'_> {
        self.cases().find(|case| case.name == name).unwrap_or_else(|| panic!("no case {name}"))
    }

    /// The cases whose names start with a word.
    pub(crate) fn cases_of(&self, start: &str) -> impl Iterator<Item = Case<'_>> {
        self.cases().filter(move |case| case.name.starts_with(start))
    }
}

impl Case<'_> {
    /// What the case is about: a network, an optimizer, a schedule.
    pub(crate) fn description<T: DeserializeOwned>(&self) -> T {
        T::deserialize(self.description).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    pub(crate) fn f32(&self, key: &str) -> Vec<f32> {
        numbers(&self.view(key), f32::from_le_bytes, Dtype::F32)
    }

    pub(crate) fn f64(&self, key: &str) -> Vec<f64> {
        numbers(&self.view(key), f64::from_le_bytes, Dtype::F64)
    }

    /// The parameters in a folder of the case (`before`, `gradient`, `after`), by full name.
    pub(crate) fn folder(&self, folder: &str) -> Vec<Tensor> {
        let start = format!("{}: {folder}/", self.name);
        let mut tensors: Vec<Tensor> = self
            .tensors
            .iter()
            .filter_map(|(key, view)| {
                let name = key.strip_prefix(&start)?.to_owned();
                let values = numbers(&view, f32::from_le_bytes, Dtype::F32);
                Some(Tensor { name, shape: view.shape().to_vec(), values })
            })
            .collect();
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        tensors
    }

    fn view(&self, key: &str) -> TensorView<'_> {
        self.tensors.tensor(&format!("{}: {key}", self.name)).unwrap_or_else(|error| panic!("{error}"))
    }
}

fn numbers<T, const SIZE: usize>(view: &TensorView<'_>, read: fn([u8; SIZE]) -> T, dtype: Dtype) -> Vec<T> {
    assert_eq!(view.dtype(), dtype);
    let (numbers, rest) = view.data().as_chunks();
    assert!(rest.is_empty());
    numbers.iter().copied().map(read).collect()
}
