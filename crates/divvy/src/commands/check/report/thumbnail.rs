//! Pictures small enough to lie in a page.

use std::io::Cursor;
use std::thread;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use divvy::data::check::Suspect;
use divvy::data::{Channels, Preprocess};
use image::ImageEncoder;
use image::codecs::jpeg::JpegEncoder;

use super::Shown;

/// The longest side of a thumbnail, in pixels: sharp on a screen of twice the resolution.
const SIDE: usize = 288;
/// The quality of the JPEG that it is.
const QUALITY: u8 = 80;

/// A picture as a page holds it.
pub(super) struct Thumbnail {
    pub(super) width: usize,
    pub(super) height: usize,
    /// A data URI.
    pub(super) uri: String,
}

/// The thumbnails of suspects, in their order; `None` for what cannot be shown.
pub(super) fn of_all(suspects: &[Suspect], shown: &Shown<'_>) -> Vec<Option<Thumbnail>> {
    let share = suspects.len().div_ceil(shown.threads.max(1)).max(1);
    thread::scope(|scope| {
        let draw = |suspects: &[Suspect]| suspects.iter().map(|suspect| of(suspect.sample, shown)).collect();
        let workers: Vec<_> =
            suspects.chunks(share).map(|share| scope.spawn(move || -> Vec<_> { draw(share) })).collect();
        let drawn = workers.into_iter().flat_map(|worker| match worker.join() {
            Ok(drawn) => drawn,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        drawn.collect()
    })
}

fn of(sample: usize, shown: &Shown<'_>) -> Option<Thumbnail> {
    let (height, width) = shown.sizes.get(sample).copied().flatten()?;
    let longest = height.max(width).max(SIDE);
    let side = |side: usize| (side * SIDE / longest).max(1);
    let recipe = Preprocess::new(side(height), side(width), Channels::Rgb).ok()?;
    let pixels = shown.dataset.load(sample, &recipe).ok()?;
    let mut jpeg = Cursor::new(Vec::new());
    let (width, height) = (recipe.width(), recipe.height());
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY)
        .write_image(pixels.as_bytes(), width as u32, height as u32, image::ExtendedColorType::Rgb8)
        .ok()?;
    let uri = format!("data:image/jpeg;base64,{}", BASE64_STANDARD.encode(jpeg.into_inner()));
    Some(Thumbnail { width, height, uri })
}
