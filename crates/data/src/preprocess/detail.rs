//! Pictures with more pixels than the network sees, for parts of them to be taken.

use super::{Fit, Preprocess, resize};
use crate::augment::Augment;
use crate::decode::Pixels;

/// Reductions by less than this are not worth their blur: then the picture stays as it is.
const LEAST_REDUCTION: f64 = 1.25;

/// At which size training pictures are kept, before they are changed at random.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Detail {
    /// At the size that the network sees.
    #[default]
    Fitted,
    /// With both sides about this many times (1 or more) those that the network sees, or as many as the picture has; a part
    /// that is enlarged to the whole then is as sharp as the picture allows.
    Larger(f64),
}

/// More than this many times the sides that the network sees are never kept.
const MOST: f64 = 2.0;

impl Detail {
    /// What random changes ask for: enough for the smallest part that they enlarge to the whole, up to twice the sides.
    pub fn for_augment(augment: &Augment) -> Self {
        match augment.crop {
            Some(crop) if crop.area[0] < 1.0 => Self::Larger((1.0 / crop.area[0]).sqrt().min(MOST)),
            _ => Self::Fitted,
        }
    }

    /// Bytes that are kept of a picture, about.
    pub(crate) fn image_len(self, recipe: &Preprocess) -> usize {
        match self {
            Self::Fitted => recipe.image_len(),
            Self::Larger(factor) => (recipe.image_len() as f64 * factor * factor) as usize,
        }
    }

    /// What is kept of a decoded picture. Its sides stand for the same sides of the fitted one; their proportions may be others.
    pub(crate) fn keep(self, pixels: Pixels, recipe: &Preprocess) -> Pixels {
        let pixels = pixels.into_channels(recipe.channels());
        let size = self.size([pixels.height(), pixels.width()], recipe);
        resize::fit_to(pixels, recipe, size.into())
    }

    /// Whether all pixels of a picture of this height and width are kept as they are.
    pub(crate) fn keeps_all(self, sides: [usize; 2], recipe: &Preprocess) -> bool {
        self.size(sides, recipe) == sides
    }

    /// The height and width at which a picture is kept.
    fn size(self, sides: [usize; 2], recipe: &Preprocess) -> [usize; 2] {
        let target = [recipe.height(), recipe.width()];
        let Self::Larger(factor) = self else { return target };
        let rounded = |side: f64| (side.round() as usize).max(1);
        if recipe.fit() != Fit::Stretch {
            return target.map(|side| rounded(side as f64 * factor));
        }
        let [of_height, of_width] = [0, 1].map(|side| sides[side] as f64 / (target[side] as f64 * factor));
        let reduction = of_height.min(of_width);
        if reduction < LEAST_REDUCTION {
            return sides;
        }
        sides.map(|side| rounded(side as f64 / reduction))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Channels;
    use crate::preprocess::MAX_SIDE;

    fn picture(height: usize, width: usize) -> Pixels {
        let bytes = (0..height * width).map(|i| (i * 7) as u8).collect();
        Pixels::new(height, width, Channels::Grey, bytes).expect("the bytes fill the size")
    }

    fn kept(factor: f64, fit: Fit, (height, width): (usize, usize)) -> (usize, usize) {
        let recipe = Preprocess::new(20, 30, Channels::Grey).expect("the size is allowed").with_fit(fit);
        let kept = Detail::Larger(factor).keep(picture(height, width), &recipe);
        (kept.height(), kept.width())
    }

    #[test]
    fn large_pictures_are_reduced_in_proportion_and_small_ones_stay() {
        // Twice 20 x 30 is 40 x 60: of 400 x 300, the width decides.
        assert_eq!(kept(2.0, Fit::Stretch, (400, 300)), (80, 60));
        assert_eq!(kept(2.0, Fit::Stretch, (80, 600)), (40, 300));
        assert_eq!(kept(2.0, Fit::Stretch, (45, 1000)), (45, 1000), "a reduction by 1.1 is none");
        assert_eq!(kept(2.0, Fit::Stretch, (7, 9)), (7, 9));
        assert_eq!(kept(1.0, Fit::Stretch, (1, MAX_SIDE)), (1, MAX_SIDE));
    }

    #[test]
    fn what_is_cropped_or_padded_is_so_before_parts_are_taken() {
        assert_eq!(kept(1.5, Fit::Crop, (400, 300)), (30, 45));
        assert_eq!(kept(1.5, Fit::Pad, (400, 300)), (30, 45));
    }

    #[test]
    fn pictures_that_stay_as_they_are_are_known_by_their_size() {
        for (factor, fit) in [(2.0, Fit::Stretch), (1.0, Fit::Stretch), (1.5, Fit::Crop)] {
            let recipe = Preprocess::new(20, 30, Channels::Grey).expect("the size is allowed").with_fit(fit);
            for sides @ [height, width] in [[400, 300], [45, 1000], [7, 9], [30, 45], [20, 30]] {
                let detail = Detail::Larger(factor);
                let stays = detail.keep(picture(height, width), &recipe) == picture(height, width);
                assert_eq!(detail.keeps_all(sides, &recipe), stays, "{factor} {fit:?} {sides:?}");
            }
        }
        let recipe = Preprocess::new(20, 30, Channels::Grey).expect("the size is allowed");
        assert!(Detail::Fitted.keeps_all([20, 30], &recipe) && !Detail::Fitted.keeps_all([20, 31], &recipe));
    }

    #[test]
    fn fitted_pictures_are_those_that_the_network_sees() {
        let recipe = Preprocess::new(5, 4, Channels::Rgb).expect("the size is allowed");
        assert_eq!(Detail::Fitted.keep(picture(40, 30), &recipe), recipe.fit_pixels(picture(40, 30)));
    }
}
