//! Proof that the engine computes what it should: layers, losses, optimizers, schedules and a training against PyTorch
//! (`tests/reference/make.py` and `torchvision_networks.py` made the values), gradients against differences of the loss, bits against bits.

mod averaging;
mod correction;
mod double;
mod dropout;
mod everything;
mod explaining;
mod finite_differences;
mod folding;
mod fusing;
mod half;
mod layers;
mod logits;
mod losses;
mod noise;
mod optimizers;
mod parts;
mod quantizing;
mod reference;
mod resuming;
mod same_bits;
mod schedules;
mod sizes;
mod support;
mod tiled;
mod torchvision;
mod trajectory;
mod whitening;
