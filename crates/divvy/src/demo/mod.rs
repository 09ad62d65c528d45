//! Pictures that the program makes for itself, to show what it does without anyone's photos.

mod background;
mod blade;
mod camera;
mod colour;
mod dice;
mod drops;
mod lesions;
mod light;
mod litter;
mod noise;
mod point;
pub(crate) mod render;
