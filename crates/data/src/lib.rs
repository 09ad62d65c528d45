//! Files to datasets to batches.
//!
//! ```text
//! files ──▶ Dataset ──▶ Split ──▶ ImageStore ──▶ Loader ──▶ Batch
//!           what is     who is    decoded once,   shuffled,   f32 pixels
//!           there       used      u8 at the       augmented,  and the samples
//!           for what    for what  target size     prefetched  they are of
//! ```
//!
//! - [`Dataset`] is what a path holds: classes by name, samples with their labels, the parts (training, validation,
//!   test) that it comes in, and what was left out and why. Opening one reads names, never pixels (but for arrays, as
//!   idx files hold). It prints as a table.
//! - [`Split`] says which samples train and which validate. Where the dataset brings no validation part, one is drawn:
//!   stratified, and the same for the same seed. It is written to a CSV and read back.
//! - [`Preprocess`] is the one recipe from an image file to numbers: decode, turn upright, fit to the size, scale. It is
//!   stored in the model file, so that prediction does exactly what training did.
//! - [`ImageStore`] decodes every sample once, in parallel, into bytes at the target size, and says which files
//!   could not be read.
//! - [`Loader`] gives the batches of an epoch, prepared ahead of time by worker threads. The batches are the same bits for
//!   any number of threads, because all that is random hangs on (seed, epoch, sample) alone.
//!
//! [`check`] holds the rules that are decided on data: names, parts, and, by a [`Survey`], copies, files and pictures.
//!
//! Outside training, [`find_images`] lists the pictures under a path and [`stream_images`] decodes them in order.
//!
//! Every error names the file, what was found there and what to do. Sizes are checked against [`Limits`] before
//! memory is taken, so that neither a damaged nor a hostile file can exhaust it.
//!
//! ```
//! use divvy_data::{Augment, Channels, Dataset, ImageStore, Loader, OpenOptions, Preprocess, Split, StoreOptions};
//! use std::sync::Arc;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let photos = folder.path();
//! # for group in ["cats", "dogs"] {
//! #     std::fs::create_dir(photos.join(group))?;
//! #     for i in 0..5u8 {
//! #         image::RgbImage::from_pixel(20, 12, image::Rgb([40 * i, 90, 9])).save(photos.join(group).join(format!("{i}.png")))?;
//! #     }
//! # }
//! let dataset = Arc::new(Dataset::open(photos, &OpenOptions::default())?);
//! dataset.require_trainable()?;
//! let split = Split::new(&dataset, 0.2, 0)?;
//!
//! let recipe = Preprocess::new(64, 64, Channels::Rgb)?;
//! let store = ImageStore::load(&dataset, &recipe, &split.used(), &StoreOptions::default())?;
//! let split = split.without(&store.unreadable_samples(), &dataset)?;
//! let recipe = recipe.with_scaling(store.measure_scaling(&split.train))?;
//!
//! let store = Arc::new(store);
//! let augment = Augment::light().suited_to(&dataset);
//! let loader = Loader::for_training(&store, &split.train, recipe.scaling(), 4, 0, augment);
//! for batch in loader.epoch(0) {
//!     let batch = batch?;
//!     assert_eq!(batch.images().len(), batch.samples().len() * 64 * 64 * 3);
//! }
//! # Ok(())
//! # }
//! ```

mod augment;
mod cache;
pub mod check;
mod crew;
mod dataset;
mod decode;
mod error;
mod evenly;
mod files;
mod fingerprint;
mod loader;
mod natural;
mod order;
mod prefetch;
mod preprocess;
mod rng;
mod split;
mod store;
mod survey;
mod together;

pub use augment::{Augment, AugmentChoice, AugmentError, Blur, Crop, Erase, Mix, OutOfRange, Policy, Preset};
pub use cache::{CacheOptions, CachePlace};
pub use dataset::{
    Column, Correction, Corrections, Dataset, LABEL_SEPARATOR, Label, LabelKind, LabelSeparator, Layout,
    OpenOptions, Part, Sample, Series, Source, Stored, TableOptions,
};
pub use decode::{Channels, ImageError, ImageFault, Limits, Pixels};
pub use error::{DataError, Skipped};
pub use evenly::evenly;
pub use files::{ImageListing, find_images, read_limited, read_text_limited, write_atomically};
pub use loader::{Batch, Epoch, Loader};
pub use natural::natural_cmp;
pub use preprocess::{Detail, Filter, Fit, MAX_SIDE, Preprocess, PreprocessError, Scaling};
pub use split::{Fold, Split};
pub use store::{ImageStore, ImageStream, Measuring, StoreOptions, Unreadable, stream_images};
pub use survey::{Attributes, Survey};
