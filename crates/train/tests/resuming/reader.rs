//! Any bytes as a checkpoint's file.

use std::fs;
use std::sync::OnceLock;

use divvy_train::{Checkpoint, CheckpointFault, RunFolder};
use proptest::prelude::*;

use crate::common::setting;
use crate::support::{begin, resources};

/// A checkpoint as a training writes it.
fn real() -> &'static [u8] {
    static REAL: OnceLock<Vec<u8>> = OnceLock::new();
    REAL.get_or_init(|| {
        let (folder, config) = setting(10);
        let run = folder.path().join("run");
        begin(&config, &run, resources(1, true), Some(5));
        fs::read(&RunFolder::at(&run).checkpoints()[0]).unwrap()
    })
}

fn rewritten(checkpoint: &Checkpoint) -> Vec<u8> {
    let mut bytes = Vec::new();
    checkpoint.write(&mut bytes).unwrap();
    bytes
}

/// With the checksum that belongs to it, so that what is read gets past it.
fn signed(mut bytes: Vec<u8>) -> Vec<u8> {
    let content = bytes.len().saturating_sub(4);
    let sum = crc32fast::hash(&bytes[..content]);
    bytes.truncate(content);
    bytes.extend(sum.to_le_bytes());
    bytes
}

#[test]
fn what_was_written_is_read_as_the_same() {
    let checkpoint = Checkpoint::from_bytes(real()).unwrap();
    assert!(rewritten(&checkpoint) == real());
}

/// Python has made it as docs/resume.md says.
#[test]
fn what_another_program_wrote_by_the_book_is_read() {
    for name in ["adam", "sgd"] {
        let path = format!("{}/../../fuzz/seeds/checkpoint/{name}", env!("CARGO_MANIFEST_DIR"));
        let content = fs::read(path).unwrap();
        let checkpoint = Checkpoint::from_bytes(&signed([&content[..], &[0; 4]].concat())).unwrap();
        assert_eq!(Checkpoint::from_bytes(&rewritten(&checkpoint)).unwrap(), checkpoint);
    }
}

#[test]
fn every_length_but_the_whole_is_told_as_damage() {
    for len in (0..real().len()).step_by(7).chain(real().len() - 9..real().len()) {
        let fault = Checkpoint::from_bytes(&real()[..len]).unwrap_err();
        assert!(
            !matches!(fault, CheckpointFault::Version { .. } | CheckpointFault::Other { .. }),
            "{len}: {fault}"
        );
    }
}

#[test]
fn a_length_beyond_the_file_makes_no_room() {
    for tail in [u32::MAX.to_le_bytes().to_vec(), [&u32::MAX.to_le_bytes()[..], b"{}"].concat()] {
        let bytes = [b"divvy checkpoint".as_slice(), &1_u32.to_le_bytes(), &tail].concat();
        assert_eq!(Checkpoint::from_bytes(&bytes), Err(CheckpointFault::CutShort));
    }
    // A tensor of a shape that no memory holds, after a state that is good.
    let state_len = u32::from_le_bytes(real()[20..24].try_into().unwrap()) as usize;
    let state = &real()[..24 + state_len];
    for shape in ["[4000000000,4000000000]", "[18446744073709551615,2]", "[1000000000]"] {
        let label = format!(r#"{{"part":"parameters","name":"x","shape":{shape}}}"#);
        let bytes = [state, &(label.len() as u32).to_le_bytes(), label.as_bytes(), &[0; 64]].concat();
        assert_eq!(Checkpoint::from_bytes(&signed(bytes)), Err(CheckpointFault::CutShort), "{shape}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000), begin in 0..3_usize) {
        let start = [b"".as_slice(), b"divvy checkpoint", b"divvy checkpoint\x01\0\0\0"][begin];
        let _ = Checkpoint::from_bytes(&signed([start, &bytes, &[0; 4]].concat()));
    }

    #[test]
    fn a_change_is_noticed_or_read_as_it_stands(
        at in any::<prop::sample::Index>(),
        new in prop::collection::vec(any::<u8>(), 1..6),
        signs in any::<bool>(),
    ) {
        let mut bytes = real().to_vec();
        let at = at.index(bytes.len() - new.len());
        bytes[at..at + new.len()].copy_from_slice(&new);
        let changed = bytes != real();
        let read = Checkpoint::from_bytes(&if signs { signed(bytes) } else { bytes });
        match read {
            // A state that says another thing is one all the same, once it is signed.
            Ok(checkpoint) => prop_assert!(signs || !changed, "{:?}", checkpoint.clone()),
            Err(fault) => prop_assert!(!fault.to_string().is_empty()),
        }
    }
}
