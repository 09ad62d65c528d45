//! `divvy demo`: the whole path on pictures drawn for the purpose.

mod album;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use divvy::data::{Dataset, OpenOptions, StoreOptions};
use divvy::eval::Report;
use divvy::model::{Classifier, Model};
use divvy::nn::Precision;
use divvy::rules::Rule;
use divvy::sort::{Mode, Sorter};
use divvy::train::{Ending, Facts, Length, Recipe, ReportConfig, Stated, TrainConfig, evaluate, train};

use super::report::{self, Means};
use super::sort::{Doubt, sort};
use crate::args::DemoArgs;
use crate::terminal::{Terminal, program, quoted};
use crate::views::Screen;
use crate::{Status, interrupt};
use album::Album;

/// Minutes to learn for: with what comes before and after, a minute in all.
const MINUTES: f64 = 0.7;

/// Draws, trains, evaluates and sorts.
pub(crate) fn run(args: &DemoArgs, terminal: &mut Terminal) -> Result<Status> {
    let root = fresh(&args.out);
    if root != args.out {
        terminal.tell(format_args!(
            "{} is there already; this goes to {}\n",
            args.out.display(),
            root.display()
        ));
    }
    let (album, run, sorted) = (Album::new(&root), root.join("run"), root.join("sorted"));

    heading("1. Pictures of healthy and of spotted leaves", terminal);
    album.draw(args.compute.processor.threads(), terminal.start("drawing"))?;
    terminal.stop();
    let (training, test) = (2 * Album::TRAINING, 2 * Album::TEST);
    let (photos, kept) = (album.photos.display(), album.test.display());
    terminal.print(format_args!("{training} to learn from in {photos}, {test} to test on in {kept}"));

    heading("\n2. Learning to tell them apart", terminal);
    // Few pictures validate; what is told in the end is measured on others.
    let allow = BTreeSet::from([Rule::V06]);
    let exact = args.compute.exact;
    let facts =
        Facts::of(&Dataset::open(&album.photos, &OpenOptions::default())?, args.compute.processor.machine());
    // Of the time the recipe is not told: it would make pictures smaller, and spots are small already.
    let recipe = Recipe::choose(&facts, &Stated::default()).into_config();
    let data = album.photos.clone();
    let config = TrainConfig { data, length: Length::Minutes(MINUTES), allow, exact, ..recipe };
    let mut screen = Screen::new(terminal);
    let trained = train(&config, &run, args.compute.processor.cpu(), &mut screen, interrupt::asked());
    screen.close();
    let outcome = trained?;
    if outcome.ending == Ending::Interrupted {
        return Ok(Status::Partial);
    }

    heading("\n3. How good it is on pictures it has not seen", terminal);
    let mut classifier = Classifier::new(Model::open(&run)?, args.compute.device(Precision::F32)?)?;
    terminal.print(measured(&mut classifier, &album.test)?);
    let of_test = ReportConfig { data: Some(album.test.clone()), ..ReportConfig::new(&run) };
    report::after_training(&of_test, &Means::of(&args.compute, Precision::F32)?, terminal);

    heading("\n4. Sorting a folder of both kinds", terminal);
    let (mut sorter, gathered) = Sorter::open(&album.mixed, &sorted, Mode::Copy)?;
    // Of two kinds the likelier one, however sure.
    let tally = sort(&mut classifier, &mut sorter, &gathered.pending, &Doubt::NONE, terminal)?;
    for (folder, count) in &tally.folders {
        let (mixed, folder) = (album.mixed.display(), sorted.join(folder));
        terminal.print(format_args!("{count} of {mixed} are now in {}", folder.display()));
    }
    terminal.tell(next_steps(&root, &run, &album));
    Ok(Status::partial_if(tally.interrupted))
}

fn heading(text: &str, terminal: &mut Terminal) {
    terminal.print(terminal.palette().heading(text));
}

/// The folder asked for, or where something is in it the first of it with a number at its end that is free.
fn fresh(wanted: &Path) -> PathBuf {
    let is_used = |path: &Path| match fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => path.exists(),
    };
    let mut root = wanted.to_owned();
    for number in 2_u32.. {
        if !is_used(&root) {
            break;
        }
        let mut name = wanted.file_name().unwrap_or("demo".as_ref()).to_owned();
        name.push(format!("-{number}"));
        root = wanted.with_file_name(name);
    }
    root
}

/// The accuracy on the test pictures with its interval, in a sentence.
fn measured(classifier: &mut Classifier, test: &Path) -> Result<String> {
    let options = StoreOptions { cancel: Some(interrupt::asked()), ..StoreOptions::default() };
    let evaluation = evaluate(classifier, test, &OpenOptions::default(), None, &options, &|_, _| {})?;
    Ok(match evaluation.report {
        Report::Exclusive(report) => format!(
            "accuracy {:.3} on {} pictures (95 % interval {:.3} to {:.3}; guessing gives {:.3})",
            report.accuracy,
            report.n,
            report.accuracy_ci95.low,
            report.accuracy_ci95.high,
            report.majority_baseline
        ),
        other @ Report::MultiLabel(_) => other.to_string(),
    })
}

fn next_steps(root: &Path, run: &Path, album: &Album) -> String {
    let (divvy, run) = (program(), quoted(run));
    let (test, mixed) = (quoted(&album.test), quoted(&album.mixed));
    format!(
        "\nAll of it is in {}; open the folders and look. Then, with these or your own pictures:\n\
         \x20 {divvy} evaluate {run} {test}\n\
         \x20 {divvy} predict {run} {mixed}\n\
         \x20 {divvy} summary {run}\n\
         \x20 {divvy} train PHOTOS    (a folder with a subfolder of pictures for each group)",
        root.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_demo_never_goes_where_something_is() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = folder.path().join("demo");
        assert_eq!(fresh(&wanted), wanted);
        fs::create_dir(&wanted).unwrap();
        assert_eq!(fresh(&wanted), wanted, "an empty folder will do");
        fs::write(wanted.join("x"), "").unwrap();
        fs::write(folder.path().join("demo-2"), "").unwrap();
        assert_eq!(fresh(&wanted), folder.path().join("demo-3"));
    }
}
