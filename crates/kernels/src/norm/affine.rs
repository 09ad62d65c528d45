//! A trained batch norm as a scale and a shift.

/// `scale = gamma / sqrt(variance + epsilon)` and `shift = beta - mean * scale`, in `f64` before they are rounded; gamma is 1 and
/// beta 0 where there is none.
///
/// # Panics
/// When the lengths differ.
pub fn batch_norm_affine(
    epsilon: f32,
    gamma: Option<&[f32]>,
    beta: Option<&[f32]>,
    [mean, variance]: [&[f32]; 2],
    scale: &mut [f32],
    shift: &mut [f32],
) {
    let channels = mean.len();
    let given = [gamma, beta].into_iter().flatten().map(<[f32]>::len);
    let lens = given.chain([variance.len(), scale.len(), shift.len()]);
    assert!(lens.into_iter().all(|len| len == channels), "a number for each channel");
    let at = |of: Option<&[f32]>, channel: usize, other: f64| of.map_or(other, |of| f64::from(of[channel]));
    for channel in 0..channels {
        let root = (f64::from(variance[channel]) + f64::from(epsilon)).sqrt();
        let factor = at(gamma, channel, 1.0) / root;
        scale[channel] = factor as f32;
        shift[channel] = (at(beta, channel, 0.0) - f64::from(mean[channel]) * factor) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_formula() {
        let (mut scale, mut shift) = ([0.0; 2], [0.0; 2]);
        let moving: [&[f32]; 2] = [&[1.0, -2.0], &[3.75, 0.0]];
        batch_norm_affine(0.25, Some(&[6.0, 1.0]), Some(&[0.5, 0.0]), moving, &mut scale, &mut shift);
        assert_eq!((scale, shift), ([3.0, 2.0], [-2.5, 4.0]));
        batch_norm_affine(0.25, None, None, moving, &mut scale, &mut shift);
        assert_eq!((scale, shift), ([0.5, 2.0], [-0.5, 4.0]));
    }
}
