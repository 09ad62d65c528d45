//! Copies of a data set's pictures, made in ways in which copies come about.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::{ImageFormat, RgbImage};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The seed of all that is drawn.
const SEED: u64 = 5;
/// How many copies of each kind are made at the most.
const OF_EACH: usize = 250;
/// The most that a crop loses of a side, in all.
const CROP: f64 = 0.05;

/// A way to copy a picture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// The same file.
    Exact,
    /// As a JPEG of quality 50.
    Quality50,
    /// As a JPEG of a quality from 50 to 95.
    Saved,
    /// To half of each side.
    Half,
    /// To twice each side.
    Twice,
    /// By a factor from 0.5 to 2.
    Resized,
    /// By up to 5 % of each side, anywhere.
    Cropped,
    /// By 5 % of each side, anywhere.
    CroppedMost,
    /// Left to right.
    Mirrored,
    /// Mirrored, cropped, resized and saved, each as above.
    All,
}

impl Kind {
    pub(super) const ALL: [Self; 10] = [
        Self::Exact,
        Self::Quality50,
        Self::Saved,
        Self::Half,
        Self::Twice,
        Self::Resized,
        Self::Cropped,
        Self::CroppedMost,
        Self::Mirrored,
        Self::All,
    ];

    pub(super) fn described(self) -> &'static str {
        match self {
            Self::Exact => "the same file",
            Self::Quality50 => "saved as JPEG of quality 50",
            Self::Saved => "saved as JPEG of quality 50 to 95",
            Self::Half => "resized to half",
            Self::Twice => "resized to twice",
            Self::Resized => "resized by 0.5 to 2",
            Self::Cropped => "cropped by up to 5 % of each side",
            Self::CroppedMost => "cropped by 5 % of each side",
            Self::Mirrored => "mirrored",
            Self::All => "all of these at once",
        }
    }

    /// The copy, and whether it is saved as a JPEG of some quality rather than without loss.
    fn of(self, picture: &RgbImage, random: &mut ChaCha8Rng) -> (RgbImage, Option<u8>) {
        let quality = random.random_range(50..=95);
        let factor = 2_f64.powf(random.random_range(-1.0..=1.0));
        match self {
            Self::Exact => (picture.clone(), None),
            Self::Quality50 => (picture.clone(), Some(50)),
            Self::Saved => (picture.clone(), Some(quality)),
            Self::Half => (resized(picture, 0.5), None),
            Self::Twice => (resized(picture, 2.0), None),
            Self::Resized => (resized(picture, factor), None),
            Self::Cropped => {
                let most = [random.random_range(0.0..=CROP), random.random_range(0.0..=CROP)];
                (cropped(picture, most, random), None)
            }
            Self::CroppedMost => (cropped(picture, [CROP; 2], random), None),
            Self::Mirrored => (imageops::flip_horizontal(picture), None),
            Self::All => {
                let crop = cropped(&imageops::flip_horizontal(picture), [CROP; 2], random);
                (resized(&crop, factor), Some(quality))
            }
        }
    }
}

fn resized(picture: &RgbImage, factor: f64) -> RgbImage {
    let side = |side: u32| ((f64::from(side) * factor).round() as u32).max(1);
    imageops::resize(picture, side(picture.width()), side(picture.height()), FilterType::CatmullRom)
}

/// A part of a picture that has lost these shares of its width and height, rounded down to pixels but one at least.
fn cropped(picture: &RgbImage, lost: [f64; 2], random: &mut ChaCha8Rng) -> RgbImage {
    let mut axis = |side: u32, lost: f64| {
        let lost = ((f64::from(side) * lost) as u32).max(1);
        (random.random_range(0..=lost), side - lost)
    };
    let (x, width) = axis(picture.width(), lost[0]);
    let (y, height) = axis(picture.height(), lost[1]);
    imageops::crop_imm(picture, x, y, width, height).to_image()
}

/// A copy and what it is one of, by the names that `divvy check` gives.
pub(super) struct Planted {
    pub(super) kind: Kind,
    pub(super) original: String,
    pub(super) name: String,
}

/// Pictures among which copies are planted.
pub(super) struct Field {
    pub(super) copies: Vec<Planted>,
    /// How many pictures there are, copies and all.
    pub(super) pictures: usize,
    original_of: HashMap<String, String>,
}

impl Field {
    /// The original that a picture shows: itself, if it is no copy.
    pub(super) fn shows<'a>(&'a self, name: &'a str) -> &'a str {
        self.original_of.get(name).map_or(name, String::as_str)
    }
}

/// Links the pictures of `set` into `work` and puts copies of some of them beside them: no picture has two.
pub(super) fn plant(set: &Path, work: &Path) -> Result<Field> {
    super::emptied(work)?;
    let mut files = Vec::new();
    list(set, &mut files)?;
    files.sort();
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut chosen: Vec<usize> = (0..files.len()).collect();
    chosen.shuffle(&mut random);
    let each = OF_EACH.min(files.len() / Kind::ALL.len());
    ensure!(each > 0, "{}: fewer pictures than kinds of copies", set.display());

    let names: Vec<String> =
        files.iter().enumerate().map(|(i, file)| format!("{i:05}.{}", ending(file))).collect();
    for folder in ["originals", "copies"] {
        fs::create_dir_all(work.join(folder))?;
    }
    for (file, name) in files.iter().zip(&names) {
        fs::copy(file, work.join("originals").join(name)).with_context(|| file.display().to_string())?;
    }
    let mut copies = Vec::new();
    for (kind, chosen) in Kind::ALL.into_iter().zip(chosen.chunks(each)) {
        for &index in chosen {
            let name = copy(kind, &files[index], &names[index], &work.join("copies"), &mut random)
                .with_context(|| files[index].display().to_string())?;
            let (original, name) = (format!("originals/{}", names[index]), format!("copies/{name}"));
            copies.push(Planted { kind, original, name });
        }
    }
    let original_of = copies.iter().map(|copy| (copy.name.clone(), copy.original.clone())).collect();
    Ok(Field { pictures: files.len() + copies.len(), copies, original_of })
}

/// Writes a copy and returns its name.
fn copy(kind: Kind, file: &Path, name: &str, folder: &Path, random: &mut ChaCha8Rng) -> Result<String> {
    if kind == Kind::Exact {
        fs::copy(file, folder.join(name))?;
        return Ok(name.to_owned());
    }
    let picture = image::ImageReader::open(file)?.with_guessed_format()?.decode()?.into_rgb8();
    let (copy, quality) = kind.of(&picture, random);
    let stem = name.split('.').next().unwrap_or(name);
    let name = format!("{stem}.{}", if quality.is_some() { "jpg" } else { "png" });
    let path = folder.join(&name);
    match quality {
        Some(quality) => {
            copy.write_with_encoder(JpegEncoder::new_with_quality(fs::File::create(path)?, quality))?;
        }
        None => copy.save_with_format(path, ImageFormat::Png)?,
    }
    Ok(name)
}

/// Adds all pictures below a folder.
fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else if matches!(ending(&path).as_str(), "jpg" | "jpeg" | "png") {
            files.push(path);
        }
    }
    Ok(())
}

fn ending(path: &Path) -> String {
    path.extension().unwrap_or_default().to_string_lossy().to_lowercase()
}
