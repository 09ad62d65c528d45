//! What the project promises, and the settings that keep it.

/// A figure to reach within a time, on two cores.
#[derive(Clone, Copy)]
pub(crate) struct Promise {
    /// The data set, and the folder it lies in; of the demo its name.
    pub(crate) set: &'static str,
    pub(crate) learnt: Learnt,
    /// The pictures that the report must be about, by its own word for them: none that the network answering was trained on.
    pub(crate) part: &'static str,
    /// The key below `how_good` of report.json that is looked at.
    pub(crate) figure: &'static str,
    /// What the figure must reach.
    pub(crate) wanted: f64,
    /// The time that the whole command may take: reading, training and the report.
    pub(crate) minutes: f64,
}

/// How a model comes to be.
#[derive(Clone, Copy)]
pub(crate) enum Learnt {
    /// By `divvy demo`, which draws its own pictures.
    ByDemo,
    /// By `divvy train`, which is given this besides the data and where to write. A minute of the time is for the report.
    With(&'static [&'static str]),
}

/// Every promise, the quickest first.
pub(crate) const PROMISES: [Promise; 5] = [
    Promise {
        set: "demo",
        learnt: Learnt::ByDemo,
        part: "all",
        figure: "accuracy",
        wanted: 0.97,
        minutes: 1.0,
    },
    Promise {
        set: "clothing-multilabel",
        learnt: Learnt::With(&["--folds", "5", "--minutes", "9"]),
        part: "folds",
        figure: "f1_macro",
        wanted: 0.90,
        minutes: 10.0,
    },
    Promise {
        set: "fashion-mnist",
        learnt: Learnt::With(&["--minutes", "14"]),
        part: "test",
        figure: "accuracy",
        wanted: 0.940,
        minutes: 15.0,
    },
    Promise {
        set: "cats-dogs",
        learnt: Learnt::With(&["--minutes", "14"]),
        part: "test",
        figure: "balanced_accuracy",
        wanted: 0.91,
        minutes: 15.0,
    },
    Promise {
        set: "cifar10",
        learnt: Learnt::With(&["--minutes", "29"]),
        part: "test",
        figure: "accuracy",
        wanted: 0.93,
        minutes: 30.0,
    },
];
