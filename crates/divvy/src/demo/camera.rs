//! From light to pixels: focus, exposure, vignetting, the sensor's noise.

use image::{Rgb, RgbImage};

use super::colour::Colour;
use super::dice::Dice;
use super::noise::Noise;
use super::point::Point;

/// How a picture is taken.
pub(super) struct Camera {
    exposure: f32,
    tint: Colour,
    vignetting: f32,
    /// Standard deviation of the blur in pixels.
    blur: f32,
    /// Standard deviation of the noise, of what a screen shows.
    noise: f32,
    grain: Noise,
}

impl Camera {
    pub(super) fn roll(dice: &mut Dice) -> Self {
        Self {
            exposure: dice.between(0.75, 1.3),
            tint: Colour { red: dice.between(0.92, 1.08), green: 1.0, blue: dice.between(0.9, 1.1) },
            vignetting: dice.between(0.0, 0.5),
            blur: if dice.chance(0.5) { dice.between(0.3, 1.1) } else { 0.0 },
            noise: dice.between(0.004, 0.035),
            grain: dice.noise(),
        }
    }

    /// Takes the picture of a scene that sends out `scene(x, y)` at the middle of each pixel.
    pub(super) fn take(&self, width: u32, height: u32, scene: impl Fn(f32, f32) -> Colour) -> RgbImage {
        let light: Vec<Colour> = (0..height)
            .flat_map(|y| (0..width).map(move |x| (x as f32 + 0.5, y as f32 + 0.5)))
            .map(|(x, y)| scene(x, y))
            .collect();
        let light = self.focus(light, width as usize);
        let middle = Point::new(width as f32 / 2.0, height as f32 / 2.0);
        RgbImage::from_fn(width, height, |x, y| {
            let off_centre = (Point::new(x as f32, y as f32) - middle).length() / middle.length();
            let lens = self.exposure * (1.0 - self.vignetting * off_centre * off_centre);
            let seen = light[(y * width + x) as usize].under(self.tint) * lens;
            let mut channel = 0;
            Rgb(seen.shown().map(|shown| {
                channel += 1;
                let noisy = shown + self.noise * self.grain_at(x, y, channel);
                (255.0 * noisy.clamp(0.0, 1.0)).round() as u8
            }))
        })
    }

    fn focus(&self, light: Vec<Colour>, width: usize) -> Vec<Colour> {
        if self.blur == 0.0 {
            return light;
        }
        let weights = gaussian(self.blur);
        let height = light.len() / width;
        blur_rows_and_transpose(&blur_rows_and_transpose(&light, width, &weights), height, &weights)
    }

    /// Noise of unit variance: the sum of three uniform numbers, near enough to normal.
    fn grain_at(&self, x: u32, y: u32, channel: u32) -> f32 {
        let draw = |number: u32| {
            self.grain.sibling(3 * channel + number).cell(x.cast_signed(), y.cast_signed()) - 0.5
        };
        2.0 * (draw(0) + draw(1) + draw(2))
    }
}

/// Weights of the neighbours from `-r` to `r`, which sum to one.
fn gaussian(deviation: f32) -> Vec<f32> {
    let reach = (2.5 * deviation).ceil() as i32;
    let bell = |offset: i32| (-0.5 * (offset as f32 / deviation).powi(2)).exp();
    let sum: f32 = (-reach..=reach).map(bell).sum();
    (-reach..=reach).map(|offset| bell(offset) / sum).collect()
}

/// Blurs each row and writes it as a column: done twice, both directions are blurred and the picture lies as before.
fn blur_rows_and_transpose(light: &[Colour], width: usize, weights: &[f32]) -> Vec<Colour> {
    let height = light.len() / width;
    let reach = weights.len() / 2;
    let blurred = |x: usize, y: usize| {
        weights.iter().enumerate().fold(Colour::grey(0.0), |sum, (k, &weight)| {
            let neighbour = (x + k).saturating_sub(reach).min(width - 1);
            sum + light[y * width + neighbour] * weight
        })
    };
    (0..width).flat_map(|x| (0..height).map(move |y| (x, y))).map(|(x, y)| blurred(x, y)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blur_spreads_light_without_losing_any() {
        let (width, height) = (15, 11);
        let mut light = vec![Colour::grey(0.0); width * height];
        light[5 * width + 7] = Colour::grey(1.0);
        let camera = Camera { blur: 1.0, ..Camera::roll(&mut Dice::new(1, 0)) };
        let blurred = camera.focus(light, width);
        let at = |x: usize, y: usize| blurred[y * width + x].green;
        let total: f32 = blurred.iter().map(|colour| colour.green).sum();
        assert!((total - 1.0).abs() < 1e-5, "{total}");
        // The density of a normal distribution in two dimensions, cut off where it no longer counts.
        assert!((at(7, 5) - 0.159).abs() < 0.005, "{}", at(7, 5));
        assert!((at(8, 5) - at(7, 4)).abs() < 1e-6);
        assert!((at(9, 5) / at(7, 5) - (-2.0_f32).exp()).abs() < 1e-4);
    }

    #[test]
    fn noise_has_the_deviation_it_says() {
        let camera = Camera::roll(&mut Dice::new(2, 0));
        let draws: Vec<f32> = (0..20_000).map(|i| camera.grain_at(i % 200, i / 200, 1)).collect();
        let mean = draws.iter().sum::<f32>() / 20_000.0;
        let variance = draws.iter().map(|draw| (draw - mean).powi(2)).sum::<f32>() / 20_000.0;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.04, "{mean}, {variance}");
    }
}
