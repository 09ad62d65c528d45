//! Any bytes as an image file, within limits.

#![no_main]

use divvy_data::{Channels, Preprocess};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let recipe = Preprocess::new(8, 8, Channels::Rgb).expect("the size is allowed");
    let _ = recipe.load_bytes(bytes, &divvy_fuzz::limits());
});
