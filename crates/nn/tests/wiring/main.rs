//! Head, loss, labels and metric as they are stated: what is refused, and that what is not refused works.

mod pages;
mod product;
mod statements;
