//! A plan carried out: rung by rung, from wherever it is.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use divvy_data::Split;

use super::folder::{TuneFolder, TunePlan};
use super::report::{self, Tuning};
use super::space::Settings;
use super::trial::{self, TrialResult, TuneTrial, ranked};
use super::verdict::{Models, Verdict};
use super::{TuneEvent, TuneTurn};
use crate::config::{Length, TrainConfig};
use crate::error::TrainError;
use crate::event::Event;
use crate::prepare;
use crate::resources::Resources;

/// A plan, and by what means it is carried out.
pub(super) struct Search<'a> {
    pub(super) folder: &'a TuneFolder,
    pub(super) plan: &'a TunePlan,
    pub(super) resources: &'a dyn Fn() -> Resources,
    pub(super) stop: &'a AtomicBool,
}

/// Who is told what happens.
type Told<'a> = dyn FnMut(TuneEvent<'_>) + Send + 'a;

impl Search<'_> {
    /// Trains what is not trained yet, and sums up.
    pub(super) fn go_on(&self, told: &mut Told<'_>) -> Result<Tuning, TrainError> {
        told(TuneEvent::Planned(self.plan));
        let mut trials = self.done()?;
        let searched = self.climb(&mut trials, told).and_then(|()| self.conclude(&trials));
        searched.map_err(|error| {
            if !error.is_interruption() {
                return error;
            }
            TrainError::TuneStopped { path: self.folder.path().to_owned(), done: trials.len() }
        })
    }

    /// The trainings that need not be done again: those that failed, and those whose model is there.
    fn done(&self) -> Result<Vec<TuneTrial>, TrainError> {
        let is_planned = |trial: &TuneTrial| {
            (1..=self.plan.rungs.len()).contains(&trial.rung) && trial.candidate < self.plan.candidates.len()
        };
        let is_there = |trial: &TuneTrial| {
            trial.score().is_none() || self.folder.run(trial.rung, trial.candidate).model().is_file()
        };
        Ok(self.folder.trials()?.into_iter().filter(|trial| is_planned(trial) && is_there(trial)).collect())
    }

    /// Trains the candidates of each rung, of which the best go on to the next.
    fn climb(&self, trials: &mut Vec<TuneTrial>, told: &mut Told<'_>) -> Result<(), TrainError> {
        let plan = self.plan;
        let mut entrants: Vec<usize> = (0..plan.candidates.len()).collect();
        for (rung, planned) in (1..).zip(&plan.rungs) {
            entrants.truncate(planned.candidates);
            let seconds = plan.seconds(rung, entrants.len(), trials);
            let later: f64 =
                plan.rungs[rung..].iter().map(|rung| rung.candidates as f64 * rung.seconds).sum();
            for (number, &candidate) in (1..).zip(&entrants) {
                if trials.iter().any(|trial| (trial.rung, trial.candidate) == (rung, candidate)) {
                    continue;
                }
                let (of, after) = (entrants.len(), (entrants.len() - number) as f64 * seconds + later);
                let turn = TuneTurn { rung, candidate, number, of, after };
                let trial = self.train(turn, seconds, told)?;
                trials.push(trial.clone());
                self.folder.write_trials(trials)?;
                told(TuneEvent::Ended(turn, &trial));
            }
            entrants = ranked(trials, rung).iter().map(|trial| trial.candidate).collect();
        }
        Ok(())
    }

    /// Trains one candidate for so many seconds.
    fn train(&self, turn: TuneTurn, seconds: f64, told: &mut Told<'_>) -> Result<TuneTrial, TrainError> {
        let TuneTurn { rung, candidate, .. } = turn;
        let divided = self.plan.candidates[candidate].divided_by(self.folder.split());
        let config = TrainConfig { length: Length::Minutes(seconds / 60.0), ..divided };
        let mut listener = |event: &Event| told(TuneEvent::During(turn, event));
        let run = self.folder.run(rung, candidate);
        let (result, seconds) = trial::run(&config, &run, (self.resources)(), &mut listener, self.stop)?;
        Ok(TuneTrial { rung, candidate, seconds, result })
    }

    /// Keeps the best model, and says what it is worth.
    fn conclude(&self, trials: &[TuneTrial]) -> Result<Tuning, TrainError> {
        let begun = Instant::now();
        let Self { folder, plan, .. } = self;
        let best = report::best(trials).map(|best| (best, &best.result));
        let Some((best, &TrialResult::Trained { validation, validation_images, .. })) = best else {
            folder.remove(trials);
            return Err(nothing_trained(trials));
        };
        let winner = &plan.candidates[best.candidate];
        let dataset = Arc::new(prepare::open(winner)?);
        let split = Split::read_csv(&folder.split(), &dataset)?;
        let models = Models {
            folder,
            config: winner,
            dataset: &dataset,
            samples: &split.validation,
            resources: self.resources,
            stop: self.stop,
        };
        let verdict = Verdict::of(trials, best.candidate, &models)?;
        let trained: f64 = trials.iter().map(|trial| trial.seconds).sum();
        let tuning = Tuning {
            data: winner.data.clone(),
            origin: plan.origin,
            minutes: plan.minutes,
            seconds: plan.before + trained + begun.elapsed().as_secs_f64(),
            metric: validation.metric,
            validation_images,
            test_images: split.test.len(),
            best: folder.best(),
            config: folder.config(),
            settings: Settings::of(winner),
            score: validation.value,
            verdict,
            trials: report::tried(plan, trials),
        };
        let config = winner.divided_by(folder.split());
        folder.finish(&folder.run(best.rung, best.candidate), &config, &tuning)?;
        folder.remove_working();
        Ok(tuning)
    }
}

/// That each training failed, with the reason of the first.
fn nothing_trained(trials: &[TuneTrial]) -> TrainError {
    let reason = trials.iter().find_map(|trial| match &trial.result {
        TrialResult::Failed { reason } => Some(reason.clone()),
        TrialResult::Trained { .. } => None,
    });
    TrainError::NothingTrained { trials: trials.len(), reason: reason.unwrap_or_default() }
}
