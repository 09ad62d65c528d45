//! Any bytes as a checkpoint, with the checksum that belongs to them, so that what is read gets past it.

#![no_main]

use divvy_train::Checkpoint;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let signed = [bytes, &crc32fast::hash(bytes).to_le_bytes()].concat();
    match Checkpoint::from_bytes(&signed) {
        // What was read can be written, and is read as the same again.
        Ok(checkpoint) => {
            let mut written = Vec::new();
            checkpoint.write(&mut written).expect("memory takes it");
            let again = Checkpoint::from_bytes(&written).expect("what was written can be read");
            let mut rewritten = Vec::new();
            again.write(&mut rewritten).expect("memory takes it");
            assert!(rewritten == written);
        }
        Err(fault) => assert!(!fault.to_string().is_empty()),
    }
});
