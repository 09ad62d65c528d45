//! Several models that answer together.

use divvy_data::{Preprocess, Scaling};
use divvy_nn::{Graph, Head, ParameterTable};

use crate::{Model, Weights};

/// Several models that answer together: with the mean of their probabilities, or of their numbers where the head gives none
/// (Lakshminarayanan, Pritzel, Blundell 2017). It costs as much memory and time as all of them.
///
/// They know the same classes in the same order, have the same head, and see pictures of the same size, fitted alike; scaling, network and weights are each
/// one's own. There are two at the least.
#[derive(Clone, Debug)]
pub struct Ensemble {
    members: Vec<Model>,
    preprocess: Preprocess,
}

impl Ensemble {
    /// The most members.
    pub const MOST: usize = 64;

    /// The most parameters of all members together, so that a file can hold them.
    pub const MAX_PARAMETERS: usize = Graph::MAX_PARAMETERS;

    /// Joins models.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub fn new(members: Vec<Model>) -> Result<Self, String> {
        if !(2..=Self::MOST).contains(&members.len()) {
            return Err(format!(
                "{} models do not answer together; it takes 2 to {}",
                members.len(),
                Self::MOST
            ));
        }
        let parameters: usize =
            members.iter().map(|member| ParameterTable::new(member.network.graph()).values_len()).sum();
        if parameters > Self::MAX_PARAMETERS {
            return Err(format!(
                "together the models have {parameters} parameters, more than {}",
                Self::MAX_PARAMETERS
            ));
        }
        let preprocess = unscaled(&members[0].preprocess);
        for (number, member) in (1..).zip(&members) {
            let is_other = |what: &str| Err(format!("{what} of model {number} is not that of the first"));
            if matches!(member.weights, Weights::Int8(_)) {
                return Err(format!("model {number} is in 8 bits, and only models in f32 answer together"));
            }
            if member.classes != members[0].classes {
                return is_other("the list of classes");
            }
            if member.network.head() != members[0].network.head() {
                return is_other("the head");
            }
            if unscaled(&member.preprocess) != preprocess {
                return is_other("the preparation of pictures");
            }
        }
        Ok(Self { members, preprocess })
    }

    /// The models, two at the least.
    pub fn members(&self) -> &[Model] {
        &self.members
    }

    pub(crate) fn into_members(self) -> Vec<Model> {
        self.members
    }
}

/// How pictures are prepared for all members: to 0..1, from which each scales them in its own way.
fn unscaled(preprocess: &Preprocess) -> Preprocess {
    let unit = Scaling::unit(preprocess.channels());
    preprocess.clone().with_scaling(unit).expect("the scaling is made for these channels")
}

/// What a model file holds: one model, or several that answer together.
#[derive(Clone, Debug)]
pub enum Trained {
    /// One model.
    One(Box<Model>),
    /// Several.
    Several(Ensemble),
}

impl Trained {
    /// The models: one, or those that answer together.
    pub fn members(&self) -> &[Model] {
        match self {
            Self::One(model) => std::slice::from_ref(model),
            Self::Several(ensemble) => &ensemble.members,
        }
    }

    /// The names of the groups or labels, as [`Model::classes`].
    pub fn classes(&self) -> &[String] {
        &self.members()[0].classes
    }

    /// The last layer, which all members have.
    pub fn head(&self) -> &Head {
        self.members()[0].network.head()
    }

    /// How pictures are prepared before they are handed over. For several models that is without the scaling, to 0..1: each has its own.
    pub fn preprocess(&self) -> &Preprocess {
        match self {
            Self::One(model) => &model.preprocess,
            Self::Several(ensemble) => &ensemble.preprocess,
        }
    }
}

impl From<Model> for Trained {
    fn from(model: Model) -> Self {
        Self::One(Box::new(model))
    }
}

impl From<Ensemble> for Trained {
    fn from(ensemble: Ensemble) -> Self {
        Self::Several(ensemble)
    }
}
