//! How often pictures are taken for unlike those that the model was trained on.

use divvy_eval::Estimate;
use serde::Serialize;

use super::Measured;
use super::asked::Asked;

/// The shares of false alarms that are looked at.
const ASKED: [f64; 2] = [0.01, 0.05];

/// How often the pictures asked about look unlike the training pictures, which they should as often as false alarms are allowed.
#[derive(Clone, Debug, Serialize)]
pub struct HowFamiliar {
    /// The pictures that were looked at.
    pub n: usize,
    /// One for each rate that is asked for.
    pub alarms: Vec<FalseAlarms>,
}

/// What came of a rate of false alarms.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct FalseAlarms {
    /// Of pictures like the training pictures, how many may be taken for unlike them: a share.
    pub asked: f64,
    /// How many of the pictures were.
    pub flagged: usize,
    /// Their share; more than was asked for where the pictures are not quite like those trained on.
    pub observed: Estimate,
}

impl HowFamiliar {
    /// None of a model that does not know what its training pictures look like, and of its validation pictures: it is them that others are held against, so that they are flagged as often
    /// as asked for, whatever they look like.
    pub(super) fn of(asked: &Asked, part: Measured) -> Option<Self> {
        if matches!(part, Measured::Validation | Measured::Folds) {
            return None;
        }
        let known: Vec<f64> = asked.predictions.iter().filter_map(|p| p.familiarity).collect();
        let alarms = ASKED.map(|asked| {
            let flagged = known.iter().filter(|&&familiarity| familiarity <= asked).count();
            let observed = Estimate::of_share(flagged, known.len())?;
            Some(FalseAlarms { asked, flagged, observed })
        });
        let alarms = alarms.into_iter().collect::<Option<Vec<_>>>()?;
        Some(Self { n: known.len(), alarms })
    }
}
