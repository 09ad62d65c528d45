//! Files by independent encoders, compared pixel by pixel with what their decoders make of them (`tests/formats/make.py` and `make_magick.py`).

use divvy_data::{Channels, ImageFault, Limits, Pixels, Preprocess};
use flate2::Crc;
use std::fs;
use std::path::PathBuf;

fn file(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/formats").join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A file, and the pixels that its maker decodes it to.
struct Case {
    name: String,
    height: usize,
    width: usize,
    channels: Channels,
    pixels: Vec<u8>,
}

impl Case {
    /// From a line of a list of sums.
    fn read(line: &str) -> Self {
        let [name, width, height, mode, sum] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}: a line has five words")
        };
        let (channels, pixels) = match mode {
            "L" => (Channels::Grey, image::load_from_memory(&file(&format!("{name}.png")))),
            _ => (Channels::Rgb, image::load_from_memory(&file(&format!("{name}.png")))),
        };
        let pixels = pixels.expect("PNG is read").into_bytes();
        let mut crc = Crc::new();
        crc.update(&pixels);
        assert_eq!(format!("{:08x}", crc.sum()), sum, "{name}: the PNG holds what was decoded");
        let side = |text: &str| text.parse().expect("it is a number");
        Self { name: name.to_owned(), height: side(height), width: side(width), channels, pixels }
    }

    fn decode(&self) -> Pixels {
        let recipe = Preprocess::new(self.height, self.width, self.channels).expect("the size is allowed");
        let pixels = recipe.load_bytes(&file(&self.name), &Limits::default());
        pixels.unwrap_or_else(|fault| panic!("{}: {fault}", self.name))
    }

    /// The most and the mean that a byte differs.
    fn difference(&self) -> (u8, f64) {
        let differences: Vec<u8> =
            self.decode().as_bytes().iter().zip(&self.pixels).map(|(a, b)| a.abs_diff(*b)).collect();
        let sum: f64 = differences.iter().map(|&d| f64::from(d)).sum();
        (differences.iter().copied().max().unwrap_or(0), sum / differences.len() as f64)
    }

    /// The most that a byte, and the mean of all, may differ. JPEG leaves the rounding of the transform, and how colours of half
    /// the size are enlarged, to the decoder; all else is the same to the bit, lossy WebP included.
    fn tolerance(&self) -> (u8, f64) {
        let lossy = self.name.contains(".jpg") || self.name == "jpeg.tif";
        if lossy { (3, 0.4) } else { (0, 0.0) }
    }
}

#[test]
fn every_format_is_decoded_as_pillow_and_imagemagick_decode_it() {
    let list =
        ["pixels.txt", "pixels_magick.txt"].map(|name| String::from_utf8(file(name)).expect("it is text"));
    let cases: Vec<Case> = list.iter().flat_map(|list| list.lines()).map(Case::read).collect();
    assert!(cases.len() > 100, "{} files", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let ((most, mean), (most_allowed, mean_allowed)) = (case.difference(), case.tolerance());
        if most > most_allowed || mean > mean_allowed {
            wrong.push(format!("{}: up to {most}, {mean:.3} in the mean", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_content_decides_and_not_the_extension() {
    let folder = crate::common::folder();
    let recipe = Preprocess::new(23, 37, Channels::Rgb).expect("the size is allowed");
    for (content, name) in
        [("rgb.png", "a.jpg"), ("baseline.jpg", "a.png"), ("lossless.webp", "a.jpeg"), ("rgb.bmp", "a.tif")]
    {
        let path = crate::common::write(folder.path(), name, &file(content));
        let as_named = recipe.load_file(&path, &Limits::default()).expect("it is an image");
        assert_eq!(as_named, recipe.load_bytes(&file(content), &Limits::default()).expect("it is an image"));
    }
}

#[test]
fn channels_are_decided_by_the_files() {
    let folder = crate::common::folder();
    for (name, content) in [("a/1.jpg", "grey.jpg"), ("a/2.png", "grey16.png"), ("b/1.tif", "grey.tif")] {
        crate::common::write(folder.path(), name, &file(content));
    }
    crate::common::write(folder.path(), "b/broken.png", b"no picture");
    let channels = || crate::common::open(folder.path()).expect("it can be opened").channels();
    assert_eq!(channels(), Channels::Grey);
    crate::common::write(folder.path(), "b/z.gif", &file("palette.gif"));
    assert_eq!(channels(), Channels::Rgb);
}

#[test]
fn rare_kinds_are_refused_by_name() {
    let recipe = Preprocess::new(8, 8, Channels::Rgb).expect("the size is allowed");
    for (name, kind) in [
        ("odd_12_bit.jpg", "12 bits a sample"),
        ("odd_arithmetic.jpg", "arithmetic coding"),
        ("odd_arithmetic_progressive.jpg", "arithmetic coding"),
        ("odd_lossless.jpg", "lossless JPEG"),
        ("odd_scans.jpg", "reduced colours in scans of their own"),
    ] {
        let fault = recipe.load_bytes(&file(name), &Limits::default()).expect_err("it is not read");
        assert!(matches!(fault, ImageFault::Unsupported { .. }), "{name}: {fault}");
        assert!(fault.to_string().contains(kind), "{name}: {fault}");
    }
}
