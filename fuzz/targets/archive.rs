//! Any bytes as a zip, a tar or a packed tar.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    divvy_fuzz::open(&[("photos.zip", bytes)], Some("photos.zip"));
});
