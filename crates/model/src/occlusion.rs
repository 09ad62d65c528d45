//! What becomes of an answer when a part of the picture is covered.

use std::ops::Range;

use crate::{Classifier, Heatmap, Prediction};

/// How many cells of the grid a patch covers along each side: neighbours overlap by half, so that nothing is cut in two by all of them.
const CELLS: usize = 2;

impl Classifier {
    /// By how much the probability of a group falls, of a head without probabilities what speaks for it, when a grey patch covers each part
    /// of one prepared picture, `[height, width, channels]` (Zeiler and Fergus, "Visualizing and understanding convolutional networks", 2014,
    /// section 4.2). The patch stands on the middle of each cell of a grid of `rows` by `columns`, as far as the picture has pixels, is two cells
    /// wide and high, and has the picture's mean colour. Below 0 where the answer is surer without that part.
    ///
    /// It takes no gradients, only answers, and so it is a check of [`explain`](Self::explain): [`Heatmap::agreement`].
    ///
    /// # Panics
    /// When `image` is not one picture, the grid is empty, or the classifier knows no such group.
    pub fn occlude(&mut self, image: &[f32], group: usize, [rows, columns]: [usize; 2]) -> Heatmap {
        let shape @ [height, width, _] = self.preprocess().shape();
        assert_eq!(image.len(), self.preprocess().image_len(), "one picture");
        assert!(group < self.classes().len(), "group {group} of {}", self.classes().len());
        let (rows, columns) = (rows.min(height), columns.min(width));
        let whole = evidence(&self.classify(image)[0], group);
        let grey = mean_colour(image, shape[2]);
        let patches: Vec<_> = (0..rows * columns)
            .map(|cell| [patch(cell / columns, rows, height), patch(cell % columns, columns, width)])
            .collect();
        let mut falls = Vec::with_capacity(patches.len());
        for patches in patches.chunks(self.batch()) {
            let covered: Vec<f32> =
                patches.iter().flat_map(|patch| covered(image, shape, patch, &grey)).collect();
            let answers = self.classify(&covered);
            falls.extend(answers.iter().map(|answer| whole - evidence(answer, group)));
        }
        Heatmap::new(rows, columns, falls)
    }
}

/// What an answer says for a group: its probability, or of a head without, its number, with the other sign for the first group.
fn evidence(answer: &Prediction, group: usize) -> f32 {
    match (&answer.probabilities, answer.score) {
        (Some(probabilities), _) => probabilities[group],
        (None, score) => score.unwrap_or_default() * if group == 1 { 1.0 } else { -1.0 },
    }
}

/// The pixels of an axis that the patch on a cell covers.
fn patch(cell: usize, cells: usize, pixels: usize) -> Range<usize> {
    // In halves of a cell, of which its middle is a whole number.
    let (middle, cells) = (2 * cell + 1, 2 * cells);
    let at = |half: usize| (half * pixels + cells / 2) / cells;
    at(middle.saturating_sub(CELLS))..at((middle + CELLS).min(cells))
}

fn mean_colour(image: &[f32], channels: usize) -> Vec<f32> {
    let pixels = (image.len() / channels) as f64;
    let of_channel = |c: usize| image.iter().skip(c).step_by(channels).copied().map(f64::from).sum::<f64>();
    (0..channels).map(|c| (of_channel(c) / pixels) as f32).collect()
}

/// The picture with some rows and columns in one colour.
fn covered(
    image: &[f32],
    [_, width, channels]: [usize; 3],
    [rows, columns]: &[Range<usize>; 2],
    colour: &[f32],
) -> Vec<f32> {
    let mut covered = image.to_vec();
    for row in rows.clone() {
        let pixels = row * width + columns.start..row * width + columns.end;
        let part = &mut covered[pixels.start * channels..pixels.end * channels];
        part.chunks_exact_mut(channels).for_each(|pixel| pixel.copy_from_slice(colour));
    }
    covered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_are_two_cells_wide_and_stay_inside() {
        let of = |cells, pixels| (0..cells).map(|cell| patch(cell, cells, pixels)).collect::<Vec<_>>();
        assert_eq!(of(4, 16), [0..6, 2..10, 6..14, 10..16]);
        assert_eq!(of(1, 5)[0], 0..5);
        // As many cells as pixels: each patch covers its pixel.
        for (cell, patch) in of(7, 7).into_iter().enumerate() {
            assert!(patch.contains(&cell) && patch.len() <= 2, "{patch:?}");
        }
    }

    #[test]
    fn what_is_covered_has_the_mean_colour() {
        let image = [1.0, 10.0, 2.0, 20.0, 3.0, 30.0, 4.0, 40.0, 5.0, 50.0, 6.0, 60.0];
        let grey = mean_colour(&image, 2);
        assert_eq!(grey, [3.5, 35.0]);
        let found = covered(&image, [2, 3, 2], &[1..2, 1..3], &grey);
        assert_eq!(found, [1.0, 10.0, 2.0, 20.0, 3.0, 30.0, 4.0, 40.0, 3.5, 35.0, 3.5, 35.0]);
    }
}
