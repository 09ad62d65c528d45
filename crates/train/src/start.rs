//! From what was asked for, or what an interruption left, to the loop: a training is begun, or gone on with.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use divvy_data::Loader;
use divvy_nn::Cpu;

use crate::checkpoint::{Bond, Checkpoint, Keeper, Latest, Slots};
use crate::clock::Stopwatch;
use crate::closing::{Afterwards, Closing};
use crate::config::{Length, TrainConfig};
use crate::error::TrainError;
use crate::event::{Event, Listener};
use crate::forecast::{forecast, room_for_pictures};
use crate::lock::RunLock;
use crate::log::Log;
use crate::outcome::Outcome;
use crate::pictures::{Pictures, Reader};
use crate::prepare::{Prepared, prepare};
use crate::recorder::Recorder;
use crate::resources::Resources;
use crate::run::{Attempt, RunFolder};
use crate::trainer::Trainer;
use crate::watch::Watch;

/// Trains as `config` says, into a new folder `out`, with the resources given (a [`Cpu`] will do), and tells `listener` all that happens. The best epoch's model is
/// saved as soon as it is known, and checkpoints from which [`resume`] goes on. When `stop` is set, training ends after the step.
///
/// # Errors
/// A [`TrainError`] that says what was found and what to do. Nothing is written before data, network and folder were checked,
/// and nothing that was written stays where there is neither a model nor a checkpoint.
pub fn train(
    config: &TrainConfig,
    out: &Path,
    resources: impl Into<Resources>,
    listener: &mut (dyn Listener + Send),
    stop: &AtomicBool,
) -> Result<Outcome, TrainError> {
    let stopwatch = Stopwatch::start();
    RunFolder::refuse_used(out)?;
    let start = Start::new(config, resources.into(), stopwatch, stop)?;
    let prepared = prepare(config, &start.cpu)?;
    let attempt = Attempt::begin(out)?;
    start.begin(attempt.run(), attempt.lock(), prepared, listener)
}

/// Goes on with the training in the folder `run` where it was interrupted, in whatever way, and comes to the bits that it would have come to
/// otherwise; docs/resume.md says how, and what is not the same. One that has come to its end is left as it is, and one that has no
/// checkpoint yet begins again.
///
/// # Errors
/// A [`TrainError`] that says what was found and what to do; the run is then as it was, or can be resumed again.
pub fn resume(
    run: &Path,
    resources: impl Into<Resources>,
    listener: &mut (dyn Listener + Send),
    stop: &AtomicBool,
) -> Result<Outcome, TrainError> {
    let stopwatch = Stopwatch::start();
    let run = RunFolder::at(run);
    if !run.config().is_file() {
        return Err(TrainError::NoRun { path: run.path().to_owned() });
    }
    let lock = run.lock();
    // What has come to its end is there to be read, whoever may write.
    if let Some(outcome) = run.outcome()? {
        if lock.is_ok() {
            run.remove_left_over();
        }
        return Ok(outcome);
    }
    let lock = lock?;
    run.remove_temporary();
    let config = run.read_config()?;
    let start = Start::new(&config, resources.into(), stopwatch, stop)?;
    match Slots::latest(&run, |state| state.bond.has_files_of(&run)) {
        Latest::Usable { checkpoint, path, slots, passed_over } => {
            tell(listener, &passed_over, "the training goes on from the one before");
            start.go_on(&run, &lock, &path, *checkpoint, slots, listener)
        }
        Latest::None { passed_over } if run.model().exists() => {
            let reasons = match passed_over.as_slice() {
                [] => "there is no checkpoint".to_owned(),
                faults => faults.join(", "),
            };
            Err(TrainError::NoCheckpoint { path: run.path().to_owned(), reasons })
        }
        Latest::None { passed_over } => {
            tell(listener, &passed_over, "the training begins again");
            let prepared = prepare(&config, &start.cpu)?;
            start.begin(&run, &lock, prepared, listener)
        }
    }
}

/// Says what is wrong with checkpoints, and what happens instead.
fn tell(listener: &mut dyn Listener, passed_over: &[String], instead: &str) {
    for fault in passed_over {
        listener.on(&Event::Note { text: format!("{fault}; {instead}") });
    }
}

/// What a training is begun with.
struct Start<'a> {
    config: &'a TrainConfig,
    cpu: Cpu,
    reader: Reader<'a>,
    checkpoint_every: Duration,
    afterwards: Afterwards,
    stopwatch: Stopwatch,
}

impl<'a> Start<'a> {
    fn new(
        config: &'a TrainConfig,
        resources: Resources,
        stopwatch: Stopwatch,
        stop: &'a AtomicBool,
    ) -> Result<Self, TrainError> {
        let Resources { cpu, cache, checkpoint_every, afterwards } = resources;
        let cpu = config.precision.on(cpu)?;
        let reader = Reader { threads: cpu.threads(), cache, stop };
        Ok(Self { config, cpu, reader, checkpoint_every, afterwards, stopwatch })
    }

    /// Reads pictures into as much memory as there is beside what training takes.
    fn reader_beside(&self, prepared: &Prepared) -> Reader<'a> {
        let room = room_for_pictures(self.config, prepared, &self.cpu);
        self.reader.with_memory_for(room.unwrap_or(usize::MAX))
    }

    /// Trains from the first step, in a folder that holds nothing else.
    fn begin(
        self,
        run: &RunFolder,
        lock: &RunLock,
        prepared: Prepared,
        listener: &mut (dyn Listener + Send),
    ) -> Result<Outcome, TrainError> {
        // Groups' names have a say in how pictures are changed; what is done is written down.
        let augment = self.config.augment.resolved(&prepared.dataset);
        run.write_config(&TrainConfig { augment, ..self.config.clone() })?;
        let log = Log::create(run.events())?;
        let mut recorder =
            Recorder::new(log, Watch::new(), listener, self.stopwatch, prepared.policy.clone());
        recorder.record(&started(self.config, run, &prepared))?;
        prepared.tell(&mut recorder)?;
        let pictures = Pictures::load(self.config, &prepared, &self.reader_beside(&prepared), &mut recorder)?;
        // Reading may have taken long.
        lock.hold()?;
        pictures.split.write_csv(&run.split(), &prepared.dataset)?;
        let bond = Bond::of(run, self.config, &pictures, self.cpu.isa())?;
        let keeper = Keeper::new(Slots::new(run), bond, self.checkpoint_every);
        let closing = Closing::of(&pictures.split, self.config.views, self.afterwards);
        let elapsed = self.stopwatch.elapsed();
        recorder.record(&forecast(self.config, &prepared, &pictures, closing, &self.cpu, elapsed))?;
        let stop = self.reader.stop;
        let mut trainer = Trainer::new(
            self.config,
            run,
            lock,
            prepared,
            pictures,
            self.cpu,
            closing,
            self.stopwatch,
            keeper,
        )?;
        // From here on, whatever happens, the training can be gone on with.
        trainer.checkpoint(&mut recorder)?;
        run_on(&mut trainer, run, lock, &mut recorder, stop)
    }

    /// Trains from where a checkpoint was written. Nothing of the run is changed before all of it was found to fit.
    fn go_on(
        self,
        run: &RunFolder,
        lock: &RunLock,
        path: &Path,
        checkpoint: Checkpoint,
        slots: Slots,
        listener: &mut (dyn Listener + Send),
    ) -> Result<Outcome, TrainError> {
        let refused = |fault| TrainError::Checkpoint { path: path.to_owned(), fault };
        let state = &checkpoint.state;
        state.bond.check_files(run, path)?;
        let divided = self.config.divided_by(run.split());
        let prepared = prepare(&divided, &self.cpu)?;
        let started = started(self.config, run, &prepared);
        listener.on(&started);
        let pictures = Pictures::load_again(&prepared, &self.reader_beside(&prepared), listener)?;
        let bond = Bond::of(run, self.config, &pictures, self.cpu.isa())?;
        let differences = state.bond.differences(&bond).map_err(refused)?;
        let stopwatch = self.stopwatch.after(state.taken);
        let (events, policy) = (state.events, prepared.policy.clone());
        let watch = state.watch.clone().going_on(&started);
        let keeper = Keeper::new(slots, bond, self.checkpoint_every);
        let stop = self.reader.stop;
        let closing = Closing::of(&pictures.split, self.config.views, self.afterwards);
        let mut trainer =
            Trainer::new(self.config, run, lock, prepared, pictures, self.cpu, closing, stopwatch, keeper)?;
        trainer.restore(checkpoint).map_err(refused)?;
        let log = Log::cut_back(run.events(), events)?;
        let mut recorder = Recorder::new(log, watch, listener, stopwatch, policy);
        recorder.show(&trainer.resumed());
        differences.into_iter().try_for_each(|note| recorder.note(note))?;
        run_on(&mut trainer, run, lock, &mut recorder, stop)
    }
}

/// Trains to the end. Where pictures can no longer be read, what was learnt so far is kept. Where numbers ran away or a rule stopped it, they
/// would again, and there is nothing to go on with.
fn run_on(
    trainer: &mut Trainer<'_>,
    run: &RunFolder,
    lock: &RunLock,
    recorder: &mut Recorder<'_>,
    stop: &AtomicBool,
) -> Result<Outcome, TrainError> {
    let trained = trainer.run(recorder, stop);
    match trained {
        Err(TrainError::Data(_)) => trainer.checkpoint(recorder)?,
        Err(TrainError::NotFinite { .. } | TrainError::RanAway { .. } | TrainError::Finding(_))
            if lock.holds() =>
        {
            run.remove_working();
        }
        Ok(_) | Err(_) => {}
    }
    trained
}

/// What is about to be trained on what.
fn started(config: &TrainConfig, run: &RunFolder, prepared: &Prepared) -> Event {
    let Prepared { dataset, split, preprocess, network, .. } = prepared;
    Event::Started {
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
        steps_per_epoch: Loader::training_batches(split.train.len(), config.batch),
        precision: config.precision,
        balance: config.balance,
        label_smoothing: config.label_smoothing,
    }
}
