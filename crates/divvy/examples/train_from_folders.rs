//! From folders of pictures to a model in a file, and from the file to answers.
//!
//! `cargo run --release --example train_from_folders -- PHOTOS RUN` uses your own; without them it makes some up.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::{env, fs, io};

use divvy::Cpu;
use divvy::data::find_images;
use divvy::model::{Classifier, Model};
use divvy::train::{Event, Length, TrainConfig, train};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let scratch = tempfile::tempdir()?;
    let given: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let (photos, run) = match given.as_slice() {
        [photos, run] => (photos.clone(), run.clone()),
        _ => (make_up(&scratch.path().join("photos"))?, scratch.path().join("run")),
    };

    // Every choice has a default; what differs from it is said here and kept in the run's config.toml.
    let config = TrainConfig { size: 32, length: Length::Epochs(8), ..TrainConfig::new(&photos) };
    let mut listener = |event: &Event| {
        if let Event::Epoch { epoch, validation, .. } = event {
            println!("epoch {epoch}: validation {} {:.3}", validation.metric.in_words(), validation.value);
        }
    };
    let outcome = train(&config, &run, Cpu::new(0), &mut listener, &AtomicBool::new(false))?;
    println!("best epoch: {}, in {}", outcome.best_epoch, outcome.run.model().display());

    let model = Model::open(&run)?;
    println!(
        "{}: for each picture a probability of {}",
        model.network().graph().output_shape(),
        model.classes().join(" and ")
    );
    let classes = model.classes().to_vec();
    let mut right = 0;
    let images = find_images(&photos)?.images;
    let all = images.len();
    let mut classifier = Classifier::new(model, Cpu::new(0))?;
    classifier.classify_files(images, |path, prediction| {
        let group = &classes[prediction?.chosen[0]];
        right += usize::from(path.parent().is_some_and(|folder| folder.ends_with(group)));
        Ok::<(), Box<dyn std::error::Error>>(())
    })?;
    println!("{right} of {all} pictures are put into the folder they came from");
    assert!(given.len() == 2 || right * 10 >= all * 9, "red and blue are easily told apart");
    Ok(())
}

/// Forty reddish and forty bluish pictures in a folder each.
fn make_up(photos: &Path) -> io::Result<PathBuf> {
    for (group, blue, red) in [("red", 60, 180), ("blue", 180, 60)] {
        fs::create_dir_all(photos.join(group))?;
        for number in 0..40_usize {
            let pixels = (0..24 * 24 * 3).map(|i| {
                let base = [blue, 90, red][i % 3];
                base + ((i * 7919 + number * 104_729) % 61) as u8
            });
            fs::write(photos.join(group).join(format!("{number}.bmp")), bmp(24, pixels))?;
        }
    }
    Ok(photos.to_owned())
}

/// A square picture in the simplest of formats: a header of 54 bytes, then rows of blue, green and red.
fn bmp(side: u32, pixels: impl Iterator<Item = u8>) -> Vec<u8> {
    let mut file = b"BM".to_vec();
    for number in [54 + side * side * 3, 0, 54, 40, side, side, 1 | 24 << 16, 0, 0, 0, 0, 0, 0] {
        file.extend(number.to_le_bytes());
    }
    file.extend(pixels);
    file
}
