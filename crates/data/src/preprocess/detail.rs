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
        let Self::Larger(factor) = self else { return recipe.fit_pixels(pixels) };
        let pixels = pixels.into_channels(recipe.channels());
        let sides = |factor: f64| {
            let side = |side: usize| ((side as f64 * factor).round() as usize).max(1);
            (side(recipe.height()), side(recipe.width()))
        };
        if recipe.fit() != Fit::Stretch {
            let (height, width) = sides(factor);
            return resize::fit_to(pixels, recipe, (height, width));
        }
        let of_height = pixels.height() as f64 / (recipe.height() as f64 * factor);
        let of_width = pixels.width() as f64 / (recipe.width() as f64 * factor);
        let reduction = of_height.min(of_width);
        if reduction < LEAST_REDUCTION {
            return pixels;
        }
        let side = |side: usize| ((side as f64 / reduction).round() as usize).max(1);
        let (height, width) = (side(pixels.height()), side(pixels.width()));
        resize::fit_to(pixels, recipe, (height, width))
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
    fn fitted_pictures_are_those_that_the_network_sees() {
        let recipe = Preprocess::new(5, 4, Channels::Rgb).expect("the size is allowed");
        assert_eq!(Detail::Fitted.keep(picture(40, 30), &recipe), recipe.fit_pixels(picture(40, 30)));
    }
}
