//! The pictures of the demo: drawn, and put into folders.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::Result;
use divvy::data::write_atomically;

use crate::commands::go_on;
use crate::demo::render::{Leaf, render};
use crate::failure::Failure;
use crate::terminal::Progress;

/// The seed of the pictures: everyone sees the same.
const SEED: u64 = 1;

/// The kinds and the folders they are named after.
const KINDS: [(Leaf, &str); 2] = [(Leaf::Healthy, "healthy"), (Leaf::Spotted, "spotted")];

/// The folders that pictures are drawn into.
pub(super) struct Album {
    pub(super) photos: PathBuf,
    pub(super) test: PathBuf,
    pub(super) mixed: PathBuf,
}

/// A picture to draw; the end of its name follows from how it is stored.
struct Order {
    stem: PathBuf,
    kind: Leaf,
    number: u64,
}

impl Album {
    /// Pictures of each kind to learn from, to test on, and to sort.
    pub(super) const TRAINING: u64 = 300;
    pub(super) const TEST: u64 = 100;
    pub(super) const MIXED: u64 = 30;

    pub(super) fn new(root: &Path) -> Self {
        Self { photos: root.join("photos"), test: root.join("test"), mixed: root.join("mixed") }
    }

    /// Draws all pictures, on so many threads.
    pub(super) fn draw(&self, threads: usize, progress: &Progress) -> Result<()> {
        let orders = self.orders();
        for folder in orders.iter().filter_map(|order| order.stem.parent()) {
            fs::create_dir_all(folder).map_err(|error| {
                let message = format!("{}: cannot be created: {error}", folder.display());
                Failure::new(message).help("give another folder with --out")
            })?;
        }
        let next = AtomicUsize::new(0);
        thread::scope(|scope| {
            let draw = || draw_some(&orders, &next, progress);
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(draw)).collect();
            let mut drawn = workers.into_iter().map(thread::ScopedJoinHandle::join);
            drawn.try_for_each(|worker| worker.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })
    }

    fn orders(&self) -> Vec<Order> {
        let mut orders = Vec::new();
        for number in 0..Self::TRAINING + Self::TEST + Self::MIXED {
            for (kind, name) in KINDS {
                let (folder, shown) = match number.checked_sub(Self::TRAINING + Self::TEST) {
                    // Here nothing but the picture tells the kind: the kinds take turns.
                    Some(mixed) => (self.mixed.clone(), 2 * mixed + u64::from(kind == Leaf::Spotted)),
                    None if number < Self::TRAINING => (self.photos.join(name), number),
                    None => (self.test.join(name), number - Self::TRAINING),
                };
                orders.push(Order { stem: folder.join(format!("leaf-{:03}", shown + 1)), kind, number });
            }
        }
        orders
    }
}

/// Draws pictures that no other thread has begun, until there are none.
fn draw_some(orders: &[Order], next: &AtomicUsize, progress: &Progress) -> Result<()> {
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(order) = orders.get(index) else { return Ok(()) };
        go_on()?;
        let picture = render(order.kind, SEED, order.number);
        let file = picture.encode()?;
        write_atomically(&order.stem.with_extension(picture.extension()), |writer| writer.write_all(&file))?;
        progress.count(index + 1, orders.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_picture_is_drawn_twice_and_the_mixed_do_not_tell_their_kind() {
        let orders = Album::new(Path::new("demo")).orders();
        let all = 2 * (Album::TRAINING + Album::TEST + Album::MIXED) as usize;
        let mut stems: Vec<_> = orders.iter().map(|order| &order.stem).collect();
        stems.sort();
        stems.dedup();
        assert_eq!((stems.len(), orders.len()), (all, all));
        let mixed = orders.iter().filter(|order| order.stem.starts_with("demo/mixed"));
        let kinds: Vec<Leaf> = mixed.map(|order| order.kind).collect();
        assert_eq!(kinds.len() as u64, 2 * Album::MIXED);
        assert!(kinds.chunks(2).all(|pair| pair == [Leaf::Healthy, Leaf::Spotted]));
    }
}
