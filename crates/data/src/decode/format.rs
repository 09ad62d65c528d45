//! What a file is, by its first bytes.

use super::ImageFault;
use image::ImageFormat;

/// An image format that can be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Decoded by `zune-jpeg`.
    Jpeg,
    /// Decoded by `image`: PNG, BMP, GIF, WebP or TIFF.
    Raster(ImageFormat),
}

/// How many bytes are looked at to tell text from binary data.
const SNIFFED: usize = 512;

/// Decides the format by content.
///
/// # Errors
/// [`ImageFault::Empty`], [`ImageFault::Unsupported`] for image formats not read here, [`ImageFault::NotAnImage`] otherwise.
pub(super) fn sniff(bytes: &[u8]) -> Result<Format, ImageFault> {
    if bytes.is_empty() {
        return Err(ImageFault::Empty);
    }
    if let Some(format) = unsupported(bytes) {
        return Err(ImageFault::Unsupported { format: format.to_owned() });
    }
    match image::guess_format(bytes) {
        Ok(ImageFormat::Jpeg) => Ok(Format::Jpeg),
        Ok(
            format @ (ImageFormat::Png
            | ImageFormat::Bmp
            | ImageFormat::Gif
            | ImageFormat::WebP
            | ImageFormat::Tiff),
        ) => Ok(Format::Raster(format)),
        Ok(other) => Err(ImageFault::Unsupported { format: format!("a {} image", name(other)) }),
        Err(_) => Err(ImageFault::NotAnImage { found: describe(bytes) }),
    }
}

/// The name people know a format by.
pub(super) fn name(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Png => "PNG",
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::Gif => "GIF",
        ImageFormat::WebP => "WebP",
        ImageFormat::Bmp => "BMP",
        ImageFormat::Tiff => "TIFF",
        ImageFormat::Ico => "ICO",
        ImageFormat::Hdr => "Radiance HDR",
        ImageFormat::OpenExr => "OpenEXR",
        ImageFormat::Pnm => "PNM",
        ImageFormat::Dds => "DDS",
        ImageFormat::Farbfeld => "farbfeld",
        ImageFormat::Avif => "AVIF",
        ImageFormat::Qoi => "QOI",
        _ => "foreign",
    }
}

/// Image formats that `image` does not know by their first bytes.
fn unsupported(bytes: &[u8]) -> Option<&'static str> {
    let brand = bytes.get(4..12).unwrap_or_default();
    match brand {
        b"ftypheic" | b"ftypheix" | b"ftyphevc" | b"ftypmif1" | b"ftypmsf1" => return Some("a HEIC photo"),
        b"ftypavif" | b"ftypavis" => return Some("an AVIF image"),
        _ => {}
    }
    if bytes.starts_with(b"\xff\x0a") || bytes.starts_with(b"\0\0\0\x0cJXL ") {
        Some("a JPEG XL image")
    } else if bytes.starts_with(b"\0\0\0\x0cjP  ") {
        Some("a JPEG 2000 image")
    } else if bytes.starts_with(b"8BPS") {
        Some("a Photoshop document")
    } else {
        None
    }
}

/// Names what a file that is no image holds, as far as its first bytes tell.
fn describe(bytes: &[u8]) -> &'static str {
    let head = &bytes[..bytes.len().min(SNIFFED)];
    let text = String::from_utf8_lossy(head).trim_start_matches('\u{feff}').trim_start().to_lowercase();
    if head.iter().all(|&b| b == 0) {
        "only zeros"
    } else if text.starts_with("version https://git-lfs") {
        "a git-lfs pointer (run `git lfs pull` to fetch the image)"
    } else if text.starts_with("<!doctype html") || text.starts_with("<html") {
        "a web page"
    } else if text.starts_with("<svg") || text.starts_with("<?xml") {
        "XML or SVG"
    } else if head.starts_with(b"%PDF") {
        "a PDF"
    } else if head.starts_with(b"PK\x03\x04") {
        "a zip archive"
    } else if is_text(head) {
        "text"
    } else {
        "unknown binary data"
    }
}

/// True for UTF-8 (which may break off at the end) without control characters other than white space.
fn is_text(head: &[u8]) -> bool {
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !valid.is_empty() && valid.chars().all(|c| !c.is_control() || c.is_whitespace())
}
