//! What a trained model says of labelled pictures: which of them count, what is told of the others, and that metrics are what the predictions say.

use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;

use divvy_data::{DataError, OpenOptions, StoreOptions};
use divvy_model::{Classifier, Model};
use divvy_nn::{Activation, Cpu, Wiring};
use divvy_train::{Event, Length, TrainConfig, TrainError, evaluate, train};

use crate::common::{no_stop, setting};

/// A short training's model.
fn trained(config: &TrainConfig, run: &Path) -> Classifier {
    let config = TrainConfig { length: Length::Epochs(1), ..config.clone() };
    train(&config, run, Cpu::new(1), &mut |_: &Event| {}, &no_stop()).unwrap();
    Classifier::new(Model::open(run).unwrap(), Cpu::new(1)).unwrap()
}

#[test]
fn an_evaluation_tells_how_far_it_is_and_can_be_stopped() {
    let (folder, config) = setting(40);
    let mut classifier = trained(&config, &folder.path().join("run"));
    let (stop, told) = (no_stop(), std::cell::RefCell::new(Vec::new()));
    let options = StoreOptions { cancel: Some(&stop), ..StoreOptions::default() };
    let tell = |done, total| told.borrow_mut().push((done, total));
    evaluate(&mut classifier, &config.data, &OpenOptions::default(), None, &options, &tell).unwrap();
    assert_eq!(told.take(), [(32, 80), (64, 80), (80, 80)]);
    let stop_at_once = |done, total| {
        tell(done, total);
        stop.store(true, Ordering::Relaxed);
    };
    let stopped =
        evaluate(&mut classifier, &config.data, &OpenOptions::default(), None, &options, &stop_at_once);
    assert!(matches!(stopped, Err(TrainError::Data(DataError::Interrupted))));
    assert_eq!(told.take(), [(32, 80)]);
}

#[test]
fn pictures_without_exactly_one_label_are_no_test_of_a_model_that_gives_one() {
    let (folder, config) = setting(10);
    let mut classifier = trained(&config, &folder.path().join("run"));
    let list = config.data.join("some.csv");
    let mut evaluate = |rows: &str| {
        fs::write(&list, format!("file,labels\n{rows}")).unwrap();
        evaluate(&mut classifier, &list, &OpenOptions::default(), None, &StoreOptions::default(), &|_, _| {})
    };
    for (rows, found) in [
        ("upper/0.png,upper\nlower/0.png,\nlower/1.png,lower|upper\n", "lower/0.png has no label"),
        ("upper/0.png,upper\nlower/1.png,upper|lower\n", "lower/1.png has 2 labels (lower, upper)"),
    ] {
        let error = evaluate(rows).unwrap_err();
        assert!(matches!(error, TrainError::NotExclusive { .. }), "{error}");
        let message = error.to_string();
        assert!(message.contains(found) && message.contains("some.csv"), "{message}");
    }
    assert!(evaluate("upper/0.png,upper\nlower/1.png,lower\n").unwrap().left_out.is_empty());
}

#[test]
fn what_an_evaluation_leaves_out_is_told() {
    let (folder, config) = setting(10);
    let mut classifier = trained(&config, &folder.path().join("run"));
    let mut rows = vec!["file,labels\n".to_owned()];
    rows.extend((0..10).map(|i| format!("upper/{i}.png,upper\nlower/{i}.png,lower\n")));
    rows.push("gone.png,upper\n".to_owned());
    let list = config.data.join("some.csv");
    fs::write(&list, rows.concat()).unwrap();
    fs::write(config.data.join("upper/3.png"), "no picture").unwrap();
    let evaluation =
        evaluate(&mut classifier, &list, &OpenOptions::default(), None, &StoreOptions::default(), &|_, _| {})
            .unwrap();
    let [gone, bad] = evaluation.left_out.as_slice() else { panic!("{:?}", evaluation.left_out) };
    assert!(gone.contains("gone.png is not there (some.csv, line 22)"), "{gone}");
    assert!(bad.contains("upper/3.png"), "{bad}");
}

#[test]
fn the_metric_is_what_the_predictions_say() {
    let (folder, config) = setting(60);
    let photo = |group: &str, name: &str| folder.path().join(format!("photos/{group}/{name}.png"));
    // Twenty-five of one group and forty of the other, half of which look like the first: no network is always right, and the metrics
    // differ.
    for index in 45..60 {
        fs::remove_file(photo("lower", &index.to_string())).unwrap();
    }
    for index in 20..60 {
        fs::remove_file(photo("upper", &index.to_string())).unwrap();
    }
    for index in 20..40 {
        fs::rename(photo("lower", &index.to_string()), photo("upper", &format!("odd{index}"))).unwrap();
    }
    let mut differs = false;
    for (index, (metric, head)) in ["accuracy", "balanced_accuracy", "macro_f1", "roc_auc"]
        .into_iter()
        .flat_map(|metric| {
            [Activation::Softmax, Activation::Sigmoid, Activation::Linear].map(|head| (metric, head))
        })
        .enumerate()
    {
        let wiring = Wiring { activation: Some(head), metric: Some(metric.to_owned()), ..Wiring::default() };
        let config = TrainConfig { wiring, length: Length::Epochs(1), learning_rate: 1e-3, ..config.clone() };
        let run = folder.path().join(index.to_string());
        train(&config, &run, Cpu::new(1), &mut |_: &Event| {}, &no_stop()).unwrap();

        let dataset = divvy_data::Dataset::open(&config.data, &divvy_data::OpenOptions::default()).unwrap();
        let split = divvy_data::Split::read_csv(&run.join("split.csv"), &dataset).unwrap();
        let paths = split.validation.iter().map(|&sample| dataset.sample_path(sample)).collect();
        let model = Model::open(&run).unwrap();
        let recorded = model.record().validation.value;
        let mut answers: Vec<(usize, usize, f32)> = Vec::new();
        let mut wanted = split.validation.iter().map(|&sample| dataset.samples()[sample].label.indices()[0]);
        Classifier::new(model, Cpu::new(1))
            .unwrap()
            .classify_files(paths, |_, prediction| -> Result<(), divvy_data::ImageError> {
                let prediction = prediction?;
                let score = prediction.score.unwrap_or_else(|| prediction.probabilities.as_ref().unwrap()[1]);
                answers.push((wanted.next().unwrap(), prediction.chosen[0], score));
                Ok(())
            })
            .unwrap();
        let found = by_hand(metric, &answers);
        assert!((found - recorded).abs() < 1e-9, "{metric} of {head:?}: {recorded}, by hand {found}");
        differs |= metric == "balanced_accuracy" && (by_hand("accuracy", &answers) - found).abs() > 1e-3;
    }
    assert!(differs, "one metric could be taken for another here");
}

/// A metric from what is wanted, given and scored, by its definition.
fn by_hand(metric: &str, answers: &[(usize, usize, f32)]) -> f64 {
    let count =
        |is: &dyn Fn(usize, usize) -> bool| answers.iter().filter(|(w, g, _)| is(*w, *g)).count() as f64;
    let recall = |class| count(&|w, g| w == class && g == class) / count(&|w, _| w == class);
    let f1 = |class| {
        let hits = count(&|w, g| w == class && g == class);
        2.0 * hits / (count(&|w, _| w == class) + count(&|_, g| g == class))
    };
    match metric {
        "accuracy" => count(&|w, g| w == g) / answers.len() as f64,
        "balanced_accuracy" => f64::midpoint(recall(0), recall(1)),
        "macro_f1" => f64::midpoint(f1(0), f1(1)),
        _ => {
            let of = |class| answers.iter().filter(move |(w, ..)| *w == class).map(|(.., score)| *score);
            let won = of(1).flat_map(|p| {
                of(0).map(move |n| {
                    if p > n {
                        1.0
                    } else if p == n {
                        0.5
                    } else {
                        0.0
                    }
                })
            });
            won.sum::<f64>() / (of(0).count() * of(1).count()) as f64
        }
    }
}
