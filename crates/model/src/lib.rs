//! The trained classifier as people hold it: graph, weights, head, classes and preprocessing in one file.
//!
//! [`Model`] is one network with its weights, an [`Ensemble`] several that answer together, [`Trained`] what a file holds: either of them. A [`Classifier`] is that on a device, ready to be asked. This is the one crate that
//! knows both pictures (divvy-data) and tensors (divvy-nn), and joins them: labels become [`targets`], pixels become
//! batches, logits become [`Prediction`]s.

mod calibration;
mod classifier;
mod convert;
mod ensemble;
mod error;
mod explain;
mod familiarity;
mod file;
mod heatmap;
mod member;
mod model;
mod occlusion;
mod prediction;
mod prior;
mod record;
pub mod targets;
mod views;

pub use calibration::Calibration;
pub use classifier::Classifier;
pub use convert::ConvertError;
pub use ensemble::{Ensemble, Trained};
pub use error::ModelError;
pub use explain::ExplainError;
pub use familiarity::{Familiarity, FamiliarityError};
pub use heatmap::Heatmap;
pub use model::{Model, Weights};
pub use prediction::Prediction;
pub use prior::Prior;
pub use record::{TrainingRecord, Validation};
pub use views::Views;

/// The name of the model file in a run's folder.
pub const MODEL_FILE: &str = "model.divvy";
