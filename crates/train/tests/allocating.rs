//! The memory that reading a checkpoint takes, whatever its bytes say. Alone in its process, because all allocations are counted.

use std::alloc::System;

use divvy_train::Checkpoint;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What readers and errors take beside the content.
const BESIDE: usize = 1 << 18;

#[test]
fn reading_takes_memory_for_what_is_there_not_for_what_is_said() {
    let claims = [u32::MAX, 1 << 31, 1 << 20, 1000];
    let lists = ["[", "{\"a\":[", "{\"watch\":{\"told\":[", "\"", "[[[[[[[["];
    for claim in claims {
        for list in lists {
            for zeros in [0, 100, 10_000] {
                let content = [list.as_bytes(), &vec![0; zeros]].concat();
                let bytes =
                    [b"divvy checkpoint".as_slice(), &1_u32.to_le_bytes(), &claim.to_le_bytes(), &content]
                        .concat();
                let region = Region::new(ALLOCATOR);
                let read = Checkpoint::from_bytes(&bytes);
                let taken = region.change().bytes_allocated;
                assert!(read.is_err());
                assert!(taken <= 8 * bytes.len() + BESIDE, "{taken} bytes for a file of {}", bytes.len());
            }
        }
    }
}
