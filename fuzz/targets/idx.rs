//! Any bytes as a pair of idx files: the first byte says where the one ends and the other begins.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&at, bytes)) = bytes.split_first() else { return };
    let (images, labels) = bytes.split_at(usize::from(at).min(bytes.len()));
    let packed = at % 2 == 1;
    let names = if packed {
        ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"]
    } else {
        ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"]
    };
    divvy_fuzz::open(&[(names[0], images), (names[1], labels)], None);
});
