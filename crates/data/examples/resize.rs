//! Fits the pictures in a folder to one size and writes their bytes one after the other, to be compared with another program's:
//! `resize FOLDER SIZE bilinear|bicubic OUT`. `resize.py` beside this does that with Pillow.

use divvy_data::{Channels, Filter, Limits, Preprocess, find_images, stream_images};
use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, size, filter, out] = &arguments[..] else {
        return Err("give FOLDER SIZE bilinear|bicubic OUT".into());
    };
    let filter = match filter.as_str() {
        "bilinear" => Filter::Bilinear,
        "bicubic" => Filter::Bicubic,
        other => return Err(format!("{other} is neither bilinear nor bicubic").into()),
    };
    let side = size.parse()?;
    let recipe = Preprocess::new(side, side, Channels::Rgb)?.with_filter(filter);
    let paths = find_images(folder.as_ref())?.images;
    let mut file = BufWriter::new(File::create(out)?);
    for (_, pixels) in stream_images(paths, &recipe, &Limits::default(), 2) {
        file.write_all(pixels?.as_bytes())?;
    }
    Ok(file.flush()?)
}
