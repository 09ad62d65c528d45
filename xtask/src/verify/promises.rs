//! What the project promises, and the settings that keep it.

/// A figure to reach on a data set within a time, on two cores.
pub(crate) struct Promise {
    /// The data set, and the folder it lies in.
    pub(crate) set: &'static str,
    /// What `divvy train` is given besides the data and where to write.
    pub(crate) settings: &'static [&'static str],
    /// The key of the report that is looked at.
    pub(crate) figure: &'static str,
    /// What the figure must reach; `None` where it is only to be shown.
    pub(crate) wanted: Option<f64>,
    /// The time that training may take.
    pub(crate) minutes: f64,
    /// Whether a part of the list must be held out because the set brings no test part.
    pub(crate) holds_out: bool,
}

/// Every promise, the quickest first.
pub(crate) const PROMISES: [Promise; 4] = [
    Promise {
        set: "clothing-multilabel",
        settings: &["--epochs", "20"],
        figure: "f1_macro",
        wanted: None,
        minutes: 4.0,
        holds_out: true,
    },
    Promise {
        set: "fashion-mnist",
        settings: &["--minutes", "5.5"],
        figure: "accuracy",
        wanted: Some(0.915),
        minutes: 6.0,
        holds_out: false,
    },
    Promise {
        set: "cats-dogs",
        settings: &["--minutes", "5.5"],
        figure: "accuracy",
        wanted: Some(0.80),
        minutes: 6.0,
        holds_out: false,
    },
    Promise {
        set: "cifar10",
        settings: &["--minutes", "9"],
        figure: "accuracy",
        wanted: Some(0.80),
        minutes: 10.0,
        holds_out: false,
    },
];
