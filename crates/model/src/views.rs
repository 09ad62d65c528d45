//! From how many sides a picture is looked at before it is answered for.

use std::borrow::Cow;

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
    /// The same, with half of the weight, and shifted by a pixel along both axes, towards one corner and towards the opposite one, with a quarter each, both also
    /// mirrored: at six times the time. After airbench (Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU"). What a shift uncovers is
    /// the picture's reflection.
    Shifted,
}

/// One look at a picture.
struct Look {
    /// The row and the column at which it is cut out of the picture with a pixel of its reflection around it: 1 for the picture as it is.
    cut: usize,
    /// Whether it is mirrored then.
    is_mirrored: bool,
    /// How much it counts beside the others.
    weight: f64,
}

/// The looks of [`Views::Shifted`], of which the others have the first ones.
static LOOKS: [Look; 6] = [
    Look { cut: 1, is_mirrored: false, weight: 2.0 },
    Look { cut: 1, is_mirrored: true, weight: 2.0 },
    Look { cut: 0, is_mirrored: false, weight: 1.0 },
    Look { cut: 0, is_mirrored: true, weight: 1.0 },
    Look { cut: 2, is_mirrored: false, weight: 1.0 },
    Look { cut: 2, is_mirrored: true, weight: 1.0 },
];

impl Views {
    /// All that there are.
    pub const ALL: [Self; 3] = [Self::Single, Self::Mirrored, Self::Shifted];

    /// Whether a picture is looked at only once.
    pub fn is_single(&self) -> bool {
        *self == Self::Single
    }

    /// How often a picture goes through the network.
    pub fn count(self) -> usize {
        match self {
            Self::Single => 1,
            Self::Mirrored => 2,
            Self::Shifted => LOOKS.len(),
        }
    }

    /// The name in files and flags.
    pub fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Mirrored => "mirrored",
            Self::Shifted => "shifted",
        }
    }

    fn looks(self) -> &'static [Look] {
        &LOOKS[..self.count()]
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
        if self.is_single() {
            return network(images, logits);
        }
        let (mut of_look, mut sums) = (Vec::new(), Vec::<f64>::new());
        for look in self.looks() {
            of_look.clear();
            network(&look.seen(images, shape), &mut of_look);
            sums.resize(of_look.len(), 0.0);
            sums.iter_mut().zip(&of_look).for_each(|(sum, &logit)| *sum += look.weight * f64::from(logit));
        }
        let all: f64 = self.looks().iter().map(|look| look.weight).sum();
        logits.extend(sums.iter().map(|sum| (sum / all) as f32));
    }

    /// The maps of pictures, as [`logits`](Self::logits) makes their logits: of all looks the mean, each seen from where the picture is.
    pub(crate) fn heatmaps<N>(self, images: &[f32], shape: [usize; 3], network: &mut N) -> Vec<Heatmap>
    where
        N: FnMut(&[f32]) -> Vec<Heatmap>,
    {
        if self.is_single() {
            return network(images);
        }
        let mut of_looks = Vec::with_capacity(self.count());
        for look in self.looks() {
            let maps = network(&look.seen(images, shape));
            of_looks.push(maps.iter().map(|map| look.turned_back(map, shape)).collect::<Vec<_>>());
        }
        let weights = || self.looks().iter().map(|look| look.weight);
        let of_picture =
            |picture: usize| of_looks.iter().map(|maps| &maps[picture]).zip(weights()).collect::<Vec<_>>();
        (0..of_looks[0].len()).map(|picture| Heatmap::weighted_mean(&of_picture(picture))).collect()
    }
}

impl Look {
    /// What is seen of pictures.
    fn seen<'a>(&self, images: &'a [f32], shape: [usize; 3]) -> Cow<'a, [f32]> {
        let cut =
            if self.cut == 1 { Cow::Borrowed(images) } else { Cow::Owned(cut(images, shape, self.cut)) };
        if self.is_mirrored { Cow::Owned(mirrored(&cut, shape)) } else { cut }
    }

    /// A map of what is seen of a picture of that `shape`, as a map of the picture.
    fn turned_back(&self, map: &Heatmap, [rows, columns, _]: [usize; 3]) -> Heatmap {
        let (height, width) = (map.height(), map.width());
        let weights = if self.is_mirrored {
            mirrored(map.weights(), [height, width, 1])
        } else {
            map.weights().to_vec()
        };
        // In cells, of which there may be fewer than pixels.
        let by = |cells: usize, pixels: usize| (1.0 - self.cut as f64) * cells as f64 / pixels as f64;
        Heatmap::new(height, width, weights).moved(by(height, rows), by(width, columns))
    }
}

/// Pictures with each row read from right to left.
fn mirrored(images: &[f32], [_, width, channels]: [usize; 3]) -> Vec<f32> {
    let rows = images.chunks_exact(width * channels);
    rows.flat_map(|row| row.rchunks_exact(channels).flatten()).copied().collect()
}

/// What begins at that row and column of pictures with a pixel of their reflection around each, as large as they are.
fn cut(images: &[f32], [height, width, channels]: [usize; 3], at: usize) -> Vec<f32> {
    // The outermost pixel is not repeated; where it is the only one, it is reflected in itself.
    let source = |number: usize, len: usize| {
        let inside = (number + at).abs_diff(1);
        if inside < len { inside } else { (2 * (len - 1)).saturating_sub(inside) }
    };
    let row_len = width * channels;
    let mut seen = Vec::with_capacity(images.len());
    for image in images.chunks_exact(height * row_len) {
        for row in 0..height {
            let row = &image[source(row, height) * row_len..][..row_len];
            for column in 0..width {
                seen.extend_from_slice(&row[source(column, width) * channels..][..channels]);
            }
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rows_are_read_from_right_to_left() {
        let picture: Vec<f32> = (0..12).map(|number| number as f32).collect();
        let turned = [4.0, 5.0, 2.0, 3.0, 0.0, 1.0, 10.0, 11.0, 8.0, 9.0, 6.0, 7.0];
        assert_eq!(mirrored(&picture, [2, 3, 2]), turned);
        assert_eq!(mirrored(&turned, [2, 3, 2]), picture);
    }

    #[test]
    fn what_is_cut_out_beyond_the_border_is_reflected() {
        let picture: Vec<f32> = (0..12).map(|number| number as f32).collect();
        let upper_left = [8.0, 9.0, 6.0, 7.0, 8.0, 9.0, 2.0, 3.0, 0.0, 1.0, 2.0, 3.0];
        let lower_right = [8.0, 9.0, 10.0, 11.0, 8.0, 9.0, 2.0, 3.0, 4.0, 5.0, 2.0, 3.0];
        assert_eq!(cut(&picture, [2, 3, 2], 0), upper_left);
        assert_eq!(cut(&picture, [2, 3, 2], 1), picture);
        assert_eq!(cut(&picture, [2, 3, 2], 2), lower_right);
        // Each of several pictures by itself, and such as have nothing to reflect.
        assert_eq!(cut(&picture, [1, 3, 2], 0), [2.0, 3.0, 0.0, 1.0, 2.0, 3.0, 8.0, 9.0, 6.0, 7.0, 8.0, 9.0]);
        assert_eq!(
            cut(&picture, [3, 1, 2], 2),
            [2.0, 3.0, 4.0, 5.0, 2.0, 3.0, 8.0, 9.0, 10.0, 11.0, 8.0, 9.0]
        );
        for at in 0..3 {
            assert_eq!(cut(&picture, [1, 1, 1], at), picture);
        }
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
    fn shifted_pictures_have_half_of_the_say() {
        // A network that sees one pixel of a picture, and how often it is asked.
        let picture = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];
        let sees = |seen: usize| {
            let mut asked = 0;
            let mut network = |images: &[f32], logits: &mut Vec<f32>| {
                asked += 1;
                logits.extend(images.chunks_exact(9).map(|image| image[seen]));
            };
            let mut logits = Vec::new();
            Views::Shifted.logits(&picture, [3, 3, 1], &mut network, &mut logits);
            assert_eq!(asked, Views::Shifted.count());
            logits
        };
        // The corner: itself and the one beside it, mirrored, then what is reflected there, the centre, from all four.
        assert_eq!(sees(0), [(1.0 + 4.0) / 4.0 + (16.0 + 16.0 + 16.0 + 16.0) / 8.0]);
        // The centre of the first row: what is above it is the second row, reflected.
        assert_eq!(sees(1), [(2.0 + 2.0) / 4.0 + (8.0 + 8.0 + 32.0 + 32.0) / 8.0]);
        assert_eq!(sees(4), [(16.0 + 16.0) / 4.0 + (1.0 + 1.0 + 256.0 + 256.0) / 8.0]);
        assert_eq!(sees(3), [(8.0 + 32.0) / 4.0 + (2.0 + 2.0 + 128.0 + 128.0) / 8.0]);
    }

    proptest! {
        #[test]
        fn what_no_shift_changes_is_answered_for_as_by_both_sides(
            inner in proptest::collection::vec(-1000_i16..1000, 5 * 4 * 2),
        ) {
            // What is there lies two pixels from the border, so that no reflection shows it twice.
            let [height, width, channels] = [9, 8, 2];
            let mut picture = vec![0.0; height * width * channels];
            for (row, numbers) in inner.chunks_exact(4 * channels).enumerate() {
                let begin = ((row + 2) * width + 2) * channels;
                for (value, number) in picture[begin..].iter_mut().zip(numbers) {
                    *value = f32::from(*number);
                }
            }
            // Sums and the steepest rise to the right: not the same for the other side, but wherever it is.
            let mut network = |images: &[f32], logits: &mut Vec<f32>| {
                let rises = images.windows(channels + 1).map(|some| some[channels] - some[0]);
                logits.extend([images.iter().sum::<f32>(), rises.fold(0.0, f32::max)]);
            };
            let mut answer = |views: Views| {
                let mut logits = Vec::new();
                views.logits(&picture, [height, width, channels], &mut network, &mut logits);
                logits
            };
            prop_assert_eq!(answer(Views::Shifted), answer(Views::Mirrored));
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

    #[test]
    fn a_map_of_a_shifted_picture_is_shifted_back() {
        let [height, width] = [6, 8];
        let mut image = vec![0.0; height * width];
        (image[2 * width + 3], image[3 * width + 5]) = (1.0, 3.0);
        // A network that finds light where it is, in cells of a pixel or of two by four.
        let mut fine = |images: &[f32]| {
            let images = images.chunks_exact(height * width);
            images.map(|image| Heatmap::new(height, width, image.to_vec())).collect::<Vec<_>>()
        };
        let maps = Views::Shifted.heatmaps(&image.repeat(2), [height, width, 1], &mut fine);
        assert_eq!(maps.iter().map(Heatmap::weights).collect::<Vec<_>>(), [&image[..]; 2]);
        let mut coarse =
            |images: &[f32]| fine(images).iter().map(|map| map.on_grid(3, 2)).collect::<Vec<_>>();
        let map = Views::Shifted.heatmaps(&image, [height, width, 1], &mut coarse).remove(0);
        // Where both go down and to the right, the map is [0, 0; 0, 1; 0, 3] / 8, and where they go up and to the left, [1, 0; 0, 3; 0, 0] / 8; half of the rows
        // and a quarter of the columns bring them back, and in the map of the picture as it is they are [0, 0; 1, 3; 0, 0] / 8.
        assert_eq!(map.weights(), [9.0, 6.0, 24.0, 74.0, 6.0, 33.0].map(|weight| weight / 256.0));
    }
}
