//! Any bytes as a list of files and labels.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    divvy_fuzz::open(&[("labels.csv", bytes), ("1.jpg", b""), ("2.jpg", b""), ("3.jpg", b"")], None);
});
