//! How well a model orders pictures, whatever the threshold.

use divvy_eval::{Bootstrap, Curve, Interval, Ranking};
use serde::Serialize;

use super::asked::Asked;
use crate::error::TrainError;

/// Of how many groups curves are drawn at the most: the ones that are told apart worst.
const DRAWN: usize = 10;

/// How well a group is told from all others, or a label from its absence, whatever the threshold.
#[derive(Clone, Debug, Serialize)]
pub struct GroupCurves {
    /// The group or label.
    pub group: String,
    /// Area under the ROC curve; none unless some pictures belong to it and some do not.
    pub roc_auc: Option<f64>,
    /// Its interval.
    pub roc_auc_ci95: Option<Interval>,
    /// Average precision; none where no picture belongs to it.
    pub average_precision: Option<f64>,
    /// Its interval.
    pub average_precision_ci95: Option<Interval>,
    /// The ROC curve with its band; of the ten worst groups.
    pub roc: Option<Curve>,
    /// The precision-recall curve with its band; of the ten worst groups.
    pub precision_recall: Option<Curve>,
}

/// The curves of two groups are those of the positive one, of more each against the rest.
pub(super) fn of(asked: &Asked, positive: Option<usize>) -> Result<Vec<GroupCurves>, TrainError> {
    let groups: Vec<usize> = match asked.classes().len() {
        2 if !asked.is_multi_label() => vec![positive.unwrap_or(1)],
        n => (0..n).collect(),
    };
    let mut curves = Vec::new();
    let mut rankings = Vec::new();
    for group in groups {
        let (truth, scores) = asked.of_group(group);
        let ranking = Ranking::new(&truth, &scores)?;
        curves.push(GroupCurves {
            group: asked.classes()[group].clone(),
            roc_auc: ranking.roc_auc(),
            roc_auc_ci95: ranking.roc_auc_interval(),
            average_precision: ranking.average_precision(),
            average_precision_ci95: ranking.average_precision_interval(),
            roc: None,
            precision_recall: None,
        });
        rankings.push(ranking);
    }
    let mut order: Vec<usize> = (0..curves.len()).collect();
    let area = |index: usize| curves[index].roc_auc.unwrap_or(f64::INFINITY);
    order.sort_by(|&a, &b| area(a).total_cmp(&area(b)));
    for index in order.into_iter().take(DRAWN) {
        curves[index].roc = rankings[index].roc_curve(Bootstrap::default());
        curves[index].precision_recall = rankings[index].precision_recall_curve(Bootstrap::default());
    }
    Ok(curves)
}
