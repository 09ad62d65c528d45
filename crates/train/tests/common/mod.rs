//! What tests of training share: small pictures made on the spot, and a network for them.

#![allow(dead_code, reason = "each test file uses some of it")]

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use divvy_train::{Length, TrainConfig};

/// A network that trains in a blink.
const LAYERS: &str = r#"
[[layer]]
type = "conv2d"
filters = 8
kernel = 3
padding = "same"
activation = "relu"

[[layer]]
type = "batch_norm"
momentum = 0.8

[[layer]]
type = "max_pool2d"
pool = 4

[[layer]]
type = "flatten"

[[layer]]
type = "dropout"
rate = 0.2
"#;

/// `count` grey pictures with a bright half: the upper or the lower one.
pub(crate) fn photos(root: &Path, count: usize) {
    for (group, upper) in [("upper", true), ("lower", false)] {
        fs::create_dir_all(root.join(group)).unwrap();
        for index in 0..count {
            let noise = |x: u32, y: u32| {
                (((x * 31 + y * 17 + index as u32 * 101).wrapping_mul(2_654_435_761)) >> 26) as u8
            };
            let picture = image::RgbImage::from_fn(16, 16, |x, y| {
                let light = if (y < 8) == upper { 150 } else { 60 };
                image::Rgb([light + noise(x, y), light + noise(y, x), light])
            });
            picture.save(root.join(group).join(format!("{index}.png"))).unwrap();
        }
    }
}

/// A folder with photos and a config for them.
pub(crate) fn setting(count: usize) -> (tempfile::TempDir, TrainConfig) {
    let folder = tempfile::tempdir().unwrap();
    photos(&folder.path().join("photos"), count);
    let layers = folder.path().join("net.toml");
    fs::write(&layers, LAYERS).unwrap();
    let config = TrainConfig {
        architecture: layers.display().to_string(),
        size: 16,
        batch: 8,
        length: Length::Epochs(4),
        learning_rate: 0.01,
        ..TrainConfig::new(folder.path().join("photos"))
    };
    (folder, config)
}

pub(crate) fn no_stop() -> AtomicBool {
    AtomicBool::new(false)
}
