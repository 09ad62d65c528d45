//! Ctrl-C: the first asks the command to stop when it can be left, the second leaves at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::Status;
use crate::terminal::{complain, leave};

static ASKED: AtomicBool = AtomicBool::new(false);

/// Listens for Ctrl-C, and for the signals by which systems end programs. Where that is not possible, they end the
/// program as they always do, which costs the work since the last save and nothing else.
pub(crate) fn listen() {
    let _ = ctrlc::set_handler(|| {
        if ASKED.swap(true, Ordering::Relaxed) {
            leave();
            std::process::exit(Status::Partial.code());
        }
        // Beside this thread, because what is written may have to wait for its reader, and the next Ctrl-C must not.
        let _ = thread::Builder::new().spawn(|| complain("\nstopping; press Ctrl-C again to leave at once"));
    });
}

/// Whether someone asked to stop; commands look at it between two steps.
pub(crate) fn asked() -> &'static AtomicBool {
    &ASKED
}

/// Whether someone asked to stop.
pub(crate) fn is_asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}
