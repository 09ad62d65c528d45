//! Plans that tests look into.

use super::{Mode, Plan, PlanOptions};
use crate::network::Network;
use crate::parameters::ParameterTable;
use crate::{Architecture, Head, Isa, Task};

/// The same on every machine.
const PORTABLE: PlanOptions =
    PlanOptions { isa: Isa::PORTABLE, half: None, algorithms: super::Algorithms::Fastest, fused: true };

/// The network of that name for square pictures in colour, three groups of them.
pub(super) fn named(name: &str, size: usize) -> Network {
    let head = Head::for_task(Task::MultiClass, None, 3).unwrap();
    Architecture::by_name(name).unwrap().network([size, size, 3], &head).unwrap()
}

/// Its plan for batches of so many pictures.
pub(super) fn compiled(network: &Network, mode: Mode, batch: usize) -> Plan {
    Plan::compile(network, &ParameterTable::new(network.graph()), mode, batch, PORTABLE)
}

/// The same without any operations fused.
pub(super) fn unfused(network: &Network, mode: Mode, batch: usize) -> Plan {
    let options = PlanOptions { fused: false, ..PORTABLE };
    Plan::compile(network, &ParameterTable::new(network.graph()), mode, batch, options)
}
