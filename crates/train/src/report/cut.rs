//! Where to cut: thresholds, answers that are held back and sets of groups, chosen on some pictures and measured on others.

use divvy_eval::{
    Aim, Answered, ConformalSets, CostMatrix, CostReport, CoveragePoint, Level, RiskCoverage, SetReport,
    SureEnough, ThresholdChoice, ThresholdCurve, ThresholdPoint, ThresholdScores,
};
use divvy_model::Prediction;
use divvy_nn::{Head, Task};
use serde::Serialize;

use super::asked::Asked;
use super::{Measured, ReportConfig};
use crate::error::TrainError;

/// How many points a curve has at the most: more are not told apart.
const POINTS: usize = 100;

/// What can be asked of a model beside its likeliest answer. All is chosen on the validation pictures.
#[derive(Clone, Debug, Serialize)]
pub struct WhereToCut {
    /// By which pictures.
    pub chosen_on: Measured,
    /// How many they are.
    pub n: usize,
    /// Whether they are those that it is measured on as well, which flatters.
    pub flatters: bool,
    /// Thresholds for each aim, of two groups for the positive one, of labels for each. Empty for more groups, where the likeliest is the answer.
    pub thresholds: Vec<Threshold>,
    /// What decisions of the least expected cost come to, where costs were stated; none of labels and of scores.
    pub costs: Option<CostReport>,
    /// What is gained by answering only when sure; none without probabilities.
    pub abstaining: Option<Abstaining>,
    /// Sets of groups that hold the true one as often as asked for; none without probabilities.
    pub sets: Option<SetReport>,
}

/// From where on a group or label is answered.
#[derive(Clone, Debug, Serialize)]
pub struct Threshold {
    /// The group or label.
    pub group: String,
    /// The threshold, and how it does on the pictures that it was chosen on.
    #[serde(flatten)]
    pub choice: ThresholdChoice,
    /// How it does on the pictures that are measured on.
    pub measured: ThresholdScores,
    /// Precision and recall at every threshold, on the pictures that it was chosen on.
    pub curve: Vec<ThresholdPoint>,
}

/// Answering only when sure.
#[derive(Clone, Debug, Serialize)]
pub struct Abstaining {
    /// The share that is answered against the share of that which is right, from the surest on, on the pictures that are measured on.
    pub curve: Vec<CoveragePoint>,
    /// The area under the curve of mistakes, and the least that it could be with as many mistakes.
    pub aurc: f64,
    /// See `aurc`.
    pub least_aurc: f64,
    /// From which confidence on the accuracy asked for was shown to hold; none where it could not be shown of any.
    pub sure_enough: Option<SureEnough>,
    /// How the pictures that are measured on fare then.
    pub measured: Option<Answered>,
}

/// Refuses what is asked for where nothing could come of it: costs and aims are of decisions between groups, chosen by pictures.
pub(super) fn check(config: &ReportConfig, head: &Head, can_choose: bool) -> Result<(), TrainError> {
    let refuse =
        |setting, found: &str, wanted| Err(TrainError::Setting { setting, found: found.to_owned(), wanted });
    let is_multi_label = head.task() == Task::MultiLabel;
    if !config.costs.is_empty() && is_multi_label {
        return refuse(
            "the cost of a mistake",
            "stated of labels that do not exclude each other",
            "leave it out",
        );
    }
    if config.aim.is_some() && !is_multi_label && head.classes() > 2 {
        let wanted = "leave it out, for the likeliest of them is the answer; state costs to change it";
        return refuse("the aim", "stated of more than two groups, which have no threshold", wanted);
    }
    if !can_choose && (config.aim.is_some() || !config.costs.is_empty()) {
        let found = "stated of a model whose validation pictures are not there to choose by";
        return refuse("the aim", found, "leave it out, or give the run with its pictures");
    }
    Ok(())
}

impl WhereToCut {
    pub(super) fn of(
        config: &ReportConfig,
        positive: Option<usize>,
        chosen_on: Measured,
        choosing: &Asked,
        measured: &Asked,
        flatters: bool,
    ) -> Result<Self, TrainError> {
        let costs = match config.costs.as_slice() {
            [] => None,
            stated => Some(CostMatrix::parse(measured.classes(), stated)?),
        };
        let with_rows = |asked: &Asked| asked.head.has_probabilities() && !asked.is_multi_label();
        let report = match &costs {
            Some(costs) if with_rows(measured) => {
                Some(costs.report(&measured.classes_of_truth(), &measured.rows())?)
            }
            _ => None,
        };
        Ok(Self {
            chosen_on,
            n: choosing.samples.len(),
            flatters,
            thresholds: thresholds(config, positive, costs.as_ref(), choosing, measured)?,
            costs: report,
            abstaining: Abstaining::of(config.accuracy, choosing, measured)?,
            sets: sets(config.coverage, choosing, measured)?,
        })
    }
}

fn thresholds(
    config: &ReportConfig,
    positive: Option<usize>,
    costs: Option<&CostMatrix>,
    choosing: &Asked,
    measured: &Asked,
) -> Result<Vec<Threshold>, TrainError> {
    let groups: Vec<usize> = match measured.classes().len() {
        n if measured.is_multi_label() => (0..n).collect(),
        2 => vec![positive.unwrap_or(1)],
        _ => Vec::new(),
    };
    let mut thresholds = Vec::new();
    for group in groups {
        let of_costs = costs.and_then(|costs| costs.aim(group));
        let aims = match (config.aim, of_costs) {
            (Some(Aim::Cost { .. }) | None, Some(aim)) | (Some(aim), _) => vec![aim],
            (None, None) if measured.is_multi_label() => vec![Aim::F1],
            (None, None) => vec![Aim::F1, Aim::Youden],
        };
        let (truth, scores) = choosing.of_group(group);
        let curve = ThresholdCurve::new(&truth, &scores)?;
        let (measured_truth, measured_scores) = measured.of_group(group);
        for choice in aims.into_iter().filter_map(|aim| curve.choose(aim)) {
            thresholds.push(Threshold {
                group: measured.classes()[group].clone(),
                measured: choice.on(&measured_truth, &measured_scores)?,
                choice,
                curve: curve.points(POINTS),
            });
        }
    }
    Ok(thresholds)
}

impl Abstaining {
    fn of(accuracy: Level, choosing: &Asked, measured: &Asked) -> Result<Option<Self>, TrainError> {
        if !measured.head.has_probabilities() {
            return Ok(None);
        }
        let confidences = |asked: &Asked| -> Vec<f32> {
            asked.predictions.iter().filter_map(Prediction::confidence).collect()
        };
        let (sure, right) = (confidences(measured), measured.right());
        let curve = RiskCoverage::new(&sure, &right)?;
        let chosen = RiskCoverage::new(&confidences(choosing), &choosing.right())?.sure_enough(accuracy);
        Ok(Some(Self {
            curve: curve.points(POINTS),
            aurc: curve.aurc(),
            least_aurc: curve.least_aurc(),
            measured: chosen.map(|chosen| chosen.on(&sure, &right)).transpose()?,
            sure_enough: chosen,
        }))
    }
}

fn sets(coverage: Level, choosing: &Asked, measured: &Asked) -> Result<Option<SetReport>, TrainError> {
    if !measured.head.has_probabilities() {
        return Ok(None);
    }
    let classes = measured.classes().len();
    Ok(Some(if measured.is_multi_label() {
        let truths = choosing.truths();
        if truths.iter().all(|labels| labels.is_empty()) {
            return Ok(None);
        }
        let sets = ConformalSets::multi_label(classes, &truths, &choosing.rows(), coverage)?;
        sets.on_multi_label(classes, &measured.truths(), &measured.rows())?
    } else {
        let sets =
            ConformalSets::exclusive(classes, &choosing.classes_of_truth(), &choosing.rows(), coverage)?;
        sets.on_exclusive(classes, &measured.classes_of_truth(), &measured.rows())?
    }))
}
