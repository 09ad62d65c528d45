//! The plots of a training.

use divvy::train::Course;

use crate::plot::{Axis, Curve, Plot, Style};

/// The losses on training and validation pictures.
pub(super) fn losses(course: &Course) -> Plot {
    let training = Curve::new("training", Style::Line, course.training_losses());
    let validation = Curve::new("validation", Style::Dashed, course.validation_losses());
    over_epochs(course, "loss", vec![training, validation])
}

/// The metric on the validation pictures.
pub(super) fn metric(course: &Course) -> Plot {
    let name = course.epochs().last().map_or("accuracy", |record| record.validation.metric.in_words());
    over_epochs(course, &format!("validation {name}"), vec![Curve::new(name, Style::Line, course.values())])
}

/// The learning rate.
pub(super) fn rates(course: &Course) -> Plot {
    over_epochs(course, "learning rate", vec![Curve::new("rate", Style::Line, course.rates())])
}

fn over_epochs(course: &Course, title: &str, curves: Vec<Curve>) -> Plot {
    let x = Axis::linear("epoch").ends(course.span());
    Plot { title: title.to_owned(), x, y: Axis::linear(title), curves, marks: Vec::new() }
}
