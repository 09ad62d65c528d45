//! What can be wrong with the labels and scores handed in.

/// Labels and scores that cannot be evaluated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// There is no sample.
    #[error("nothing to evaluate: there are no samples; give at least one")]
    NoSamples,
    /// Too few classes for the task.
    #[error("found {found} class name(s), but this task has at least {needed}")]
    TooFewClasses {
        /// How many the task needs.
        needed: usize,
        /// How many names were given.
        found: usize,
    },
    /// Answers that only make sense for two classes, given with another number of them.
    #[error(
        "one score a sample separates two classes, but there are {found}; give a row of probabilities a sample instead"
    )]
    NotTwoClasses {
        /// How many class names were given.
        found: usize,
    },
    /// A slice is longer or shorter than the samples and classes require.
    #[error("found {found} {what}, expected {expected}")]
    Length {
        /// What the slice holds, in the plural.
        what: &'static str,
        /// How many values it should hold.
        expected: usize,
        /// How many it holds.
        found: usize,
    },
    /// A class index that no class name belongs to.
    #[error("sample {sample} has {what} {index}, but the classes are numbered 0 to {last}")]
    ClassOutOfRange {
        /// Index of the sample.
        sample: usize,
        /// Whose index it is: the true label's or the decision's.
        what: &'static str,
        /// The class index found.
        index: usize,
        /// The largest valid class index.
        last: usize,
    },
    /// A score or probability that is NaN or infinite.
    #[error(
        "the score of sample {sample} is {value}, not a finite number; look for a training that diverged or pictures that are not finite"
    )]
    NotFinite {
        /// Index of the sample.
        sample: usize,
        /// The value.
        value: f32,
    },
    /// A threshold that is NaN or infinite.
    #[error(
        "the threshold of class {class} is {value}, not a finite number; give one between 0 and 1 for probabilities"
    )]
    BadThreshold {
        /// Index of the class it decides for.
        class: usize,
        /// The value.
        value: f32,
    },
    /// A value outside `[0, 1]` where a probability belongs.
    #[error(
        "sample {sample} has {value} for class {class}, which is no probability; give the head's activated output, not logits"
    )]
    NotAProbability {
        /// Index of the sample.
        sample: usize,
        /// Index of the class.
        class: usize,
        /// The value.
        value: f32,
    },
    /// The probabilities of exclusive classes do not sum to one.
    #[error(
        "the probabilities of sample {sample} sum to {sum:.4}, but those of exclusive classes sum to 1; use a softmax, or evaluate as multi-label"
    )]
    NotNormalised {
        /// Index of the sample.
        sample: usize,
        /// What its row sums to.
        sum: f64,
    },
    /// A number by which logits cannot be scaled.
    #[error(
        "the {what} of a calibration is {value}, but has to be {expected}; fit it anew on validation data"
    )]
    BadScaling {
        /// Which number.
        what: &'static str,
        /// Its value.
        value: f64,
        /// What it has to be.
        expected: &'static str,
    },
}
