//! Pictures small enough to lie in a page.

use std::io::Cursor;
use std::thread;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use divvy::data::{Channels, Dataset, Pixels, Preprocess};
use image::ImageEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use maud::{Markup, html};

/// The styles of a sheet of them.
pub(crate) const SHEET: &str = include_str!("sheet.css");

/// The quality of the JPEG that a thumbnail is.
const QUALITY: u8 = 80;
/// The longest side, in pixels, of what is no photograph but a few dots, each of which counts: it is kept as it is, in a PNG.
const DOTS: usize = 64;
/// The colour of what lies over a picture, and how thick it is at the most, in parts of 255.
const HEAT: [u8; 3] = [255, 70, 0];
const THICKEST: f32 = 190.0;

/// How a sheet's pictures are made small.
#[derive(Clone, Copy)]
pub(crate) struct Sheet<'a> {
    pub(crate) dataset: &'a Dataset,
    /// The longest side of a thumbnail, in pixels.
    pub(crate) side: usize,
    /// How many pictures are decoded at a time.
    pub(crate) threads: usize,
}

/// A picture as a page holds it.
pub(crate) struct Thumbnail {
    width: usize,
    height: usize,
    /// A data URI.
    uri: String,
}

impl Sheet<'_> {
    /// The thumbnails of samples that have this height and width, in their order; `None` for what cannot be shown.
    pub(crate) fn thumbnails(&self, samples: &[(usize, Option<(usize, usize)>)]) -> Vec<Option<Thumbnail>> {
        let share = samples.len().div_ceil(self.threads.max(1)).max(1);
        thread::scope(|scope| {
            let draw = |samples: &[(usize, Option<(usize, usize)>)]| -> Vec<_> {
                samples.iter().map(|&(sample, size)| self.thumbnail(sample, size?)).collect()
            };
            let workers: Vec<_> =
                samples.chunks(share).map(|share| scope.spawn(move || draw(share))).collect();
            let drawn = workers.into_iter().flat_map(|worker| match worker.join() {
                Ok(drawn) => drawn,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            drawn.collect()
        })
    }

    fn thumbnail(&self, sample: usize, (height, width): (usize, usize)) -> Option<Thumbnail> {
        let longest = height.max(width).max(self.side);
        let side = |side: usize| (side * self.side / longest).max(1);
        let recipe = Preprocess::new(side(height), side(width), Channels::Rgb).ok()?;
        let pixels = self.dataset.load(sample, &recipe).ok()?;
        let (kind, bytes) = encoded(&pixels)?;
        let uri = format!("data:image/{kind};base64,{}", BASE64_STANDARD.encode(bytes));
        Some(Thumbnail { width: pixels.width(), height: pixels.height(), uri })
    }
}

/// The type and the bytes of an image file.
fn encoded(pixels: &Pixels) -> Option<(&'static str, Vec<u8>)> {
    let (width, height, colour) =
        (pixels.width() as u32, pixels.height() as u32, image::ExtendedColorType::Rgb8);
    let mut file = Cursor::new(Vec::new());
    let kind = if width.max(height) as usize <= DOTS {
        PngEncoder::new(&mut file).write_image(pixels.as_bytes(), width, height, colour).ok()?;
        "png"
    } else {
        let jpeg = JpegEncoder::new_with_quality(&mut file, QUALITY);
        jpeg.write_image(pixels.as_bytes(), width, height, colour).ok()?;
        "jpeg"
    };
    Some((kind, file.into_inner()))
}

impl Thumbnail {
    /// The picture, with what is said of it to those who do not see it.
    pub(crate) fn image(&self, alt: &str) -> Markup {
        let is_dots = self.width.max(self.height) <= DOTS;
        html! {
            img.dots[is_dots] src=(self.uri) width=(self.width) height=(self.height) alt=(alt) loading="lazy" decoding="async";
        }
    }

    /// The same under what lies over it, of which nothing is said to those who do not see it.
    pub(crate) fn image_under(&self, overlay: &Overlay, alt: &str) -> Markup {
        let longest = self.width.max(self.height);
        let room = if longest <= DOTS { "100%".to_owned() } else { format!("min(100%, {longest}px)") };
        let side = if self.width < self.height { "height" } else { "width" };
        html! {
            div.under style=(format!("aspect-ratio: {} / {}; {side}: {room}", self.width, self.height)) {
                (self.image(alt))
                img.over src=(overlay.uri) alt="";
            }
        }
    }
}

/// A coarse grid of numbers as a picture that lies over another: the larger a number, the more of it is seen.
pub(crate) struct Overlay {
    uri: String,
}

impl Overlay {
    /// That of `width` columns of numbers, row by row; none where all are 0, or none is a number.
    pub(crate) fn new(width: usize, weights: &[f32]) -> Option<Self> {
        let largest = weights.iter().copied().fold(0.0, f32::max);
        let (width, height) = (width as u32, (weights.len() / width.max(1)) as u32);
        if !(largest > 0.0 && largest.is_finite()) {
            return None;
        }
        let [red, green, blue] = HEAT;
        let pixel = |&weight: &f32| [red, green, blue, (THICKEST * (weight / largest).max(0.0)) as u8];
        let pixels: Vec<u8> = weights.iter().flat_map(pixel).collect();
        let mut file = Cursor::new(Vec::new());
        PngEncoder::new(&mut file)
            .write_image(&pixels, width, height, image::ExtendedColorType::Rgba8)
            .ok()?;
        Some(Self { uri: format!("data:image/png;base64,{}", BASE64_STANDARD.encode(file.into_inner())) })
    }
}

/// A path that may be broken after each folder.
pub(crate) fn breakable(path: &str) -> Markup {
    html! { @for piece in path.split_inclusive('/') { (piece) wbr; } }
}
