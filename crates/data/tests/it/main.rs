//! The crate as its users meet it: files written by an independent encoder, read back through the public interface.

mod common;
mod decoding;
mod folders;
mod hostile;
mod idx;
mod listing;
mod loading;
mod splits;
mod tables;
