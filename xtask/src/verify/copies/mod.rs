//! `cargo xtask verify copies`: how many planted copies `divvy check` finds, how many pairs it takes for copies that are none, and what
//! it costs on many pictures.

mod many;
mod plant;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde::Deserialize;

use crate::stage::{self, cargo};
use many::Many;
use plant::{Kind, Planted};

/// What is measured on.
#[derive(Args)]
pub(crate) struct Options {
    /// The folder that holds the data sets, each in a folder of its name
    #[arg(long, value_name = "DIR")]
    data: PathBuf,

    /// The data set whose pictures are copied
    #[arg(long, value_name = "NAME", default_value = "cats-dogs")]
    set: String,

    /// How many pictures are looked through to see what that costs; 0 to leave it out
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    many: usize,
}

/// The least share of the copies of a kind that must be found.
const LEAST_FOUND: f64 = 0.95;
/// The most pairs that are no copies, as a share of the pictures.
const MOST_FALSE: f64 = 0.001;
/// The longest that 100,000 pictures may take.
const LONGEST: Duration = Duration::from_mins(2);
/// The most memory that they may take.
const MOST_BYTES: u64 = 1 << 30;

/// Plants copies, looks for them, and prints what was found.
pub(crate) fn run(options: &Options) -> Result<()> {
    let set = options.data.join(&options.set);
    let work = crate::root().join("target").join("verify").join("copies");
    stage::run("build", cargo(&["build", "--release", "--quiet", "--package", "divvy"]))?;
    let mut missed = find_planted(&set, &work.join("planted"))?;
    if options.many > 0 {
        println!("\n{:<34} {:>9} {:>9} {:>9}", "32 x 32 pictures", "seconds", "MiB", "groups");
        for many in Many::ALL {
            missed += usize::from(!costs(many, options.many, &work.join(many.name()))?);
        }
    }
    match missed {
        0 => Ok(()),
        missed => bail!("{missed} marks missed"),
    }
}

/// Prints how many of each kind of copy are found and how many pairs are none; tells how many marks are missed.
fn find_planted(set: &Path, work: &Path) -> Result<usize> {
    let planted = plant::plant(set, work)?;
    let checked = check(work)?;
    let links = Links::of(&checked.copies);
    println!(
        "{}: {} pictures, of which {} are copies",
        set.display(),
        planted.pictures,
        planted.copies.len()
    );
    println!("\n{:<34} {:>7} {:>7} {:>7}  {:>8}", "copies", "planted", "found", "share", "farthest");
    let mut missed = 0;
    for kind in Kind::ALL {
        let copies: Vec<&Planted> = planted.copies.iter().filter(|copy| copy.kind == kind).collect();
        let found: Vec<f64> =
            copies.iter().filter_map(|copy| links.distance(&copy.original, &copy.name)).collect();
        let share = found.len() as f64 / copies.len() as f64;
        let least = if kind == Kind::Exact { 1.0 } else { LEAST_FOUND };
        missed += usize::from(share < least);
        let farthest = found.iter().copied().fold(0.0, f64::max);
        let (of, found) = (copies.len(), found.len());
        println!("{:<34} {of:>7} {found:>7} {share:>7.3}  {farthest:>8.3}", kind.described());
    }
    let is_false = |[a, b]: &[&str; 2]| planted.shows(a) != planted.shows(b);
    let wrong: Vec<_> = links.pairs.iter().filter(|(pair, _)| is_false(pair)).collect();
    let share = wrong.len() as f64 / planted.pictures as f64;
    println!("\npairs of different pictures taken for copies: {} ({share:.5} of the pictures)", wrong.len());
    for ([a, b], distance) in &wrong {
        println!("  {a} and {b}: {distance:.3}");
    }
    Ok(missed + usize::from(share > MOST_FALSE))
}

/// Prints what it costs to look through many pictures; tells whether that is within the marks.
fn costs(many: Many, n: usize, work: &Path) -> Result<bool> {
    many.draw(n, work)?;
    let checked = check(work)?;
    let mebibytes =
        checked.peak.map_or("-".to_owned(), |peak| format!("{:.0}", peak as f64 / f64::from(1 << 20)));
    println!(
        "{:<34} {:>9.1} {mebibytes:>9} {:>9}",
        format!("{n}, {}", many.described()),
        checked.time.as_secs_f64(),
        checked.copies.len()
    );
    Ok(checked.time <= LONGEST && checked.peak.is_none_or(|peak| peak <= MOST_BYTES))
}

/// What `divvy check --json` came to.
struct Checked {
    copies: Vec<Group>,
    time: Duration,
    /// The most memory that was in use, in bytes, where the system tells.
    peak: Option<u64>,
}

#[derive(Deserialize)]
struct Group {
    pictures: Vec<Vec<String>>,
    near: Vec<Near>,
}

#[derive(Deserialize)]
struct Near {
    pictures: [usize; 2],
    distance: f64,
}

#[derive(Deserialize)]
struct Report {
    copies: Vec<Group>,
}

fn check(folder: &Path) -> Result<Checked> {
    let output = folder.with_extension("json");
    let start = Instant::now();
    let mut child = super::divvy()
        .arg("check")
        .arg(folder)
        .args(["--json", "--quiet"])
        .stdout(fs::File::create(&output)?)
        .stderr(Stdio::null())
        .spawn()
        .context("the release build of divvy does not start")?;
    let mut peak = None;
    let status = loop {
        peak = peak_of(child.id()).or(peak);
        if let Some(status) = child.try_wait()? {
            break status;
        }
        thread::sleep(Duration::from_millis(20));
    };
    let time = start.elapsed();
    ensure!(matches!(status.code(), Some(0 | 1)), "{}: `divvy check` ended with {status}", folder.display());
    let report: Report =
        serde_json::from_slice(&fs::read(&output)?).context("`divvy check --json` printed no JSON")?;
    Ok(Checked { copies: report.copies, time, peak })
}

/// The most memory that a process has had, in bytes, where the system tells.
fn peak_of(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    kibibytes.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|n| n * 1024)
}

/// Pairs of names that were taken for copies, with their distances: 0 for equal pictures.
struct Links<'a> {
    pairs: BTreeMap<[&'a str; 2], f64>,
}

impl<'a> Links<'a> {
    fn of(groups: &'a [Group]) -> Self {
        let mut pairs = BTreeMap::new();
        let mut link = |a: &'a str, b: &'a str, distance| _ = pairs.insert([a.min(b), a.max(b)], distance);
        for group in groups {
            for equal in &group.pictures {
                for (i, a) in equal.iter().enumerate() {
                    for b in &equal[..i] {
                        link(a, b, 0.0);
                    }
                }
            }
            for near in &group.near {
                let [one, other] = near.pictures.map(|picture| &group.pictures[picture]);
                for a in one {
                    for b in other {
                        link(a, b, near.distance);
                    }
                }
            }
        }
        Self { pairs }
    }

    fn distance(&self, a: &str, b: &str) -> Option<f64> {
        self.pairs.get(&[a.min(b), a.max(b)]).copied()
    }
}

/// A folder without anything in it.
fn emptied(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())
}
