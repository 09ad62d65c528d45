//! Trainings whose numbers run away.

use std::fs;

use divvy_model::Model;
use divvy_nn::{Cpu, Optimizer, Schedule, Warmup};
use divvy_train::{Event, Length, ModelsLeft, RunFolder, TrainConfig, TrainError, train};

use crate::common::{no_stop, setting};

const NOTHING: ModelsLeft = ModelsLeft { best: None, last: None };

#[test]
fn numbers_that_run_away_stop_the_training_and_leave_nothing() {
    let (folder, mut config) = setting(10);
    let run = folder.path().join("runs/run");
    for (batch, steps) in [(8, 2), (32, 1)] {
        // A step's own loss is from before it: with one step an epoch only the validation pictures show what it did.
        let bad = TrainConfig { learning_rate: 1e30, batch, ..config.clone() };
        let error = train(&bad, &run, Cpu::new(1), &mut |_: &Event| {}, &no_stop()).unwrap_err();
        match error {
            TrainError::NotFinite { source, left } if left == NOTHING => {
                assert_eq!((source.step, steps), (2, 2));
            }
            TrainError::RanAway { step, left, .. } if left == NOTHING => assert_eq!((step, steps), (1, 1)),
            ref other => panic!("{other}"),
        }
        let message = error.to_string();
        for part in [&format!("step {steps}"), "loss is NaN", "learning rate", "No model was saved"] {
            assert!(message.contains(part), "{part}: {message}");
        }
        assert!(!folder.path().join("runs").exists(), "nothing was saved");
    }
    config.length = Length::Epochs(1);
    train(&config, &run, Cpu::new(1), &mut |_: &Event| {}, &no_stop()).unwrap();
}

#[test]
fn a_good_model_outlives_numbers_that_run_away() {
    let (folder, mut config) = setting(10);
    let run = folder.path().join("run");
    // One step an epoch: the first at a rate of 0.01, the second at 1e24.
    (config.batch, config.learning_rate) = (32, 1e30);
    config.warmup = Some(Warmup { steps: 1_000_000, start: 25e-32 });
    let mut good = Vec::new();
    let mut listener = |event: &Event| {
        if let Event::Epoch { epoch, .. } = event {
            assert_eq!(*epoch, 1, "the second is never judged");
            good = fs::read(run.join("model.divvy")).unwrap();
        }
    };
    let error = train(&config, &run, Cpu::new(1), &mut listener, &no_stop()).unwrap_err();
    assert!(
        matches!(error, TrainError::RanAway { step: 2, left: ModelsLeft { best: Some(1), last: None }, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("The model of epoch 1 is kept"), "{error}");
    assert!(!good.is_empty() && fs::read(run.join("model.divvy")).unwrap() == good);
    assert!(Model::open(&run).is_ok());
}

#[test]
fn the_last_epoch_before_numbers_ran_away_is_kept_beside_the_best() {
    let (folder, mut config) = setting(10);
    // One step an epoch, in each of which a decay of far more than the whole turns weights round and makes them so many times larger.
    (config.batch, config.learning_rate, config.schedule) = (32, 0.01, Schedule::Constant);
    let both = (3..9).find_map(|power| {
        config.optimizer = Optimizer::adam_w(100.0 * 10_f64.powi(power));
        let run = folder.path().join(format!("run-{power}"));
        let mut judged = 0;
        let mut listener = |event: &Event| {
            if let Event::Epoch { epoch, .. } = event {
                judged = *epoch;
            }
        };
        let error = train(&config, &run, Cpu::new(1), &mut listener, &no_stop()).err()?;
        let (TrainError::NotFinite { left, .. } | TrainError::RanAway { left, .. }) = error else {
            panic!("{error}")
        };
        let ModelsLeft { best: Some(best), last: Some(last) } = left else { return None };
        assert!(error.to_string().contains(&format!("of epoch {last}, the last, are kept")), "{error}");
        assert!(best < last && last == judged, "{left:?}");
        Some((RunFolder::at(&run), best, last))
    });
    let (run, best, last) = both.expect("some rate is large enough and not too large");
    for (file, epoch) in [(run.model(), best), (run.last(), last)] {
        assert_eq!(Model::open(&file).unwrap().record().epoch, epoch, "{}", file.display());
    }
}

#[test]
fn statistics_that_run_away_are_noticed_though_the_loss_is_finite() {
    let (folder, mut config) = setting(10);
    let layers = r#"
        layer = [
            { type = "conv2d", filters = 2, kernel = 3, activation = "linear" },
            { type = "max_pool2d", pool = 2 },
            { type = "batch_norm", scale = false },
            { type = "global_avg_pool2d" },
        ]"#;
    fs::write(folder.path().join("net.toml"), layers).unwrap();
    // Maps of some 1e19 have a variance that single precision does not hold; a batch norm divides by it, and all is finite.
    (config.batch, config.learning_rate, config.schedule) = (32, 1e18, Schedule::Constant);
    let run = folder.path().join("run");
    let mut losses = Vec::new();
    let mut listener = |event: &Event| {
        if let Event::Epoch { validation, .. } = event {
            losses.push(validation.loss);
        }
    };
    let error = train(&config, &run, Cpu::new(1), &mut listener, &no_stop()).unwrap_err();
    assert!(
        matches!(error, TrainError::RanAway { step: 2, left: ModelsLeft { best: Some(1), last: None }, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("moving_variance"), "{error}");
    assert_eq!(losses.len(), 1);
    assert!(Model::open(&run).is_ok());
}
