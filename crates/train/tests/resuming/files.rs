//! Checkpoints that are not what was written, and runs that are not what they were.

use std::fs;
use std::path::{Path, PathBuf};

use divvy_train::{CheckpointFault, Ending, RunFolder, TrainConfig, TrainError};

use crate::common::setting;
use crate::support::{Whole, begin, contents, copied, go_on, resources};

/// A run that was stopped in its second epoch, whose two checkpoints are of the last two steps; and the same training as a whole.
struct Interrupted {
    folder: tempfile::TempDir,
    config: TrainConfig,
    run: PathBuf,
    whole: Whole,
}

fn interrupted() -> Interrupted {
    let (folder, config) = setting(14);
    let (run, whole) = (folder.path().join("run"), Whole::train(&config, &folder.path().join("whole")));
    let stop_after = whole.steps.len() / 4 + 2;
    assert_eq!(begin(&config, &run, resources(1, true), Some(stop_after)).ending(), Ending::Interrupted);
    Interrupted { folder, config, run, whole }
}

impl Interrupted {
    fn copy(&self, name: &str) -> PathBuf {
        copied(&self.run, &self.folder.path().join(name))
    }
}

/// The checkpoints of a run, the newer first.
fn by_age(run: &Path) -> [PathBuf; 2] {
    let mut paths = RunFolder::at(run).checkpoints();
    // As JSON has it in the first block.
    let serial = |path: &PathBuf| -> u64 {
        let text = String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        let digits = text.split(r#""serial":"#).nth(1).unwrap();
        digits.split(',').next().unwrap().parse().unwrap()
    };
    paths.sort_by_key(|path| std::cmp::Reverse(serial(path)));
    paths
}

/// What becomes of a file that a crash, a disk or a person has had its way with, and what is said of it.
fn damages(whole: &[u8]) -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let flipped = |at: usize| {
        let mut bytes = whole.to_vec();
        bytes[at] ^= 0x10;
        bytes
    };
    let n = whole.len();
    vec![
        ("empty", Vec::new(), "an empty file"),
        ("zeros", vec![0; n], "another kind of file"),
        ("text", b"divvy".to_vec(), "another kind of file"),
        ("the magic alone", whole[..16].to_vec(), "cut short"),
        ("half of the state", whole[..200].to_vec(), "cut short"),
        ("half", whole[..n / 2].to_vec(), ""),
        ("but for a byte", whole[..n - 1].to_vec(), ""),
        ("more", [whole, b"!"].concat(), ""),
        ("another version", flipped(16), "format version 17"),
        ("a bit of the state", flipped(40), ""),
        ("a bit of the weights", flipped(n - 4000), ""),
        ("a bit of the checksum", flipped(n - 2), "its checksum is another"),
    ]
}

#[test]
fn a_checkpoint_that_is_damaged_is_passed_over_for_the_one_before() {
    let made = interrupted();
    let content = fs::read(&by_age(&made.run)[0]).unwrap();
    for (name, damaged, said) in damages(&content) {
        let run = made.copy(name);
        let newest = &by_age(&run)[0];
        fs::write(newest, damaged).unwrap();
        let heard = go_on(&run, resources(1, false), None);
        assert_eq!(heard.ending(), Ending::Completed, "{name}");
        let notes = heard.notes();
        let names_it =
            notes.iter().any(|note| note.contains(&newest.display().to_string()) && note.contains(said));
        assert!(names_it && notes.len() == 1, "{name}: {notes:?}");
        made.whole.assert_same(&run, name);
        // What was lost was one step: the last of the epoch is the same.
        assert_eq!(heard.steps(), made.whole.steps.len() - made.whole.steps.len() / 4 - 1, "{name}");
    }
}

#[test]
fn without_a_checkpoint_that_is_whole_a_model_is_not_put_at_risk() {
    let made = interrupted();
    for (name, damage) in [("gone", None), ("damaged", Some(b"divvy checkpoint".as_slice()))] {
        let run = made.copy(name);
        for path in RunFolder::at(&run).checkpoints() {
            damage.map_or_else(|| fs::remove_file(&path), |bytes| fs::write(&path, bytes)).unwrap();
        }
        let before = contents(&run);
        let error = go_on(&run, resources(1, false), None).outcome.unwrap_err();
        assert!(matches!(error, TrainError::NoCheckpoint { .. }), "{error}");
        assert!(contents(&run) == before);
        // Whoever gives the model up begins again.
        fs::remove_file(run.join("model.divvy")).unwrap();
        let heard = go_on(&run, resources(1, false), None);
        assert_eq!(heard.notes().len(), if damage.is_some() { 2 } else { 0 }, "{:?}", heard.notes());
        made.whole.assert_same(&run, name);
    }
}

#[test]
fn a_run_that_was_killed_before_its_first_step_begins_again() {
    let made = interrupted();
    for kept in [
        &["config.toml"][..],
        &["config.toml", "events.jsonl"],
        &["config.toml", "events.jsonl", "split.csv"],
    ] {
        let run = made.copy(&kept.join("-"));
        for (name, _) in contents(&run) {
            if !kept.contains(&name.as_str()) {
                fs::remove_file(run.join(name)).unwrap();
            }
        }
        fs::write(run.join("checkpoint.0.4711.tmp"), "half of it").unwrap();
        assert_eq!(go_on(&run, resources(2, false), None).ending(), Ending::Completed);
        made.whole.assert_same(&run, &kept.join(", "));
    }
    let empty = made.folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    for nothing in [empty.as_path(), &made.folder.path().join("nowhere"), &made.config.data] {
        let error = go_on(nothing, resources(1, false), None).outcome.unwrap_err();
        assert!(matches!(&error, TrainError::NoRun { path } if path == nothing), "{error}");
        assert!(!nothing.join("lock").exists());
    }
}

#[test]
fn a_clock_that_was_set_changes_nothing() {
    let made = interrupted();
    let [newer, older] = by_age(&made.run);
    let days = |days: u64| std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(days * 86_400);
    for (name, of_newer, of_others) in [("back", days(1), days(20_000)), ("ahead", days(40_000), days(1))] {
        let run = made.copy(name);
        for (file, _) in contents(&run) {
            let path = run.join(file);
            let time = if path.file_name() == newer.file_name() { of_newer } else { of_others };
            fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        }
        let written = |checkpoint: &PathBuf| {
            fs::metadata(run.join(checkpoint.file_name().unwrap())).unwrap().modified().unwrap()
        };
        assert_eq!(written(&newer) < written(&older), name == "back");
        let heard = go_on(&run, resources(2, false), None);
        assert_eq!(
            heard.steps(),
            made.whole.steps.len() - (made.whole.steps.len() / 4 + 2),
            "from the newer one on"
        );
        made.whole.assert_same(&run, name);
    }
}

/// A way to make another training of a run.
type Change<'a> = &'a dyn Fn(&Path);

#[test]
fn a_checkpoint_of_another_training_is_refused() {
    let made = interrupted();
    let foreign = made.folder.path().join("foreign");
    begin(&TrainConfig { seed: 5, ..made.config.clone() }, &foreign, resources(1, true), Some(9));
    let edit = |path: PathBuf, from: &str, to: &str| {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    };
    let checkpoints_of_foreign = |run: &Path| {
        for name in ["checkpoint.0", "checkpoint.1"] {
            fs::copy(foreign.join(name), run.join(name)).unwrap();
        }
    };
    let longer = |run: &Path| edit(run.join("config.toml"), "epochs = 4", "epochs = 5");
    let other_split = |run: &Path| edit(run.join("split.csv"), "validation", "train");
    for (name, change, what) in [
        ("another's checkpoints", &checkpoints_of_foreign as Change<'_>, "the settings in config.toml"),
        ("other settings", &longer, "the settings in config.toml"),
        ("another split", &other_split, "the pictures in split.csv"),
    ] {
        let run = made.copy(name);
        change(&run);
        let before = contents(&run);
        let error = go_on(&run, resources(1, false), None).outcome.unwrap_err();
        let TrainError::Checkpoint { fault: CheckpointFault::Other { what: found }, .. } = &error else {
            panic!("{name}: {error}")
        };
        assert_eq!(*found, what, "{name}");
        assert!(contents(&run) == before, "{name}: nothing is changed");
    }
}

#[test]
fn a_checkpoint_of_another_training_beside_an_own_one_is_passed_over() {
    let made = interrupted();
    let foreign = made.folder.path().join("foreign");
    // Of more steps than the own one.
    let further = made.whole.steps.len() - 1;
    begin(&TrainConfig { seed: 5, ..made.config.clone() }, &foreign, resources(1, true), Some(further));
    let run = made.copy("one of another's");
    let older = &by_age(&run)[1];
    fs::copy(&by_age(&foreign)[0], older).unwrap();
    let heard = go_on(&run, resources(1, false), None);
    assert_eq!(heard.ending(), Ending::Completed);
    let notes = heard.notes();
    let older = older.display().to_string();
    assert!(
        matches!(notes[..], [note] if note.contains(&older) && note.contains("another training")),
        "{notes:?}"
    );
    made.whole.assert_same(&run, "with another's checkpoint");
}

#[test]
fn pictures_that_changed_are_noticed() {
    let made = interrupted();
    let split = fs::read_to_string(made.run.join("split.csv")).unwrap();
    let trained_on = split.lines().find_map(|line| line.strip_prefix("train,lower,")).unwrap();
    let (picture, moved) = (made.config.data.join(trained_on), made.folder.path().join("moved.png"));
    let before = contents(&made.run);
    let refusal = || {
        let error = go_on(&made.run, resources(1, false), None).outcome.unwrap_err();
        assert!(contents(&made.run) == before);
        error
    };
    fs::rename(&picture, &moved).unwrap();
    let error = refusal();
    assert!(matches!(error, TrainError::Data(_)) && error.to_string().contains(trained_on), "{error}");
    fs::write(&picture, "no picture any more").unwrap();
    let error = refusal();
    assert!(
        matches!(error, TrainError::PictureLost { .. }) && error.to_string().contains(trained_on),
        "{error}"
    );
    image::RgbImage::from_pixel(16, 16, image::Rgb([9, 8, 7])).save(&picture).unwrap();
    let error = refusal();
    let of_pictures = CheckpointFault::Other { what: "the content of the pictures" };
    assert!(matches!(&error, TrainError::Checkpoint { fault, .. } if *fault == of_pictures), "{error}");
    fs::rename(&moved, &picture).unwrap();

    // Two that change places leave their mean and their spread as they were.
    for part in ["train", "validation"] {
        let [one, other] = ["lower", "upper"].map(|group| {
            let listed = split.lines().find_map(|line| line.strip_prefix(&format!("{part},{group},")));
            made.config.data.join(listed.unwrap())
        });
        let swap = || {
            fs::rename(&one, &moved).unwrap();
            fs::rename(&other, &one).unwrap();
            fs::rename(&moved, &other).unwrap();
        };
        swap();
        let error = refusal();
        assert!(matches!(&error, TrainError::Checkpoint { fault, .. } if *fault == of_pictures), "{error}");
        swap();
    }

    // One that came since is no reason to stop, but is told of: places in the list have moved.
    let added = made.config.data.join("lower/0-first.png");
    fs::copy(&picture, &added).unwrap();
    let run = made.copy("more pictures");
    let heard = go_on(&run, resources(1, false), None);
    assert_eq!(heard.ending(), Ending::Completed);
    assert!(
        matches!(heard.notes()[..], [note] if note.contains("pictures were added")),
        "{:?}",
        heard.notes()
    );
    fs::remove_file(added).unwrap();
    let run = made.copy("as before");
    go_on(&run, resources(1, false), None);
    made.whole.assert_same(&run, "all put back");
}

#[test]
fn events_that_someone_shortened_are_no_reason_to_stop() {
    let made = interrupted();
    let run = made.copy("short");
    let text = fs::read_to_string(run.join("events.jsonl")).unwrap();
    fs::write(run.join("events.jsonl"), &text[..text.find('\n').unwrap() + 5]).unwrap();
    assert_eq!(go_on(&run, resources(1, false), None).ending(), Ending::Completed);
    assert!(fs::read(run.join("model.divvy")).unwrap() == made.whole.model);
    let events = RunFolder::at(&run).read_events().unwrap();
    assert_eq!(events.len(), fs::read_to_string(run.join("events.jsonl")).unwrap().lines().count());
}

#[test]
fn an_end_of_which_half_is_written_is_none() {
    let made = interrupted();
    let run = copied(&made.whole.run, &made.folder.path().join("end"));
    let text = fs::read_to_string(run.join("events.jsonl")).unwrap();
    let outcome = || RunFolder::at(&run).outcome().unwrap().map(|outcome| (outcome.epochs, outcome.ending));
    assert_eq!(outcome(), Some((4, Ending::Completed)));
    // A file longer than what is read of it at once.
    fs::write(run.join("events.jsonl"), [&"{}\n".repeat(100_000), &text].map(String::as_str).concat())
        .unwrap();
    assert_eq!(outcome(), Some((4, Ending::Completed)));
    for cut in [1, 2, 50] {
        fs::write(run.join("events.jsonl"), &text[..text.len() - cut]).unwrap();
        assert_eq!(outcome(), None, "{cut}");
    }
    fs::remove_file(run.join("events.jsonl")).unwrap();
    assert_eq!(outcome(), None);
}
