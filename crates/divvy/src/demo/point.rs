//! Points of the plane.

use std::ops::{Add, Mul, Sub};

/// A point or direction of the picture, x to the right and y down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) x: f32,
    pub(super) y: f32,
}

impl Point {
    pub(super) fn new(x: f32, y: f32) -> Self {
        Self { x, y }
    }

    /// The unit vector at an angle from the x axis.
    pub(super) fn towards(angle: f32) -> Self {
        Self { x: angle.cos(), y: angle.sin() }
    }

    /// A quarter turn.
    pub(super) fn turned(self) -> Self {
        Self { x: -self.y, y: self.x }
    }

    pub(super) fn dot(self, other: Self) -> f32 {
        self.x * other.x + self.y * other.y
    }

    pub(super) fn length(self) -> f32 {
        self.dot(self).sqrt()
    }
}

impl Add for Point {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { x: self.x + other.x, y: self.y + other.y }
    }
}

impl Sub for Point {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { x: self.x - other.x, y: self.y - other.y }
    }
}

impl Mul<f32> for Point {
    type Output = Self;

    fn mul(self, factor: f32) -> Self {
        Self { x: self.x * factor, y: self.y * factor }
    }
}
