//! From statements to a head, or to why there is none.

use divvy_rules::{Diagnostic, Rule, Severity};

use super::{Decision, LabelForm, LossName, Wiring};
use crate::activation::Activation;
use crate::head::{Head, HeadKind, Task, floor_of_softmax_twice};

impl Wiring {
    /// The one decision that the statements amount to, for `classes` classes or labels that exclude each other or do not.
    ///
    /// # Errors
    /// The first finding of a rule H, L, Y, M or T03. Its place is the key of the statement at fault.
    pub fn decide(
        &self,
        task: Option<Task>,
        classes: usize,
        exclusive: bool,
    ) -> Result<Decision, Diagnostic> {
        self.check_loss(task, classes)?;
        let task = task.unwrap_or_else(|| self.task(classes, exclusive));
        let activation = self.output(task);
        let units = self.units.unwrap_or_else(|| usual_units(task, activation, classes));
        self.check_loss_of_sigmoids(task, activation, units)?;
        let place = if self.units.is_some() && self.activation.is_none() { "units" } else { "activation" };
        let head = Head::of_parts(task, activation, units).map_err(|finding| finding.at(place))?;
        head.check_classes(classes).map_err(|finding| finding.at("units"))?;
        self.check_labels(&head)?;
        let mut notes: Vec<Diagnostic> = self.converted_labels().into_iter().collect();
        let metric = self.metric_of(&head, &mut notes)?;
        Ok(Decision { head, metric, notes })
    }

    /// What the labels mean when nobody says: a number where the head or the loss is one's, else what they look like.
    fn task(&self, classes: usize, exclusive: bool) -> Task {
        let is_number = match (self.loss, self.activation) {
            (Some(loss), _) => loss == LossName::MeanSquaredError,
            (None, activation) => activation == Some(Activation::Linear) && !self.expects_logits(),
        };
        if is_number && exclusive && classes == 2 {
            Task::Regression
        } else {
            Task::infer(classes, exclusive)
        }
    }

    fn expects_logits(&self) -> bool {
        self.from_logits == Some(true)
    }

    fn is_categorical(&self) -> bool {
        matches!(self.loss, Some(LossName::CategoricalCrossEntropy | LossName::SparseCategoricalCrossEntropy))
    }

    /// The loss against activation and units, whatever the task.
    fn check_loss(&self, task: Option<Task>, classes: usize) -> Result<(), Diagnostic> {
        use Activation::{Linear, Sigmoid, Softmax};
        let one_unit = self.units == Some(1);
        let is_binary = self.loss == Some(LossName::BinaryCrossEntropy);
        let is_squared = self.loss == Some(LossName::MeanSquaredError);
        match (self.activation, self.loss) {
            (Some(Softmax), _) if one_unit => Head::of_parts(Task::Binary, Softmax, 1)
                .map(|_| ())
                .map_err(|finding| finding.at("activation")),
            (_, Some(LossName::CategoricalCrossEntropy)) if one_unit => Err(categorical_of_one(Rule::L04)),
            (_, Some(LossName::SparseCategoricalCrossEntropy)) if one_unit => {
                Err(categorical_of_one(Rule::L05))
            }
            (Some(other), Some(loss)) if !is_squared && !matches!(other, Linear | Sigmoid | Softmax) => {
                Err(no_probability(other, loss))
            }
            (_, Some(LossName::NegativeLogLikelihood)) => Err(likelihood_without_logarithm()),
            (Some(Linear), Some(loss)) if !is_squared && !self.expects_logits() => {
                Err(logits_unannounced(loss))
            }
            (Some(Softmax), loss) if self.expects_logits() && (loss.is_none() || self.is_categorical()) => {
                Err(softmax_twice(self.units.unwrap_or(classes)))
            }
            (Some(Sigmoid), loss) if self.expects_logits() && (loss.is_none() || is_binary) => {
                Err(sigmoid_twice())
            }
            (Some(Softmax), _) if is_binary => Err(binary_on_softmax(self.units)),
            (Some(Sigmoid | Softmax), _) if is_squared && task != Some(Task::Regression) => {
                Err(squares_of_probabilities())
            }
            _ => Ok(()),
        }
    }

    /// The activation whose probabilities come out: that stated, or where logits are stated or nothing is, that of the loss or task.
    fn output(&self, task: Task) -> Activation {
        let of_loss = match self.loss {
            Some(LossName::BinaryCrossEntropy) => Some(Activation::Sigmoid),
            Some(_) if self.is_categorical() => Some(Activation::Softmax),
            Some(LossName::MeanSquaredError) => Some(Activation::Linear),
            _ => None,
        };
        match self.activation {
            Some(Activation::Linear) if self.expects_logits() => of_loss.unwrap_or_default(),
            Some(stated) => stated,
            None if of_loss.is_none() && task == Task::Binary && self.units == Some(1) => Activation::Sigmoid,
            None => of_loss.unwrap_or_else(|| HeadKind::default_for(task).activation()),
        }
    }

    /// A categorical loss on sigmoids.
    fn check_loss_of_sigmoids(
        &self,
        task: Task,
        activation: Activation,
        units: usize,
    ) -> Result<(), Diagnostic> {
        if activation != Activation::Sigmoid || !self.is_categorical() {
            return Ok(());
        }
        if units == 1 {
            let is_sparse = self.loss == Some(LossName::SparseCategoricalCrossEntropy);
            return Err(categorical_of_one(if is_sparse { Rule::L05 } else { Rule::L04 }));
        }
        let exclusive = task != Task::MultiLabel;
        let instead = if exclusive { "activation = \"softmax\"" } else { "loss = \"binary_crossentropy\"" };
        Err(Diagnostic::new(Rule::L07, "categorical cross-entropy on sigmoids")
            .at("loss")
            .because(
                "the loss divides the sigmoids by their sum, so only their ratios are trained: 0.02 and 0.01 are as good as 0.8 and \
                 0.4, and what comes out is no probability",
            )
            .fix(format!("write {instead}")))
    }

    /// How labels are written against what the head is trained on.
    fn check_labels(&self, head: &Head) -> Result<(), Diagnostic> {
        let Some(labels) = self.labels else { return Ok(()) };
        let task = head.task();
        let fault = match (labels, task) {
            (LabelForm::MultiHot, Task::Binary | Task::MultiClass | Task::Regression) => {
                return Err(Diagnostic::new(Rule::H03, format!("multi-hot labels for {head}"))
                    .at("labels")
                    .because("a row with two labels, or none, asks for what classes that exclude each other can never answer")
                    .fix("declare the task multi_label, or write labels = \"one_hot\""));
            }
            (LabelForm::Number, Task::Regression)
            | (LabelForm::OneHot | LabelForm::MultiHot | LabelForm::Index, Task::MultiLabel) => return Ok(()),
            (LabelForm::Number, _) => "a number that is no class cannot be told apart from others",
            (LabelForm::ZeroOne, Task::MultiClass) if head.classes() > 2 => {
                "0 and 1 name two classes, no more"
            }
            (LabelForm::ZeroOne, Task::MultiLabel) => "0 or 1 a picture says nothing of the other labels",
            (LabelForm::Index | LabelForm::ZeroOne | LabelForm::OneHot, _) => return Ok(()),
        };
        Err(Diagnostic::new(Rule::Y02, format!("labels as {labels} for {head}"))
            .at("labels")
            .because(fault)
            .fix(format!("write labels = \"{}\"", usual_form(head))))
    }

    /// Y02 as a note: labels in the other of the two forms that frameworks tell apart by the loss.
    fn converted_labels(&self) -> Option<Diagnostic> {
        let (loss, wanted) = match (self.loss?, self.labels?) {
            (LossName::SparseCategoricalCrossEntropy, LabelForm::OneHot) => {
                ("the sparse loss", LabelForm::Index)
            }
            (LossName::CategoricalCrossEntropy, LabelForm::Index) => {
                ("the categorical loss", LabelForm::OneHot)
            }
            _ => return None,
        };
        Some(
            Diagnostic::new(Rule::Y02, format!("{loss} is elsewhere given labels as {wanted}"))
                .severity(Severity::Note)
                .at("labels")
                .because("index 2 of 4 and the row 0 0 1 0 say the same; divvy converts one into the other")
                .fix("nothing here; in Keras the loss must fit the labels"),
        )
    }
}

/// The units where nobody says.
fn usual_units(task: Task, activation: Activation, classes: usize) -> usize {
    match (task, activation) {
        (Task::Binary, Activation::Softmax) => 2,
        (Task::Binary | Task::Regression, _) => 1,
        (Task::MultiClass | Task::MultiLabel, _) => classes,
    }
}

/// The form in which a head's labels are most often written.
fn usual_form(head: &Head) -> LabelForm {
    match (head.task(), head.units()) {
        (Task::MultiLabel, _) => LabelForm::MultiHot,
        (Task::Regression, _) => LabelForm::Number,
        (_, 1) => LabelForm::ZeroOne,
        _ => LabelForm::Index,
    }
}

fn categorical_of_one(rule: Rule) -> Diagnostic {
    let (loss, sparse) = match rule {
        Rule::L05 => ("sparse categorical cross-entropy", "sparse_categorical_crossentropy"),
        _ => ("categorical cross-entropy", "categorical_crossentropy"),
    };
    Diagnostic::new(rule, format!("{loss} of a single unit"))
        .at("loss")
        .because("the one output is divided by itself: p / p = 1, and -ln 1 = 0 for every picture, so nothing is trained")
        .fix(format!(
            "write loss = \"binary_crossentropy\" and activation = \"sigmoid\"; or units = 2 and activation = \"softmax\" with {sparse}"
        ))
}

fn no_probability(activation: Activation, loss: LossName) -> Diagnostic {
    Diagnostic::new(Rule::H05, format!("{loss} of {activation}, which is no probability"))
        .at("activation")
        .because(format!(
            "{activation} gives values outside 0 to 1, or exactly 0, and the logarithm in the loss is then not finite or is cut off"
        ))
        .fix("write activation = \"softmax\" for classes that exclude each other, or \"sigmoid\" for one unit or several labels")
}

fn likelihood_without_logarithm() -> Diagnostic {
    Diagnostic::new(Rule::L09, "negative log-likelihood without a logarithm")
        .at("loss")
        .because("this loss is -y, minus the output itself: fed probabilities it falls to -1 instead of 0 and has no steep slope where the network is wrong")
        .fix("write loss = \"sparse_categorical_crossentropy\", which takes the logarithm itself")
}

fn logits_unannounced(loss: LossName) -> Diagnostic {
    Diagnostic::new(Rule::L03, format!("{loss} of a linear output, which it takes for probabilities"))
        .at("from_logits")
        .because("logits below 0 and above 1 are cut off before the logarithm, where the gradient is 0")
        .fix(match loss {
            LossName::BinaryCrossEntropy => "write activation = \"sigmoid\", or from_logits = true",
            _ => "write activation = \"softmax\", or from_logits = true",
        })
}

fn softmax_twice(units: usize) -> Diagnostic {
    Diagnostic::new(Rule::L01, "softmax applied twice")
        .at("from_logits")
        .because(format!(
            "the loss applies softmax to what is softmax already, so it cannot fall below {}, however right the network is",
            floor_of_softmax_twice(units)
        ))
        .fix("leave from_logits out, or write activation = \"linear\"")
}

fn sigmoid_twice() -> Diagnostic {
    Diagnostic::new(Rule::L02, "sigmoid applied twice")
        .at("from_logits")
        .because(
            "the loss applies sigmoid to values from 0 to 1, so every probability lies between 0.5 and 0.7311 and no picture can be denied",
        )
        .fix("leave from_logits out, or write activation = \"linear\"")
}

fn binary_on_softmax(units: Option<usize>) -> Diagnostic {
    let units = units.map_or_else(|| "k".to_owned(), |units| units.to_string());
    Diagnostic::new(Rule::L06, format!("binary cross-entropy on a softmax of {units} units"))
        .at("loss")
        .because("it judges each output as if it were free, though they share one probability, and frameworks differ in what they make of it")
        .fix("write loss = \"categorical_crossentropy\"")
}

fn squares_of_probabilities() -> Diagnostic {
    Diagnostic::new(Rule::L08, "squared error of probabilities")
        .at("loss")
        .because(
            "its gradient is 2 (p - t) p (1 - p), which vanishes where the network is certain and wrong: at p = 0.01 for t = 1 it is 0.02, \
             that of cross-entropy 0.99",
        )
        .fix("leave loss out: cross-entropy follows from the activation")
}
