//! `divvy augment`: what random changes do to pictures, as a picture.

use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use divvy::data::{
    Augment, Dataset, Detail, ImageStore, Loader, OpenOptions, Pixels, Preprocess, Scaling, StoreOptions,
    write_atomically,
};
use image::{ImageFormat, Rgb, RgbImage};

use crate::Status;
use crate::args::AugmentArgs;
use crate::failure::Failure;
use crate::interrupt;
use crate::terminal::{Terminal, quoted};

/// The least height of a picture on the sheet; smaller ones are enlarged, pixel by pixel.
const LEAST_SIDE: usize = 96;
/// Pixels of a sheet at the most.
const MOST_PIXELS: usize = 32 << 20;
/// Pixels between pictures.
const GAP: usize = 4;
/// Pixels between the originals and what became of them.
const MARGIN: usize = 12;
const PAPER: Rgb<u8> = Rgb([232, 232, 232]);

/// Draws a row for each of some pictures: the picture as the network would see it, then what comes of it in epoch after epoch.
pub(crate) fn run(args: &AugmentArgs, terminal: &mut Terminal) -> Result<Status> {
    refuse_other_formats(&args.show)?;
    refuse_too_large(args)?;
    let dataset = Arc::new(Dataset::open(&args.photos, &args.read.options(OpenOptions::default()))?);
    let augment = args.augment.clone().choice()?.settings(&dataset);
    let recipe = Preprocess::new(args.size, args.size, dataset.channels())?;
    let chosen = spread(&dataset, args.rows);

    terminal.start("drawing");
    let originals = StoreOptions { cancel: Some(interrupt::asked()), ..StoreOptions::default() };
    let sources = StoreOptions { detail: Detail::for_augment(&augment), ..originals.clone() };
    let originals = ImageStore::load(&dataset, &recipe, &chosen, &originals)?;
    let sources = Arc::new(ImageStore::load(&dataset, &recipe, &chosen, &sources)?);
    let unreadable = sources.unreadable_samples();
    let chosen: Vec<usize> = chosen.into_iter().filter(|sample| !unreadable.contains(sample)).collect();
    let scaling = originals.measure_scaling(&chosen);
    let mut sheet = Sheet::new(chosen.len(), args.columns, args.size);
    for (row, &sample) in chosen.iter().enumerate() {
        sheet.place(row, 0, &*originals.pixels(sample)?);
    }
    let loader = Loader::for_training(&sources, &chosen, &scaling, chosen.len().max(1), args.seed, augment);
    for column in 1..=args.columns {
        for batch in loader.epoch(column as u64) {
            let batch = batch?;
            let images = batch.images().chunks_exact(recipe.image_len());
            for (values, &sample) in images.zip(batch.samples()) {
                let row = chosen.iter().position(|&other| other == sample).unwrap_or_default();
                sheet.place(row, column, &seen(values, &scaling, &recipe)?);
            }
        }
    }
    terminal.stop();
    let mut png = Cursor::new(Vec::new());
    sheet.image.write_to(&mut png, ImageFormat::Png)?;
    write_atomically(&args.show, |file| file.write_all(png.get_ref()))?;
    terminal.print(told(&augment, args, chosen.len()));
    Ok(Status::partial_if(!unreadable.is_empty()))
}

fn refuse_other_formats(path: &Path) -> Result<(), Failure> {
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png")) {
        return Ok(());
    }
    Err(Failure::new(format!("{}: the sheet is a PNG file", path.display()))
        .help("give a name that ends in .png"))
}

/// Refuses a sheet that nobody could look at.
fn refuse_too_large(args: &AugmentArgs) -> Result<(), Failure> {
    let pixels = args.rows * (args.columns + 1) * args.size * args.size;
    if pixels <= MOST_PIXELS {
        return Ok(());
    }
    let found = format!("the sheet would have {pixels} pixels, and {MOST_PIXELS} are the most");
    Err(Failure::new(found).help("give a smaller --size, or fewer --rows or --columns"))
}

/// So many samples, spread evenly over all: they come sorted by group.
fn spread(dataset: &Dataset, count: usize) -> Vec<usize> {
    let all = dataset.samples().len();
    let count = count.min(all);
    (0..count).map(|i| (2 * i + 1) * all / (2 * count)).collect()
}

/// The picture that a network's input shows.
fn seen(values: &[f32], scaling: &Scaling, recipe: &Preprocess) -> Result<Pixels> {
    let channels = scaling.mean.len();
    let byte = |(i, value): (usize, &f32)| {
        ((value * scaling.std[i % channels] + scaling.mean[i % channels]) * 255.0).round() as u8
    };
    let bytes = values.iter().enumerate().map(byte).collect();
    let pixels = Pixels::new(recipe.height(), recipe.width(), recipe.channels(), bytes);
    pixels.ok_or_else(|| Failure::new("a batch has pictures of another size").into())
}

/// Pictures of one size in rows and columns.
struct Sheet {
    image: RgbImage,
    /// How many times pictures are enlarged.
    factor: usize,
    side: usize,
}

impl Sheet {
    fn new(rows: usize, changed: usize, size: usize) -> Self {
        let factor = LEAST_SIDE.div_ceil(size);
        let side = size * factor;
        let width = GAP + (changed + 1) * (side + GAP) + MARGIN;
        let height = GAP + rows * (side + GAP);
        Self { image: RgbImage::from_pixel(width as u32, height as u32, PAPER), factor, side }
    }

    /// Draws a picture; the originals are column 0.
    fn place(&mut self, row: usize, column: usize, pixels: &Pixels) {
        let margin = if column == 0 { 0 } else { MARGIN };
        let (left, top) = (GAP + column * (self.side + GAP) + margin, GAP + row * (self.side + GAP));
        let channels = pixels.channels().count();
        for y in 0..self.side {
            for x in 0..self.side {
                let at = (y / self.factor * pixels.width() + x / self.factor) * channels;
                let pixel = &pixels.as_bytes()[at..at + channels];
                let colour = Rgb([pixel[0], pixel[channels / 2], pixel[channels - 1]]);
                self.image.put_pixel((left + x) as u32, (top + y) as u32, colour);
            }
        }
    }
}

fn told(augment: &Augment, args: &AugmentArgs, rows: usize) -> String {
    format!(
        "{}: {rows} pictures, each as it is and changed {} times\naugment: {augment}",
        quoted(&args.show),
        args.columns
    )
}
