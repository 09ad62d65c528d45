//! Decoded pictures that are kept on disk.

use crate::common::{folder, noisy_png, open, write};
use divvy_data::{CacheOptions, CachePlace, Channels, Dataset, Fit, ImageStore, Preprocess, StoreOptions};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

const IMAGES: usize = 20;

/// Two groups of pictures that all differ.
fn pictures() -> (TempDir, Arc<Dataset>) {
    let root = folder();
    for i in 0..IMAGES {
        let group = if i < IMAGES / 2 { "a" } else { "b" };
        write(root.path(), &format!("{group}/{i}.png"), &noisy_png(9, 7, i as u64));
    }
    let dataset = open(root.path()).expect("it can be opened");
    (root, Arc::new(dataset))
}

fn recipe() -> Preprocess {
    Preprocess::new(4, 6, Channels::Rgb).expect("the size is allowed")
}

fn on_disk(folder: &Path) -> CacheOptions {
    CacheOptions { place: CachePlace::Disk, folder: Some(folder.to_owned()), ..CacheOptions::default() }
}

fn load(dataset: &Arc<Dataset>, recipe: &Preprocess, cache: CacheOptions) -> ImageStore {
    let all: Vec<usize> = (0..dataset.samples().len()).collect();
    let options = StoreOptions { threads: 3, cache, ..StoreOptions::default() };
    ImageStore::load(dataset, recipe, &all, &options).expect("all are readable")
}

/// The pixels of all samples.
fn pixels(store: &ImageStore) -> Vec<Vec<u8>> {
    (0..IMAGES).map(|sample| store.pixels(sample).expect("it is readable").as_bytes().to_vec()).collect()
}

fn packs(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).expect("it is there").map(|entry| entry.expect("it can be read").path()).collect()
}

/// Bytes of a record: key, height, width, two checksums, picture.
const HEAD: usize = 32 + 4 * 4;
/// Flags, a digest, a small grey picture.
const FINGERPRINT: usize = 1 + 16 + 3 + 32 * 32;
const RECORD: usize = HEAD + FINGERPRINT + 4 * 6 * 3;
const HEADER: usize = 16 + 32 + 4;

#[test]
fn pictures_are_the_same_bits_wherever_they_are_kept() {
    let (_root, dataset) = pictures();
    let cache = folder();
    let expected = pixels(&load(&dataset, &recipe(), CacheOptions::default()));
    for place in CachePlace::ALL {
        // Memory for five: the rest is kept on disk, or nowhere.
        let memory = 5 * recipe().image_len();
        let options = CacheOptions { place, memory, ..on_disk(cache.path()) };
        for _run in 0..2 {
            let store = load(&dataset, &recipe(), options.clone());
            assert_eq!(pixels(&store), expected, "{place:?}");
            assert!(!store.is_all_in_memory() && store.cache_fault().is_none());
        }
    }
}

#[test]
fn a_second_run_takes_pictures_from_disk_and_changed_ones_from_their_files() {
    let (root, dataset) = pictures();
    let cache = folder();
    let expected = pixels(&load(&dataset, &recipe(), on_disk(cache.path())));
    let pack = &packs(cache.path())[0];
    let len = fs::metadata(pack).expect("it is there").len() as usize;
    assert_eq!(len, HEADER + IMAGES * RECORD);

    // A picture in the file that nobody would decode so: it is seen only where the file is read.
    let mut bytes = fs::read(pack).expect("it can be read");
    let image = &mut bytes[HEADER..][..RECORD];
    image[HEAD + FINGERPRINT..].fill(7);
    let of_picture = crc32(&image[HEAD..]).to_le_bytes();
    image[40..44].copy_from_slice(&of_picture);
    let of_head = crc32(&image[..44]).to_le_bytes();
    image[44..48].copy_from_slice(&of_head);
    fs::write(pack, &bytes).expect("it can be written");
    let again = pixels(&load(&dataset, &recipe(), on_disk(cache.path())));
    let changed: Vec<usize> = (0..IMAGES).filter(|&i| again[i] != expected[i]).collect();
    assert_eq!(changed.len(), 1);
    assert!(again[changed[0]].iter().all(|&byte| byte == 7));

    // With another content it is another picture, under the same name and with the same size.
    let path = dataset.sample_path(changed[0]);
    fs::write(&path, noisy_png(9, 7, 99)).expect("it can be written");
    let fresh = load(&dataset, &recipe(), on_disk(cache.path()));
    assert_eq!(pixels(&fresh), pixels(&load(&dataset, &recipe(), CacheOptions::default())));
    drop(root);
}

/// CRC-32 as in zlib, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, &byte| {
        (0..8).fold(
            crc ^ u32::from(byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 },
        )
    })
}

#[test]
fn what_a_crash_leaves_is_not_taken_for_a_picture() {
    let (_root, dataset) = pictures();
    let expected = pixels(&load(&dataset, &recipe(), CacheOptions::default()));
    let cache = folder();
    load(&dataset, &recipe(), on_disk(cache.path()));
    let pack = packs(cache.path()).remove(0);
    let whole = fs::read(&pack).expect("it can be read");
    let zeroed = |from: usize, len: usize| {
        let mut bytes = whole.clone();
        bytes[from..from + len].fill(0);
        bytes
    };
    let damaged = [
        Vec::new(),
        whole[..HEADER - 1].to_vec(),
        whole[..HEADER].to_vec(),
        whole[..HEADER + 3 * RECORD + 50].to_vec(),
        zeroed(0, 20),
        zeroed(HEADER + 2 * RECORD, RECORD),
        zeroed(HEADER + 5 * RECORD + 60, 10),
        zeroed(HEADER + 7 * RECORD + 32, 4),
        zeroed(HEADER + 19 * RECORD + 40, 4),
        [whole.as_slice(), &[1; 30]].concat(),
    ];
    for (number, bytes) in damaged.iter().enumerate() {
        fs::write(&pack, bytes).expect("it can be written");
        for run in 0..2 {
            let store = load(&dataset, &recipe(), on_disk(cache.path()));
            assert_eq!(pixels(&store), expected, "damage {number}, run {run}");
        }
        let len = fs::metadata(&pack).expect("it is there").len() as usize;
        assert_eq!((len - HEADER) % RECORD, 0, "damage {number}: whole records");
        assert!(len <= HEADER + (IMAGES + 1) * RECORD, "damage {number}: nothing is there twice");
    }
}

#[test]
fn damage_after_loading_is_noticed_when_the_picture_is_needed() {
    let (_root, dataset) = pictures();
    let cache = folder();
    let store = load(&dataset, &recipe(), on_disk(cache.path()));
    let expected = pixels(&store);
    let pack = packs(cache.path()).remove(0);
    let file = fs::OpenOptions::new().write(true).open(&pack).expect("it can be opened");
    file.set_len((HEADER + 4 * RECORD + 40) as u64).expect("it can be cut");
    assert_eq!(pixels(&store), expected);
}

#[test]
fn each_recipe_has_pictures_of_its_own() {
    let (_root, dataset) = pictures();
    let cache = folder();
    let recipes = [
        recipe(),
        recipe().with_fit(Fit::Pad),
        recipe().with_background([1, 2, 3]),
        Preprocess::new(6, 4, Channels::Rgb).expect("the size is allowed"),
        Preprocess::new(4, 6, Channels::Grey).expect("the size is allowed"),
    ];
    for recipe in &recipes {
        let kept = pixels(&load(&dataset, recipe, on_disk(cache.path())));
        assert_eq!(kept, pixels(&load(&dataset, recipe, CacheOptions::default())));
    }
    assert_eq!(packs(cache.path()).len(), recipes.len());
}

#[test]
fn the_files_used_last_stay_within_the_limit() {
    let (_root, dataset) = pictures();
    let cache = folder();
    let whole = (HEADER + IMAGES * RECORD) as u64;
    #[expect(clippy::disallowed_methods, reason = "the times of files are of the day")]
    let old = |days: u64| SystemTime::now() - Duration::from_secs(days * 86_400);
    for (name, days) in
        [("pictures-1.pack", 3), ("pictures-2.pack", 1), ("pictures-3.pack", 2), ("mine.txt", 9)]
    {
        let path = cache.path().join(name);
        fs::write(&path, vec![0; 1000]).expect("it can be written");
        let file = fs::OpenOptions::new().write(true).open(&path).expect("it can be opened");
        file.set_modified(old(days)).expect("it can be set");
    }
    let options = CacheOptions { disk: whole + 1048, ..on_disk(cache.path()) };
    let store = load(&dataset, &recipe(), options);
    let expected = pixels(&load(&dataset, &recipe(), CacheOptions::default()));
    assert_eq!(pixels(&store), expected);
    let names =
        |path: &Path| packs(path).iter().map(|p| p.file_name().map(ToOwned::to_owned)).collect::<Vec<_>>();
    let left = names(cache.path());
    for (name, stays) in [("pictures-1.pack", false), ("pictures-3.pack", false), ("pictures-2.pack", true)] {
        assert_eq!(left.contains(&Some(name.into())), stays, "the oldest go first: {left:?}");
    }
    assert!(left.contains(&Some("mine.txt".into())), "what is not ours stays: {left:?}");
    let all: u64 = packs(cache.path())
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "pack"))
        .map(|path| fs::metadata(path).expect("it is there").len())
        .sum();
    assert_eq!(all, whole + 1000);

    // Where there is not room for all, as many as there is room for.
    let small = folder();
    let store = load(&dataset, &recipe(), CacheOptions { disk: 10_000, ..on_disk(small.path()) });
    assert_eq!(pixels(&store), expected);
    let len = fs::metadata(&packs(small.path())[0]).expect("it is there").len() as usize;
    assert_eq!(len, HEADER + (10_000 - HEADER) / RECORD * RECORD);
}

#[test]
fn a_folder_that_cannot_be_made_is_told_and_nothing_is_lost() {
    let (_root, dataset) = pictures();
    let elsewhere = folder();
    write(elsewhere.path(), "file", b"in the way");
    let store = load(&dataset, &recipe(), on_disk(&elsewhere.path().join("file/cache")));
    let fault = store.cache_fault().expect("it is told");
    assert!(fault.contains("file/cache: pictures cannot be kept there"), "{fault}");
    assert_eq!(pixels(&store), pixels(&load(&dataset, &recipe(), CacheOptions::default())));
}

#[test]
fn two_at_once_do_not_disturb_each_other() {
    let (_root, dataset) = pictures();
    let cache = folder();
    let expected = pixels(&load(&dataset, &recipe(), CacheOptions::default()));
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| pixels(&load(&dataset, &recipe(), on_disk(cache.path())))))
            .collect();
        for run in runs {
            assert_eq!(run.join().expect("it does not panic"), expected);
        }
    });
    let len = fs::metadata(&packs(cache.path())[0]).expect("it is there").len() as usize;
    assert_eq!(len, HEADER + IMAGES * RECORD, "each picture is there once");
}
