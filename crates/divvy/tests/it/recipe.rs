//! What is trained where nothing is said but the folder of photos.

use std::fs;

use crate::common::Desk;

/// What is chosen where nothing is typed, and what of it is left where something is.
const SETTINGS: [&str; 18] = [
    "size",
    "architecture",
    "channels",
    "validation_share",
    "batch",
    "optimizer",
    "learning_rate",
    "schedule",
    "augment",
    "views",
    "label_smoothing",
    "metric",
    "balance",
    "patience",
    "average",
    "clip_norm",
    "stochastic_depth",
    "precision",
];

/// The settings that a training told with a reason.
fn told(output: &[u8]) -> Vec<String> {
    let text = String::from_utf8(output.to_vec()).unwrap();
    let line = |line: &str| {
        let (choice, reason) = line.split_once(": ")?;
        let setting = choice.split(' ').next()?;
        (SETTINGS.contains(&setting) && !reason.is_empty()).then(|| setting.to_owned())
    };
    text.lines().filter_map(line).collect()
}

#[test]
fn every_choice_is_told_with_a_reason_and_its_settings_train_the_same_again() {
    let desk = Desk::with_photos();
    let trained = desk.divvy(&["train", "photos", "--out", "one", "--epochs", "1"]).assert().success();
    assert_eq!(told(&trained.get_output().stdout), SETTINGS);

    let config = fs::read_to_string(desk.path("one/config.toml")).unwrap();
    for line in ["architecture = \"resnet8\"", "size = 23", "type = \"one_cycle\"", "views = \"mirrored\""] {
        assert!(config.contains(line), "{line}: {config}");
    }
    let again = desk.divvy(&["train", "--config", "one/config.toml", "--out", "two"]).assert().success();
    assert_eq!(told(&again.get_output().stdout), [""; 0], "a file of settings takes the place of the recipe");
    let model = |run: &str| fs::read(desk.path(run).join("model.divvy")).unwrap();
    assert!(model("one") == model("two"), "the settings hold everything that was chosen");
}

#[test]
fn what_is_typed_has_no_line_and_leaves_the_others_theirs() {
    let desk = Desk::with_photos();
    let typed = ["--clip-norm", "1", "--views", "single", "--batch", "8", "--epochs", "1"];
    let trained = desk.divvy(&["train", "photos", "--out", "run"]).args(typed).assert().success();
    let others = SETTINGS.iter().filter(|setting| !["clip_norm", "views", "batch"].contains(setting));
    assert_eq!(told(&trained.get_output().stdout), others.copied().collect::<Vec<_>>());
}
