//! What people call losses, encodings and metrics.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::names::UnknownName;

/// An enum of names: each variant's first name is the one that is written, all are read.
macro_rules! named {
    ($(#[$doc:meta])* $Type:ident, $what:literal: $($(#[$variant_doc:meta])* $Variant:ident = $first:literal $(| $other:literal)*,)*) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub enum $Type {
            $($(#[$variant_doc])* $Variant,)*
        }

        impl $Type {
            /// Everything that can be named.
            pub const ALL: &'static [Self] = &[$(Self::$Variant),*];

            /// The name that is written.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$Variant => $first,)*
                }
            }
        }

        impl FromStr for $Type {
            type Err = UnknownName;

            fn from_str(text: &str) -> Result<Self, UnknownName> {
                match text.to_lowercase().replace('-', "_").as_str() {
                    $($first $(| $other)* => Ok(Self::$Variant),)*
                    _ => Err(UnknownName::new($what, text, Self::ALL.iter().map(|known| known.name()))),
                }
            }
        }

        impl TryFrom<String> for $Type {
            type Error = UnknownName;

            fn try_from(text: String) -> Result<Self, UnknownName> {
                text.parse()
            }
        }

        impl From<$Type> for String {
            fn from(named: $Type) -> Self {
                named.name().to_owned()
            }
        }

        impl fmt::Display for $Type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

named! {
    /// A loss, as Keras and PyTorch name them.
    LossName, "loss":
    /// `-t ln p - (1 - t) ln(1 - p)`, the mean over units.
    BinaryCrossEntropy = "binary_crossentropy" | "binarycrossentropy" | "binary_cross_entropy" | "bce",
    /// `-sum t ln p` over units, of one-hot labels.
    CategoricalCrossEntropy = "categorical_crossentropy" | "categoricalcrossentropy" | "cross_entropy" | "cce",
    /// The same, of class indices.
    SparseCategoricalCrossEntropy = "sparse_categorical_crossentropy" | "sparsecategoricalcrossentropy" | "scce",
    /// `(y - t)^2`, the mean over units.
    MeanSquaredError = "mean_squared_error" | "meansquarederror" | "mse",
    /// `-y_t`, which is a loss of logarithms of probabilities alone.
    NegativeLogLikelihood = "nll" | "nll_loss" | "nllloss" | "negative_log_likelihood",
}

named! {
    /// How labels are written down.
    LabelForm, "form of labels":
    /// A class number, from 0.
    Index = "index" | "indices" | "sparse" | "int",
    /// 0 for the first class, 1 for the second.
    ZeroOne = "zero_one" | "binary",
    /// A row with a 1 in the column of the class.
    OneHot = "one_hot" | "onehot" | "categorical",
    /// A row with a 1 in the column of each label.
    MultiHot = "multi_hot" | "multihot",
    /// A number.
    Number = "number" | "numbers" | "float",
}

named! {
    /// A metric, by divvy's names and by Keras's.
    MetricName, "metric":
    /// Whatever "right" means for the head.
    Accuracy = "accuracy" | "acc",
    /// The mean recall of the classes.
    BalancedAccuracy = "balanced_accuracy",
    /// The mean F1 of the classes or labels.
    MacroF1 = "macro_f1" | "f1_macro" | "f1",
    /// The area under the ROC curve.
    RocAuc = "roc_auc" | "auc",
    /// The share of values on the right side of 0.5.
    BinaryAccuracy = "binary_accuracy" | "binaryaccuracy",
    /// The share of rows whose largest value is in the column of the 1.
    CategoricalAccuracy = "categorical_accuracy" | "categoricalaccuracy",
    /// The share of rows whose largest value is in the column of the index.
    SparseCategoricalAccuracy = "sparse_categorical_accuracy" | "sparsecategoricalaccuracy",
    /// The share of outputs that equal their label exactly, which is what `keras.metrics.Accuracy` counts.
    ExactMatch = "exact_match" | "exact_equality",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written_and_as_others_write_them() {
        for loss in LossName::ALL {
            assert_eq!(loss.name().parse(), Ok(*loss));
        }
        for metric in MetricName::ALL {
            assert_eq!(metric.name().parse(), Ok(*metric));
        }
        for form in LabelForm::ALL {
            assert_eq!(form.name().parse(), Ok(*form));
        }
        assert_eq!("BinaryCrossentropy".parse(), Ok(LossName::BinaryCrossEntropy));
        assert_eq!("MSE".parse(), Ok(LossName::MeanSquaredError));
        let message = "binary_crossentropie".parse::<LossName>().unwrap_err().to_string();
        assert!(
            message.contains("no loss is called") && message.contains("did you mean `binary_crossentropy`")
        );
    }
}
