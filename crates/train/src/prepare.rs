//! From a config to everything that the loop needs: the data opened and split, the network built and checked.

use std::sync::Arc;

use divvy_data::{Augment, Dataset, LabelKind, Part, Preprocess, Split, check};
use divvy_model::targets;
use divvy_nn::{Circumstances, Cpu, Head, Metric, Network};
use divvy_rules::{Diagnostic, Place, Policy, Rule};

use crate::architecture::architecture_of;
use crate::config::{Folds, Length, TrainConfig};
use crate::error::TrainError;
use crate::evaluate::require_exclusive;
use crate::forecast;
use crate::growth::Growth;
use crate::recorder::Recorder;

/// What was asked for, opened and checked. No picture has been decoded and nothing written.
pub(crate) struct Prepared {
    pub(crate) dataset: Arc<Dataset>,
    pub(crate) split: Split,
    pub(crate) preprocess: Preprocess,
    pub(crate) network: Network,
    /// The sides of training pictures over the training.
    pub(crate) growth: Growth,
    /// By what epochs are compared.
    pub(crate) metric: Metric,
    pub(crate) augment: Augment,
    /// What becomes of findings: as the config says, and the architecture's file.
    pub(crate) policy: Policy,
    /// Rules that are broken, as far as can be told before a picture is read.
    pub(crate) findings: Vec<Diagnostic>,
    /// What the user should know.
    pub(crate) notes: Vec<String>,
}

impl Prepared {
    /// Tells what the user should know, and the rules that are broken.
    ///
    /// # Errors
    /// [`TrainError::Finding`] for one to stop for.
    pub(crate) fn tell(&self, recorder: &mut Recorder<'_>) -> Result<(), TrainError> {
        self.notes.iter().try_for_each(|note| recorder.note(note.clone()))?;
        self.findings.iter().try_for_each(|finding| recorder.finding(finding.clone()))
    }
}

/// Opens the data, decides what is open in `config`, and builds the network.
pub(crate) fn prepare(config: &TrainConfig, cpu: &Cpu) -> Result<Prepared, TrainError> {
    check_settings(config)?;
    let dataset = open(config)?;
    let channels = config.channels.unwrap_or_else(|| dataset.channels());
    let preprocess = Preprocess::new(config.size, config.size, channels)?;
    let architecture = architecture_of(config)?;
    let exclusive = dataset.label_kind() == LabelKind::Classes;
    let decision = architecture.decide(&config.wiring, config.task, dataset.classes().len(), exclusive)?;
    let (head, metric) = (decision.head(), decision.metric());
    let mut findings = decision.notes().to_vec();
    require_exclusive(config.positive.as_deref(), head)?;
    check_labels(head, &dataset)?;
    let network = architecture.network(preprocess.shape(), head)?;
    let of_side = |side| architecture.network([side, side, preprocess.shape()[2]], head);
    let growth = Growth::new(config, &network, of_side)?;
    forecast::require_memory(config, growth.largest(&network), |side| of_side(side).ok(), cpu)?;
    let split = first_split(config, &dataset)?;
    let notes = notes(config, &dataset, &split);
    let augment = config.augment.settings(&dataset);
    check_augment(&augment, head)?;
    check_smoothing(config.label_smoothing, head)?;
    config.balance.check(head)?;
    config.prior.of(head, &dataset, &split)?;
    findings.extend(data_findings(config, &dataset, &split, &augment));
    let circumstances = Circumstances { batch: Some(config.batch), input_is_scaled: true };
    findings.extend(architecture.lint(&network, &circumstances));
    let mut policy = config.policy();
    policy.allow_also(architecture.allowed().iter().copied());
    let findings = policy.judge_all(findings)?;
    let dataset = Arc::new(dataset);
    Ok(Prepared { dataset, split, preprocess, network, growth, metric, augment, policy, findings, notes })
}

/// The split that is given, or one that is drawn before the pictures are read: their copies can move samples between its parts.
fn first_split(config: &TrainConfig, dataset: &Dataset) -> Result<Split, TrainError> {
    let split = match &config.split {
        Some(path) => Split::read_csv(path, dataset)?,
        None => drawn_split(config, dataset, &[])?,
    };
    for (part, samples) in [(Part::Train, &split.train), (Part::Validation, &split.validation)] {
        if samples.is_empty() {
            let (data, images) = (config.data.clone(), dataset.samples().len());
            return Err(TrainError::EmptyPart { data, part, images });
        }
    }
    Ok(split)
}

/// The split that is drawn where none is given, so that all samples of one of `groups` come to lie on one side.
pub(crate) fn drawn_split(
    config: &TrainConfig,
    dataset: &Dataset,
    groups: &[Vec<usize>],
) -> Result<Split, TrainError> {
    Ok(match config.folds {
        Some(Folds::One(fold)) => Split::of_fold(dataset, fold, config.seed, groups)?,
        Some(Folds::Each(_)) | None => {
            Split::keeping_together(dataset, config.validation_share, config.seed, groups)?
        }
    })
}

/// How labels were read, what is dealt otherwise than the data says, and what is left out.
fn notes(config: &TrainConfig, dataset: &Dataset, split: &Split) -> Vec<String> {
    let listed = split.train.len() + split.validation.len() + split.test.len();
    let all = dataset.samples().len();
    let unlisted = config.split.as_ref().filter(|_| listed < all).map(|list| {
        format!("{} of {all} pictures are in no part of {} and left out", all - listed, list.display())
    });
    let own = dataset.part(Some(Part::Validation)).len();
    let joined = config.folds.filter(|_| own > 0 && config.split.is_none()).map(|_| {
        format!("the {own} pictures of the data's own validation part are dealt into folds with the others")
    });
    let usual = TrainConfig::VALIDATION_SHARE;
    let is_drawn = config.split.is_none() && config.folds.is_none();
    let idle = (own > 0 && is_drawn && config.validation_share.to_bits() != usual.to_bits()).then(|| {
        format!(
            "the data has a validation part of {own} pictures, so that the validation share is not asked for"
        )
    });
    let prior = config.prior.in_words().map(|shares| {
        format!(
            "probabilities will hold where {shares}; the score counts the validation pictures as they are"
        )
    });
    let left_out = dataset.skipped().iter().map(|skipped| format!("left out: {skipped}"));
    dataset
        .conversions()
        .iter()
        .cloned()
        .chain(joined)
        .chain(idle)
        .chain(unlisted)
        .chain(prior)
        .chain(left_out)
        .collect()
}

/// Refuses settings of the augmentation out of their range, and mixed pictures where labels are numbers.
fn check_augment(augment: &Augment, head: &Head) -> Result<(), TrainError> {
    augment.check()?;
    if augment.mix.is_some() && !head.has_probabilities() {
        return Err(TrainError::Setting {
            setting: "augment.mix",
            found: format!("asked for with {head}"),
            wanted: "leave it out, or take a head of probabilities, whose targets can be shares of two labels",
        });
    }
    Ok(())
}

/// Refuses to spread targets that are numbers.
fn check_smoothing(share: f64, head: &Head) -> Result<(), TrainError> {
    if share > 0.0 && !head.has_probabilities() {
        return Err(TrainError::Setting {
            setting: "label_smoothing",
            found: format!("asked for with {head}"),
            wanted: "leave it out, or take a head of probabilities, which can be spread over its answers",
        });
    }
    Ok(())
}

/// What names tell, as far as nobody has decided otherwise.
fn data_findings(
    config: &TrainConfig,
    dataset: &Dataset,
    split: &Split,
    augment: &Augment,
) -> Vec<Diagnostic> {
    let is_open = |finding: &Diagnostic| match finding.rule {
        Rule::Y06 => config.positive.is_none(),
        Rule::P05 => config.augment.leaves_out_flips(),
        // Whoever gives a split has divided the series or not.
        Rule::V03 => config.split.is_none(),
        _ => true,
    };
    let names = check::names(dataset).into_iter().filter(is_open);
    let series = config.split.as_ref().and_then(|_| check::series_in(dataset, split));
    names.chain(series).chain(check::augment(dataset, augment)).collect()
}

/// The data, with the positive group second where one is named.
pub(crate) fn open(config: &TrainConfig) -> Result<Dataset, TrainError> {
    let dataset = Dataset::open(&config.data, &config.read)?;
    dataset.require_trainable()?;
    match &config.positive {
        Some(positive) => Ok(dataset.with_positive(positive)?),
        None => Ok(dataset),
    }
}

/// Refuses labels that the head cannot be trained on, with the picture that has one.
fn check_labels(head: &Head, dataset: &Dataset) -> Result<(), TrainError> {
    let mut row = Vec::new();
    for (index, sample) in dataset.samples().iter().enumerate() {
        targets::encode(head, std::iter::once(&sample.label), &mut row)
            .map_err(|finding| finding.at(Place::file(dataset.sample_path(index))))?;
    }
    Ok(())
}

/// The settings that no other part checks.
fn check_settings(config: &TrainConfig) -> Result<(), TrainError> {
    let refuse = |setting, found: String, wanted| Err(TrainError::Setting { setting, found, wanted });
    if config.data.as_os_str().is_empty() {
        return refuse(
            "the data",
            "not named".to_owned(),
            "give the folder of the pictures, or `data` in the settings",
        );
    }
    if let Some(Folds::Each(folds)) = config.folds {
        return refuse(
            "folds",
            folds.to_string(),
            "leave it out for one training; `divvy train --folds` trains one for each",
        );
    }
    let rules = [config.optimizer.check(), config.schedule.check()];
    let more = [config.warmup.map(|warmup| warmup.check()), config.plateau.map(|plateau| plateau.check())];
    for checked in rules.into_iter().chain(more.into_iter().flatten()) {
        if let Err((setting, found, wanted)) = checked {
            return refuse(setting, found.to_string(), wanted);
        }
    }
    if config.batch == 0 || config.batch > 4096 {
        return refuse("the batch", format!("{} pictures", config.batch), "give 1 to 4,096, such as 32");
    }
    if !(config.learning_rate.is_finite() && config.learning_rate > 0.0) {
        return refuse(
            "the learning rate",
            config.learning_rate.to_string(),
            "give a number above 0, such as 0.001",
        );
    }
    // Of fewer digits, as it is computed with, a share may be 1 that is less here; it may be 0, too, where it is negative here.
    let shares = [("label_smoothing", config.label_smoothing), ("stochastic_depth", config.stochastic_depth)];
    for (setting, share) in shares {
        if !(share >= 0.0 && (share as f32) < 1.0) {
            return refuse(setting, share.to_string(), "give a share from 0 to below 1, such as 0.1");
        }
    }
    match config.length {
        Length::Epochs(0) => refuse("the number of epochs", "0".to_owned(), "give 1 or more"),
        Length::Minutes(minutes) if !(minutes > 0.0 && minutes <= Length::MAX_MINUTES) => refuse(
            "the time",
            format!("{minutes:?} minutes"),
            "give a number of minutes above 0 and at most 525600 (a year), such as 5",
        ),
        _ => Ok(()),
    }
}
