//! Metrics with intervals: pure functions of labels and scores.
//!
//! Hand over what is true and what a classifier answered, get a report that serialises to JSON and prints as a table:
//!
//! ```
//! use divvy_eval::{Answers, ExclusiveReport};
//!
//! let classes = ["cat".to_string(), "dog".to_string()];
//! let truth = [0, 0, 1, 1];
//! let probabilities = [0.9, 0.1, 0.6, 0.4, 0.7, 0.3, 0.2, 0.8]; // one row a sample, one column a class
//! let report = ExclusiveReport::new(&classes, &truth, Answers::Probabilities(&probabilities))?;
//! assert_eq!(report.accuracy, 0.75);
//! assert_eq!(report.binary.as_ref().and_then(|binary| binary.roc_auc), Some(0.75));
//! println!("{report}");
//! # Ok::<(), divvy_eval::EvalError>(())
//! ```
//!
//! Two classifiers, heads or optimizers are compared on the same samples by [`McNemar`], across seeds by [`PairedT`], and by
//! how far their probabilities can be believed with [`Calibration`]. What is learnt on validation data makes them come true:
//! a [`BiasedTemperature`] for a softmax, [`Platt`] for a sigmoid. [`Reliability`] gathers what
//! probabilities cost and whether they came true; a [`Ranking`] draws the [`Curve`]s of all thresholds.
//! Labels that are likely wrong are found by [`LabelErrors`]. A [`ThresholdCurve`] gives the threshold for an [`Aim`], a
//! [`CostMatrix`] the decisions of least cost. [`RiskCoverage`] tells from which confidence on a stated accuracy holds,
//! [`ConformalSets`] hold the true class as often as asked for, and [`Slices`] tell where accuracy falls.
//!
//! # Conventions
//!
//! - **What is undefined is `None`**, `null` in JSON and `n/a` in text, never NaN and never a silent zero: the precision
//!   of a class that was never predicted, the recall of a class that does not occur, the ROC AUC of data with one class.
//!   A mean over classes, labels or samples is taken over the defined values (scikit-learn's `zero_division=np.nan`) and
//!   is itself undefined when there are none.
//! - **Probabilities are clipped** to `[f32::EPSILON, 1 - f32::EPSILON]` before a logarithm is taken, as scikit-learn
//!   does for `float32` input: one answer that is certain and wrong costs 15.9 nats, not infinity.
//! - **With two classes the second (index 1) is the positive one**, and a report names it.
//! - **Intervals** (`..._ci95`) cover the truth about 95 times in 100, which simulations in the tests hold them to. They need no
//!   random numbers, except for the bands of curves.
//! - Sums run in `f64`, in the order of the samples.
//! - Input that cannot be what it claims to be (lengths, labels out of range, scores that are not finite, rows of
//!   probabilities that do not sum to one) is an [`EvalError`].

mod abstain;
mod answers;
mod beta;
mod binomial;
mod bootstrap;
mod calibration;
mod check;
mod conformal;
mod confusion;
mod cost;
mod error;
mod exclusive;
mod interval;
mod jackknife;
mod label_errors;
mod level;
mod log_loss;
mod mcnemar;
mod mean;
mod mover;
mod multi_label;
mod paired;
mod ranking;
mod reliability;
mod report;
mod root;
mod scaling;
mod slices;
mod spread;
mod student;
mod table;
mod tally;
mod thin;
mod threshold;

pub use abstain::{Answered, CoveragePoint, RiskCoverage, SureEnough};
pub use answers::Answers;
pub use bootstrap::Bootstrap;
pub use calibration::{Binning, Calibration, ReliabilityBin};
pub use conformal::{ConformalSets, SetReport};
pub use confusion::ConfusionMatrix;
pub use cost::{Cost, CostError, CostMatrix, CostReport, NotACost};
pub use error::EvalError;
pub use exclusive::{BinaryScores, ExclusiveReport};
pub use interval::{Estimate, Interval};
pub use label_errors::{
    ConfidentJoint, LabelDoubt, LabelErrors, LabelEvidence, MultiLabelDoubt, MultiLabelErrors,
};
pub use level::{Level, LevelError};
pub use mcnemar::McNemar;
pub use mean::MeanInterval;
pub use multi_label::{LabelScores, MultiLabelReport};
pub use paired::PairedT;
pub use ranking::{BandPoint, Curve, CurvePoint, Ranking};
pub use reliability::Reliability;
pub use report::{Report, Task};
pub use scaling::{BiasedTemperature, Platt};
pub use slices::{Attribute, AttributeValues, Slice, SliceRange, Slices};
pub use tally::{ClassScores, Tally};
pub use threshold::{
    Aim, AimError, CutScores, ThresholdChoice, ThresholdCurve, ThresholdPoint, ThresholdScores,
};
