//! A network from what was typed: a name, a file of layers, or a run.

use std::path::Path;

use anyhow::Result;
use divvy::model::Model;
use divvy::nn::{Architecture, ArchitectureError, Network, Wiring};
use divvy::train::{TrainError, open_architecture};

use crate::args::NetworkArgs;
use crate::failure::Failure;

/// Height and width of pictures where nothing else says it.
const USUAL_SIZE: usize = 64;

impl NetworkArgs {
    /// The network: that of a run as it was trained, any other for the size and groups asked for.
    pub(super) fn network(&self) -> Result<Network> {
        match self.architecture()? {
            Some(architecture) => self.fresh(&architecture),
            None => self.trained(),
        }
    }

    fn architecture(&self) -> Result<Option<Architecture>> {
        let name = self.network.as_str();
        let is_run = !Architecture::NAMES.contains(&name) && Path::new(name).exists();
        if is_run && !Architecture::is_toml(name) {
            return Ok(None);
        }
        open_architecture(name).map(Some).map_err(|error| match error {
            // The error of the name search knows what is near.
            TrainError::Architecture(ArchitectureError::Unknown(_)) => Failure::new(error.to_string())
                .help("give one of these, a .toml file of layers, or the folder of a run")
                .into(),
            other => other.into(),
        })
    }

    fn fresh(&self, architecture: &Architecture) -> Result<Network> {
        let size = self.size.unwrap_or(USUAL_SIZE);
        let classes = self.classes.unwrap_or_else(|| architecture.usual_classes());
        let decision = architecture.decide(&Wiring::default(), None, classes, true)?;
        Ok(architecture.network([size, size, 3], decision.head())?)
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
