//! `divvy compare`: trains variants alike and says whether they differ.

mod table;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::ValueEnum;

use divvy::data::write_atomically;
use divvy::nn::Wiring;
use divvy::rules::{Diagnostic, Stage};
use divvy::train::{CompareConfig, Contender, Event, Length, TrainConfig, Turn, compare};

use super::recipe::optimizer;
use super::train::default_run;
use crate::args::{CompareArgs, HeadSpec, OptimizerChoice};
use crate::failure::Failure;
use crate::terminal::Terminal;
use crate::{Status, interrupt};
use table::Table;

/// The share of the pictures that is kept for comparing where the data has no test part.
const TEST_SHARE: f64 = 0.2;

/// Trains every contender with every seed, prints the table and what can be said.
pub(crate) fn run(args: &CompareArgs, terminal: &mut Terminal) -> Result<Status> {
    let out = args.out.clone().unwrap_or_else(|| default_out(&args.photos));
    let CompareArgs { seeds, at_once, .. } = *args;
    let config = CompareConfig { contenders: contenders(args)?, seeds, test_share: TEST_SHARE, at_once };
    let compared = {
        terminal.start("comparing");
        let mut screen = Screen::new(terminal);
        let mut told = |turn: Turn<'_>, event: &Event| screen.show(turn, event);
        compare(&config, &out, &args.compute.processor.cpu(), &mut told, interrupt::asked())
    };
    terminal.stop();
    let comparison = compared?;

    let json = serde_json::to_string(&comparison)?;
    let file = out.join("compare.json");
    write_atomically(&file, |writer| writer.write_all(json.as_bytes()))?;
    for sentence in &comparison.left_out {
        Terminal::warn(format_args!("left out: {sentence}"));
    }
    if args.json {
        terminal.print(json);
    } else {
        terminal.print(Table(&comparison).to_string().trim_end());
        terminal.print("");
        for sentence in comparison.sentences() {
            terminal.print(sentence);
        }
        terminal.tell(format_args!("\nall trainings and compare.json are in {}", out.display()));
    }
    Ok(Status::partial_if(!comparison.left_out.is_empty()))
}

fn default_out(photos: &Path) -> PathBuf {
    let mut name = default_run(photos).into_os_string();
    name.push("-compare");
    name.into()
}

/// A bar over all trainings, and a line for what someone should know of one.
struct Screen<'a> {
    terminal: &'a mut Terminal,
    /// How many trainings were begun or passed over.
    begun: usize,
    /// The trainings that go on, by their number.
    running: BTreeMap<usize, Running>,
    /// What was told already.
    found: Vec<Diagnostic>,
}

/// How far a training is.
struct Running {
    /// The share of it that is done.
    progress: f64,
    images_per_second: f64,
    /// Which it is, and its loss.
    words: String,
}

impl<'a> Screen<'a> {
    fn new(terminal: &'a mut Terminal) -> Self {
        Self { terminal, begun: 0, running: BTreeMap::new(), found: Vec::new() }
    }

    fn show(&mut self, turn: Turn<'_>, event: &Event) {
        match event {
            &Event::Step { progress, loss, images_per_second, .. } => {
                let words = format!("{}, seed {}, loss {loss:.4}", turn.contender, turn.seed);
                self.running.insert(turn.number, Running { progress, images_per_second, words });
                self.begun = self.begun.max(turn.number + 1);
                self.draw(turn.of);
            }
            Event::Finished { .. } => {
                self.running.remove(&turn.number);
            }
            // The same for every training: told once.
            Event::Note { text } if turn.number == 0 => Terminal::warn(text),
            // An error ends the comparison, and is told then.
            Event::Finding { finding } if !finding.is_error() => self.find(turn, finding),
            _ => {}
        }
    }

    /// Draws the bar over so many trainings. They are begun in order: those that were and do not go on are over.
    fn draw(&mut self, of: usize) {
        let over = self.begun - self.running.len();
        let done = over as f64 + self.running.values().map(|running| running.progress).sum::<f64>();
        let speed: f64 = self.running.values().map(|running| running.images_per_second).sum();
        let what = match self.running.iter().next() {
            Some((number, only)) if self.running.len() == 1 => {
                format!("{} of {of}: {}", number + 1, only.words)
            }
            _ => format!("{over} of {of} done, {} go on", self.running.len()),
        };
        self.terminal.progress().show(done / of as f64, &format!("{what}, {speed:.0} images/s"));
    }

    /// How a training goes is told of each; what follows from network or pictures is the same with every seed, and told once.
    fn find(&mut self, turn: Turn<'_>, finding: &Diagnostic) {
        let (contender, place) = (turn.contender, &finding.place);
        let finding = match finding.rule.stage() {
            Stage::Training => finding.clone().at(format!("{contender}, seed {}: {place}", turn.seed)),
            Stage::Build => finding.clone().at(format!("{contender}: {place}")),
            Stage::Labels | Stage::Data | Stage::Design => finding.clone(),
        };
        if !self.found.contains(&finding) {
            self.terminal.find(&finding);
            self.found.push(finding);
        }
    }
}

/// Every combination of what is named, in the order of the command line.
fn contenders(args: &CompareArgs) -> Result<Vec<Contender>> {
    let heads: Vec<Option<&HeadSpec>> = or_default(&args.heads);
    let nets: Vec<Option<&String>> = or_default(&args.arch);
    let rules: Vec<Option<&OptimizerChoice>> = or_default(&args.optimizers);
    let varies = [nets.len() > 1, heads.len() > 1, rules.len() > 1];
    if !varies.contains(&true) {
        let failure = Failure::new("there is one thing to compare; it takes two");
        return Err(failure.help("name several, such as --heads softmax2,sigmoid1").into());
    }
    let names_of_nets = names_of_nets(&args.arch);
    let mut contenders: Vec<Contender> = Vec::new();
    for (index, &net) in nets.iter().enumerate() {
        for &head in &heads {
            for &rule in &rules {
                let names = [
                    names_of_nets.get(index).filter(|_| varies[0]).cloned(),
                    head.filter(|_| varies[1]).map(HeadSpec::to_string),
                    rule.filter(|_| varies[2]).copied().map(name_of_rule),
                ];
                let name = names.into_iter().flatten().collect::<Vec<_>>().join("-");
                if contenders.iter().any(|contender| contender.name == name) {
                    return Err(Failure::new(format!("{name} is named twice")).help("name each once").into());
                }
                contenders.push(Contender { name, config: settings(args, net, head, rule) });
            }
        }
    }
    Ok(contenders)
}

/// The values given, or the one that stands for the default.
fn or_default<T>(given: &[T]) -> Vec<Option<&T>> {
    if given.is_empty() { vec![None] } else { given.iter().map(Some).collect() }
}

fn settings(
    args: &CompareArgs,
    net: Option<&String>,
    head: Option<&HeadSpec>,
    rule: Option<&OptimizerChoice>,
) -> TrainConfig {
    let usual = TrainConfig::new(&args.photos);
    let (optimizer, rate) = rule.map_or((usual.optimizer, usual.learning_rate), |&rule| optimizer(rule));
    let stated = |head: &HeadSpec| Wiring {
        activation: Some(head.activation),
        units: head.units,
        ..Wiring::default()
    };
    TrainConfig {
        exact: args.compute.exact,
        read: args.group_by.options(args.read.options(usual.read.clone())),
        architecture: net.cloned().unwrap_or(usual.architecture),
        wiring: head.map(stated).unwrap_or_default(),
        size: args.size,
        batch: args.batch,
        length: args.epochs.map_or(Length::Auto, Length::Epochs),
        optimizer,
        learning_rate: args.lr.unwrap_or(rate),
        ..usual
    }
}

/// An architecture's name, or that of its file without the folders, as a folder can be called.
fn name_of_net(net: &str) -> String {
    let stem = Path::new(net).file_stem().unwrap_or_default().to_string_lossy();
    let is_plain = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    stem.chars().map(|c| if is_plain(c) { c } else { '_' }).collect()
}

/// A name for each network: files of one name in several folders are numbered, and one that is given twice keeps its name, as it
/// is one to compare.
fn names_of_nets(nets: &[String]) -> Vec<String> {
    let plain: Vec<String> = nets.iter().map(|net| name_of_net(net)).collect();
    let mut named: Vec<(&String, String)> = Vec::new();
    for (net, name) in nets.iter().zip(&plain) {
        let is_others =
            |name: &String| nets.iter().zip(&plain).any(|(other, plain)| other != net && plain == name);
        let earlier = named.iter().find(|(other, _)| *other == net).map(|(_, name)| name.clone());
        let mut unique = earlier.clone().unwrap_or_else(|| name.clone());
        let mut number = 0;
        while earlier.is_none() && (is_others(&unique) || named.iter().any(|(_, taken)| *taken == unique)) {
            number += 1;
            unique = format!("{name}-{number}");
        }
        named.push((net, unique));
    }
    named.into_iter().map(|(_, name)| name).collect()
}

fn name_of_rule(rule: OptimizerChoice) -> String {
    rule.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

impl std::fmt::Display for HeadSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.activation.name())?;
        self.units.map_or(Ok(()), |units| write!(f, "{units}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_one_name_are_numbered() {
        let names =
            |nets: &[&str]| names_of_nets(&nets.iter().map(|&net| net.to_owned()).collect::<Vec<_>>());
        assert_eq!(names(&["classic", "nets/deep er.toml"]), ["classic", "deep_er"]);
        assert_eq!(names(&["a/net.toml", "b/net.toml", "c/other.toml"]), ["net-1", "net-2", "other"]);
        // A number that is another's name is passed over, whichever comes first.
        assert_eq!(names(&["a/net.toml", "b/net.toml", "net-1.toml"]), ["net-2", "net-3", "net-1"]);
        assert_eq!(names(&["net-1.toml", "a/net.toml", "b/net.toml"]), ["net-1", "net-2", "net-3"]);
        // One that is given twice is refused later, by its name.
        assert_eq!(names(&["net.toml", "net.toml"]), ["net", "net"]);
        assert_eq!(names(&["a/net.toml", "b/net.toml", "a/net.toml"]), ["net-1", "net-2", "net-1"]);
    }
}
