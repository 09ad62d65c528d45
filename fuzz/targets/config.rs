//! Any text as a run's config.toml.

#![no_main]

use divvy_train::TrainConfig;
use libfuzzer_sys::fuzz_target;
use std::path::Path;

fuzz_target!(|text: &str| {
    // What was read can be written, and is read as the same again.
    if let Ok(config) = TrainConfig::from_toml(text, Path::new("config.toml")) {
        let written = toml::to_string(&config).expect("settings can be written");
        let again =
            TrainConfig::from_toml(&written, Path::new("config.toml")).expect("what was written can be read");
        assert_eq!(toml::to_string(&again).expect("settings can be written"), written);
    }
});
