//! What a report says is what its model says of its pictures.

mod cut;
mod fails;
mod good;
mod heads;
mod prior;
mod support;
