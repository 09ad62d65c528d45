//! The folder of a tune: `tune.toml` (the plan), `split.csv`, `trials.jsonl`, a run folder for each training, and in the end `best`, `best.toml`
//! and `tune.json`.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use divvy_data::{Dataset, Split, read_limited, read_text_limited, write_atomically};
use divvy_rules::line_at;
use serde::{Deserialize, Serialize};

use super::report::Tuning;
use super::rungs::Rung;
use super::space::{Origin, Settings};
use super::trial::TuneTrial;
use crate::config::{Length, TrainConfig};
use crate::error::TrainError;
use crate::lock::RunLock;
use crate::run::RunFolder;

/// The most bytes of a file of the folder: more than any plan, list of trials or result has.
const MOST: u64 = 16 << 20;

/// The folder of a tune.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TuneFolder {
    path: PathBuf,
}

/// What a tune has set out to do: the content of its tune.toml.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TunePlan {
    /// Where the first candidate comes from.
    pub origin: Origin,
    /// The time for all of it, in minutes.
    pub minutes: f64,
    /// The seconds that were taken before there was a plan.
    pub before: f64,
    /// The seconds that are kept for what comes after the last training.
    pub after: f64,
    /// The epochs of the first candidate that a training of the first rung has time for, as it was measured.
    pub epochs: f64,
    /// How many candidates are trained for how long.
    pub rungs: Vec<Rung>,
    /// All that are tried, the choice that the tune began from first. Their lengths are what someone asked for, and not the time of a trial.
    pub candidates: Vec<TrainConfig>,
}

impl TunePlan {
    /// What a candidate is called: `first`, or by its number.
    pub fn name(candidate: usize) -> String {
        if candidate == 0 { "first".to_owned() } else { format!("candidate-{candidate}") }
    }

    /// What is searched of a candidate's settings.
    ///
    /// # Panics
    /// Where the plan has no such candidate.
    pub fn settings(&self, candidate: usize) -> Settings {
        Settings::of(&self.candidates[candidate])
    }

    /// The seconds of each of `entrants` trainings of a rung, from 1. What those before took less or more than was planned is the last rung's.
    pub(super) fn seconds(&self, rung: usize, entrants: usize, trials: &[TuneTrial]) -> f64 {
        let planned = self.rungs[rung - 1].seconds;
        if rung < self.rungs.len() {
            return planned;
        }
        let taken: f64 = trials.iter().filter(|trial| trial.rung < rung).map(|trial| trial.seconds).sum();
        let left = self.minutes * 60.0 - self.before - self.after - taken;
        (left / entrants.max(1) as f64).max(planned / 2.0)
    }
}

impl TuneFolder {
    /// The tune in a folder.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Looks whether a new tune could go to `path`, without making anything. What a process left there that was killed before it had a plan is no
    /// hindrance.
    ///
    /// # Errors
    /// [`TrainError::RunExists`] when the folder holds anything else.
    pub fn refuse_used(path: &Path) -> Result<Self, TrainError> {
        let folder = Self::at(path);
        let used = |contents| Err(TrainError::RunExists { path: path.to_owned(), contents });
        if folder.result_file().is_file() {
            return used("this folder holds a tune that has come to its end".to_owned());
        }
        if folder.plan_file().is_file() {
            return used(format!(
                "this folder holds a tune that is not at its end; `divvy tune --resume {}` goes on with it",
                path.display()
            ));
        }
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(folder),
            Err(source) => return Err(TrainError::Write { path: path.to_owned(), source }),
        };
        let is_left = |name: &str| {
            let is_half = name.starts_with("tune.toml.") || name.starts_with("split.csv.");
            ["lock", "split.csv"].contains(&name) || is_half
        };
        match entries.flatten().filter(|entry| !entry.file_name().to_str().is_some_and(is_left)).count() {
            0 => Ok(folder),
            others => used(format!("this folder holds {others} files that are not a tune's")),
        }
    }

    /// Makes the folder with the split and, when all else is there, the plan.
    pub(super) fn begin(
        &self,
        split: &Split,
        dataset: &Dataset,
        plan: &TunePlan,
    ) -> Result<RunLock, TrainError> {
        fs::create_dir_all(&self.path)
            .map_err(|source| TrainError::Write { path: self.path.clone(), source })?;
        let lock = self.lock()?;
        split.write_csv(&self.split(), dataset)?;
        write_toml(&self.plan_file(), plan)?;
        Ok(lock)
    }

    /// The right to write here, unless another process has it.
    pub(super) fn lock(&self) -> Result<RunLock, TrainError> {
        RunLock::take(&self.path, &self.lock_file())
    }

    /// What the tune has set out to do.
    ///
    /// # Errors
    /// [`TrainError::NoTune`] where there is none, [`TrainError::Config`] and [`TrainError::Data`] where it cannot be read.
    pub fn plan(&self) -> Result<TunePlan, TrainError> {
        let path = self.plan_file();
        if !path.is_file() {
            return Err(TrainError::NoTune { path: self.path.clone() });
        }
        let text = read_text_limited(&path, MOST)?;
        let fault =
            |line, fault: &str| TrainError::Config { path: path.clone(), line, fault: fault.to_owned() };
        let plan: TunePlan = toml::from_str(&text).map_err(|error| {
            fault(error.span().map_or(1, |span| line_at(&text, span.start)), error.message())
        })?;
        let is_time = |seconds: f64| seconds > 0.0 && seconds <= Length::MAX_MINUTES * 60.0;
        let most = plan.rungs.iter().map(|rung| rung.candidates).max().unwrap_or_default();
        let is_whole = is_time(plan.minutes * 60.0)
            && [plan.before, plan.after].iter().all(|seconds| seconds.is_finite())
            && plan.rungs.iter().all(|rung| rung.candidates > 0 && is_time(rung.seconds))
            && (1..=plan.candidates.len()).contains(&most);
        if is_whole { Ok(plan) } else { Err(fault(1, "its rungs and candidates do not fit together")) }
    }

    /// The trainings that are over.
    ///
    /// # Errors
    /// [`TrainError::Data`] where they cannot be read.
    pub fn trials(&self) -> Result<Vec<TuneTrial>, TrainError> {
        let path = self.trials_file();
        if !path.is_file() {
            return Ok(Vec::new());
        }
        let text = read_limited(&path, MOST)?;
        Ok(text.split(|&byte| byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect())
    }

    /// Writes down all trainings that are over.
    pub(super) fn write_trials(&self, trials: &[TuneTrial]) -> Result<(), TrainError> {
        let path = self.trials_file();
        let lines = trials.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>();
        let lines = lines.map_err(|error| TrainError::Write { path: path.clone(), source: error.into() })?;
        Ok(write_atomically(&path, |file| lines.iter().try_for_each(|line| writeln!(file, "{line}")))?)
    }

    /// What came of the tune, if it has come to its end.
    ///
    /// # Errors
    /// [`TrainError::Data`] and [`TrainError::Config`] where it cannot be read.
    pub fn result(&self) -> Result<Option<Tuning>, TrainError> {
        let path = self.result_file();
        if !path.is_file() {
            return Ok(None);
        }
        let read = serde_json::from_slice(&read_limited(&path, MOST)?);
        read.map(Some).map_err(|error| TrainError::Config {
            path,
            line: error.line(),
            fault: error.to_string(),
        })
    }

    /// Keeps the model of the best training as the tune's own, the settings to train so again, and, when all else is there, the result.
    pub(super) fn finish(
        &self,
        best: &RunFolder,
        config: &TrainConfig,
        result: &Tuning,
    ) -> Result<(), TrainError> {
        let kept = RunFolder::at(&self.best());
        fs::create_dir_all(kept.path())
            .map_err(|source| TrainError::Write { path: kept.path().to_owned(), source })?;
        for (from, to) in [
            (best.config(), kept.config()),
            (best.split(), kept.split()),
            (best.events(), kept.events()),
            (best.model(), kept.model()),
        ] {
            write_atomically(&to, |file| io::copy(&mut File::open(&from)?, file).map(drop))?;
        }
        write_toml(&self.config(), config)?;
        let path = self.result_file();
        let text = serde_json::to_string(result)
            .map_err(|error| TrainError::Write { path: path.clone(), source: error.into() })?;
        Ok(write_atomically(&path, |file| file.write_all(text.as_bytes()))?)
    }

    /// Takes away all that a tune has written that came to nothing; a folder that holds anything else stays.
    pub(super) fn remove(&self, trials: &[TuneTrial]) {
        for TuneTrial { rung, candidate, .. } in trials {
            let run = self.run(*rung, *candidate);
            run.remove();
            let _ = run.path().parent().map(fs::remove_dir);
        }
        for file in [self.plan_file(), self.split(), self.trials_file(), self.lock_file()] {
            let _ = fs::remove_file(file);
        }
        let _ = fs::remove_dir(&self.path);
    }

    /// Takes away what is needed only as long as a tune goes on.
    pub(super) fn remove_working(&self) {
        let _ = fs::remove_file(self.lock_file());
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How all trainings divide the pictures.
    pub fn split(&self) -> PathBuf {
        self.path.join("split.csv")
    }

    /// The best training's run.
    pub fn best(&self) -> PathBuf {
        self.path.join("best")
    }

    /// The best settings, for a training of the usual length.
    pub fn config(&self) -> PathBuf {
        self.path.join("best.toml")
    }

    /// The run of a candidate in a rung, from 1.
    pub fn run(&self, rung: usize, candidate: usize) -> RunFolder {
        RunFolder::at(&self.path.join(format!("rung-{rung}")).join(TunePlan::name(candidate)))
    }

    fn plan_file(&self) -> PathBuf {
        self.path.join("tune.toml")
    }

    fn trials_file(&self) -> PathBuf {
        self.path.join("trials.jsonl")
    }

    fn result_file(&self) -> PathBuf {
        self.path.join("tune.json")
    }

    fn lock_file(&self) -> PathBuf {
        self.path.join("lock")
    }
}

fn write_toml(path: &Path, value: &impl Serialize) -> Result<(), TrainError> {
    let text = toml::to_string(value)
        .map_err(|error| TrainError::Write { path: path.to_owned(), source: io::Error::other(error) })?;
    Ok(write_atomically(path, |file| file.write_all(text.as_bytes()))?)
}

#[cfg(test)]
mod tests {
    use super::super::trial::tests::{failed, trained};
    use super::*;

    fn plan() -> TunePlan {
        let rungs = vec![Rung { candidates: 3, seconds: 10.0 }, Rung { candidates: 1, seconds: 30.0 }];
        let candidates = [0.001, 0.002, 0.0005]
            .map(|learning_rate| TrainConfig { learning_rate, ..TrainConfig::new("photos") });
        TunePlan {
            origin: Origin::File,
            minutes: 1.1,
            before: 4.0,
            after: 2.0,
            epochs: 3.5,
            rungs,
            candidates: candidates.to_vec(),
        }
    }

    #[test]
    fn a_plan_and_its_trials_are_read_as_they_were_written() {
        let desk = tempfile::tempdir().unwrap();
        let folder = TuneFolder::at(desk.path());
        assert!(matches!(folder.plan(), Err(TrainError::NoTune { .. })));
        write_toml(&folder.plan_file(), &plan()).unwrap();
        assert_eq!(folder.plan().unwrap(), plan());
        assert_eq!(folder.trials().unwrap(), []);
        let trials = [trained(1, 0, 0.5, 0.7), failed(1, 1)];
        folder.write_trials(&trials).unwrap();
        assert_eq!(folder.trials().unwrap(), trials);
        for broken in [
            TunePlan { candidates: Vec::new(), ..plan() },
            TunePlan { rungs: Vec::new(), ..plan() },
            TunePlan { minutes: f64::NAN, ..plan() },
            TunePlan { rungs: vec![Rung { candidates: 3, seconds: -1.0 }], ..plan() },
        ] {
            write_toml(&folder.plan_file(), &broken).unwrap();
            assert!(matches!(folder.plan(), Err(TrainError::Config { .. })), "{broken:?}");
        }
    }

    #[test]
    fn the_last_rung_has_what_those_before_left() {
        let plan = plan();
        let trials = |seconds: f64| {
            [0, 1, 2].map(|candidate| TuneTrial { seconds, ..trained(1, candidate, 0.5, 0.7) })
        };
        assert_eq!(plan.seconds(1, 3, &[]), 10.0);
        let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(close(plan.seconds(2, 1, &trials(10.0)), 30.0));
        assert!(close(plan.seconds(2, 1, &trials(8.0)), 36.0));
        assert!(close(plan.seconds(2, 1, &trials(11.0)), 27.0));
        assert!(close(plan.seconds(2, 1, &trials(100.0)), 15.0), "half of the planned at the least");
    }

    #[test]
    fn a_folder_is_free_until_it_holds_more_than_a_beginning() {
        let desk = tempfile::tempdir().unwrap();
        let path = desk.path().join("tune");
        assert!(TuneFolder::refuse_used(&path).is_ok());
        fs::create_dir(&path).unwrap();
        for left in ["lock", "split.csv", "split.csv.17.tmp", "tune.toml.17.tmp"] {
            fs::write(path.join(left), "").unwrap();
        }
        let folder = TuneFolder::refuse_used(&path).unwrap();
        fs::write(path.join("notes.txt"), "").unwrap();
        let refused = |found: &str| {
            let said = TuneFolder::refuse_used(&path).unwrap_err().to_string();
            assert!(said.contains(found), "{said}");
        };
        refused("1 files that are not a tune's");
        write_toml(&folder.plan_file(), &plan()).unwrap();
        refused("divvy tune --resume");
        fs::write(folder.result_file(), "{}").unwrap();
        refused("has come to its end");
        assert!(matches!(folder.result(), Err(TrainError::Config { .. })));
    }
}
