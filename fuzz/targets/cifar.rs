//! Any bytes as CIFAR: names and records, each record's pixels one byte over and over.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&kind, bytes)) = bytes.split_first() else { return };
    let (labels, names) = bytes.split_at(usize::from(kind >> 1).min(bytes.len()));
    let hundred = kind % 2 == 1;
    let record = if hundred { 3074 } else { 3073 };
    // A last record that is cut short comes from an odd number of names.
    let cut = names.len() % 2;
    let mut batch: Vec<u8> = labels.iter().flat_map(|&label| std::iter::repeat_n(label, record)).collect();
    batch.truncate(batch.len().saturating_sub(cut));
    let file_names = if hundred {
        ["train.bin", "fine_label_names.txt"]
    } else {
        ["data_batch_1.bin", "batches.meta.txt"]
    };
    divvy_fuzz::open(&[(file_names[0], &batch), (file_names[1], names)], None);
});
