//! What a classifier's answer hangs on: maps of where in a picture it has found what it says.

use divvy_nn::{OutOfMemory, check_free};
use thiserror::Error;

use crate::classifier::largest_batch;
use crate::{Classifier, Familiarity, Heatmap, Prediction};

/// Why a classifier cannot be looked into.
#[derive(Clone, Copy, PartialEq, Debug, Error)]
pub enum ExplainError {
    /// A model in 8 bits has no gradients.
    #[error(
        "a model in 8 bits cannot be looked into; take the model in f32 that `divvy quantize` made it of, which answers alike"
    )]
    Int8,
    /// A network without a map of features.
    #[error(
        "this network has no map of its picture, as its first layers see all pixels at once; cover parts of the picture instead, or train a network \
         of convolutions, such as --arch classic"
    )]
    NoMap,
    /// The machine has no room for even one picture.
    #[error(
        "there is no room to explain a picture: {0}; end other programs, or train a model for a smaller --size"
    )]
    Memory(#[from] OutOfMemory),
}

impl Classifier {
    /// Where in prepared pictures, `[pictures, height, width, channels]`, the classifier has found what speaks for a group, by its number;
    /// without `groups` for the one that each picture is most likely of. A map for each picture, on the grid of the network's last map:
    /// Grad-CAM (Selvaraju et al., 2017), 0 where nothing speaks for the group. Several models give the mean of theirs, and so do both sides of
    /// a picture that is looked at from two.
    ///
    /// # Errors
    /// [`ExplainError`] for a model in 8 bits, for a network without such a map, and where there is no memory.
    ///
    /// # Panics
    /// When `images` is not a whole number of pictures, or there is not a group for each that the classifier knows.
    pub fn explain(
        &mut self,
        images: &[f32],
        groups: Option<&[usize]>,
    ) -> Result<Vec<Heatmap>, ExplainError> {
        let len = self.preprocess().image_len();
        let groups = match groups {
            Some(groups) => groups.to_vec(),
            None => self.classify(images).iter().map(Prediction::most_likely).collect(),
        };
        assert_eq!(images.len(), groups.len() * len, "a group for each picture");
        let batch = self.batch_to_look_into()?;
        let mut maps = Vec::with_capacity(groups.len());
        for (images, groups) in images.chunks(batch * len).zip(groups.chunks(batch)) {
            maps.extend(self.explain_batch(images, groups)?);
        }
        Ok(maps)
    }

    fn explain_batch(&mut self, images: &[f32], groups: &[usize]) -> Result<Vec<Heatmap>, ExplainError> {
        let shape = self.preprocess().shape();
        let of_members = self.members.iter_mut().map(|member| member.explain(images, shape, groups));
        let of_members = of_members.collect::<Result<Vec<_>, _>>()?;
        let mean =
            |picture: usize| Heatmap::mean(&of_members.iter().map(|maps| &maps[picture]).collect::<Vec<_>>());
        Ok((0..groups.len()).map(mean).collect())
    }

    /// What the network's last layer decides by, `[pictures, features]`: the numbers that it is given for prepared pictures, or the mean of
    /// them over the pixels where they are a map. Of several models it is the first that is asked.
    ///
    /// # Errors
    /// [`ExplainError::Memory`].
    ///
    /// # Panics
    /// When `images` is not a whole number of pictures.
    pub fn features(&mut self, images: &[f32]) -> Result<Vec<f32>, ExplainError> {
        let shape = self.shape_of_whole(images);
        self.members[0].features(images, shape)
    }

    /// How often a picture like the training pictures looks at least as unlike them as each of these prepared pictures does:
    /// [`Familiarity::p_value`], or of several models [`Familiarity::joint_p_value`] over those that know their training pictures. None where none does.
    ///
    /// # Errors
    /// [`ExplainError::Memory`].
    ///
    /// # Panics
    /// When `images` is not a whole number of pictures.
    pub fn p_values(&mut self, images: &[f32]) -> Result<Option<Vec<f64>>, ExplainError> {
        let shape = self.shape_of_whole(images);
        let of_members = self.members.iter_mut().map(|member| member.p_values(images, shape));
        let of_members = of_members.collect::<Result<Vec<_>, _>>()?;
        let known: Vec<Vec<f64>> = of_members.into_iter().flatten().collect();
        let of_picture = |picture: usize| {
            Familiarity::joint_p_value(&known.iter().map(|p_values| p_values[picture]).collect::<Vec<_>>())
        };
        let pictures = images.len() / self.preprocess().image_len();
        Ok(if known.is_empty() { None } else { (0..pictures).map(of_picture).collect() })
    }

    /// The shape of a picture, of which `images` are a whole number.
    fn shape_of_whole(&self, images: &[f32]) -> [usize; 3] {
        let len = self.preprocess().image_len();
        assert!(images.len().is_multiple_of(len), "{} numbers are not pictures of {len}", images.len());
        self.preprocess().shape()
    }

    /// The most pictures for whose maps this machine has memory.
    fn batch_to_look_into(&self) -> Result<usize, ExplainError> {
        largest_batch(|batch| {
            let needed = self.members.iter().map(|member| member.memory_to_explain(batch));
            check_free(needed.sum::<Result<u64, ExplainError>>()?, batch).map_err(ExplainError::from)
        })
    }
}
