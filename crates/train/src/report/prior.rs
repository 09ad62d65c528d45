//! What a model is worth where groups come in the shares that were stated of its use.

use divvy_eval::{Estimate, Reliability, Report};
use divvy_model::Prior;
use divvy_nn::LogitLine;
use serde::Serialize;

use super::asked::Asked;
use super::good::HowGood;
use super::sure::{reliability, rows_before};
use crate::error::TrainError;

/// What a model is worth where groups come in the shares that were stated of its use. The pictures that are measured on come in shares of their own.
#[derive(Clone, Debug, Serialize)]
pub struct UnderPrior {
    /// The shares of each group or label.
    pub shares: Vec<StatedShare>,
    /// How often it is right where groups come in the stated shares: the mean of the groups' recalls, weighted by these. None of labels that do not exclude each other, and
    /// where a group is not among the pictures.
    pub accuracy: Option<Estimate>,
    /// Whether the probabilities can be believed as they were before they were put into the stated shares; none of several models, and of one that was converted.
    pub before: Option<Reliability>,
}

/// In which share a group comes.
#[derive(Clone, Debug, Serialize)]
pub struct StatedShare {
    /// The group or label.
    pub group: String,
    /// Where the model is used, as stated.
    pub stated: f64,
    /// Among the pictures that its probabilities are learnt from; of several models among those of the first.
    pub learnt_from: f64,
}

impl UnderPrior {
    /// None of a model of which no shares are stated, or others than of each group. Of several models, each of which has learnt from pictures of its own, `prior` is the
    /// first's.
    pub(super) fn of(
        asked: &Asked,
        how_good: &HowGood,
        prior: Option<&Prior>,
        of_one_model: bool,
    ) -> Result<Option<Self>, TrainError> {
        let groups = [asked.classes().len(); 2];
        let fits = |prior: &&Prior| [prior.stated.len(), prior.learnt_from.len()] == groups;
        let Some(prior) = prior.filter(fits) else { return Ok(None) };
        let accuracy = match &how_good.metrics {
            Report::Exclusive(report) => report.confusion_matrix.accuracy_at(&prior.stated),
            Report::MultiLabel(_) => None,
        };
        let rows = if of_one_model { rows_before(asked, &lines(asked, prior)) } else { None };
        let before = rows.map(|rows| reliability(asked, &rows)).transpose()?.flatten();
        let named = asked.classes().iter().zip(prior.stated.iter().zip(&prior.learnt_from));
        let shares = named.map(|(group, (&stated, &learnt_from))| StatedShare {
            group: group.clone(),
            stated,
            learnt_from,
        });
        Ok(Some(Self { shares: shares.collect(), accuracy, before }))
    }
}

/// Along which the prior moved the logits.
fn lines(asked: &Asked, prior: &Prior) -> Vec<LogitLine> {
    prior.shifts(&asked.head).into_iter().map(|shift| LogitLine::UNCHANGED.raised(shift)).collect()
}
