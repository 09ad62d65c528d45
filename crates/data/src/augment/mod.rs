//! Random changes to training pictures that leave their class what it is.
//!
//! ```text
//! settings ──▶ Change ──▶ move ──▶ curves ──▶ colours ──▶ sharpness, blur ──▶ noise ──▶ scaling ──▶ erasing
//! preset,      drawn for  one      a table    one         neighbours                     f32 for
//! TOML         a picture  resample each       matrix                                     the network
//! ```
//!
//! Whatever moves pixels is one map and one resampling, whatever changes colours one matrix. Pictures of a batch are mixed
//! afterwards. All that is random hangs on (seed, epoch, picture), or for mixtures on (seed, epoch, batch). Mirroring comes by turns ([`Turn`]).

mod affine;
mod augmenter;
mod change;
mod choice;
mod colour;
mod curve;
mod filter;
mod framing;
mod hazard;
mod mix;
mod policy;
mod settings;
#[cfg(test)]
mod tests;
mod turn;
mod warp;

pub(crate) use augmenter::Augmenter;
pub use choice::{AugmentChoice, AugmentError};
pub(crate) use hazard::{mirror_hazard, upside_down_hazard, words};
pub use policy::Policy;
pub use settings::{Augment, Blur, Crop, Erase, Mix, OutOfRange, Preset};
pub(crate) use turn::Turn;
