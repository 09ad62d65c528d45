//! A network from what was typed: a name, a file of layers, or a run.

use std::fs;
use std::path::Path;

use anyhow::Result;
use divvy::model::Model;
use divvy::nn::{Architecture, Head, Network, Task};

use crate::args::NetworkArgs;
use crate::failure::Failure;

/// Height and width of pictures where nothing else says it.
const USUAL_SIZE: usize = 64;

/// Groups where nothing else says it.
const USUAL_CLASSES: usize = 2;

impl NetworkArgs {
    /// The network: that of a run as it was trained, any other for the size and groups asked for.
    pub(super) fn network(&self) -> Result<Network> {
        match self.architecture()? {
            Some(architecture) => self.fresh(&architecture),
            None => self.trained(),
        }
    }

    fn architecture(&self) -> Result<Option<Architecture>> {
        let (name, path) = (self.network.as_str(), Path::new(&self.network));
        if Architecture::NAMES.contains(&name) {
            return Ok(Some(Architecture::by_name(name)?));
        }
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text = fs::read_to_string(path)
                .map_err(|error| Failure::new(format!("{name}: cannot be read: {error}; check the path")))?;
            return Ok(Some(Architecture::from_toml(&text, name)?));
        }
        if path.exists() {
            return Ok(None);
        }
        // The error of the name search knows what is near.
        let unknown = Architecture::by_name(name).map(Some);
        Ok(unknown.map_err(|error| {
            Failure::new(error.to_string())
                .help("give one of these, a .toml file of layers, or the folder of a run")
        })?)
    }

    fn fresh(&self, architecture: &Architecture) -> Result<Network> {
        let size = self.size.unwrap_or(USUAL_SIZE);
        let classes = self.classes.unwrap_or(USUAL_CLASSES);
        let task = Task::infer(classes, true);
        let head = Head::for_task(task, None, classes)?;
        Ok(Network::new(architecture.graph([size, size, 3], &head)?, task)?)
    }

    fn trained(&self) -> Result<Network> {
        for (flag, is_given) in [("--size", self.size.is_some()), ("--classes", self.classes.is_some())] {
            if is_given {
                let message =
                    format!("{flag}: {} is trained, and has a size and groups of its own", self.network);
                return Err(Failure::new(message).help(format!("leave {flag} out")).into());
            }
        }
        Ok(Model::open(Path::new(&self.network))?.network().clone())
    }
}
