//! Labels as the head's targets.

use divvy_data::Label;
use divvy_nn::{Diagnostic, Head, HeadKind, Target};

/// Writes the targets of `labels`, `[labels, units]`, as the head encodes them: a column of 0 and 1, a one-hot row, a multi-hot
/// row, or a number.
///
/// # Errors
/// The diagnostic of the first label that the head cannot be trained on: a class out of range, or several classes where they
/// exclude each other.
pub fn encode<'a>(
    head: &Head,
    labels: impl ExactSizeIterator<Item = &'a Label>,
    targets: &mut Vec<f32>,
) -> Result<(), Diagnostic> {
    targets.clear();
    targets.resize(labels.len() * head.units(), 0.0);
    for (label, row) in labels.zip(targets.chunks_exact_mut(head.units())) {
        let target = match label {
            Label::Class(class) => Target::Index(*class),
            Label::Labels(labels) => Target::Labels(labels),
        };
        head.encode(&target, row)?;
    }
    Ok(())
}

/// Mixes the targets of a batch as its pictures were mixed: of each row, a share is its own and the rest that of the next row, of the
/// last one that of the first. Cross-entropy is linear in its targets, so that of mixed ones is the mean of those of both labels, weighed
/// by the shares.
///
/// # Panics
/// If there are not as many rows as shares.
pub fn mix(head: &Head, shares: &[f32], targets: &mut [f32]) {
    let units = head.units();
    assert_eq!(targets.len(), shares.len() * units, "a share for each row");
    let first: Vec<f32> = targets.iter().take(units).copied().collect();
    for (row, &share) in shares.iter().enumerate() {
        let (own, rest) = targets[row * units..].split_at_mut(units);
        let next = if rest.is_empty() { &first[..] } else { &rest[..units] };
        for (own, next) in own.iter_mut().zip(next) {
            *own = share * *own + (1.0 - share) * next;
        }
    }
}

/// Moves a share of each target evenly over all that the head can answer: over the classes of a softmax, over yes and no of each sigmoid.
/// A network is then not driven to be ever surer of what it knows already (Szegedy et al., 2016, section 7). As `label_smoothing`
/// of Keras and, with a softmax, of PyTorch. Numbers stay as they are.
pub fn smooth(head: &Head, share: f64, targets: &mut [f32]) {
    let answers = match head.kind() {
        HeadKind::Softmax => head.units(),
        HeadKind::Sigmoid => 2,
        HeadKind::Linear => return,
    };
    let (kept, spread) = ((1.0 - share) as f32, (share / answers as f64) as f32);
    for target in targets {
        *target = kept * *target + spread;
    }
}

#[cfg(test)]
mod tests {
    use divvy_nn::Task;

    use super::*;

    #[test]
    fn targets_are_mixed_with_the_next_ones_as_they_were() {
        let head = Head::new(Task::MultiClass, HeadKind::Softmax, 3).unwrap();
        let mut targets = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
        mix(&head, &[0.75, 1.0, 0.5], &mut targets);
        assert_eq!(targets, [0.75, 0.25, 0.0, 0.0, 1.0, 0.0, 0.5, 0.0, 0.5]);
        mix(&head, &[], &mut []);
    }

    #[test]
    fn smoothed_targets_are_those_of_keras() {
        // keras.losses.CategoricalCrossentropy(label_smoothing=0.3): y (1 - 0.3) + 0.3 / classes;
        // BinaryCrossentropy(label_smoothing=0.2): y (1 - 0.2) + 0.5 * 0.2.
        let softmax = Head::new(Task::MultiClass, HeadKind::Softmax, 3).unwrap();
        let mut targets = [1.0, 0.0, 0.0, 0.25, 0.75, 0.0];
        smooth(&softmax, 0.3, &mut targets);
        let wanted = [0.8, 0.1, 0.1, 0.275, 0.625, 0.1];
        assert!(
            targets.iter().zip(wanted).all(|(is, wanted): (&f32, f32)| (is - wanted).abs() < 1e-6),
            "{targets:?}"
        );
        let sigmoids = Head::new(Task::MultiLabel, HeadKind::Sigmoid, 3).unwrap();
        let mut targets = [1.0, 0.0, 1.0];
        smooth(&sigmoids, 0.2, &mut targets);
        assert!(
            targets.iter().zip([0.9, 0.1, 0.9]).all(|(is, wanted): (&f32, f32)| (is - wanted).abs() < 1e-6)
        );
        let numbers = Head::new(Task::Regression, HeadKind::Linear, 1).unwrap();
        let mut targets = [7.0];
        smooth(&numbers, 0.2, &mut targets);
        assert_eq!(targets, [7.0]);
    }
}
