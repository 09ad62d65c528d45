//! Colours as amounts of light.

use std::ops::{Add, Mul};

/// Linear light, red, green and blue: 0 is dark, 1 is the brightest a picture can show.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Colour {
    pub(super) red: f32,
    pub(super) green: f32,
    pub(super) blue: f32,
}

impl Colour {
    pub(super) const WHITE: Self = Self::grey(1.0);

    pub(super) const fn grey(light: f32) -> Self {
        Self { red: light, green: light, blue: light }
    }

    /// From hue in degrees, saturation and value in `[0, 1]`, as painters and colour pickers have them.
    pub(super) fn hsv(hue: f32, saturation: f32, value: f32) -> Self {
        let channel = |offset: f32| {
            let k = (offset + hue / 60.0).rem_euclid(6.0);
            let shown = value - value * saturation * k.min(4.0 - k).clamp(0.0, 1.0);
            // Screens show the square root of the light, near enough.
            shown * shown
        };
        Self { red: channel(5.0), green: channel(3.0), blue: channel(1.0) }
    }

    /// This colour at 0, `other` at 1.
    pub(super) fn mix(self, other: Self, share: f32) -> Self {
        self * (1.0 - share) + other * share
    }

    /// Channel by channel: what a surface of this colour returns of a light.
    pub(super) fn under(self, light: Self) -> Self {
        Self { red: self.red * light.red, green: self.green * light.green, blue: self.blue * light.blue }
    }

    /// The channels as a screen shows them.
    pub(super) fn shown(self) -> [f32; 3] {
        [self.red, self.green, self.blue].map(|light| light.max(0.0).sqrt())
    }

    /// How different two colours look: the distance of what a screen shows.
    pub(super) fn contrast(self, other: Self) -> f32 {
        let squares = self.shown().into_iter().zip(other.shown()).map(|(a, b)| (a - b) * (a - b));
        squares.sum::<f32>().sqrt()
    }
}

impl Add for Colour {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { red: self.red + other.red, green: self.green + other.green, blue: self.blue + other.blue }
    }
}

impl Mul<f32> for Colour {
    type Output = Self;

    fn mul(self, light: f32) -> Self {
        Self { red: self.red * light, green: self.green * light, blue: self.blue * light }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hues_are_where_colour_pickers_have_them() {
        // Hue, saturation, value and the channels shown, as CSS and every picker convert them.
        let known = [
            ((0.0, 1.0, 1.0), [1.0, 0.0, 0.0]),
            ((120.0, 1.0, 0.5), [0.0, 0.5, 0.0]),
            ((240.0, 0.5, 1.0), [0.5, 0.5, 1.0]),
            ((30.0, 1.0, 1.0), [1.0, 0.5, 0.0]),
            ((390.0, 1.0, 1.0), [1.0, 0.5, 0.0]),
            ((77.0, 0.0, 0.3), [0.3, 0.3, 0.3]),
        ];
        for ((hue, saturation, value), expected) in known {
            for (shown, expected) in Colour::hsv(hue, saturation, value).shown().into_iter().zip(expected) {
                assert!((shown - expected).abs() < 1e-6, "hue {hue}: {shown}, expected {expected}");
            }
        }
    }
}
