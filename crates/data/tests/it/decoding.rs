//! From image files to upright bytes.

use crate::common::{encode, exif, folder, jpeg_with_exif, picture, unhex, write};
use divvy_data::{Channels, ImageFault, Limits, Pixels, Preprocess};
use image::{
    DynamicImage, ExtendedColorType, GrayImage, ImageBuffer, ImageEncoder, ImageFormat, Luma, Rgba, RgbaImage,
};

/// GIF is lossless, too, as long as there are no more than 256 colours.
const LOSSLESS: [ImageFormat; 5] =
    [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::WebP, ImageFormat::Tiff, ImageFormat::Gif];

fn recipe(width: usize, height: usize, channels: Channels) -> Preprocess {
    Preprocess::new(height, width, channels).expect("the size is allowed")
}

/// Decodes to RGB at the image's own size.
fn decode(bytes: &[u8], width: usize, height: usize) -> Result<Pixels, ImageFault> {
    recipe(width, height, Channels::Rgb).load_bytes(bytes, &Limits::default())
}

fn pixel(pixels: &Pixels, x: usize, y: usize) -> [u8; 3] {
    let start = (y * pixels.width() + x) * 3;
    pixels.as_bytes()[start..start + 3].try_into().expect("three bytes are a pixel")
}

fn close(a: [u8; 3], b: [u8; 3], tolerance: u8) -> bool {
    a.iter().zip(b).all(|(&a, b)| a.abs_diff(b) <= tolerance)
}

#[test]
fn formats_are_known_by_content_whatever_the_name() {
    let image = picture(17, 11); // 187 colours
    for format in LOSSLESS {
        let folder = folder();
        let path = write(folder.path(), "photo.jpg", &encode(&image.clone().into(), format));
        let pixels = recipe(17, 11, Channels::Rgb).load_file(&path, &Limits::default()).expect("it is whole");
        assert_eq!(pixels.as_bytes(), image.as_raw().as_slice(), "{format:?}");
    }
}

#[test]
fn jpeg_comes_close_to_what_was_encoded() {
    let smooth = image::RgbImage::from_fn(40, 24, |x, y| image::Rgb([(x * 6) as u8, (y * 10) as u8, 128]));
    let pixels = decode(&encode(&smooth.clone().into(), ImageFormat::Jpeg), 40, 24).expect("it is whole");
    for (x, y, color) in smooth.enumerate_pixels() {
        let found = pixel(&pixels, x as usize, y as usize);
        assert!(close(found, color.0, 16), "{x},{y}: {found:?} for {color:?}");
    }
}

#[test]
fn grey_images_become_rgb_by_repetition_and_rgb_becomes_luma() {
    let grey = GrayImage::from_fn(5, 3, |x, y| Luma([(x * 40 + y) as u8]));
    for format in [ImageFormat::Png, ImageFormat::Tiff] {
        let bytes = encode(&grey.clone().into(), format);
        let as_grey =
            recipe(5, 3, Channels::Grey).load_bytes(&bytes, &Limits::default()).expect("it is whole");
        assert_eq!(as_grey.as_bytes(), grey.as_raw().as_slice());
        let as_rgb = decode(&bytes, 5, 3).expect("it is whole");
        assert_eq!(pixel(&as_rgb, 4, 2), [162; 3]);
    }
    // PIL.Image.new("RGB", (1, 1), color).convert("L").getpixel((0, 0))
    for (color, luma) in
        [([255, 0, 0], 76), ([0, 255, 0], 150), ([0, 0, 255], 29), ([255; 3], 255), ([13, 200, 77], 130)]
    {
        let pixels = Pixels::new(1, 1, Channels::Rgb, color.to_vec()).expect("three bytes are a pixel");
        assert_eq!(pixels.into_channels(Channels::Grey).as_bytes(), [luma], "{color:?}");
    }
}

#[test]
fn transparency_is_laid_on_the_background() {
    let image = RgbaImage::from_fn(3, 1, |x, _| Rgba([100, 0, 200, [0, 128, 255][x as usize]]));
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Tiff] {
        let bytes = encode(&image.clone().into(), format);
        let on_white = decode(&bytes, 3, 1).expect("it is whole");
        // 100 * 128/255 + 255 * 127/255 = 177.2; 0 + 127; 200 * 128/255 + 127 = 227.4
        assert_eq!(on_white.as_bytes(), [255, 255, 255, 177, 127, 227, 100, 0, 200], "{format:?}");
        let on_red = recipe(3, 1, Channels::Rgb).with_background([255, 0, 0]);
        let on_red = on_red.load_bytes(&bytes, &Limits::default()).expect("it is whole");
        assert_eq!(pixel(&on_red, 0, 0), [255, 0, 0], "{format:?}");
    }
}

#[test]
fn sixteen_bits_are_reduced_to_eight() {
    let deep: ImageBuffer<Luma<u16>, Vec<u16>> =
        ImageBuffer::from_vec(4, 1, vec![0, 257, 0x8000, 0xffff]).expect("4 x 1");
    for format in [ImageFormat::Png, ImageFormat::Tiff] {
        let bytes = encode(&DynamicImage::ImageLuma16(deep.clone()), format);
        let pixels =
            recipe(4, 1, Channels::Grey).load_bytes(&bytes, &Limits::default()).expect("it is whole");
        assert_eq!(pixels.as_bytes(), [0, 1, 128, 255], "{format:?}");
    }
}

/// A CMYK JPEG with Adobe's inverted inks, and a progressive grey one, each 16 x 8 with two colours. Made by Pillow 13.0:
///
/// ```python
/// im = Image.new("CMYK", (16, 8), (0, 200, 200, 20)); im.paste((200, 40, 0, 60), (8, 0, 16, 8))
/// im.save(f, "JPEG", quality=75, optimize=True)          # convert("RGB") gives (235, 51, 51) and (42, 164, 195)
/// im = Image.new("L", (16, 8), 30); im.paste(220, (8, 0, 16, 8))
/// im.save(f, "JPEG", quality=75, optimize=True, progressive=True)
/// ```
const CMYK_JPEG: &str = "\
    ffd8ffee000e41646f626500640000000000ffdb004300080606070605080707070909080a0c140d0c0b0b0c1912130f\
    141d1a1f1e1d1a1c1c20242e2720222c231c1c2837292c30313434341f27393d38323c2e333432ffc000140800080010\
    044311004d11005911004b1100ffc400160001010100000000000000000000000000070806ffc4001410010000000000\
    0000000000000000000000ffda000e0443004d0059004b00003f007f1b0d8d68dd502c865dffd9";
const PROGRESSIVE_JPEG: &str = "\
    ffd8ffe000104a46494600010100000100010000ffdb004300080606070605080707070909080a0c140d0c0b0b0c1912\
    130f141d1a1f1e1d1a1c1c20242e2720222c231c1c2837292c30313434341f27393d38323c2e333432ffc2000b080008\
    001001011100ffc4001500010100000000000000000000000000000607ffda00080101000000011d5fffc40014100100\
    000000000000000000000000000010ffda00080101000105023fffc40014100100000000000000000000000000000010\
    ffda0008010100063f023fffc40014100100000000000000000000000000000010ffda0008010100013f213fffda0008\
    0101000000103fffc40014100100000000000000000000000000000010ffda0008010100013f103fffd9";

#[test]
fn cmyk_and_progressive_jpeg_are_read_as_pillow_reads_them() {
    let cmyk = decode(&unhex(CMYK_JPEG), 16, 8).expect("it is whole");
    assert!(close(pixel(&cmyk, 3, 3), [235, 51, 51], 3), "{:?}", pixel(&cmyk, 3, 3));
    assert!(close(pixel(&cmyk, 12, 3), [42, 164, 195], 3), "{:?}", pixel(&cmyk, 12, 3));
    let grey = decode(&unhex(PROGRESSIVE_JPEG), 16, 8).expect("it is whole");
    assert_eq!((pixel(&grey, 3, 3), pixel(&grey, 12, 3)), ([30; 3], [220; 3]));
}

/// An uncompressed RGB TIFF with an orientation tag.
fn tiff_with_orientation(image: &image::RgbImage, orientation: u16) -> Vec<u8> {
    let entries: [(u16, u16, u32); 9] = [
        (256, 4, image.width()),
        (257, 4, image.height()),
        (258, 3, 8),
        (262, 3, 2), // RGB
        (273, 4, 8), // the pixels follow the header
        (274, 3, u32::from(orientation)),
        (277, 3, 3),
        (278, 4, image.height()),
        (279, 4, image.as_raw().len() as u32),
    ];
    let mut bytes = b"II\x2a\0".to_vec();
    bytes.extend((8 + image.as_raw().len() as u32).to_le_bytes());
    bytes.extend(image.as_raw());
    bytes.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, value) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(1u32.to_le_bytes());
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend([0; 4]);
    bytes
}

/// Where the stored pixel (row, column) is seen in an image stored with `height` rows and `width` columns, by the wording of
/// Exif 2.3, tag 274: "the 0th row is at the visual top, and the 0th column is the visual left-hand side" and so on.
fn seen_at(orientation: u8, row: usize, column: usize, height: usize, width: usize) -> (usize, usize) {
    let (from_last_row, from_last_column) = (height - 1 - row, width - 1 - column);
    match orientation {
        1 => (row, column),                     // 0th row top, 0th column left
        2 => (row, from_last_column),           // top, right
        3 => (from_last_row, from_last_column), // bottom, right
        4 => (from_last_row, column),           // bottom, left
        5 => (column, row),                     // left, top
        6 => (column, from_last_row),           // right, top
        7 => (from_last_column, from_last_row), // right, bottom
        8 => (from_last_column, row),           // left, bottom
        _ => unreachable!("there are eight orientations"),
    }
}

#[test]
fn all_eight_orientations_are_applied_in_all_formats_that_have_them() {
    // Six patches of one colour each, large enough for JPEG to keep them apart.
    const PATCH: usize = 16;
    let colors =
        [[250, 10, 10], [10, 250, 10], [10, 10, 250], [250, 250, 10], [10, 250, 250], [240, 240, 240]];
    let (rows, columns) = (2, 3);
    let stored = image::RgbImage::from_fn((columns * PATCH) as u32, (rows * PATCH) as u32, |x, y| {
        image::Rgb(colors[y as usize / PATCH * columns + x as usize / PATCH])
    });
    let jpeg = encode(&stored.clone().into(), ImageFormat::Jpeg);
    for orientation in 1..=8 {
        let mut png = Vec::new();
        let mut encoder = image::codecs::png::PngEncoder::new(&mut png);
        encoder.set_exif_metadata(exif(orientation)).expect("PNG takes Exif");
        encoder
            .write_image(stored.as_raw(), stored.width(), stored.height(), ExtendedColorType::Rgb8)
            .expect("it encodes");
        let mut webp = Vec::new();
        let mut encoder = image::codecs::webp::WebPEncoder::new_lossless(&mut webp);
        encoder.set_exif_metadata(exif(orientation)).expect("WebP takes Exif");
        encoder
            .write_image(stored.as_raw(), stored.width(), stored.height(), ExtendedColorType::Rgb8)
            .expect("it encodes");
        let tiff = tiff_with_orientation(&stored, u16::from(orientation));

        let turned = orientation >= 5;
        let (height, width) = if turned { (columns, rows) } else { (rows, columns) };
        for (format, bytes) in [
            ("JPEG", &jpeg_with_exif(&jpeg, &exif(orientation))),
            ("PNG", &png),
            ("WebP", &webp),
            ("TIFF", &tiff),
        ] {
            let pixels = decode(bytes, width * PATCH, height * PATCH).expect("it is whole");
            for row in 0..rows {
                for column in 0..columns {
                    let (y, x) = seen_at(orientation, row, column, rows, columns);
                    let found = pixel(&pixels, x * PATCH + PATCH / 2, y * PATCH + PATCH / 2);
                    let expected = colors[row * columns + column];
                    assert!(close(found, expected, 12), "{format} {orientation}: {found:?} for {expected:?}");
                }
            }
            let as_stored = recipe(columns * PATCH, rows * PATCH, Channels::Rgb).with_orientation(false);
            let as_stored = as_stored.load_bytes(bytes, &Limits::default()).expect("it is whole");
            assert!(close(pixel(&as_stored, 8, 8), colors[0], 12), "{format} {orientation} not turned");
        }
    }
}

#[test]
fn a_photo_cut_short_anywhere_is_refused() {
    let baseline = encode(&picture(40, 40).into(), ImageFormat::Jpeg);
    for whole in [baseline, unhex(PROGRESSIVE_JPEG), unhex(CMYK_JPEG)] {
        // The last two bytes are the end marker, without which nothing is lost.
        for end in 2..whole.len() - 2 {
            let fault = decode(&whole[..end], 40, 40).expect_err("it is cut short");
            assert!(!matches!(fault, ImageFault::TooManyPixels { .. }), "at {end}: {fault}");
        }
    }
    for format in LOSSLESS {
        let whole = encode(&picture(40, 40).into(), format);
        for tenths in 1..=8 {
            let cut = &whole[..whole.len() * tenths / 10];
            let fault = decode(cut, 40, 40).expect_err("it is cut short");
            assert!(matches!(fault, ImageFault::Damaged { .. }), "{format:?} at {tenths}/10: {fault}");
        }
    }
}

#[test]
fn what_is_no_image_is_called_by_its_name() {
    let cases: [(&[u8], &str); 11] = [
        (b"", "is empty"),
        (b"These are notes, not a photo.\n", "holds text"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "git lfs pull"),
        (b"%PDF-1.7", "a PDF"),
        (b"PK\x03\x04\x14\0", "zip"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
        (b"\0\0\0\0\0\0\0\0", "only zeros"),
        (b"\x01\x02\xfe\xff\x80", "unknown binary data"),
        (b"qoif\0\0\0\x01\0\0\0\x01\x03\0", "QOI"),
    ];
    let folder = folder();
    for (content, expected) in cases {
        let path = write(folder.path(), "photo.jpg", content);
        let error =
            recipe(8, 8, Channels::Rgb).load_file(&path, &Limits::default()).expect_err("it is no image");
        let message = error.to_string();
        assert!(message.starts_with(&path.display().to_string()), "{message}");
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_folder_or_a_missing_file_is_not_read_as_an_image() {
    let folder = folder();
    let recipe = recipe(8, 8, Channels::Rgb);
    for path in [folder.path().to_owned(), folder.path().join("gone.png")] {
        let error = recipe.load_file(&path, &Limits::default()).expect_err("there is no file");
        assert!(matches!(error.fault, ImageFault::Read(_)), "{error}");
    }
}
