//! Probabilities made to come true, by what the validation pictures say.

use divvy_data::Label;
use divvy_eval::{BiasedTemperature, Platt};
use divvy_model::Calibration;
use divvy_nn::{Head, HeadKind, LogitLine, Task};

use crate::error::TrainError;

/// What makes the probabilities of logits `[pictures, units]` come true for pictures with these labels: one temperature and a bias for
/// each class for a softmax, a line for each sigmoid.
/// None for a head without probabilities.
///
/// # Errors
/// [`TrainError::Eval`] for logits that are not finite.
pub(crate) fn fit(head: &Head, logits: &[f32], labels: &[&Label]) -> Result<Option<Calibration>, TrainError> {
    Ok(match (head.kind(), head.units()) {
        (HeadKind::Linear, _) => None,
        (HeadKind::Softmax, units) => {
            let truth: Vec<usize> =
                labels.iter().filter_map(|label| label.indices().first().copied()).collect();
            let fitted = BiasedTemperature::fit(logits, units, &truth)?;
            let (temperature, biases) = (fitted.temperature(), fitted.biases().to_vec());
            Some(Calibration::Temperature { temperature, biases })
        }
        (HeadKind::Sigmoid, units) => {
            let column = |unit| logits.iter().skip(unit).step_by(units).copied().collect::<Vec<f32>>();
            // One unit speaks for the second of two groups, several for a label each.
            let class = |unit| if head.task() == Task::MultiLabel { unit } else { 1 };
            let lines = (0..units).map(|unit| line(&column(unit), labels, class(unit)));
            Some(Calibration::Platt { lines: lines.collect::<Result<_, _>>()? })
        }
    })
}

/// The line for the logits that speak for a class.
fn line(logits: &[f32], labels: &[&Label], class: usize) -> Result<LogitLine, TrainError> {
    let truth: Vec<bool> = labels.iter().map(|label| label.indices().contains(&class)).collect();
    let platt = Platt::fit(logits, &truth)?;
    Ok(LogitLine { slope: platt.slope() as f32, intercept: platt.intercept() as f32 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(task: Task, kind: HeadKind, units: usize) -> Head {
        Head::new(task, kind, units).unwrap()
    }

    /// Answers that are wrong once in four, and say so where the logits part the classes by ln 3.
    #[test]
    fn answers_that_are_right_three_times_in_four_say_so() {
        let labels: Vec<Label> =
            (0..40).map(|i| Label::Class(usize::from(i % 8 < 4) ^ usize::from(i % 4 == 0))).collect();
        let labels: Vec<&Label> = labels.iter().collect();
        let for_second = |i: usize| if i % 8 < 4 { 6.0 } else { -6.0 };
        let two: Vec<f32> = (0..40).flat_map(|i| [0.0, for_second(i)]).collect();
        let Some(Calibration::Temperature { temperature, biases }) =
            fit(&head(Task::Binary, HeadKind::Softmax, 2), &two, &labels).unwrap()
        else {
            panic!("a softmax has a temperature")
        };
        assert!((temperature - 6.0 / 3.0_f64.ln()).abs() < 1e-3, "{temperature}");
        assert!(biases.iter().all(|bias| bias.abs() < 1e-6), "{biases:?}");

        let one: Vec<f32> = (0..40).map(for_second).collect();
        let Some(Calibration::Platt { lines }) =
            fit(&head(Task::Binary, HeadKind::Sigmoid, 1), &one, &labels).unwrap()
        else {
            panic!("a sigmoid has a line")
        };
        assert!((f64::from(lines[0].at(6.0)) - 3.0_f64.ln()).abs() < 1e-3, "{lines:?}");
        assert!((f64::from(lines[0].at(-6.0)) + 3.0_f64.ln()).abs() < 1e-3, "{lines:?}");
    }

    #[test]
    fn each_label_has_a_line_and_a_number_has_none() {
        let labels: Vec<Label> =
            (0..12).map(|i| Label::Labels(if i % 3 == 0 { vec![0] } else { vec![1] })).collect();
        let labels: Vec<&Label> = labels.iter().collect();
        let logits: Vec<f32> = (0..24).map(|i| (i * 7 % 5) as f32 - 2.0).collect();
        let Some(Calibration::Platt { lines }) =
            fit(&head(Task::MultiLabel, HeadKind::Sigmoid, 2), &logits, &labels).unwrap()
        else {
            panic!("labels have lines")
        };
        let column = |unit: usize| logits.iter().skip(unit).step_by(2).copied().collect::<Vec<_>>();
        let truth = |class: usize| (0..12).map(|i| (i % 3 == 0) == (class == 0)).collect::<Vec<_>>();
        for (class, line) in lines.iter().enumerate() {
            let alone = Platt::fit(&column(class), &truth(class)).unwrap();
            assert_eq!(line.slope, alone.slope() as f32);
        }
        assert_eq!(lines.len(), 2);
        let linear = head(Task::Regression, HeadKind::Linear, 1);
        assert_eq!(fit(&linear, &logits[..12], &labels).unwrap(), None);
    }
}
