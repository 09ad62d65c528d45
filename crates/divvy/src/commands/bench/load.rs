//! `divvy bench load`: how many photos a second become batches.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use divvy::data::{
    Augment, Channels, Crop, Dataset, Detail, ImageStore, Loader, OpenOptions, Preprocess, Scaling,
    StoreOptions,
};
use serde::Serialize;

use super::super::workload::peak_rss_mib;
use super::rounded;
use crate::args::LoadArgs;
use crate::failure::Failure;
use crate::terminal::{Terminal, thousands};
use crate::{Status, interrupt};

/// What was measured.
#[derive(Serialize)]
struct Measured {
    peer: &'static str,
    job: &'static str,
    size: usize,
    batch: usize,
    precision: String,
    threads: usize,
    /// Photos in the folder.
    photos: usize,
    /// Photos that were loaded, some of them more than once.
    images: usize,
    images_per_second: f64,
    /// The mean over all batches.
    ms_per_batch: f64,
    /// The most memory that the process held; null where the system does not tell.
    peak_rss_mib: Option<u64>,
}

/// Loads epoch after epoch as for training, each photo from its file, and prints how fast.
pub(super) fn run(args: &LoadArgs, terminal: &mut Terminal) -> Result<Status> {
    let dataset = Arc::new(Dataset::open(&args.photos, &OpenOptions::default())?);
    refuse_other_groups(&dataset, args.classes)?;
    let samples: Vec<usize> = (0..dataset.samples().len()).collect();
    let threads = args.threads.count();
    let augment = cropped_and_mirrored();
    let options = StoreOptions { threads, detail: Detail::for_augment(&augment), ..StoreOptions::default() };
    let recipe = Preprocess::new(args.size, args.size, Channels::Rgb)?;
    let store = Arc::new(ImageStore::at_source(&dataset, &recipe, &samples, &options));
    let loader =
        Loader::for_training(&store, &samples, &imagenet(), args.batch, 0, augment).with_threads(threads);

    terminal.start("loading");
    let (mut images, begun) = (0, Instant::now());
    let is_over = || begun.elapsed().as_secs_f64() >= args.seconds || interrupt::is_asked();
    for epoch in 0.. {
        for batch in loader.epoch(epoch) {
            images += batch?.len();
            terminal
                .progress()
                .show(begun.elapsed().as_secs_f64() / args.seconds, &format!("{} photos", thousands(images)));
            if is_over() {
                break;
            }
        }
        if is_over() {
            break;
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    terminal.stop();
    let measured = Measured {
        peer: "divvy",
        job: "load",
        size: args.size,
        batch: args.batch,
        precision: args.precision.clone(),
        threads,
        photos: samples.len(),
        images,
        images_per_second: rounded(images as f64 / seconds, 2),
        ms_per_batch: rounded(seconds / images as f64 * args.batch as f64 * 1e3, 3),
        peak_rss_mib: peak_rss_mib(),
    };
    if args.json {
        terminal.print(serde_json::to_string(&measured)?);
    } else {
        terminal.print(in_words(&measured));
    }
    Ok(Status::partial_if(interrupt::is_asked()))
}

fn refuse_other_groups(dataset: &Dataset, wanted: Option<usize>) -> Result<(), Failure> {
    let found = dataset.classes().len();
    match wanted {
        Some(wanted) if wanted != found => {
            let root = dataset.root().display();
            Err(Failure::new(format!("{root}: there are {found} groups, and --classes asks for {wanted}"))
                .help("give the number of its groups, or leave --classes out"))
        }
        _ => Ok(()),
    }
}

/// What nearly every training on photos does: a part of each at random, mirrored half of the time.
fn cropped_and_mirrored() -> Augment {
    Augment {
        flip: 0.5,
        crop: Some(Crop { area: [0.08, 1.0], aspect: [3.0 / 4.0, 4.0 / 3.0] }),
        ..Augment::none()
    }
}

/// The mean and deviation of the colours of `ImageNet`'s photos, as torchvision's models take them.
fn imagenet() -> Scaling {
    Scaling { mean: vec![0.485, 0.456, 0.406], std: vec![0.229, 0.224, 0.225] }
}

fn in_words(measured: &Measured) -> String {
    let Measured { size, batch, threads, photos, images_per_second, ms_per_batch, peak_rss_mib, .. } =
        measured;
    let memory = peak_rss_mib.map(|mib| format!(", {mib} MiB of memory at most")).unwrap_or_default();
    format!(
        "load {} photos at {size} x {size}, batch {batch}, on {threads} threads, each from its file\n\
         {images_per_second:.1} images/s, {ms_per_batch:.3} ms a batch{memory}",
        thousands(*photos)
    )
}
