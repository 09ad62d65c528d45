//! Files that lie about themselves: no panic, no memory for what is only claimed.

use crate::common::{encode, folder, picture, plain_png, unhex, write};
use divvy_data::{Channels, ImageFault, Limits, Preprocess};
use flate2::Crc;
use image::{DynamicImage, ExtendedColorType, ImageEncoder, ImageFormat};
use proptest::prelude::*;

fn load(bytes: &[u8], limits: &Limits) -> Result<(), ImageFault> {
    let recipe = Preprocess::new(8, 8, Channels::Rgb).expect("the size is allowed");
    recipe.load_bytes(bytes, limits).map(drop)
}

/// A PNG whose header claims a size, with the checksum that belongs to the claim.
fn png_claiming(width: u32, height: u32) -> Vec<u8> {
    let mut png = plain_png(4, 4, [1, 2, 3]);
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    let mut crc = Crc::new();
    crc.update(&png[12..29]);
    png[29..33].copy_from_slice(&crc.sum().to_be_bytes());
    png
}

fn jpeg_claiming(width: u16, height: u16) -> Vec<u8> {
    let mut jpeg = encode(&picture(8, 8).into(), ImageFormat::Jpeg);
    let frame = jpeg.windows(2).position(|marker| marker == [0xff, 0xc0]).expect("a baseline frame begins");
    jpeg[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    jpeg[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    jpeg
}

fn bmp_claiming(width: u32, height: u32) -> Vec<u8> {
    let mut bmp = encode(&picture(4, 4).into(), ImageFormat::Bmp);
    bmp[18..22].copy_from_slice(&width.to_le_bytes());
    bmp[22..26].copy_from_slice(&height.to_le_bytes());
    bmp
}

#[test]
fn an_image_of_fifty_thousand_pixels_a_side_is_refused_with_its_size() {
    let folder = folder();
    let recipe = Preprocess::new(8, 8, Channels::Rgb).expect("the size is allowed");
    for (name, bytes) in [
        ("bomb.png", png_claiming(50_000, 50_000)),
        ("bomb.jpg", jpeg_claiming(50_000, 50_000)),
        ("bomb.bmp", bmp_claiming(50_000, 50_000)),
    ] {
        let path = write(folder.path(), name, &bytes);
        let message = recipe.load_file(&path, &Limits::default()).expect_err("it is too large").to_string();
        assert!(message.contains(name) && message.contains("50,000 x 50,000"), "{message}");
        assert!(message.contains("2,500,000,000") && message.contains("120,000,000"), "{message}");
    }
}

#[test]
fn limits_are_kept_to_the_pixel_and_the_byte() {
    let png = encode(&picture(20, 10).into(), ImageFormat::Png);
    let limits = Limits { max_pixels: 200, ..Limits::default() };
    load(&png, &limits).expect("it has as many pixels as allowed");
    let limits = Limits { max_pixels: 199, ..Limits::default() };
    assert!(matches!(
        load(&png, &limits),
        Err(ImageFault::TooManyPixels { width: 20, height: 10, limit: 199 })
    ));
    let limits = Limits { max_decoded_bytes: 599, ..Limits::default() };
    assert!(matches!(load(&png, &limits), Err(ImageFault::TooMuchMemory { .. })));

    let folder = folder();
    let path = write(folder.path(), "a.png", &png);
    let recipe = Preprocess::new(8, 8, Channels::Rgb).expect("the size is allowed");
    let size = png.len() as u64;
    recipe
        .load_file(&path, &Limits { max_file_bytes: size, ..Limits::default() })
        .expect("as large as allowed");
    let error = recipe.load_file(&path, &Limits { max_file_bytes: size - 1, ..Limits::default() });
    assert!(matches!(error.expect_err("too large").fault, ImageFault::FileTooLarge { .. }));
}

/// An animation of 8 x 6 pixels whose first frame has transparency beside a lossy image. Made by Pillow 13.0:
///
/// ```python
/// frames = [Image.new("RGBA", (8, 6), (200, 30, 30, 128)), Image.new("RGBA", (8, 6), (30, 200, 30, 255))]
/// frames[0].putpixel((0, 0), (0, 0, 0, 0))
/// frames[0].save(f, "WEBP", save_all=True, append_images=frames[1:], quality=20, lossless=False, method=6)
/// ```
const ANIMATED_WEBP: &str = "\
    52494646c400000057454250565038580a00000012000000070000050000414e494d06000000000000000000414e4d46\
    5400000000000000000007000005000000000002414c50480b00000001100824a1cf3f4144a46e005650382028000000\
    7001009d012a0800060005407c25a0027401400000fee78bfaa8ec7273ffc105fc417f1056000000414e4d463c000000\
    0000000000000700000500000000000056503820240000009401009d012a0800060000007c25a00274ba000398009bfa\
    146ca26bc7f8b691d0a4f000";

#[test]
fn a_webp_frame_that_contradicts_its_image_is_refused() {
    let whole = unhex(ANIMATED_WEBP);
    load(&whole, &Limits::default()).expect("the first frame is read");
    let image = whole.windows(4).position(|name| name == b"VP8 ").expect("the first frame has an image");
    // The chunk's name; the bit of an image that needs another; width; height.
    for (at, value) in [(0, b'X'), (8, 0x71), (14, 9), (14, 200), (16, 7)] {
        let mut bytes = whole.clone();
        bytes[image + at] = value;
        let fault = load(&bytes, &Limits::default()).expect_err("frame and image differ");
        assert!(matches!(fault, ImageFault::Damaged { format: "WebP", .. }), "{fault}");
    }
}

#[test]
fn a_webp_block_longer_than_the_file_is_not_allocated() {
    let mut webp = Vec::new();
    let mut encoder = image::codecs::webp::WebPEncoder::new_lossless(&mut webp);
    encoder.set_exif_metadata(vec![7; 20]).expect("WebP takes Exif");
    encoder.write_image(&[9; 12], 2, 2, ExtendedColorType::Rgb8).expect("it encodes");
    load(&webp, &Limits::default()).expect("the Exif block is nonsense, the image is whole");
    let exif = webp.windows(4).rposition(|name| name == b"EXIF").expect("the Exif block was written");
    webp[exif + 4..exif + 8].copy_from_slice(&0xfeff_fffa_u32.to_le_bytes());
    assert!(matches!(load(&webp, &Limits::default()), Err(ImageFault::Damaged { format: "WebP", .. })));
}

/// Whole files of every format read, with and without transparency and colour.
fn whole_files() -> Vec<Vec<u8>> {
    let image = DynamicImage::from(picture(24, 18));
    let mut files = Vec::new();
    for format in [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::WebP, ImageFormat::Tiff, ImageFormat::Gif]
    {
        files.push(encode(&image, format));
        files.push(encode(&image.to_rgba8().into(), format));
    }
    files.push(encode(&image.to_luma8().into(), ImageFormat::Png));
    files.push(encode(&image.to_luma8().into(), ImageFormat::Jpeg));
    files.push(encode(&image, ImageFormat::Jpeg));
    files.push(unhex(ANIMATED_WEBP));
    files
}

/// Small limits: what a damaged header claims must not make the test slow.
fn small_limits() -> Limits {
    Limits { max_pixels: 1 << 20, max_decoded_bytes: 1 << 24, ..Limits::default() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn damaged_files_never_panic(
        file in prop::sample::select(whole_files()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        length in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let mut bytes = file;
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if cut {
            bytes.truncate(length.index(bytes.len()));
        }
        // Whether damage shows depends on where it is; that there is an answer is what counts.
        let _ = load(&bytes, &small_limits());
    }

    #[test]
    fn damaged_headers_never_panic(
        file in prop::sample::select(whole_files()),
        changes in prop::collection::vec((0usize..64, any::<u8>()), 1..4),
    ) {
        let mut bytes = file;
        for (at, value) in changes {
            bytes[at] = value;
        }
        let _ = load(&bytes, &small_limits());
    }

    #[test]
    fn noise_is_never_an_image(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(load(&bytes, &small_limits()).is_err());
    }
}
