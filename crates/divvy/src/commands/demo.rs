//! `divvy demo`: the whole path on pictures drawn for the purpose.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::Result;
use divvy::data::{StoreOptions, write_atomically};
use divvy::eval::Report;
use divvy::model::{Classifier, Model};
use divvy::sort::{Mode, Sorter};
use divvy::train::{Length, TrainConfig, evaluate, train};

use super::go_on;
use super::sort::{Tally, sort};
use super::training::Screen;
use crate::args::DemoArgs;
use crate::demo::render::{Leaf, render};
use crate::failure::Failure;
use crate::terminal::{Progress, Terminal, quoted};
use crate::{Status, interrupt};

/// The seed of the pictures: everyone sees the same.
const SEED: u64 = 1;

/// Pictures of each kind to learn from, to test on, and to sort.
const TRAINING: u64 = 300;
const TEST: u64 = 100;
const MIXED: u64 = 30;

/// Times that every picture is looked at: enough to learn the task, few enough for a minute in all.
const EPOCHS: u32 = 14;

/// Where everything goes.
struct Layout {
    root: PathBuf,
}

impl Layout {
    /// A folder that is not used yet: the one asked for, or the first of it with a number at its end.
    fn fresh(wanted: &Path) -> Self {
        let is_used = |path: &Path| match fs::read_dir(path) {
            Ok(mut entries) => entries.next().is_some(),
            Err(_) => path.exists(),
        };
        let numbered = |number: u32| {
            let mut name = wanted.file_name().unwrap_or("demo".as_ref()).to_owned();
            name.push(format!("-{number}"));
            wanted.with_file_name(name)
        };
        let mut root = wanted.to_owned();
        for number in 2_u32.. {
            if !is_used(&root) {
                break;
            }
            root = numbered(number);
        }
        Self { root }
    }

    fn photos(&self) -> PathBuf {
        self.root.join("photos")
    }

    fn test(&self) -> PathBuf {
        self.root.join("test")
    }

    fn mixed(&self) -> PathBuf {
        self.root.join("mixed")
    }

    fn run(&self) -> PathBuf {
        self.root.join("run")
    }

    fn sorted(&self) -> PathBuf {
        self.root.join("sorted")
    }
}

/// Draws, trains, evaluates and sorts.
pub(crate) fn run(args: &DemoArgs, terminal: &mut Terminal) -> Result<Status> {
    let layout = Layout::fresh(&args.out);
    if layout.root != args.out {
        terminal.tell(format_args!(
            "{} is there already; this goes to {}\n",
            args.out.display(),
            layout.root.display()
        ));
    }
    let palette = terminal.palette();

    terminal.print(palette.heading("1. Pictures of healthy and of spotted leaves"));
    draw(&layout, args.compute.cpu().threads(), terminal)?;
    terminal.print(format_args!(
        "{} to learn from in {}, {} to test on in {}\n",
        2 * TRAINING,
        layout.photos().display(),
        2 * TEST,
        layout.test().display()
    ));

    terminal.print(palette.heading("2. Learning to tell them apart"));
    let config = TrainConfig { length: Length::Epochs(EPOCHS), ..TrainConfig::new(layout.photos()) };
    let mut screen = Screen::new(terminal);
    train(&config, &layout.run(), args.compute.cpu(), &mut screen, interrupt::asked())?;
    go_on()?;

    terminal.print(format_args!("\n{}", palette.heading("3. How good it is on pictures it has not seen")));
    let mut classifier = Classifier::new(Model::open(&layout.run())?, args.compute.cpu());
    terminal.print(measured(&mut classifier, &layout.test())?);

    terminal.print(format_args!("\n{}", palette.heading("4. Sorting a folder of both kinds")));
    let tally = divide(&mut classifier, &layout, terminal)?;
    for (folder, count) in &tally.folders {
        terminal.print(format_args!("{count:>4} to {}", layout.sorted().join(folder).display()));
    }
    terminal.tell(next_steps(&layout));
    Ok(Status::Done)
}

/// A picture to draw.
struct Order {
    path: PathBuf,
    kind: Leaf,
    number: u64,
}

/// The pictures of all folders, their endings still open.
fn orders(layout: &Layout) -> Vec<Order> {
    let mut orders = Vec::new();
    for (kind, name) in [(Leaf::Healthy, "healthy"), (Leaf::Spotted, "spotted")] {
        for number in 0..TRAINING + TEST + MIXED {
            let folder = match number {
                ..TRAINING => layout.photos().join(name),
                _ if number < TRAINING + TEST => layout.test().join(name),
                _ => layout.mixed(),
            };
            // In the mixed folder nothing but the picture tells the kind: the kinds take turns.
            let shown =
                if folder == layout.mixed() { 2 * number + u64::from(kind == Leaf::Spotted) } else { number };
            orders.push(Order { path: folder.join(format!("leaf-{shown:04}")), kind, number });
        }
    }
    orders
}

/// Draws all pictures, on all threads.
fn draw(layout: &Layout, threads: usize, terminal: &mut Terminal) -> Result<()> {
    for folder in [layout.photos(), layout.test()]
        .iter()
        .flat_map(|part| ["healthy", "spotted"].map(|name| part.join(name)))
        .chain([layout.mixed()])
    {
        fs::create_dir_all(&folder).map_err(|error| {
            Failure::new(format!("{}: cannot be created: {error}", folder.display()))
                .help("give another folder with --out")
        })?;
    }
    let orders = orders(layout);
    let next = AtomicUsize::new(0);
    let progress = terminal.start("drawing");
    thread::scope(|scope| {
        let workers: Vec<_> =
            (0..threads).map(|_| scope.spawn(|| draw_some(&orders, &next, progress))).collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })?;
    terminal.stop();
    Ok(())
}

/// Draws pictures that no other thread has begun, until there are none.
fn draw_some(orders: &[Order], next: &AtomicUsize, progress: &Progress) -> Result<()> {
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(order) = orders.get(index) else { return Ok(()) };
        go_on()?;
        let picture = render(order.kind, SEED, order.number);
        let file = picture.encode()?;
        write_atomically(&order.path.with_extension(picture.extension()), |writer| writer.write_all(&file))?;
        progress.count(index + 1, orders.len());
    }
}

/// The accuracy on the test pictures with its interval, in a sentence.
fn measured(classifier: &mut Classifier, test: &Path) -> Result<String> {
    let options = StoreOptions { cancel: Some(interrupt::asked()), ..StoreOptions::default() };
    let evaluation = evaluate(classifier, test, &options)?;
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

/// Sorts the mixed folder into the two kinds.
fn divide(classifier: &mut Classifier, layout: &Layout, terminal: &mut Terminal) -> Result<Tally> {
    let (mut sorter, gathered) = Sorter::open(&layout.mixed(), &layout.sorted(), Mode::Copy)?;
    let mut tally = Tally::default();
    // Of two kinds the likelier one, however sure.
    sort(classifier, &mut sorter, &gathered.pending, 0.0, &mut tally, terminal)?;
    Ok(tally)
}

fn next_steps(layout: &Layout) -> String {
    let [run, test, mixed] = [layout.run(), layout.test(), layout.mixed()].map(|path| quoted(&path));
    format!(
        "\nAll of it is in {}; open the folders and look. Then, with these or your own pictures:\n\
         \x20 divvy evaluate {run} {test}\n\
         \x20 divvy predict {run} {mixed}\n\
         \x20 divvy summary {run}\n\
         \x20 divvy train PHOTOS    (a folder with a subfolder of pictures for each group)",
        layout.root.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_demo_never_goes_where_something_is() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = folder.path().join("demo");
        assert_eq!(Layout::fresh(&wanted).root, wanted);
        fs::create_dir(&wanted).unwrap();
        assert_eq!(Layout::fresh(&wanted).root, wanted, "an empty folder will do");
        fs::write(wanted.join("x"), "").unwrap();
        fs::write(folder.path().join("demo-2"), "").unwrap();
        assert_eq!(Layout::fresh(&wanted).root, folder.path().join("demo-3"));
    }

    #[test]
    fn pictures_do_not_occur_twice_and_the_mixed_ones_do_not_tell_their_kind() {
        let orders = orders(&Layout { root: PathBuf::from("demo") });
        let mut paths: Vec<_> = orders.iter().map(|order| &order.path).collect();
        paths.sort();
        paths.dedup();
        assert_eq!(paths.len() as u64, 2 * (TRAINING + TEST + MIXED));
        let mixed = orders.iter().filter(|order| order.path.starts_with("demo/mixed"));
        assert_eq!(mixed.filter(|order| order.kind == Leaf::Spotted).count() as u64, MIXED);
    }
}
