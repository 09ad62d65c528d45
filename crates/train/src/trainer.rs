//! The loop: next batch, step, schedule, event.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use divvy_data::{
    CacheOptions, DataError, Dataset, Detail, ImageStore, Loader, Preprocess, Scaling, Split, StoreOptions,
    Survey,
    check::{self, Finding},
};
use divvy_model::{Model, TrainingRecord, Validation};
use divvy_nn::{Cpu, Engine, Metric, PlateauState, peak_memory};
use divvy_rules::Diagnostic;

use crate::balance::Correction;
use crate::clock::Clock;
use crate::config::{Length, TrainConfig};
use crate::error::TrainError;
use crate::event::{Ending, Event, Listener, Score};
use crate::learner::{self, Learner};
use crate::prepare::{Prepared, prepare};
use crate::recorder::Recorder;
use crate::resources::Resources;
use crate::run::{Attempt, RunFolder};
use crate::validate::validate;

/// How a training ended.
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome {
    /// Its folder.
    pub run: RunFolder,
    /// Why it ended.
    pub ending: Ending,
    /// The epochs that were completed.
    pub epochs: u32,
    /// The epoch whose weights are kept.
    pub best_epoch: u32,
    /// What they reach on the validation pictures.
    pub validation: Score,
    /// How many pictures that was measured on.
    pub validation_images: usize,
}

/// Trains as `config` says, into a new folder `out`, with the resources given (a [`Cpu`] will do), and tells `listener` all that happens. The best epoch's model is
/// saved as soon as it is known. When `stop` is set, training ends after the step.
///
/// # Errors
/// A [`TrainError`] that says what was found and what to do. Nothing is written before data, network and folder were checked,
/// and nothing that was written stays where no model was saved.
pub fn train(
    config: &TrainConfig,
    out: &Path,
    resources: impl Into<Resources>,
    listener: &mut (dyn Listener + Send),
    stop: &AtomicBool,
) -> Result<Outcome, TrainError> {
    let started = Instant::now();
    let Resources { cpu, cache } = resources.into();
    RunFolder::refuse_used(out)?;
    let cpu = config.precision.on(cpu)?;
    let prepared = prepare(config, cpu.threads())?;
    let attempt = Attempt::begin(out)?;
    let run = attempt.run();
    let mut recorder = Recorder::new(run, listener, started, prepared.policy.clone())?;
    // Groups' names have a say in how pictures are changed; what is done is written down.
    let augment = config.augment.resolved(&prepared.dataset);
    run.write_config(&TrainConfig { augment, ..config.clone() })?;
    announce(config, run, &prepared, &mut recorder)?;
    let pictures = Pictures::load(config, &prepared, cpu.threads(), cache, &mut recorder, stop)?;
    pictures.split.write_csv(&run.split(), &prepared.dataset)?;
    let mut trainer = Trainer::new(config, run.clone(), prepared, pictures, cpu, started);
    trainer.run(&mut recorder, stop)
}

fn announce(
    config: &TrainConfig,
    run: &RunFolder,
    prepared: &Prepared,
    recorder: &mut Recorder<'_>,
) -> Result<(), TrainError> {
    let Prepared { dataset, split, preprocess, network, findings, notes, .. } = prepared;
    recorder.record(&Event::Started {
        divvy: env!("CARGO_PKG_VERSION").to_owned(),
        data: config.data.clone(),
        run: run.path().to_owned(),
        classes: dataset.classes().to_vec(),
        task: network.head().task(),
        head: network.head().kind(),
        units: network.head().units(),
        architecture: config.architecture.clone(),
        parameters: network.graph().summary().trainable,
        input: preprocess.shape(),
        training_images: split.train.len(),
        validation_images: split.validation.len(),
        test_images: split.test.len(),
        epochs: config.length.epochs(split.train.len()),
        minutes: match config.length {
            Length::Minutes(minutes) => Some(minutes),
            Length::Auto | Length::Epochs(_) => None,
        },
        steps_per_epoch: split.train.len().div_ceil(config.batch),
        precision: config.precision,
        balance: config.balance,
    })?;
    notes.iter().try_for_each(|note| recorder.note(note.clone()))?;
    findings.iter().try_for_each(|finding| recorder.finding(finding.clone()))
}

/// The pictures in memory, and which of them are used for what.
pub(crate) struct Pictures {
    pub(crate) training: Arc<ImageStore>,
    pub(crate) validation: Arc<ImageStore>,
    pub(crate) split: Split,
    pub(crate) scaling: Scaling,
}

impl Pictures {
    /// Reads all pictures of the split, names those that cannot be used, draws the split so that copies stay together, and measures the scaling on the training ones.
    pub(crate) fn load(
        config: &TrainConfig,
        prepared: &Prepared,
        threads: usize,
        cache: CacheOptions,
        recorder: &mut Recorder<'_>,
        stop: &AtomicBool,
    ) -> Result<Self, TrainError> {
        let Prepared { dataset, split, preprocess, augment, .. } = prepared;
        // Told from any worker; what cannot be written down is found again at the next event.
        let shared = Mutex::new(&mut *recorder);
        let progress = |done, total| {
            if let Ok(mut recorder) = shared.lock() {
                let _ = recorder.record(&Event::Loading { done, total });
            }
        };
        let detail = Detail::for_augment(augment);
        // Validation pictures are judged as pictures will be at use: fitted from what their files hold.
        let fitted = StoreOptions { threads, cache, cancel: Some(stop), ..StoreOptions::default() };
        let load = |samples: &[usize], options: &StoreOptions<'_>| match ImageStore::load(
            dataset, preprocess, samples, options,
        ) {
            Err(DataError::Interrupted) => Err(TrainError::Interrupted),
            other => Ok(Arc::new(other?)),
        };
        let store =
            load(&split.used(), &StoreOptions { detail, progress: Some(&progress), ..fitted.clone() })?;
        store.cache_fault().into_iter().try_for_each(|fault| recorder.note(fault.to_owned()))?;
        for bad in store.unreadable() {
            recorder.note(format!("left out: {}", bad.error))?;
        }
        // Copies of a picture are known only now that all are read.
        let copies = match check::Copies::find(store.survey(), &fitted) {
            Err(DataError::Interrupted) => return Err(TrainError::Interrupted),
            other => other?,
        };
        let split = if config.split.is_some() {
            split.clone()
        } else {
            Split::keeping_together(dataset, config.validation_share, config.seed, &copies.together())?
        };
        let split = split.without(&store.unreadable_samples(), dataset)?;
        if (split.train.len(), split.validation.len())
            != (prepared.split.train.len(), prepared.split.validation.len())
        {
            recorder.note(format!(
                "{} pictures to train on and {} to validate, with copies on one side and without what was left out",
                split.train.len(),
                split.validation.len()
            ))?;
        }
        let copied = check::copies(dataset, &copies, &split).into_iter().map(|finding| finding.diagnostic);
        let found = check::split(dataset, &split).into_iter().chain(copied);
        found.chain(shown(store.survey(), &copies)).try_for_each(|finding| recorder.finding(finding))?;
        let scaling = store.measure_scaling(&split.train);
        let validation = match detail {
            Detail::Fitted => Arc::clone(&store),
            Detail::Larger(_) => load(&split.validation, &fitted)?,
        };
        Ok(Self { training: store, validation, split, scaling })
    }
}

/// What files and pictures show, in few words: all was seen in passing when they were loaded.
fn shown(survey: &Survey, copies: &check::Copies) -> impl Iterator<Item = Diagnostic> {
    let findings = check::types(survey).into_iter().chain(check::quality(survey));
    findings.chain(check::shortcut(survey, copies)).map(Finding::briefly)
}

/// Everything that the loop moves.
struct Trainer<'a> {
    config: &'a TrainConfig,
    run: RunFolder,
    dataset: Arc<Dataset>,
    engine: Engine,
    correction: Correction,
    preprocess: Preprocess,
    augment: String,
    training: Loader,
    validation: Loader,
    clock: Clock,
    epochs: Option<u32>,
    plateau: PlateauState,
    metric: Metric,
    steps: u64,
    best: Option<Best>,
    /// How long the last look at the validation pictures took.
    validation_time: Duration,
}

/// The best epoch so far.
#[derive(Clone, Copy)]
struct Best {
    epoch: u32,
    score: Score,
}

/// What an epoch of steps gave.
struct Steps {
    loss: f64,
    rate: f64,
    images_per_second: f64,
    /// Seconds in which there was nothing to do, because no batch was ready.
    waited: f64,
    /// Whether the training is to end here.
    ending: Option<Ending>,
}

impl<'a> Trainer<'a> {
    fn new(
        config: &'a TrainConfig,
        run: RunFolder,
        prepared: Prepared,
        pictures: Pictures,
        cpu: Cpu,
        started: Instant,
    ) -> Self {
        let Prepared { dataset, preprocess, network, augment, metric, .. } = prepared;
        let (threads, told) = (cpu.threads(), augment.to_string());
        let Learner { engine, batches: training, correction } =
            Learner::new(config, network, &augment, &dataset, &pictures, cpu);
        let Pictures { validation, split, scaling, .. } = pictures;
        let validation = Loader::for_evaluation(&validation, &split.validation, &scaling, config.batch)
            .with_threads(threads);
        let epochs = config.length.epochs(split.train.len());
        let clock = match (config.length, epochs) {
            (Length::Minutes(minutes), _) => Clock::time(Duration::from_secs_f64(minutes * 60.0), started),
            (_, epochs) => Clock::steps(u64::from(epochs.unwrap_or(1)) * training.batches() as u64, started),
        };
        Self {
            config,
            run,
            engine,
            correction,
            preprocess: preprocess
                .with_scaling(scaling)
                .expect("the scaling was measured on pictures of this recipe"),
            augment: told,
            dataset,
            training,
            validation,
            clock,
            epochs,
            plateau: PlateauState::default(),
            metric,
            steps: 0,
            best: None,
            validation_time: Duration::ZERO,
        }
    }

    /// Epoch after epoch, until the length is reached or someone asks to stop.
    fn run(&mut self, recorder: &mut Recorder<'_>, stop: &AtomicBool) -> Result<Outcome, TrainError> {
        let mut epoch = 0;
        let ending = loop {
            epoch += 1;
            let begun = Instant::now();
            let steps = self.steps(epoch, recorder, stop).map_err(|error| self.kept(error))?;
            // An epoch that the user cut short is judged only when there is no model yet.
            if steps.ending == Some(Ending::Interrupted) && self.best.is_some() {
                epoch -= 1;
                break Ending::Interrupted;
            }
            self.judge(epoch, &steps, begun, recorder).map_err(|error| self.kept(error))?;
            match steps.ending {
                Some(ending) => break ending,
                None if self.epochs == Some(epoch) => break Ending::Completed,
                None if self.has_stalled(epoch) => break Ending::Stalled,
                None => {}
            }
        };
        let Best { epoch: best_epoch, score } = self.best.ok_or(TrainError::Interrupted)?;
        let seconds = self.clock.seconds();
        recorder.record(&Event::Finished {
            ending,
            epochs: epoch,
            best_epoch,
            validation: score,
            seconds,
        })?;
        let validation_images = self.validation.samples().len();
        Ok(Outcome {
            run: self.run.clone(),
            ending,
            epochs: epoch,
            best_epoch,
            validation: score,
            validation_images,
        })
    }

    /// Whether no epoch up to this one was the best for as long as the patience lasts.
    fn has_stalled(&self, epoch: u32) -> bool {
        let since_best = epoch - self.best.map_or(0, |best| best.epoch);
        self.config.patience.is_some_and(|patience| since_best >= patience.get())
    }

    /// A finding that ends the training, with what is left of it.
    fn kept(&self, error: TrainError) -> TrainError {
        match (error, self.best) {
            (TrainError::Finding(finding), Some(Best { epoch, .. })) => {
                let fix = format!("{}; the model of epoch {epoch} is kept", finding.fix);
                finding.fix(fix).into()
            }
            (error, _) => error,
        }
    }

    /// One pass over the training pictures, or as much of it as there is time for.
    fn steps(
        &mut self,
        epoch: u32,
        recorder: &mut Recorder<'_>,
        stop: &AtomicBool,
    ) -> Result<Steps, TrainError> {
        let begun = Instant::now();
        let (mut images, mut losses, mut rate) = (0_usize, 0.0, 0.0);
        let mut ending = None;
        let mut encoded = Vec::new();
        let mut batches = self.training.epoch(u64::from(epoch));
        for index in 0..self.training.batches() {
            let Some(batch) = batches.next().transpose()? else { break };
            learner::encode(self.engine.network().head(), &self.dataset, &batch, &mut encoded)?;
            rate = self.rate();
            let loss =
                self.engine.train_step(batch.images(), &encoded, batch.len(), &self.config.optimizer, rate);
            let loss = loss.map_err(|source| TrainError::NotFinite {
                source,
                best_epoch: self.best.map(|best| best.epoch),
            })?;
            self.steps += 1;
            images += batch.len();
            losses += f64::from(loss) * batch.len() as f64;
            recorder.record(&Event::Step {
                epoch,
                step: index + 1,
                steps: self.training.batches(),
                loss: losses / images as f64,
                batch_loss: Some(f64::from(loss)),
                rate,
                images_per_second: images as f64 / begun.elapsed().as_secs_f64(),
                progress: self.clock.progress(self.steps),
                seconds_left: self.clock.seconds_left(self.steps),
            })?;
            if stop.load(Ordering::Relaxed) {
                ending = Some(Ending::Interrupted);
            } else if self.clock.is_up(self.validation_time) {
                ending = Some(Ending::Completed);
            }
            if ending.is_some() {
                break;
            }
        }
        let images_per_second = images as f64 / begun.elapsed().as_secs_f64();
        let waited = batches.waited().as_secs_f64();
        Ok(Steps { loss: losses / images as f64, rate, images_per_second, waited, ending })
    }

    /// The learning rate of the next step.
    fn rate(&self) -> f64 {
        let (done, whole) = self.clock.position(self.steps);
        let warmup = self.config.warmup.map_or(1.0, |warmup| warmup.factor(self.steps));
        self.config.learning_rate * self.config.schedule.factor(done, whole) * warmup * self.plateau.factor()
    }

    /// Looks at the validation pictures, and saves the model if it is the best so far: both with the weights as they are at use.
    fn judge(
        &mut self,
        epoch: u32,
        steps: &Steps,
        begun: Instant,
        recorder: &mut Recorder<'_>,
    ) -> Result<(), TrainError> {
        let average = self.engine.average();
        let present = average.unwrap_or(self.engine.parameters());
        let at_use = self.correction.of(self.engine.network(), present).or_else(|| average.cloned());
        let trained = at_use.map(|at_use| self.engine.replace_parameters(at_use));
        self.judge_present(epoch, steps, begun, recorder)?;
        if let Some(trained) = trained {
            self.engine.replace_parameters(trained);
        }
        Ok(())
    }

    fn judge_present(
        &mut self,
        epoch: u32,
        steps: &Steps,
        begun: Instant,
        recorder: &mut Recorder<'_>,
    ) -> Result<(), TrainError> {
        let validation_begun = Instant::now();
        let (score, answers) = validate(&mut self.engine, &self.dataset, &self.validation, self.metric)?;
        self.refuse_ran_away(score.loss)?;
        self.validation_time = validation_begun.elapsed();
        if let Some(rule) = &self.config.plateau {
            self.plateau.observe(rule, score.loss);
        }
        let best = self.best.is_none_or(|best| score.beats(&best.score));
        if best {
            self.model(epoch, score).save(&self.run.model())?;
            self.best = Some(Best { epoch, score });
        }
        recorder.record(&Event::Epoch {
            epoch,
            epochs: self.epochs,
            training_loss: steps.loss,
            validation: score,
            answers,
            best,
            rate: steps.rate,
            images_per_second: steps.images_per_second,
            waited: steps.waited,
            seconds: begun.elapsed().as_secs_f64(),
            peak_memory: peak_memory(),
        })
    }

    /// Refuses weights that answer nothing: a step tells of the loss before it, so what the last step of an epoch has done is
    /// seen here first.
    fn refuse_ran_away(&self, validation_loss: f64) -> Result<(), TrainError> {
        let found = match self.engine.parameters().first_not_finite() {
            _ if !validation_loss.is_finite() => format!("the validation loss is {validation_loss}"),
            Some(name) => format!("'{name}' is infinite or no number"),
            None => return Ok(()),
        };
        Err(TrainError::RanAway { found, step: self.steps, best_epoch: self.best.map(|best| best.epoch) })
    }

    fn model(&self, epoch: u32, score: Score) -> Model {
        let config = self.config;
        let record = TrainingRecord {
            divvy: env!("CARGO_PKG_VERSION").to_owned(),
            seed: config.seed,
            training_images: self.training.samples().len(),
            validation_images: self.validation.samples().len(),
            batch: config.batch,
            learning_rate: config.learning_rate,
            optimizer: config.optimizer,
            schedule: config.schedule,
            warmup: config.warmup,
            plateau: config.plateau,
            augment: self.augment.clone(),
            balance: (!config.balance.is_none()).then(|| config.balance.name().to_owned()),
            epoch,
            validation: Validation {
                loss: score.loss,
                metric: score.metric.in_words().to_owned(),
                value: score.value,
            },
        };
        let (network, classes) = (self.engine.network().clone(), self.dataset.classes().to_vec());
        Model::new(network, classes, self.preprocess.clone(), self.engine.parameters().clone(), record)
            .expect("head, preprocessing and parameters are those that the training was prepared with")
    }
}
