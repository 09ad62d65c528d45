//! What a model gets wrong, and pictures to see it by.

use divvy_data::Attributes;
use divvy_eval::Slice;
use divvy_model::{Heatmap, Prediction};
use divvy_nn::Head;
use rand::SeedableRng;
use rand::seq::index;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::asked::Asked;
use super::slices;
use crate::error::TrainError;

/// How many pictures each part of the gallery shows.
const SHOWN: usize = 36;
/// And of all kinds together.
pub(crate) const SHOWN_IN_ALL: usize = 3 * SHOWN;
/// The seed of the random pictures, the same for every report: nobody chooses them.
const SEED: u64 = 0;
/// How many kinds of mistakes are listed.
const MISTAKES: usize = 20;

/// What a model gets wrong.
#[derive(Clone, Debug, Serialize)]
pub struct WhereItFails {
    /// How many pictures were not given their group, or exactly their labels.
    pub wrong: usize,
    /// Which groups are taken for which, the most frequent first; 20 at the most. Empty where labels do not exclude each other.
    pub mistakes: Vec<Mistake>,
    /// Pictures that have something in common, each kind beside all others, the surest fall of accuracy first.
    pub slices: Vec<Slice>,
    /// Pictures to look at.
    pub gallery: Gallery,
}

/// A group that is taken for another.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Mistake {
    /// What the pictures are.
    pub truth: String,
    /// What they were taken for.
    pub answer: String,
    /// How many.
    pub n: usize,
}

/// Pictures to look at, 36 of each kind at the most; each is shown once.
#[derive(Clone, Debug, Serialize)]
pub struct Gallery {
    /// Pictures that were got wrong, the surest answers first.
    pub worst: Vec<ShownPicture>,
    /// Pictures that the model was least sure of.
    pub unsure: Vec<ShownPicture>,
    /// Pictures drawn at random from all.
    pub random: Vec<ShownPicture>,
}

/// A picture, and what was said of it.
#[derive(Clone, Debug, Serialize)]
pub struct ShownPicture {
    /// Its index in the data that was measured on.
    #[serde(skip)]
    pub sample: usize,
    /// What it is called in lists: its path relative to the data.
    pub name: String,
    /// Its group, or its labels.
    pub truth: Vec<String>,
    /// What the model answers.
    pub answer: Vec<String>,
    /// Whether both are the same.
    pub right: bool,
    /// How sure the model is of its answer; none without probabilities.
    pub confidence: Option<f32>,
    /// The probability it gives its true group; none without probabilities, and where labels do not exclude each other.
    pub probability_of_truth: Option<f32>,
    /// The output of a head without probabilities.
    pub score: Option<f32>,
    /// Pixels from left to right.
    pub width: usize,
    /// Pixels from top to bottom.
    pub height: usize,
    /// The size of its file, in bytes; none of one that is not in a file of its own.
    pub bytes: Option<usize>,
    /// The format of its file.
    pub format: Option<&'static str>,
    /// Its mean luma, 0 to 255.
    pub light: f32,
    /// How quickly its edges rise: 2 for a sharp one, 0.1 for a blurred one. None where it is too small or too plain to tell.
    pub sharpness: Option<f32>,
    /// Where in the picture the model finds what speaks for the group that it is most likely of.
    pub heatmap: Option<Heatmap>,
    /// How far that agrees with what covering parts of the picture changes: Spearman's rank correlation, -1 to 1. None where all parts matter alike.
    pub heatmap_agreement: Option<f64>,
}

impl WhereItFails {
    pub(super) fn of(asked: &Asked) -> Result<Self, TrainError> {
        let right = asked.right();
        Ok(Self {
            wrong: right.iter().filter(|right| !**right).count(),
            mistakes: mistakes(asked),
            slices: slices::of(asked, &right)?,
            gallery: Gallery::of(asked, &right),
        })
    }
}

fn mistakes(asked: &Asked) -> Vec<Mistake> {
    if asked.is_multi_label() {
        return Vec::new();
    }
    let classes = asked.classes().len();
    let mut counts = std::collections::BTreeMap::new();
    for (picture, prediction) in asked.predictions.iter().enumerate() {
        let (truth, answer) = (asked.truth(picture)[0], prediction.chosen[0]);
        if truth != answer {
            *counts.entry(truth * classes + answer).or_insert(0_usize) += 1;
        }
    }
    let mut mistakes: Vec<_> = counts.into_iter().collect();
    mistakes.sort_by_key(|&(_, n)| std::cmp::Reverse(n));
    let named = |class: usize| asked.classes()[class].clone();
    let told = mistakes.into_iter().take(MISTAKES).map(|(pair, n)| Mistake {
        truth: named(pair / classes),
        answer: named(pair % classes),
        n,
    });
    told.collect()
}

impl Gallery {
    fn of(asked: &Asked, right: &[bool]) -> Self {
        let n = right.len();
        let mut is_free = vec![true; n];
        let mut take = |order: &mut dyn Iterator<Item = usize>| -> Vec<ShownPicture> {
            let chosen: Vec<usize> = order.filter(|&picture| is_free[picture]).take(SHOWN).collect();
            for &picture in &chosen {
                is_free[picture] = false;
            }
            chosen.into_iter().map(|picture| ShownPicture::of(asked, picture)).collect()
        };
        let wrong = (0..n).filter(|&picture| !right[picture]).collect();
        let worst = take(&mut ordered(wrong, |picture| -blame(asked, picture)).into_iter());
        let unsure = ordered((0..n).collect(), |picture| sureness(&asked.head, &asked.predictions[picture]));
        let unsure = take(&mut unsure.into_iter());
        let mut rng = ChaCha8Rng::seed_from_u64(SEED);
        let random = take(&mut index::sample(&mut rng, n, n.min(SHOWN_IN_ALL)).into_iter());
        Self { worst, unsure, random }
    }

    /// All pictures that are shown, in order.
    pub fn pictures(&self) -> impl Iterator<Item = &ShownPicture> {
        self.worst.iter().chain(&self.unsure).chain(&self.random)
    }

    /// The same, to say more of them.
    pub(super) fn pictures_mut(&mut self) -> impl Iterator<Item = &mut ShownPicture> {
        self.worst.iter_mut().chain(&mut self.unsure).chain(&mut self.random)
    }
}

/// Pictures by ascending `key`; those of equal keys in their own order.
fn ordered(mut pictures: Vec<usize>, key: impl Fn(usize) -> f64) -> Vec<usize> {
    pictures.sort_by(|&a, &b| key(a).total_cmp(&key(b)));
    pictures
}

/// How sure a prediction is, on any scale that grows with it.
fn sureness(head: &Head, prediction: &Prediction) -> f64 {
    debug_assert!(head.has_probabilities() == prediction.probabilities.is_some());
    match (prediction.confidence(), prediction.score) {
        (Some(confidence), _) => f64::from(confidence),
        (None, Some(score)) => f64::from((score - Head::DEFAULT_THRESHOLD).abs()),
        (None, None) => 0.0,
    }
}

/// How bad a mistake is: how improbable the model holds what is true.
fn blame(asked: &Asked, picture: usize) -> f64 {
    let (prediction, truth) = (&asked.predictions[picture], asked.truth(picture));
    let Some(probabilities) = &prediction.probabilities else { return sureness(&asked.head, prediction) };
    let missed = |(class, &p): (usize, &f32)| {
        let of_truth = if truth.contains(&class) { p } else { 1.0 - p };
        1.0 - f64::from(of_truth)
    };
    if prediction.exclusive {
        1.0 - f64::from(probabilities[truth[0]])
    } else {
        probabilities.iter().enumerate().map(missed).fold(0.0, f64::max)
    }
}

impl ShownPicture {
    pub(super) fn of(asked: &Asked, picture: usize) -> Self {
        let (sample, prediction, truth) =
            (asked.samples[picture], &asked.predictions[picture], asked.truth(picture));
        let named = |classes: &[usize]| classes.iter().map(|&class| asked.classes()[class].clone()).collect();
        let Attributes { width, height, bytes, format, light, sharpness } = asked.attributes[picture];
        let probabilities = prediction.probabilities.as_ref().filter(|_| prediction.exclusive);
        Self {
            sample,
            name: asked.dataset.sample_name(sample).to_string_lossy().into_owned(),
            truth: named(truth),
            answer: named(&prediction.chosen),
            right: prediction.chosen == truth,
            confidence: prediction.confidence(),
            probability_of_truth: probabilities.map(|row| row[truth[0]]),
            score: prediction.score,
            width,
            height,
            bytes,
            format,
            light,
            sharpness,
            heatmap: None,
            heatmap_agreement: None,
        }
    }
}
