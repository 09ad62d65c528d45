//! Where each pixel of a changed picture comes from.

/// A map of the plane, `(x, y)` to `(xx x + xy y + x0, yx x + yy y + y0)`, in pixels of the target from its centre. It goes from where a
/// pixel is put to where it is taken, so that each is computed once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Affine {
    pub(super) xx: f32,
    pub(super) xy: f32,
    pub(super) x0: f32,
    pub(super) yx: f32,
    pub(super) yy: f32,
    pub(super) y0: f32,
}

impl Affine {
    /// Nothing moves.
    pub(super) const IDENTITY: Self = Self { xx: 1.0, xy: 0.0, x0: 0.0, yx: 0.0, yy: 1.0, y0: 0.0 };

    fn linear(xx: f32, xy: f32, yx: f32, yy: f32) -> Self {
        Self { xx, xy, yx, yy, ..Self::IDENTITY }
    }

    /// Mirrored left to right and top to bottom.
    pub(super) fn mirror(horizontal: bool, vertical: bool) -> Self {
        let sign = |mirrored| if mirrored { -1.0 } else { 1.0 };
        Self::linear(sign(horizontal), 0.0, 0.0, sign(vertical))
    }

    /// Enlarged by `factor` about the centre.
    pub(super) fn zoom(factor: f32) -> Self {
        Self::linear(1.0 / factor, 0.0, 0.0, 1.0 / factor)
    }

    /// Turned clockwise about the centre by an angle in radians.
    pub(super) fn turn(angle: f32) -> Self {
        let (sin, cos) = angle.sin_cos();
        Self::linear(cos, sin, -sin, cos)
    }

    /// Each row moved by `x` of its distance below the centre, or each column by `y`; one of them is 0.
    pub(super) fn shear(x: f32, y: f32) -> Self {
        Self::linear(1.0, -x, -y, 1.0)
    }

    /// Moved by so many pixels to the right and down.
    pub(super) fn shift(x: f32, y: f32) -> Self {
        Self { x0: -x, y0: -y, ..Self::IDENTITY }
    }

    /// The part with these shares of the sides, whose centre is so many pixels from that of the whole.
    pub(super) fn crop([width, height]: [f32; 2], [x, y]: [f32; 2]) -> Self {
        Self { x0: x, y0: y, ..Self::linear(width, 0.0, 0.0, height) }
    }

    /// This change, then another.
    pub(super) fn then(self, next: Self) -> Self {
        // What the next one takes from a place, this one has taken from where that place came from.
        Self {
            xx: self.xx * next.xx + self.xy * next.yx,
            xy: self.xx * next.xy + self.xy * next.yy,
            x0: self.xx * next.x0 + self.xy * next.y0 + self.x0,
            yx: self.yx * next.xx + self.yy * next.yx,
            yy: self.yx * next.xy + self.yy * next.yy,
            y0: self.yx * next.x0 + self.yy * next.y0 + self.y0,
        }
    }
}
