//! Any bytes as a JPEG file of which parts are taken.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if bytes.starts_with(b"\xff\xd8") {
        divvy_fuzz::crop(bytes);
    }
});
