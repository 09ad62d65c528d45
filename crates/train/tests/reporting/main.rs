//! What a report says is what its model says of its pictures.

#[path = "../common/mod.rs"]
mod common;

mod cut;
mod fails;
mod good;
mod heads;
mod support;
