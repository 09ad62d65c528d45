//! Whatever a user can type or feed: one clear line, exit code 2, nothing damaged.

use std::fs;
use std::sync::Arc;

use divvy::data::{Channels, Preprocess};
use divvy::model::Model;
use divvy::nn::{
    Activation, Add, Connect, Conv2d, Dense, GlobalAvgPool2d, Graph, Input, Network, ParameterTable,
    Parameters, Task,
};

use crate::common::{Desk, program, refusal};

/// Asserts that a message names all of `parts`.
fn names(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

#[test]
fn no_such_folder() {
    let desk = Desk::with_model();
    names(&desk.refuses(&["train", "nowhere"]), &["nowhere", "no such"]);
    names(&desk.refuses(&["evaluate", "run", "nowhere"]), &["nowhere", "no such"]);
    names(&desk.refuses(&["evaluate", "nowhere", "photos"]), &["nowhere", "no such"]);
    names(&desk.refuses(&["predict", "run", "photos", "nowhere"]), &["nowhere", "no such"]);
    names(&desk.refuses(&["sort", "run", "nowhere", "--into", "sorted"]), &["nowhere"]);
    assert!(!desk.path("sorted").exists() && !desk.path("runs").exists(), "nothing is made for a mistake");
}

#[test]
fn no_images() {
    let desk = Desk::with_model();
    desk.write("texts/a/1.txt", "one");
    desk.write("texts/b/2.txt", "two");
    names(&desk.refuses(&["train", "texts"]), &["texts", "no images", "2 txt"]);
    names(&desk.refuses(&["predict", "run", "texts"]), &["texts", "no images"]);
    names(&desk.refuses(&["sort", "run", "texts", "--into", "sorted"]), &["texts", "no images"]);
}

#[test]
fn one_group_only() {
    let desk = Desk::with_photos();
    fs::remove_dir_all(desk.path("photos/red")).unwrap();
    names(&desk.refuses(&["train", "photos"]), &["photos", "blue", "at least two"]);
}

#[test]
fn a_group_with_fewer_than_two_images() {
    let desk = Desk::with_photos();
    desk.picture("photos/green/1.png", "red", 1);
    names(&desk.refuses(&["train", "photos"]), &["photos", "green", "1 image", "at least 2"]);
}

#[test]
fn bad_images_are_named_and_left_out_unless_there_are_many() {
    let desk = Desk::with_photos();
    let whole = fs::read(desk.path("photos/red/0.png")).unwrap();
    desk.write("photos/red/truncated.png", &whole[..whole.len() / 2]);
    desk.write("photos/red/text.jpg", "this is a letter, not a picture");
    desk.write("photos/blue/huge.png", png_header(50_000, 50_000));
    let output = desk.train("photos", "run", &[]).assert().success().get_output().clone();
    let warnings = String::from_utf8(output.stderr).unwrap();
    names(&warnings, &["truncated.png", "text.jpg", "huge.png", "50,000 x 50,000"]);

    for number in 0..6 {
        desk.write(&format!("photos/red/empty{number}.jpg"), "");
    }
    names(&refusal(desk.train("photos", "second", &[])), &["photos", "9 of 69", "more than a tenth"]);
    assert!(!desk.path("second").exists());

    fs::remove_dir_all(desk.path("photos")).unwrap();
    desk.photos("photos", 30);
    desk.train("photos", "second", &["--epochs", "1"]).assert().success();
}

#[test]
fn pictures_that_cannot_be_read_are_named_and_the_rest_is_done() {
    let desk = Desk::with_model();
    desk.write("new/huge.png", png_header(50_000, 50_000));
    desk.write("new/text.jpg", "this is a letter, not a picture");
    desk.picture("new/fine.png", "red", 5);
    let predicted = desk.divvy(&["predict", "run", "new", "--json"]).assert().code(1).get_output().clone();
    names(&String::from_utf8(predicted.stderr).unwrap(), &["huge.png", "text.jpg"]);
    assert_eq!(String::from_utf8(predicted.stdout).unwrap().lines().count(), 1);

    let sorted = desk.divvy(&["sort", "run", "new", "--into", "sorted", "--move", "--unsure", "0"]);
    let sorted = { sorted }.assert().code(1).get_output().clone();
    names(&String::from_utf8(sorted.stderr).unwrap(), &["huge.png", "text.jpg"]);
    assert!(desk.path("new/huge.png").exists() && desk.path("new/text.jpg").exists());
    assert!(desk.path("sorted/red/fine.png").exists() && !desk.path("new/fine.png").exists());
}

/// A picture's name that leads nowhere.
#[cfg(unix)]
fn dangling(desk: &Desk, name: &str) {
    std::os::unix::fs::symlink("nowhere", desk.path(name)).unwrap();
}

#[cfg(unix)]
#[test]
fn what_is_left_out_of_a_folder_makes_the_answer_a_partial_one() {
    let desk = Desk::with_model();
    desk.photos("new", 10);
    for command in [&["predict", "run", "new"][..], &["sort", "run", "new", "--into", "sorted"]] {
        desk.divvy(command).assert().success();
    }
    dangling(&desk, "new/red/gone.png");
    desk.write("new/blue/letter.png", "this is a letter, not a picture");
    for command in [&["predict", "run", "new"][..], &["sort", "run", "new", "--into", "sorted"]] {
        let output = desk.divvy(command).assert().code(1).get_output().clone();
        names(&String::from_utf8(output.stderr).unwrap(), &["gone.png", "letter.png"]);
    }
    let output = desk.divvy(&["evaluate", "run", "new", "--json"]).assert().code(1).get_output().clone();
    names(&String::from_utf8(output.stderr).unwrap(), &["left out", "gone.png", "letter.png"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["n"], report["left_out"].as_array().unwrap().len()), (&20.into(), 2), "{report}");
    fs::remove_file(desk.path("new/blue/letter.png")).unwrap();
    for command in ["predict", "evaluate"] {
        desk.divvy(&[command, "run", "new"]).assert().code(1);
    }
}

#[test]
fn labels_that_a_model_of_groups_cannot_answer() {
    let desk = Desk::with_model();
    for (row, found) in [("red/1.png,red|blue", "2 labels (blue, red)"), ("red/1.png,", "no label")] {
        let list = format!("file,labels\nblue/0.png,blue\n{row}\nblue/2.png,red|blue\n");
        desk.write("photos/some.csv", list);
        let message = desk.refuses(&["evaluate", "run", "photos/some.csv"]);
        names(&message, &["some.csv", "red/1.png", found, "exactly one group"]);
    }
}

/// Writes the model of the two colours with these numbers in its parameters, by their names.
fn with_weights(desk: &Desk, file: &str, value: impl Fn(&str) -> f32) {
    let model = Model::open(&desk.path("run")).unwrap();
    let table = Arc::new(ParameterTable::new(model.network().graph()));
    let tensors = model.parameters().unwrap().tensors().map(|mut tensor| {
        tensor.values.fill(value(&tensor.name));
        tensor
    });
    let parameters = Parameters::from_tensors(table, tensors).unwrap();
    let (network, classes) = (model.network().clone(), model.classes().to_vec());
    let model = Model::new(network, classes, model.preprocess().clone(), parameters, model.record().clone());
    model.unwrap().save(&desk.path(file)).unwrap();
}

#[test]
fn answers_that_are_no_numbers_are_unsure() {
    let desk = Desk::with_model();
    // Finite weights whose sums are not: both groups get an infinite score, and a share of it is no number.
    with_weights(&desk, "large.divvy", |name| if name.ends_with("bias") { 3e38 } else { 1.0 });
    let predicted = desk.divvy(&["predict", "large.divvy", "photos/red/1.png", "--json"]).assert().success();
    let line: serde_json::Value = serde_json::from_slice(&predicted.get_output().stdout).unwrap();
    assert!(line["probability"].is_null(), "{line}");
    for (into, unsure) in [("sorted", "0.8"), ("all", "0")] {
        desk.divvy(&["sort", "large.divvy", "photos/red", "--into", into, "--unsure", unsure])
            .assert()
            .success();
        assert!(desk.path(into).join("unsure/1.png").exists() && !desk.path(into).join("red").exists());
    }
}

#[test]
fn weights_that_are_not_finite() {
    let desk = Desk::with_model();
    let mut model = fs::read(desk.path("run/model.divvy")).unwrap();
    let last = model.len() - 4;
    model[last..].copy_from_slice(&f32::NAN.to_le_bytes());
    desk.write("broken.divvy", model);
    for command in [
        &["predict", "broken.divvy", "photos"][..],
        &["evaluate", "broken.divvy", "photos"],
        &["sort", "broken.divvy", "photos", "--into", "sorted"],
    ] {
        names(&desk.refuses(command), &["broken.divvy", "head/kernel", "finite", "train again"]);
    }
    assert!(!desk.path("sorted").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_model_larger_than_the_machine() {
    let desk = Desk::with_model();
    let trained = Model::open(&desk.path("run")).unwrap();
    // A thousand maps of a gibibyte each that must all be there to be added up, of one picture. Without an activation of its own
    // that must be whole first, each convolution would add the sum so far to its own output, and few would be there at a time.
    let input = Input::new([4096, 4096, 3]);
    let map = || Conv2d::new(16, 1).activation(Activation::Tanh).on(&input);
    let maps: Vec<_> = (0..1000).map(|_| map()).collect();
    let sum = Add::new().on_all(&maps.iter().collect::<Vec<_>>());
    let scores = Dense::new(2).activation(Activation::Softmax).on(&GlobalAvgPool2d::new().on(&sum));
    let network = Network::new(Graph::new(&input, &scores).unwrap(), Task::Binary).unwrap();
    let parameters = Parameters::initialize(Arc::new(ParameterTable::new(network.graph())), 0);
    let preprocess = Preprocess::new(4096, 4096, Channels::Rgb).unwrap();
    let classes = trained.classes().to_vec();
    let model = Model::new(network, classes, preprocess, parameters, trained.record().clone()).unwrap();
    model.save(&desk.path("vast.divvy")).unwrap();
    for command in [
        &["predict", "vast.divvy", "photos"][..],
        &["evaluate", "vast.divvy", "photos"],
        &["sort", "vast.divvy", "photos", "--into", "sorted"],
    ] {
        names(&desk.refuses(command), &["batch of 1", "GiB of memory", "smaller --size"]);
    }
    assert!(!desk.path("sorted").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_training_larger_than_the_machine() {
    let desk = Desk::with_photos();
    // A thousand maps of a gibibyte each, which are all kept for the way back.
    let layer = "[[layer]]\ntype = \"conv2d\"\nfilters = 16\nkernel = 1\nactivation = \"relu\"\n";
    desk.write("vast.toml", layer.repeat(1000) + "[[layer]]\ntype = \"global_avg_pool2d\"\n");
    let vast = ["train", "photos", "--arch", "vast.toml", "--size", "4096", "--out", "run"];
    names(&desk.refuses(&vast), &["GiB of memory", "not even a batch of 1 fits", "give --size "]);
    // Of one picture the maps after the first layer alone are 256 MiB.
    let many = ["--size", "2048", "--batch", "4096", "--accumulate", "1", "--out", "run"];
    let many = [&["train", "photos", "--arch", "resnet18"][..], &many].concat();
    names(&desk.refuses(&many), &["batch of 4096", "GiB of memory", "give --batch "]);
    assert!(!desk.path("run").exists(), "nothing is written");
}

#[test]
fn a_model_file_that_is_none() {
    let desk = Desk::with_model();
    let model = fs::read(desk.path("run/model.divvy")).unwrap();
    for (name, content) in [
        ("truncated", &model[..model.len() / 2]),
        ("header", &model[..100]),
        ("tiny", &model[..3]),
        ("empty", b""),
        ("zip", b"PK\x03\x04 and so on, as a Keras file begins"),
        ("hdf5", b"\x89HDF\r\n\x1a\n and so on"),
        ("pickle", b"\x80\x02}q\x00."),
        ("text", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
        ("long", &[0xff; 64]),
    ] {
        let file = format!("{name}.divvy");
        desk.write(&file, content);
        names(&desk.refuses(&["predict", &file, "photos"]), &[&file]);
        names(&desk.refuses(&["summary", &file]), &[&file]);
    }
    fs::create_dir(desk.path("hollow")).unwrap();
    names(&desk.refuses(&["predict", "hollow", "photos"]), &["hollow", "model.divvy"]);
}

#[test]
fn weights_that_do_not_fit_the_graph() {
    let desk = Desk::with_model();
    let model = fs::read(desk.path("run/model.divvy")).unwrap();
    let length = u64::from_le_bytes(model[..8].try_into().unwrap()) as usize;
    let header = String::from_utf8(model[8..8 + length].to_vec()).unwrap();
    // The dense layer of eight units now claims nine, which changes no length.
    let changed = header.replace(r#"\"units\":8"#, r#"\"units\":9"#);
    assert_ne!(header, changed, "the layer is found");
    let file = [&model[..8], changed.as_bytes(), &model[8 + length..]].concat();
    desk.write("changed.divvy", file);
    names(&desk.refuses(&["predict", "changed.divvy", "photos"]), &["changed.divvy", "dense"]);
}

#[test]
fn a_size_too_small_for_the_network() {
    let desk = Desk::with_photos();
    names(&desk.refuses(&["train", "photos", "--size", "2"]), &["resnet8", "smallest size", "8"]);
    names(&desk.refuses(&["summary", "classic", "--size", "3"]), &["smallest size"]);
    assert!(!desk.path("runs").exists());
}

#[test]
fn unknown_values_of_flags() {
    let desk = Desk::with_photos();
    for (flag, value, near) in [
        ("--arch", "clasic", "classic"),
        ("--task", "multilabel", "multi-label"),
        ("--head", "softmx", "softmax"),
        ("--optimizer", "adma", "adam"),
        ("--schedule", "cosin", "cosine"),
        ("--augment", "lite", "light"),
    ] {
        names(&desk.refuses(&["train", "photos", flag, value]), &[value, near]);
    }
    for (flag, value) in [
        ("--size", "-3"),
        ("--size", "99999999"),
        ("--batch", "0"),
        ("--batch", "1000000000"),
        ("--epochs", "many"),
        ("--minutes", "-1"),
        ("--minutes", "nan"),
        ("--minutes", "1e20"),
        ("--lr", "0"),
        ("--patience", "0"),
        ("--label-smoothing", "1"),
        ("--stochastic-depth", "1"),
        ("--views", "twice"),
        ("--average", "1"),
        ("--average", "nan"),
        ("--weight-decay", "-1"),
        ("--clip-norm", "0"),
        ("--warmup", "0"),
        ("--seed", "x"),
        ("--threads", "0"),
    ] {
        names(&desk.refuses(&["train", "photos", &format!("{flag}={value}")]), &[flag, value]);
    }
    names(&desk.refuses(&["sort", "run", "photos", "--into", "x", "--unsure", "80"]), &["--unsure", "80"]);
    names(
        &desk.refuses(&["bench", "train", "classic", "--precision", "f64"]),
        &["f64", "give f32, bf16, f16 or int8"],
    );
    for format in ["bf16", "f16"] {
        let without = ["bench", "train", "classic", "--isa", "portable", "--precision", format];
        names(&desk.refuses(&without), &[format, "portable", "compute with f32"]);
    }
    names(&desk.refuses(&["bench", "train", "classic", "--isa", "avx1024"]), &["avx1024", "portable"]);
    assert!(!desk.path("runs").exists());
}

#[test]
fn the_same_command_again_overwrites_nothing() {
    let desk = Desk::with_model();
    let before = desk.files("run");
    names(&refusal(desk.train("photos", "run", &[])), &["run", "blue, red", "nothing was changed"]);
    assert_eq!(desk.files("run"), before);
}

#[test]
fn a_loss_that_is_not_finite() {
    let desk = Desk::with_photos();
    for (more, step) in
        [(&["--optimizer", "sgd"][..], "step"), (&["--batch", "64", "--epochs", "3"], "after step 1")]
    {
        let message = refusal(desk.train("photos", "run", &[&["--lr", "1e30"], more].concat()));
        names(&message, &["loss is NaN", step, "learning rate", "No model was saved"]);
        assert!(!desk.path("run").exists());
    }
    // Put right, the same command does not find its folder taken.
    desk.train("photos", "run", &["--batch", "64", "--epochs", "3"]).assert().success();
}

#[test]
fn a_folder_that_cannot_be_written() {
    let desk = Desk::with_model();
    // Below a file nobody can make a folder, not even an administrator.
    desk.write("file", "x");
    names(&refusal(desk.train("photos", "file/run", &[])), &["file/run"]);
    names(&desk.refuses(&["sort", "run", "photos", "--into", "file/sorted"]), &["file/sorted"]);
    names(&desk.refuses(&["demo", "--out", "file/demo"]), &["file/demo"]);
    assert_eq!(fs::read(desk.path("file")).unwrap(), b"x");
}

/// Asserts that nothing is written below `folder`.
#[cfg(unix)]
fn refuses_to_write_below(desk: &Desk, folder: &str) {
    let below = |name: &str| format!("{folder}/{name}");
    names(&refusal(desk.train("photos", &below("trained"), &[])), &[&below("trained"), "--out"]);
    names(&desk.refuses(&["sort", "run", "photos", "--into", &below("sorted")]), &[&below("sorted")]);
    names(&desk.refuses(&["demo", "--out", &below("demo")]), &[&below("demo")]);
    for name in ["trained", "sorted", "demo"] {
        assert!(!desk.path(&below(name)).exists(), "{name}");
    }
}

#[cfg(unix)]
#[test]
fn a_folder_without_the_right_to_write() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::with_model();
    fs::create_dir(desk.path("locked")).unwrap();
    fs::set_permissions(desk.path("locked"), fs::Permissions::from_mode(0o555)).unwrap();
    if fs::create_dir(desk.path("locked/probe")).is_ok() {
        println!("left out: who runs this may write everywhere, as an administrator may");
        return;
    }
    refuses_to_write_below(&desk, "locked");
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_system_that_takes_no_folders() {
    // The kernel's own, where an administrator cannot make any either.
    refuses_to_write_below(&Desk::with_model(), "/proc/self");
}

#[cfg(unix)]
#[test]
fn a_disk_that_is_full_while_saving() {
    let desk = Desk::with_photos();
    // A limit on the length of files, in blocks of 512 bytes, acts as a full disk; without the trap it would be a signal. All
    // files of a run but the model stay far below it.
    let script = format!(
        "trap '' XFSZ; ulimit -f 64; exec '{}' train photos --out run --size 16 --epochs 2 --quiet",
        program().display()
    );
    let mut command = assert_cmd::Command::new("sh");
    command.args(["-c", &script]).current_dir(desk.path(""));
    names(&refusal(command), &["run/model.divvy", "cannot write the model", "free some space"]);
    assert!(!desk.path("run").exists(), "nothing is left, neither of the model nor of the run");
}

#[cfg(target_os = "linux")]
#[test]
fn results_that_cannot_be_written() {
    let desk = Desk::with_model();
    let mut command = std::process::Command::new(program());
    command.args(["predict", "run", "photos", "--json"]).current_dir(desk.path(""));
    command.stdout(fs::File::options().write(true).open("/dev/full").unwrap());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    names(&String::from_utf8(output.stderr).unwrap(), &["error: the results cannot be written"]);
}

/// A PNG file that claims to be so large, with hardly any data.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, content) in
        [(b"IHDR", [size, vec![8, 2, 0, 0, 0]].concat()), (b"IDAT", vec![0; 99]), (b"IEND", vec![])]
    {
        let chunk = [kind.as_slice(), &content].concat();
        file.extend((content.len() as u32).to_be_bytes());
        file.extend(&chunk);
        file.extend(crc32(&chunk).to_be_bytes());
    }
    file
}

/// The checksum of a PNG chunk: without the right one the header would not be believed.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 },
        )
    })
}
