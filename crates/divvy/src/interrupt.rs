//! Ctrl-C and the signals by which systems end programs: the first asks the command to stop when it can be left, Ctrl-C after it leaves at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::Status;
use crate::terminal::{complain, leave};

static ASKED: AtomicBool = AtomicBool::new(false);

/// Listens for Ctrl-C, and for the signals by which systems end programs. Where that is not possible, they end the
/// program as they always do, which costs the work since the last save and nothing else.
#[cfg(unix)]
pub(crate) fn listen() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    let ending = [SIGINT, SIGTERM, SIGHUP].into_iter();
    let Ok(mut signals) = Signals::new(ending.filter(|signal| *signal != SIGHUP || !is_ignored(*signal)))
    else {
        return;
    };
    let listen = move || signals.forever().for_each(|signal| ask(signal == SIGINT));
    let _ = thread::Builder::new().name("signals".to_owned()).spawn(listen);
}

/// Listens for Ctrl-C and its like.
#[cfg(not(unix))]
pub(crate) fn listen() {
    let _ = ctrlc::set_handler(|| ask(true));
}

/// Whether whoever started this program has a signal ignored, as `nohup` does, where the system tells (Linux).
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|signals| u64::from_str_radix(signals.trim(), 16).ok());
    ignored.is_some_and(|signals| signals >> (signal - 1) & 1 == 1)
}

/// Asks to stop. Systems may send more than one signal, or one more than once, before a step is done: only a person who presses Ctrl-C (`by_hand`) after that
/// is in a hurry.
fn ask(by_hand: bool) {
    if ASKED.swap(true, Ordering::Relaxed) {
        if by_hand {
            leave();
            std::process::exit(Status::Partial.code());
        }
        return;
    }
    let again = if by_hand { " again" } else { "" };
    // Beside this thread, because what is written may have to wait for its reader, and the next Ctrl-C must not.
    let told = move || complain(format_args!("\nstopping; press Ctrl-C{again} to leave at once"));
    let _ = thread::Builder::new().spawn(told);
}

/// Whether someone asked to stop; commands look at it between two steps.
pub(crate) fn asked() -> &'static AtomicBool {
    &ASKED
}

/// Whether someone asked to stop.
pub(crate) fn is_asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}
