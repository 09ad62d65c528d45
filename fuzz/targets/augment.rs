//! Any text as a TOML file of changes to pictures, and pictures changed by it.

#![no_main]

use divvy_data::{
    Augment, AugmentChoice, Dataset, Detail, ImageStore, Loader, OpenOptions, Preprocess, StoreOptions,
};
use image::{ImageFormat, Rgb, RgbImage};
use libfuzzer_sys::fuzz_target;
use std::path::Path;
use std::sync::{Arc, OnceLock};

fuzz_target!(|text: &str| {
    if let Ok(choice) = AugmentChoice::from_toml(text, Path::new("fuzz.toml")) {
        let pictures = pictures();
        apply(choice.settings(&pictures.dataset), pictures);
    }
});

/// Two groups of small pictures, each of another shape.
struct Pictures {
    dataset: Arc<Dataset>,
    store: Arc<ImageStore>,
    recipe: Preprocess,
}

fn pictures() -> &'static Pictures {
    static PICTURES: OnceLock<Pictures> = OnceLock::new();
    PICTURES.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder can be made");
        for (i, (group, width, height)) in
            [("a", 9, 7), ("a", 16, 3), ("b", 1, 1), ("b", 8, 20)].into_iter().enumerate()
        {
            std::fs::create_dir_all(folder.path().join(group)).expect("a folder can be made");
            let picture =
                RgbImage::from_fn(width, height, |x, y| Rgb([(x * 37) as u8, (y * 91) as u8, (x * y) as u8]));
            picture
                .save_with_format(folder.path().join(group).join(format!("{i}.png")), ImageFormat::Png)
                .expect("it can be saved");
        }
        let options = OpenOptions { limits: divvy_fuzz::limits(), ..OpenOptions::default() };
        let dataset = Arc::new(Dataset::open(folder.path(), &options).expect("the pictures are sound"));
        let recipe = Preprocess::new(8, 8, dataset.channels()).expect("the size is allowed");
        let kept =
            StoreOptions { detail: Detail::for_augment(&Augment::standard()), ..StoreOptions::default() };
        let store = ImageStore::load(&dataset, &recipe, &[0, 1, 2, 3], &kept).expect("the pictures load");
        Pictures { dataset, store: Arc::new(store), recipe }
    })
}

/// Settings that were let through change any picture to numbers.
fn apply(augment: Augment, Pictures { store, recipe, .. }: &Pictures) {
    let loader = Loader::for_training(store, &[0, 1, 2, 3], recipe.scaling(), 4, 0, augment).with_threads(1);
    for epoch in 0..2 {
        for batch in loader.epoch(epoch) {
            let batch = batch.expect("the pictures are in memory");
            assert!(batch.images().iter().all(|value| value.is_finite()), "{augment:?}");
        }
    }
}
