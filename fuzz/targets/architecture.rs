//! Any text as a TOML file of layers.

#![no_main]

use divvy_nn::Architecture;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = Architecture::from_toml(text, "fuzz.toml");
});
