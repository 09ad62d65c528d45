//! The store of decoded samples, and the batches of an epoch.

use crate::common::{folder, open, plain_png, shot, touch, write};
use divvy_data::{
    Augment, Batch, Blur, CacheOptions, CachePlace, Channels, Crop, DataError, Dataset, Detail, ImageStore,
    Loader, Measuring, Mix, Policy, Preprocess, Scaling, StoreOptions, Survey, check,
};
use image::ImageFormat;
use std::collections::BTreeSet;
use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// Two groups of one-coloured images, whose red is their number.
fn colors(n: u8) -> (TempDir, Arc<Dataset>) {
    let root = folder();
    for i in 0..n {
        let group = if i < n / 2 { "a" } else { "b" };
        write(root.path(), &format!("{group}/{i}.png"), &plain_png(9, 7, [i, 100, 200]));
    }
    let dataset = open(root.path()).expect("it can be opened");
    (root, Arc::new(dataset))
}

/// As many images that differ from themselves mirrored.
fn lopsided(n: u8) -> (TempDir, Arc<Dataset>) {
    let root = folder();
    for i in 0..n {
        let image = image::RgbImage::from_fn(9, 7, |x, y| image::Rgb([20 * x as u8 + i, 30 * y as u8, 100]));
        let mut png = Cursor::new(Vec::new());
        image.write_to(&mut png, ImageFormat::Png).expect("it can be encoded");
        write(root.path(), &format!("{}/{i}.png", if i < n / 2 { "a" } else { "b" }), png.get_ref());
    }
    let dataset = open(root.path()).expect("it can be opened");
    (root, Arc::new(dataset))
}

fn recipe() -> Preprocess {
    Preprocess::new(4, 6, Channels::Rgb).expect("the size is allowed")
}

fn all(dataset: &Dataset) -> Vec<usize> {
    (0..dataset.samples().len()).collect()
}

fn store(dataset: &Arc<Dataset>, options: &StoreOptions<'_>) -> Arc<ImageStore> {
    Arc::new(ImageStore::load(dataset, &recipe(), &all(dataset), options).expect("all are readable"))
}

/// So many bytes in memory, and the rest nowhere.
fn memory(bytes: usize) -> CacheOptions {
    CacheOptions { memory: bytes, ..CacheOptions::default() }
}

fn unit() -> Scaling {
    Scaling::unit(Channels::Rgb)
}

#[test]
fn pictures_measured_whole_are_measured_as_by_a_survey_wherever_they_are_kept() {
    let root = folder();
    write(root.path(), "a/large.jpg", &shot(400, 300, ImageFormat::Jpeg));
    write(root.path(), "b/wide.png", &shot(300, 100, ImageFormat::Png));
    write(root.path(), "b/tiny.png", &shot(20, 30, ImageFormat::Png));
    let dataset = Arc::new(open(root.path()).expect("it can be opened"));
    let surveyed = Survey::of(&dataset, &StoreOptions::default()).expect("nobody cancels");
    let sharp = |survey: &Survey| -> Vec<bool> {
        let known =
            all(&dataset).into_iter().map(|sample| survey.attributes(sample).expect("it is readable"));
        known.map(|known| known.sharpness.is_some()).collect()
    };
    assert_eq!(sharp(&surveyed), [true, false, true], "in the order of their names");

    let kept = folder();
    // The second time on disk, what is kept is there already.
    for place in [CachePlace::Memory, CachePlace::None, CachePlace::Disk, CachePlace::Disk] {
        for channels in [Channels::Rgb, Channels::Grey] {
            let cache =
                CacheOptions { place, folder: Some(kept.path().to_owned()), ..CacheOptions::default() };
            let recipe = Preprocess::new(48, 40, channels).expect("the size is allowed");
            let load = |measuring| {
                let options = StoreOptions { cache: cache.clone(), measuring, ..StoreOptions::default() };
                ImageStore::load(&dataset, &recipe, &all(&dataset), &options).expect("all are readable")
            };
            let whole = load(Measuring::Whole);
            for sample in all(&dataset) {
                let told = whole.survey().attributes(sample);
                assert_eq!(told, surveyed.attributes(sample), "{place:?} {channels:?}");
            }
            assert_eq!(sharp(load(Measuring::Kept).survey()), [false; 3], "{place:?} {channels:?}");
        }
    }
}

#[test]
fn samples_are_the_same_from_memory_and_from_disk_and_for_any_threads() {
    let (_root, dataset) = colors(20);
    let in_memory = store(&dataset, &StoreOptions::default());
    assert!(in_memory.is_all_in_memory());
    let image_len = 4 * 6 * 3;
    let options = StoreOptions { threads: 5, cache: memory(7 * image_len + 1), ..StoreOptions::default() };
    let partly = store(&dataset, &options);
    assert!(!partly.is_all_in_memory());
    for sample in all(&dataset) {
        let pixels = in_memory.pixels(sample).expect("it is in memory");
        assert_eq!(pixels, partly.pixels(sample).expect("it is readable"));
        assert_eq!(&pixels.as_bytes()[..3], [sample as u8, 100, 200]);
    }
}

#[test]
fn progress_counts_every_sample_and_cancelling_stops() {
    let (_root, dataset) = colors(20);
    let seen = Mutex::new(BTreeSet::new());
    let progress = |done, total| {
        assert_eq!(total, 20);
        seen.lock().expect("no thread panicked").insert(done);
    };
    store(&dataset, &StoreOptions { progress: Some(&progress), threads: 3, ..StoreOptions::default() });
    assert_eq!(seen.into_inner().expect("no thread panicked"), (1..=20).collect());

    let (cancel, calls) = (AtomicBool::new(false), AtomicUsize::new(0));
    let progress = |done, _| {
        calls.fetch_add(1, Ordering::Relaxed);
        cancel.store(done >= 5, Ordering::Relaxed);
    };
    let options = StoreOptions {
        progress: Some(&progress),
        cancel: Some(&cancel),
        threads: 1,
        ..StoreOptions::default()
    };
    let result = ImageStore::load(&dataset, &recipe(), &all(&dataset), &options);
    assert!(matches!(result, Err(DataError::Interrupted)));
    assert_eq!(calls.into_inner(), 5);
}

#[test]
fn a_tenth_may_be_unreadable_and_is_listed_by_name() {
    let (root, dataset) = colors(20);
    write(root.path(), "a/3.png", b"text");
    write(root.path(), "b/12.png", &plain_png(9, 7, [1, 2, 3])[..40]);
    let loaded = store(&dataset, &StoreOptions::default());
    assert_eq!(loaded.unreadable_samples(), [3, 12]);
    let reasons: Vec<String> = loaded.unreadable().iter().map(|bad| bad.error.to_string()).collect();
    assert!(reasons[0].contains("3.png is not an image: it holds text"), "{reasons:?}");
    assert!(reasons[1].contains("12.png is a damaged or incomplete PNG"), "{reasons:?}");

    write(root.path(), "a/5.png", b"");
    let error = ImageStore::load(&dataset, &recipe(), &all(&dataset), &StoreOptions::default());
    let message = error.expect_err("three of twenty are too many").to_string();
    assert!(
        message.contains("3 of 20 images cannot be used") && message.contains("3.png is not"),
        "{message}"
    );
}

#[test]
fn the_scaling_is_the_mean_and_deviation_of_the_pixels() {
    let (_root, dataset) = colors(20);
    let loaded = store(&dataset, &StoreOptions::default());
    // Red is 0 to 19: mean 9.5, variance (20^2 - 1) / 12; green and blue never vary.
    let measured = loaded.measure_scaling(&all(&dataset));
    assert!((measured.mean[0] - 9.5 / 255.0).abs() < 1e-6);
    assert!((measured.std[0] - (399f32 / 12.0).sqrt() / 255.0).abs() < 1e-6);
    assert!((measured.mean[1] - 100.0 / 255.0).abs() < 1e-6 && measured.std[1] > 0.0);
    let scaled = recipe().with_scaling(measured).expect("it was measured on the same channels");
    let image = dataset.load(19, &scaled).expect("it is readable");
    let values = scaled.scale(&image);
    assert!((values[0] - 9.5 / (399f32 / 12.0).sqrt()).abs() < 1e-4, "{}", values[0]);
    assert!(values[1].abs() < 1e-3, "{}", values[1]);
}

#[test]
fn the_scaling_does_not_hang_on_memory_or_threads() {
    let (_root, dataset) = colors(20);
    let measured = |threads: usize, images: usize| {
        let options = StoreOptions { threads, cache: memory(images * 4 * 6 * 3), ..StoreOptions::default() };
        store(&dataset, &options).measure_scaling(&all(&dataset))
    };
    let whole = measured(1, 20);
    // By class, as samples come: the first half alone would have a mean red of 4.5 instead of 9.5.
    for (threads, images) in [(1, 0), (1, 10), (3, 10), (7, 0), (64, 20)] {
        assert_eq!(measured(threads, images), whole, "{threads} threads, {images} images in memory");
    }
}

/// The samples and image bits of an epoch.
fn epoch(loader: &Loader, epoch: u64) -> Vec<(Vec<usize>, Vec<u32>)> {
    let bits = |batch: &Batch| batch.images().iter().map(|value| value.to_bits()).collect();
    let batches = loader.epoch(epoch).map(|batch| batch.expect("it is readable"));
    batches.map(|batch| (batch.samples().to_vec(), bits(&batch))).collect()
}

/// Every change there is, most of them always.
fn everything() -> Augment {
    Augment {
        flip_vertical: 0.5,
        shift: 0.1,
        zoom: 0.1,
        shear: 5.0,
        blur: Some(Blur { probability: 0.5, ..Blur::default() }),
        policy: Some(Policy::Rand { operations: 2, magnitude: 9.0 }),
        mix: Some(Mix { probability: 0.5, mixup: 0.4, cutmix: 1.0 }),
        ..Augment::strong()
    }
}

#[test]
fn epochs_are_the_same_bits_for_any_number_of_threads() {
    let (_root, dataset) = colors(23);
    let loaded = store(&dataset, &StoreOptions::default());
    let samples = all(&dataset);
    for augment in [Augment::light(), Augment::standard(), Augment::strong(), everything()] {
        let loader = |seed| Loader::for_training(&loaded, &samples, &unit(), 5, seed, augment);
        let one = epoch(&loader(7).with_threads(1), 3);
        for threads in [2, 7] {
            assert_eq!(epoch(&loader(7).with_threads(threads), 3), one, "{augment}");
        }
        assert_ne!(epoch(&loader(7), 4), one, "{augment}");
        assert_ne!(epoch(&loader(8), 3), one, "{augment}");
    }
}

/// Photos as JPEG, which are read anew each time only as far down as the part that is taken, beside the same photos kept whole.
#[test]
fn parts_of_photos_are_the_same_bits_kept_and_read_anew() {
    let root = folder();
    let formats = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats");
    for (group, name) in [
        ("a", "tall.jpg"),
        ("a", "tall_half.jpg"),
        ("a", "tall_full.jpg"),
        ("a", "tall_restart.jpg"),
        ("b", "tall_grey.jpg"),
        ("b", "magick_tall_440.jpg"),
        ("b", "progressive.jpg"),
        ("b", "turned6.jpg"),
        ("b", "interlaced.png"),
    ] {
        write(root.path(), &format!("{group}/{name}"), &fs::read(formats.join(name)).expect("it is there"));
    }
    let dataset = Arc::new(open(root.path()).expect("it can be opened"));
    let samples = all(&dataset);
    let crop = Crop { area: [0.1, 1.0], aspect: [0.5, 2.0] };
    // Photos of 45 x 83 stay as they are for twice 36 x 36, and are reduced for twice 20 x 10.
    for (height, width, augment) in [
        (36, 36, Augment { crop: Some(crop), flip: 0.5, flip_vertical: 0.5, ..Augment::none() }),
        (36, 36, Augment { crop: Some(crop), ..everything() }),
        (20, 10, Augment { crop: Some(crop), ..Augment::none() }),
    ] {
        let recipe = Preprocess::new(height, width, Channels::Rgb).expect("the size is allowed");
        let options = StoreOptions { detail: Detail::for_augment(&augment), ..StoreOptions::default() };
        let kept = ImageStore::load(&dataset, &recipe, &samples, &options).expect("all are readable");
        let anew = ImageStore::at_source(&dataset, &recipe, &samples, &options);
        let [kept, anew] = [kept, anew].map(|store| {
            let store = Arc::new(store);
            Loader::for_training(&store, &samples, &unit(), 4, 0, augment).with_threads(2)
        });
        for number in 0..20 {
            assert!(epoch(&kept, number) == epoch(&anew, number), "epoch {number} of {augment}");
        }
    }
}

#[test]
fn augmentation_hangs_on_the_sample_and_not_on_its_place() {
    let (_root, dataset) = colors(23);
    let loaded = store(&dataset, &StoreOptions::default());
    let image = |samples: &[usize]| {
        let loader = Loader::for_training(&loaded, samples, &unit(), 4, 1, Augment::light());
        let batches: Vec<Batch> = loader.epoch(2).map(|batch| batch.expect("it is readable")).collect();
        let batch =
            batches.iter().find(|batch| batch.samples().contains(&11)).expect("11 is among the samples");
        let at = batch.samples().iter().position(|&sample| sample == 11).expect("11 is in this batch");
        batch.images()[at * 72..][..72].to_vec()
    };
    assert_eq!(image(&all(&dataset)), image(&[3, 11, 17]));
}

#[test]
fn a_picture_is_mirrored_in_every_second_epoch() {
    let (_root, dataset) = lopsided(9);
    let loaded = store(&dataset, &StoreOptions::default());
    let loader = Loader::for_training(
        &loaded,
        &all(&dataset),
        &unit(),
        4,
        1,
        Augment { flip: 0.5, ..Augment::none() },
    );
    let epoch = |number| {
        let mut images = vec![Vec::new(); 9];
        for batch in loader.epoch(number) {
            let batch = batch.expect("it is readable");
            let each = batch.images().len() / batch.len();
            for (&sample, image) in batch.samples().iter().zip(batch.images().chunks(each)) {
                images[sample] = image.to_vec();
            }
        }
        images
    };
    let epochs: Vec<_> = (0..6).map(epoch).collect();
    for (number, three) in epochs.windows(3).enumerate() {
        assert_eq!(three[0], three[2], "epochs {number} and {}", number + 2);
        for (sample, (image, next)) in three[0].iter().zip(&three[1]).enumerate() {
            assert_ne!(image, next, "sample {sample} in epoch {number}");
        }
    }
}

#[test]
fn an_epoch_has_every_sample_once_in_a_new_order() {
    let (_root, dataset) = colors(23);
    let loaded = store(&dataset, &StoreOptions::default());
    let loader = Loader::for_training(&loaded, &all(&dataset), &unit(), 5, 0, Augment::none());
    let order =
        |e| -> Vec<usize> { epoch(&loader, e).into_iter().flat_map(|(samples, _)| samples).collect() };
    let (first, second) = (order(0), order(1));
    assert_ne!(first, second);
    for order in [first, second] {
        assert_eq!(order.into_iter().collect::<BTreeSet<_>>().len(), 23);
    }
    for batch in loader.epoch(0) {
        let batch = batch.expect("it is readable");
        for (image, &sample) in batch.images().chunks_exact(72).zip(batch.samples()) {
            assert!(
                (image[0] - sample as f32 / 255.0).abs() < 1e-6 && (image[1] - 100.0 / 255.0).abs() < 1e-6
            );
        }
    }
}

#[test]
fn an_epoch_of_smaller_images_shows_the_same_pictures_in_the_same_order() {
    // Light that grows evenly from left to right is the same in any size, but at the edges.
    let root = folder();
    for index in 0..6_u8 {
        let group = if index % 2 == 0 { "a" } else { "b" };
        let picture = image::GrayImage::from_fn(32, 32, |x, _| image::Luma([10 * index + 4 * x as u8]));
        let mut png = Cursor::new(Vec::new());
        picture.write_to(&mut png, image::ImageFormat::Png).expect("it can be encoded");
        write(root.path(), &format!("{group}/{index}.png"), png.get_ref());
    }
    let dataset = Arc::new(open(root.path()).expect("it can be opened"));
    let recipe = Preprocess::new(32, 32, Channels::Grey).expect("a recipe");
    let loaded = ImageStore::load(&dataset, &recipe, &all(&dataset), &StoreOptions::default());
    let loaded = Arc::new(loaded.expect("they are readable"));
    let scaling = Scaling::unit(Channels::Grey);
    let loader = Loader::for_training(&loaded, &all(&dataset), &scaling, 4, 0, Augment::none());
    let batches = |size: usize| -> Vec<(Vec<usize>, Vec<f32>)> {
        let epoch = loader.epoch_of_size(3, 0, [size, size]).map(|batch| batch.expect("it is readable"));
        epoch.map(|batch| (batch.samples().to_vec(), batch.images().to_vec())).collect()
    };
    let (whole, half) = (batches(32), batches(16));
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    let usual: Vec<_> = whole.iter().map(|(samples, images)| (samples.clone(), bits(images))).collect();
    assert_eq!(usual, epoch(&loader, 3));
    for ((samples, whole), (same, half)) in whole.iter().zip(&half) {
        assert_eq!(samples, same);
        assert_eq!((whole.len(), half.len()), (samples.len() * 1024, samples.len() * 256));
        for (whole, half) in whole.chunks_exact(1024).zip(half.chunks_exact(256)) {
            for x in 2..14 {
                let expected = whole[2 * x].midpoint(whole[2 * x + 1]);
                assert!(
                    (half[16 * 8 + x] - expected).abs() < 1.0 / 255.0,
                    "{} for {expected}",
                    half[128 + x]
                );
            }
        }
    }
}

#[test]
fn no_training_batch_has_a_single_image_beside_others() {
    let (_root, dataset) = colors(23);
    let loaded = store(&dataset, &StoreOptions::default());
    let sizes = |loader: &Loader| -> Vec<usize> {
        epoch(loader, 0).iter().map(|(samples, _)| samples.len()).collect()
    };
    for (n, size, training, evaluation) in [
        (23, 5, vec![5, 5, 5, 5, 3], vec![5, 5, 5, 5, 3]),
        (21, 5, vec![5, 5, 5, 6], vec![5, 5, 5, 5, 1]),
        (20, 5, vec![5, 5, 5, 5], vec![5, 5, 5, 5]),
        (3, 5, vec![3], vec![3]),
        (1, 5, vec![1], vec![1]),
        (3, 1, vec![1, 1, 1], vec![1, 1, 1]),
        (0, 5, vec![], vec![]),
    ] {
        let samples: Vec<usize> = (0..n).collect();
        let train = Loader::for_training(&loaded, &samples, &unit(), size, 0, Augment::none());
        assert_eq!(sizes(&train), training);
        assert_eq!(
            (train.batches(), train.largest_batch()),
            (training.len(), training.iter().copied().max().unwrap_or(0))
        );
        assert_eq!(sizes(&Loader::for_evaluation(&loaded, &samples, &unit(), size)), evaluation);
    }
}

#[test]
fn evaluation_keeps_the_order_and_the_pixels() {
    let (_root, dataset) = colors(23);
    let loaded = store(&dataset, &StoreOptions::default());
    let samples = [5, 3, 22, 0];
    let loader = Loader::for_evaluation(&loaded, &samples, &unit(), 3);
    let first = epoch(&loader, 0);
    assert_eq!(first.iter().flat_map(|(samples, _)| samples.clone()).collect::<Vec<_>>(), samples);
    assert_eq!(first, epoch(&loader, 1));
    assert_eq!(f32::from_bits(first[0].1[0]), 5.0 / 255.0);
}

#[test]
fn a_file_that_goes_bad_during_training_is_an_error_that_names_it() {
    let (root, dataset) = colors(10);
    let loaded = store(&dataset, &StoreOptions { cache: memory(0), ..StoreOptions::default() });
    fs::remove_file(root.path().join("a/2.png")).expect("it can be removed");
    let loader = Loader::for_evaluation(&loaded, &all(&dataset), &unit(), 4);
    let error = loader.epoch(0).find_map(Result::err).expect("2 is gone").to_string();
    assert!(error.contains("2.png cannot be read"), "{error}");
}

#[test]
fn mirroring_is_off_where_it_would_change_the_label() {
    let flips = |groups: &[&str]| {
        let root = folder();
        for group in groups {
            touch(root.path(), &[&format!("{group}/1.jpg")]);
        }
        let dataset = open(root.path()).expect("it can be opened");
        let reasons = check::names(&dataset).into_iter().filter(|finding| finding.id() == "P05");
        (Augment::light().suited_to(&dataset), reasons.map(|finding| finding.why).next())
    };
    for groups in [&["cats", "dogs"][..], &["bright", "leftovers"], &["copyright", "other"], &["b1", "b2"]] {
        assert_eq!(flips(groups), (Augment::light(), None), "{groups:?}");
    }
    for (groups, word) in [
        (&["turn_left", "turn_right"][..], "turn_left"),
        (&["LookRight", "straight"], "LookRight"),
        (&["Left hand", "other"], "Left hand"),
        (&["0", "1", "12"], "numbers"),
        (&["b", "d"], "single characters"),
    ] {
        let (augment, reason) = flips(groups);
        assert_eq!(augment, Augment { flip: 0.0, ..Augment::light() });
        assert!(reason.expect("the reason is given").contains(word), "{groups:?}");
    }
}
