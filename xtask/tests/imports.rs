//! The rules of the architecture that the compiler does not know.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fs, iter};

use cargo_metadata::{MetadataCommand, Package};
use toml::Table;

/// What each crate is built on. It may import those and what they are built on themselves, and nothing above.
const LAYERS: [(&str, &[&str]); 10] = [
    ("divvy-rules", &[]),
    ("divvy-kernels", &[]),
    ("divvy-nn", &["divvy-kernels", "divvy-rules"]),
    ("divvy-data", &["divvy-rules"]),
    ("divvy-eval", &[]),
    ("divvy-model", &["divvy-nn", "divvy-data"]),
    ("divvy-train", &["divvy-model", "divvy-eval"]),
    ("divvy-serve", &["divvy-model"]),
    ("divvy", &["divvy-train", "divvy-serve"]),
    ("xtask", &[]),
];

/// Crates that are welcome in few places: what serves HTTP is for the server, what talks to a person for the command.
const KEPT_APART: [(&str, &[&str]); 9] = [
    ("tokio", &["divvy-serve"]),
    ("axum", &["divvy-serve"]),
    ("hyper", &["divvy-serve"]),
    ("clap", &["divvy", "xtask"]),
    ("indicatif", &["divvy", "xtask"]),
    ("anyhow", &["divvy", "xtask"]),
    ("ctrlc", &["divvy"]),
    ("signal-hook", &["divvy"]),
    ("cargo_metadata", &["xtask"]),
];

/// The one crate that may hold unsafe code.
const UNSAFE_CRATE: &str = "divvy-kernels";

/// The crates of the workspace.
fn packages() -> Vec<Package> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec();
    metadata.expect("cargo reads its own manifests").packages
}

/// The crates that must do without unsafe code.
fn safe_packages() -> impl Iterator<Item = Package> {
    packages().into_iter().filter(|package| package.name != UNSAFE_CRATE)
}

/// What a crate may import: what its row names, and what those may import.
fn allowed<'a>(name: &str, layers: &BTreeMap<&'a str, &'a [&'a str]>) -> BTreeSet<&'a str> {
    let direct = layers.get(name).copied().unwrap_or_default();
    direct.iter().flat_map(|below| iter::once(*below).chain(allowed(below, layers))).collect()
}

/// Every import of `packages` that the tables forbid, as a sentence.
fn violations(packages: &[Package]) -> Vec<String> {
    let layers = BTreeMap::from(LAYERS);
    let ours: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    let mut found = Vec::new();
    for package in packages {
        let name = package.name.as_str();
        if !layers.contains_key(name) {
            found.push(format!("{name} has no row in LAYERS: say there what it is built on"));
        }
        let allowed = allowed(name, &layers);
        for import in package.dependencies.iter().map(|dependency| dependency.name.as_str()) {
            if ours.contains(import) && !allowed.contains(import) {
                found.push(format!("{name} imports {import}, which is not below it"));
            }
            if let Some((_, homes)) = KEPT_APART.iter().find(|(kept, _)| *kept == import)
                && !homes.contains(&name)
            {
                found.push(format!("{name} imports {import}, which only {} may", homes.join(" and ")));
            }
        }
    }
    found
}

/// The Rust files under a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a crate's folder can be read") {
        let path = entry.expect("a crate's folder can be read").path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// Whether a line of Rust opens unsafe code or permits it.
fn is_unsafe(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let opens = code.split("unsafe").skip(1).map(str::trim_start).any(|after| {
        ["{", "fn ", "impl ", "trait ", "extern "].iter().any(|opening| after.starts_with(opening))
    });
    opens || code.contains(concat!("allow(", "unsafe_code)"))
}

#[test]
fn crates_import_only_what_lies_below_them() {
    assert_eq!(violations(&packages()), Vec::<String>::new());
}

#[test]
fn an_import_upwards_or_out_of_place_is_noticed() {
    let mut packages = packages();
    let command =
        packages.iter().find(|package| package.name == "divvy").expect("the command is here").clone();
    let data = packages.iter_mut().find(|package| package.name == "divvy-data").expect("data is here");
    data.dependencies = command.dependencies;
    let found = violations(&packages);
    for sentence in [
        "divvy-data imports divvy-nn, which is not below it",
        "divvy-data imports divvy-train, which is not below it",
        "divvy-data imports clap, which only divvy and xtask may",
    ] {
        assert!(found.iter().any(|line| line == sentence), "{sentence}: not in {found:#?}");
    }
}

#[test]
fn unsafe_code_is_in_the_kernels_alone() {
    let mut found = Vec::new();
    for package in safe_packages() {
        let folder = package.manifest_path.parent().expect("a manifest lies in a folder");
        for file in sources(folder.as_std_path()) {
            let text = fs::read_to_string(&file).expect("sources are text");
            let lines = text.lines().enumerate().filter(|(_, line)| is_unsafe(line));
            found.extend(lines.map(|(i, line)| format!("{}:{}: {}", file.display(), i + 1, line.trim())));
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn unsafe_code_is_told_from_talk_of_it() {
    let word = "unsafe";
    for code in [" {", " fn f() {}", " impl Send for X {}", " extern \"C\" {"] {
        assert!(is_unsafe(&format!("    {word}{code}")), "{code}");
    }
    assert!(is_unsafe(&format!("#![allow({word}_code)]")));
    for talk in ["// unsafe {", "#![deny(unsafe_code)]", "let unsafe_count = 1;", "\"unsafe or not\""] {
        assert!(!is_unsafe(talk), "{talk}");
    }
}

/// The crates that a training runs through.
const TRAINING: [&str; 6] =
    ["divvy-kernels", "divvy-nn", "divvy-data", "divvy-eval", "divvy-model", "divvy-train"];

/// The one file of theirs that looks at the time of day: it notes when pictures kept on disk were used.
const TELLS_TIME: &str = "cache/pack.rs";

/// A clock that someone sets back may change nothing: what takes a time is measured by the steady clock.
#[test]
fn a_training_never_looks_at_the_time_of_day() {
    let mut found = Vec::new();
    for package in packages().iter().filter(|package| TRAINING.contains(&package.name.as_str())) {
        let folder = package.manifest_path.parent().expect("a manifest lies in a folder");
        for file in sources(folder.join("src").as_std_path()) {
            let text = fs::read_to_string(&file).expect("sources are text");
            if ["SystemTime", "UNIX_EPOCH"].iter().any(|word| text.contains(word)) {
                found.push(file);
            }
        }
    }
    let [file] = &found[..] else { panic!("one file was expected: {found:?}") };
    assert!(file.ends_with(TELLS_TIME), "{}", file.display());
}

#[test]
fn every_crate_takes_the_workspaces_lints() {
    let without: Vec<String> = safe_packages()
        .filter(|package| {
            let manifest = fs::read_to_string(&package.manifest_path).expect("a manifest is text");
            !manifest.contains("[lints]\nworkspace = true")
        })
        .map(|package| package.name.to_string())
        .collect();
    assert_eq!(without, Vec::<String>::new());
}

/// What `[HEADING]` holds in a manifest, where `heading` is the way to it.
fn manifest_table(manifest: &Path, heading: &[&str]) -> Table {
    let text = fs::read_to_string(manifest).expect("a manifest is text");
    let mut table: Table = text.parse().expect("a manifest is TOML");
    for key in heading {
        table = match table.remove(*key) {
            Some(toml::Value::Table(inner)) => inner,
            other => panic!("{}: `{key}` is no table but {other:?}", manifest.display()),
        };
    }
    table
}

#[test]
fn the_kernels_lints_are_the_workspaces_but_for_what_unsafe_code_needs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace");
    let kernels = manifest_table(&root.join("crates/kernels/Cargo.toml"), &["lints"]);
    let denied = |group: &str, lint: &str| kernels[group][lint].as_str() == Some("deny");
    assert!(denied("clippy", "undocumented_unsafe_blocks") && denied("rust", "unsafe_op_in_unsafe_fn"));

    let mut expected = manifest_table(&root.join("Cargo.toml"), &["workspace", "lints"]);
    let group = |lints: &mut Table, name: &str| match lints.remove(name) {
        Some(toml::Value::Table(group)) => group,
        other => panic!("the workspace's `{name}` lints are {other:?}"),
    };
    let (mut rust, mut clippy) = (group(&mut expected, "rust"), group(&mut expected, "clippy"));
    rust.remove("unsafe_code").expect("the workspace denies unsafe code");
    clippy.insert("inline_always".to_owned(), "allow".into());
    expected.insert("rust".to_owned(), rust.into());
    expected.insert("clippy".to_owned(), clippy.into());
    assert_eq!(kernels, expected);
}
