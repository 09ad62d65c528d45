//! From how many sides a picture is looked at before it is answered for.

use serde::{Deserialize, Serialize};

use crate::Heatmap;

/// From how many sides a picture is looked at before it is answered for.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Views {
    /// As it is.
    #[default]
    Single,
    /// As it is and mirrored left to right: the logits are the mean of both. Where mirrored pictures mean the same, this cancels a part of what a network has
    /// learnt by chance (test-time augmentation), at twice the time.
    Mirrored,
}

impl Views {
    /// Whether a picture is looked at only once.
    pub fn is_single(&self) -> bool {
        *self == Self::Single
    }

    /// How often a picture goes through the network.
    pub fn count(self) -> usize {
        match self {
            Self::Single => 1,
            Self::Mirrored => 2,
        }
    }

    /// The name in files and flags.
    pub fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Mirrored => "mirrored",
        }
    }

    /// Adds the logits of pictures, `[pictures, units]`, to `logits`: `images` are `[pictures, height, width, channels]` with that `shape`, and `network` gives the
    /// logits of such.
    ///
    /// # Panics
    /// When `images` is not a whole number of pictures.
    pub fn logits<N>(self, images: &[f32], shape: [usize; 3], network: &mut N, logits: &mut Vec<f32>)
    where
        N: FnMut(&[f32], &mut Vec<f32>),
    {
        let len: usize = shape.iter().product();
        assert!(images.len().is_multiple_of(len), "{} numbers are not pictures of {len}", images.len());
        let start = logits.len();
        network(images, logits);
        if self == Self::Mirrored {
            let mut of_mirrored = Vec::with_capacity(logits.len() - start);
            network(&mirrored(images, shape), &mut of_mirrored);
            for (of_picture, of_mirrored) in logits[start..].iter_mut().zip(of_mirrored) {
                *of_picture = f32::midpoint(*of_picture, of_mirrored);
            }
        }
    }
}

impl Views {
    /// The maps of pictures, as [`logits`](Self::logits) makes their logits: of both sides the mean, each seen from where the picture is.
    pub(crate) fn heatmaps<N>(self, images: &[f32], shape: [usize; 3], network: &mut N) -> Vec<Heatmap>
    where
        N: FnMut(&[f32]) -> Vec<Heatmap>,
    {
        let maps = network(images);
        if self == Self::Single {
            return maps;
        }
        let turned_back = network(&mirrored(images, shape)).into_iter().map(|map| {
            let (height, width) = (map.height(), map.width());
            Heatmap::new(height, width, mirrored(map.weights(), [height, width, 1]))
        });
        maps.iter().zip(turned_back).map(|(map, other)| Heatmap::mean(&[map, &other])).collect()
    }
}

/// Pictures with each row read from right to left.
fn mirrored(images: &[f32], [_, width, channels]: [usize; 3]) -> Vec<f32> {
    let rows = images.chunks_exact(width * channels);
    rows.flat_map(|row| row.rchunks_exact(channels).flatten()).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_from_right_to_left() {
        let picture: Vec<f32> = (0..12).map(|number| number as f32).collect();
        let turned = [4.0, 5.0, 2.0, 3.0, 0.0, 1.0, 10.0, 11.0, 8.0, 9.0, 6.0, 7.0];
        assert_eq!(mirrored(&picture, [2, 3, 2]), turned);
        assert_eq!(mirrored(&turned, [2, 3, 2]), picture);
    }

    #[test]
    fn both_sides_have_the_same_say() {
        // A network that sees the number in the left upper corner.
        let mut network = |images: &[f32], logits: &mut Vec<f32>| {
            logits.extend(images.chunks_exact(3).map(|image| image[0]));
        };
        let images = [1.0, 0.0, 5.0, 2.0, 0.0, -4.0];
        for (views, expected) in [(Views::Single, [9.0, 1.0, 2.0]), (Views::Mirrored, [9.0, 3.0, -1.0])] {
            let mut logits = vec![9.0];
            views.logits(&images, [1, 3, 1], &mut network, &mut logits);
            assert_eq!(logits, expected, "{views:?}, after what was there before");
        }
    }

    #[test]
    fn a_map_of_the_other_side_is_turned_back() {
        // A network that finds what it looks for wherever there is light.
        let mut network = |images: &[f32]| {
            images.chunks_exact(3).map(|image| Heatmap::new(1, 3, image.to_vec())).collect::<Vec<_>>()
        };
        let images = [1.0, 0.0, 5.0, 2.0, 0.0, 4.0];
        for views in [Views::Single, Views::Mirrored] {
            let maps = views.heatmaps(&images, [1, 3, 1], &mut network);
            assert_eq!(maps.iter().flat_map(Heatmap::weights).copied().collect::<Vec<_>>(), images);
        }
    }
}
