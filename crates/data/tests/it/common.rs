//! Files to read.

use divvy_data::{DataError, Dataset, OpenOptions, StoreOptions, Survey};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// A folder that goes when it is dropped.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder can be made")
}

/// Writes a file, with the folders it lies in.
pub(crate) fn write(root: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = root.join(name);
    fs::create_dir_all(path.parent().expect("the path has a parent")).expect("folders can be made");
    fs::write(&path, bytes).expect("files can be written");
    path
}

/// Writes files without content; opening a dataset looks at names only.
pub(crate) fn touch(root: &Path, names: &[&str]) {
    for name in names {
        write(root, name, b"");
    }
}

/// An image file's bytes.
pub(crate) fn encode(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).expect("images can be encoded");
    bytes.into_inner()
}

/// A picture in which every pixel differs from its neighbours.
pub(crate) fn picture(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([(x * 7 + y) as u8, (y * 11 + x * 3) as u8, (x * y * 5) as u8])
    })
}

/// An image file of such a picture.
pub(crate) fn shot(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    encode(&picture(width, height).into(), format)
}

/// What one look at all pictures of a folder gives.
pub(crate) fn survey(root: &Path) -> Survey {
    let dataset = Arc::new(open(root).expect("it can be opened"));
    Survey::of(&dataset, &StoreOptions::default()).expect("nobody cancels")
}

/// A one-coloured PNG.
pub(crate) fn plain_png(width: u32, height: u32, color: [u8; 3]) -> Vec<u8> {
    encode(&RgbImage::from_pixel(width, height, Rgb(color)).into(), ImageFormat::Png)
}

/// A PNG of random colours, different for each seed.
pub(crate) fn noisy_png(width: u32, height: u32, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut byte = || {
        // Knuth's MMIX generator; its high bits are the random ones.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    let image = RgbImage::from_fn(width, height, |_, _| Rgb([byte(), byte(), byte()]));
    encode(&image.into(), ImageFormat::Png)
}

/// An Exif block that holds the orientation alone: a TIFF header, and a directory with one entry.
pub(crate) fn exif(orientation: u8) -> Vec<u8> {
    let mut block = b"II\x2a\0\x08\0\0\0\x01\0".to_vec();
    block.extend(b"\x12\x01\x03\0\x01\0\0\0");
    block.extend([orientation, 0, 0, 0]);
    block.extend([0; 4]);
    block
}

/// An Exif block that names the maker and the model of a camera, each by more than three letters: a directory of two entries, and
/// the texts behind it.
pub(crate) fn exif_of_camera(make: &str, model: &str) -> Vec<u8> {
    let (make, model) = (format!("{make}\0"), format!("{model}\0"));
    let first = 8 + 2 + 2 * 12 + 4;
    let mut block = b"II\x2a\0\x08\0\0\0\x02\0".to_vec();
    for (tag, text, at) in [(0x10f_u16, &make, first), (0x110, &model, first + make.len())] {
        block.extend(tag.to_le_bytes());
        block.extend(2u16.to_le_bytes());
        block.extend((text.len() as u32).to_le_bytes());
        block.extend((at as u32).to_le_bytes());
    }
    block.extend([0; 4]);
    [block.as_slice(), make.as_bytes(), model.as_bytes()].concat()
}

/// Puts an Exif block behind the first marker of a JPEG.
pub(crate) fn jpeg_with_exif(jpeg: &[u8], block: &[u8]) -> Vec<u8> {
    let length = (2 + 6 + block.len()) as u16;
    [&jpeg[..2], &[0xff, 0xe1], &length.to_be_bytes(), b"Exif\0\0", block, &jpeg[2..]].concat()
}

/// Bytes written as hexadecimal digits.
pub(crate) fn unhex(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// Opens a dataset with the default options.
pub(crate) fn open(path: &Path) -> Result<Dataset, DataError> {
    Dataset::open(path, &OpenOptions::default())
}

/// The message of a failure to open; it always names the path.
pub(crate) fn open_error(path: &Path) -> String {
    let message = open(path).expect_err("it cannot be opened").to_string();
    assert!(message.contains(&path.display().to_string()), "{message}");
    message
}

/// The samples' names, their classes and parts.
pub(crate) fn contents(dataset: &Dataset) -> Vec<(String, String, String)> {
    (0..dataset.samples().len())
        .map(|i| {
            let sample = &dataset.samples()[i];
            let labels: Vec<&str> =
                sample.label.indices().iter().map(|&class| dataset.classes()[class].as_str()).collect();
            let part = sample.part.map_or("-", divvy_data::Part::name);
            (dataset.sample_name(i).to_string_lossy().into_owned(), labels.join("|"), part.to_owned())
        })
        .collect()
}
