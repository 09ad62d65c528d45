//! Pixels as bytes, and the ways other pixels become them.

use image::DynamicImage;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// Colour channels of the pixels a network is fed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channels {
    /// One channel of light.
    Grey,
    /// Red, green, blue.
    Rgb,
}

impl Channels {
    /// How many there are: 1 or 3.
    pub fn count(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Rgb => 3,
        }
    }
}

/// An upright image: bytes in the order `[height, width, channels]`.
#[derive(Clone, PartialEq, Eq)]
pub struct Pixels {
    height: usize,
    width: usize,
    channels: Channels,
    bytes: Vec<u8>,
}

impl fmt::Debug for Pixels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pixels({} x {} {:?})", self.width, self.height, self.channels)
    }
}

impl Pixels {
    /// Pixels from bytes in the order `[height, width, channels]`; `None` where they do not fill a size above zero.
    pub fn new(height: usize, width: usize, channels: Channels, bytes: Vec<u8>) -> Option<Self> {
        let expected = height.checked_mul(width)?.checked_mul(channels.count())?;
        (expected > 0 && bytes.len() == expected).then_some(Self { height, width, channels, bytes })
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// What the bytes of a pixel mean.
    pub fn channels(&self) -> Channels {
        self.channels
    }

    /// The bytes in the order `[height, width, channels]`.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes in the order `[height, width, channels]`.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The same image in other channels: grey is ITU-R BT.601 luma, as in Pillow; grey becomes RGB by repetition.
    pub fn into_channels(self, channels: Channels) -> Self {
        let bytes = match (self.channels, channels) {
            (Channels::Grey, Channels::Rgb) => self.bytes.iter().flat_map(|&v| [v; 3]).collect(),
            (Channels::Rgb, Channels::Grey) => return self.grey().into_owned(),
            (Channels::Grey, Channels::Grey) | (Channels::Rgb, Channels::Rgb) => self.bytes,
        };
        Self { channels, bytes, ..self }
    }

    /// The same image in grey, as [`Self::into_channels`] makes it.
    pub(crate) fn grey(&self) -> Cow<'_, Self> {
        match self.channels {
            Channels::Grey => Cow::Borrowed(self),
            Channels::Rgb => {
                let bytes = self.bytes.as_chunks::<3>().0.iter().map(|&rgb| luma(rgb)).collect();
                Cow::Owned(Self { channels: Channels::Grey, bytes, ..*self })
            }
        }
    }

    /// The upper rows alone, or all where there are no more.
    ///
    /// # Panics
    /// If `rows` is 0.
    pub(super) fn upper(mut self, rows: usize) -> Self {
        assert!(rows > 0, "an image has a row at least");
        self.height = self.height.min(rows);
        self.bytes.truncate(self.height * self.width * self.channels.count());
        self
    }

    /// Reduces any decoded image to `channels` of 8 bits, with transparency on `background`.
    pub(super) fn from_image(image: DynamicImage, channels: Channels, background: [u8; 3]) -> Self {
        let (width, height) = (image.width() as usize, image.height() as usize);
        let color = image.color();
        let (found, bytes) = if color.has_alpha() {
            (Channels::Rgb, flatten_alpha(&image.into_rgba8(), background))
        } else if color.has_color() {
            (Channels::Rgb, image.into_rgb8().into_raw())
        } else {
            (Channels::Grey, image.into_luma8().into_raw())
        };
        Self { height, width, channels: found, bytes }.into_channels(channels)
    }
}

/// BT.601 luma in Pillow's integers, whose weights add up to exactly 65,536.
pub(crate) fn luma([r, g, b]: [u8; 3]) -> u8 {
    ((u32::from(r) * 19_595 + u32::from(g) * 38_470 + u32::from(b) * 7_471 + 0x8000) >> 16) as u8
}

/// Composes RGBA with straight alpha onto an opaque background.
fn flatten_alpha(image: &[u8], background: [u8; 3]) -> Vec<u8> {
    let mut rgb = Vec::with_capacity(image.len() / 4 * 3);
    for pixel in image.chunks_exact(4) {
        let alpha = u32::from(pixel[3]);
        for (&value, behind) in pixel.iter().zip(background) {
            rgb.push(((u32::from(value) * alpha + u32::from(behind) * (255 - alpha) + 127) / 255) as u8);
        }
    }
    rgb
}
